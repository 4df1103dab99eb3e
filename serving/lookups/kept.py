"""Answers that hang on the snapshot alone, kept as they were written until a newer pair is served."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

from pydantic import BaseModel

from marketplace.jsonable import jsonable
from serving.pair import Served

__all__ = ["BYTES", "Kept", "written"]

BYTES = 32 * 2**20
"""What the answers kept may fill together; a larger one is not kept."""


def written(answer: BaseModel | dict[str, Any]) -> bytes:
    """An answer as JSON; what is not known is null."""
    if isinstance(answer, BaseModel):
        return answer.model_dump_json().encode()
    return json.dumps(jsonable(answer), ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


class Kept:
    """The latest answers, by what was asked.

    Parameters
    ----------
    most : int
        Bytes of all of them.
    """

    def __init__(self, most: int = BYTES) -> None:
        self._most = most
        self._answers: OrderedDict[Hashable, bytes] = OrderedDict()
        self._bytes = 0
        self._of: Served | None = None
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._answers)

    def answer(self, served: Served, asked: Hashable, make: Callable[[], bytes]) -> bytes:
        """What was kept of ``asked``, else what ``make`` makes now; a pair other than the last one's begins anew.

        Several threads that ask the same at once may each make it: what they make is the same.
        """
        with self._lock:
            if served is not self._of:
                self._answers.clear()
                self._bytes, self._of = 0, served
            found = self._answers.get(asked)
            if found is not None:
                self._answers.move_to_end(asked)
                return found
        made = make()
        with self._lock:
            if served is self._of and asked not in self._answers and len(made) <= self._most:
                self._answers[asked] = made
                self._bytes += len(made)
                while self._bytes > self._most:
                    self._bytes -= len(self._answers.popitem(last=False)[1])
        return made
