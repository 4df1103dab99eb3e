"""Calibration: from a head's raw score to a probability or to money, with how sure that is."""

__all__: list[str] = []
