"""Tables as numbers as of a time: signals, indices, and the snapshot that serving ranks from."""

from __future__ import annotations

__all__: list[str] = []
