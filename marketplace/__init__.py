"""What a marketplace is: its tables and their contract, where they come from, and how they are checked."""

__all__: list[str] = []
