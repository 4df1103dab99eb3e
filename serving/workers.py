"""Several workers: told of SIGHUP instead of being started anew, and started again for as long as it takes.

uvicorn's own supervisor ends the service when a worker cannot start, for then none could. That is so while the service
begins. Later it is the moment that is bad (a full disk, no memory), and the workers that answer must not end with one
that does not come up: it is tried again, every few seconds.
"""

from __future__ import annotations

import logging
import os
import signal
import time

from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from serving.hangup import held_back, on_terminal

__all__ = ["Workers"]

_log = logging.getLogger("collabrank.serving")

PAUSE = 5.0
"""Seconds until a worker that could not start is tried again."""


class Workers(Multiprocess):
    """uvicorn's supervisor, with another answer to SIGHUP and to workers that do not come up again."""

    _been_up = False
    _had_terminal = False
    _again: dict[int, float]

    def init_processes(self) -> None:
        """Start all, each of which takes SIGHUP once it is ready for it."""
        self._had_terminal = on_terminal()
        self._again = {}
        with held_back():
            super().init_processes()

    def keep_subprocess_alive(self) -> None:
        """Start anew those that have died or do not answer."""
        for place, process in enumerate(self.processes):
            if self.should_exit.is_set():
                return
            seconds = self.config.timeout_worker_healthcheck
            if process.is_alive(timeout=seconds):
                self._been_up = self._been_up or process.is_ready(timeout=seconds)
                continue
            if time.monotonic() < self._again.get(place, 0.0):
                continue
            process.kill()  # it may hang
            process.join()
            if process.exitcode == STARTUP_FAILURE and place not in self._again:
                _log.error("worker %s could not start", process.pid)
                if not self._been_up:
                    self.should_exit.set()
                    return
                self._again[place] = time.monotonic() + PAUSE
                continue
            self._again.pop(place, None)
            self.processes[place] = self._started()

    def _started(self) -> Process:
        process = Process(self.config, self.sockets)
        with held_back():
            process.start()
        return process

    def handle_hup(self) -> None:
        """Hand it on; without the terminal that it was started on, stop."""
        if self._had_terminal and not on_terminal():
            self.should_exit.set()
            return
        for process in self.processes:
            if process.pid is not None and process.exitcode is None:
                os.kill(process.pid, signal.SIGHUP)
