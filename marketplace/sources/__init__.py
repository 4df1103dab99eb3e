"""Where marketplaces come from: one module a source, each turning foreign files into the contract's tables."""

__all__: list[str] = []
