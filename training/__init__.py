"""Where science happens: labels, lift, heads, evaluation, tuning, tracking and the gate."""

__all__: list[str] = []
