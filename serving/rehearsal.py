"""The latest requests, ranked anew on a pair before it is served: the first one on it finds warm memory."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque

from marketplace.errors import CollabrankError
from serving.pair import Served
from serving.rank import rank_creators
from serving.schema import RankRequest

__all__ = ["KEPT", "Rehearsal"]

_log = logging.getLogger("collabrank.serving")

KEPT = 6
"""Requests that are remembered."""

SECONDS = 10.0
"""Time after which no further request is ranked anew."""


class Rehearsal:
    """Remembers requests in memory alone, and ranks them on whatever it is called with; nothing of that is logged."""

    def __init__(self) -> None:
        self._requests: deque[RankRequest] = deque(maxlen=KEPT)
        self._lock = threading.Lock()

    def note(self, request: RankRequest) -> None:
        """Remember ``request``."""
        with self._lock:
            self._requests.append(request)

    def __call__(self, served: Served) -> None:
        """Rank them, the latest first, and where there are none the latest briefs of the snapshot.

        A request that the pair refuses, such as a campaign that it does not know, proves nothing; any other error
        goes to the caller, and the pair is not served.
        """
        with self._lock:
            asked = list(self._requests)[::-1]
        until = time.monotonic() + SECONDS
        for request in asked or _latest(served):
            try:
                rank_creators(served, request, request_id="rehearsal")
            except CollabrankError as error:
                _log.info("a request of the rehearsal is refused: %s", type(error).__name__)
            if time.monotonic() > until:
                break


def _latest(served: Served) -> list[RankRequest]:
    known = sorted(served.snapshot.campaigns.values(), key=lambda one: (one.briefed_at, str(one.campaign_id)))
    return [RankRequest(campaign_id=str(brief.campaign_id), top=5) for brief in known[-3:]]
