"""Check a marketplace against the contract, and report every problem at once."""

__all__: list[str] = []
