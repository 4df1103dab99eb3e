"""The BentoML service: parse, authorise, gather, rank, explain, log."""

__all__: list[str] = []
