"""Linear algebra on one thread: thousands of small matrices gain nothing from more, and lose to whoever else works.

Threads that wait for each other on a machine that is busy otherwise were seen to make the estimate of lift six times
as slow. One thread also adds up in one order, so that the last digits do not hang on how many cores there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

__all__ = ["one_thread"]


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold the process's BLAS to one thread for as long as this lasts; as a decorator, for as long as the call lasts.

    Other thread pools (DuckDB's, LightGBM's) are left alone.
    """
    with threadpool_limits(limits=1, user_api="blas"):
        yield
