"""Conversion: a model of all posts that tells what watching a creator sells."""

__all__: list[str] = []
