"""Draw a marketplace from its mechanisms: campaigns in time order, shards of creators, work that can go on."""

from __future__ import annotations

from marketplace.simulator.drawing.run import simulate

__all__ = ["simulate"]
