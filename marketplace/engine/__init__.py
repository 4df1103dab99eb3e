"""Where the Ibis expressions over a marketplace's tables run: DuckDB inside this process, or Spark.

The expressions are the same; an engine is the little that differs: how it reads the files, holds rows of ours, works a
table out once, and answers. `open_engine` is the one place where one is opened.

- `base`: what an engine is, and which one was asked for.
- `in_process`: DuckDB.
- `spark`: Spark, by a master's or a Spark Connect server's URL.
"""

from __future__ import annotations

from marketplace.engine.base import ENGINE_VARIABLE, Engine, asked_engine
from marketplace.engine.in_process import DuckEngine
from marketplace.engine.opening import open_engine

__all__ = ["ENGINE_VARIABLE", "DuckEngine", "Engine", "asked_engine", "open_engine"]
