"""The data contract: every table a marketplace hands over, its columns and its words, declared once."""

__all__: list[str] = []
