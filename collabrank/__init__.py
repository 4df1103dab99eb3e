"""The face of collabrank: the command line, and the public functions and estimators of the packages below it."""

__all__: list[str] = []
