"""HiGHS says on the process's standard output, past any option, that it mended a choice of its own: that is held back.

Standard output belongs to the results (``--json``). While HiGHS runs it goes to a file; what others wrote meanwhile is
passed on afterwards, HiGHS's own lines are not.
"""

from __future__ import annotations

import ctypes
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["hushed"]

_OUT = 1
_OWN = b"Highs"
_ONE = threading.Lock()


@contextmanager
def hushed() -> Iterator[None]:
    """Hold back HiGHS's lines on standard output; one thread at a time."""
    with _ONE, tempfile.TemporaryFile() as aside:
        try:
            kept = os.dup(_OUT)
        except OSError:  # there is no standard output
            yield
            return
        _flush()
        os.dup2(aside.fileno(), _OUT)
        try:
            yield
        finally:
            _flush()
            os.dup2(kept, _OUT)
            os.close(kept)
            aside.seek(0)
            for line in aside:
                if not line.startswith(_OWN):
                    os.write(_OUT, line)


def _flush() -> None:
    """Empty the buffers of C's own output, which know nothing of Python's."""
    ctypes.CDLL(None).fflush(None)
