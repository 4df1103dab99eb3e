"""Tracking: the MLflow store and registry, what a run leaves there, the gate and promotion."""

__all__: list[str] = []
