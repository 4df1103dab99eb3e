"""Statistics: ranking metrics and tests of significance."""

__all__: list[str] = []
