"""What can speak against an estimated lift: placebo, lead, aftermath, siblings, synthetic controls, sensitivity."""

__all__: list[str] = []
