"""Lift (uplift): what partnerships added in sales, estimated from a product's daily panel."""

__all__: list[str] = []
