"""Stylised facts: what is published about creator marketplaces, and what a marketplace shows of it."""

__all__: list[str] = []
