"""Briefs: what a brand asks and offers, and the catalogue that completes one written by hand."""

__all__: list[str] = []
