"""A worker ends with the process that started it, however that ended: nobody is left to hold the address."""

from __future__ import annotations

import ctypes
import logging
import multiprocessing
import os
import signal

__all__ = ["end_with_parent"]

_log = logging.getLogger("collabrank.serving")

_SET_DEATH_SIGNAL = 1
"""``PR_SET_PDEATHSIG`` of prctl(2)."""


def end_with_parent() -> None:
    """Have the kernel send SIGTERM to this worker when its parent is gone; nothing where it has no parent."""
    parent = multiprocessing.parent_process()
    if parent is None or not hasattr(ctypes.CDLL(None), "prctl"):
        return
    if ctypes.CDLL(None, use_errno=True).prctl(_SET_DEATH_SIGNAL, signal.SIGTERM, 0, 0, 0):
        _log.warning("this worker may outlive its parent: %s", os.strerror(ctypes.get_errno()))
    if os.getppid() != parent.pid:  # it was gone before the kernel had been asked
        os.kill(os.getpid(), signal.SIGTERM)
