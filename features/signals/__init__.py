"""Signals: the model's features, each declared once for training, serving and the documentation."""

__all__: list[str] = []
