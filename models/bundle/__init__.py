"""The bundle: the one thing that passes from training to serving, checked, signed and verified."""

__all__: list[str] = []
