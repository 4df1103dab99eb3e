"""Arrays by name in one file, to be used where it lies: a line of JSON that says where each lies, then their bytes.

Nothing is pickled: numbers and flags alone (text is numbers: `features.snapshot.text`). Every array begins at a
multiple of `_STEP` bytes, so that what lies there is as fast to compute with as an array of its own.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["read_arrays", "write_arrays"]

_STEP = 64
_KINDS = "biuf"


def write_arrays(file: Path, arrays: Mapping[str, npt.NDArray[Any]], said: Mapping[str, Any]) -> tuple[int, str]:
    """Write ``arrays`` and ``said`` (what JSON takes) to the new ``file``; its bytes and their SHA-256 (hex).

    Raises
    ------
    TypeError
        An array of objects or text.
    """
    places, start = {}, 0
    for name, array in arrays.items():
        if array.dtype.kind not in _KINDS:
            raise TypeError(f"{name} is of {array.dtype}, and no array of numbers")
        places[name] = [array.dtype.str, list(array.shape), start]
        start += -(-array.nbytes // _STEP) * _STEP
    head = json.dumps({"said": said, "arrays": places}, allow_nan=False).encode()
    head += b" " * (-(len(head) + 1) % _STEP) + b"\n"
    digest, size = hashlib.sha256(), 0
    with open(file, "wb") as out:
        for content in (memoryview(head), *(_bytes(array) for array in arrays.values())):
            for piece in (content, bytes(-len(content) % _STEP)):
                digest.update(piece)
                size += out.write(piece)
    return size, digest.hexdigest()


def read_arrays(content: Any) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
    """The arrays of `write_arrays` as read-only views of ``content`` (a buffer), and what was said beside them.

    Raises
    ------
    ValueError, KeyError, TypeError
        ``content`` is nothing that `write_arrays` wrote.
    """
    whole = memoryview(content)
    end = content.find(b"\n") + 1
    head = json.loads(bytes(whole[:end]))
    arrays = {}
    for name, (kind, shape, start) in head["arrays"].items():
        dtype = np.dtype(kind)
        if dtype.kind not in _KINDS or not all(type(size) is int and size >= 0 for size in [*shape, start]):
            raise ValueError(f"{name} is of {dtype}, {shape} at {start}")
        count = math.prod(shape)
        flat = np.frombuffer(whole, dtype=dtype, count=count, offset=end + start) if count else np.empty(0, dtype)
        array = flat.reshape(shape)
        array.flags.writeable = False
        arrays[name] = array
    return arrays, head["said"]


def _bytes(array: npt.NDArray[Any]) -> memoryview:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
