"""The service's parts: routes, access, limits, pages, probes and the words of its answers."""

__all__: list[str] = []
