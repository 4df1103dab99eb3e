"""Evaluation: rankers measured on held-out campaigns, against simple sorts, truth and one another."""

__all__: list[str] = []
