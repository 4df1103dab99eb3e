"""The one place where an engine is opened."""

from __future__ import annotations

from marketplace.engine.base import Engine, asked_engine
from marketplace.engine.in_process import DuckEngine
from marketplace.reading import bound_memory, memory

__all__ = ["open_engine"]


def open_engine(engine: str | None = None) -> Engine:
    """An engine with no tables yet: the one that was asked for (`marketplace.engine.asked_engine`).

    Raises
    ------
    EngineError
        There is no such engine, or it cannot be opened.
    HomeError
        What bounds the memory cannot be read (`marketplace.reading.bound_memory`).
    """
    asked = asked_engine(engine)
    if asked == "duckdb":
        memory()  # what cannot be read is said here, and not when the first question is asked
        return DuckEngine(bound=bound_memory)
    from marketplace.engine.spark import SparkEngine

    return SparkEngine(asked)
