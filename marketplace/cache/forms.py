"""How a kept value becomes bytes and comes back the same: NumPy arrays by name, Arrow tables, pandas frames.

Arrays are ``.npy`` blocks one after another behind a line of JSON with their names; text arrays of objects travel as
JSON. Tables and frames are Arrow streams. Nothing is pickled: an array of objects that are not text is refused.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from marketplace.cache.store import Sink

__all__ = ["ARRAYS", "FRAME", "TABLE", "TEXT", "Form", "dump_table", "load_table"]

T = TypeVar("T")


@dataclass(frozen=True)
class Form(Generic[T]):
    """How values of one kind are written and read; ``load`` raises `ValueError` or `KeyError` on what it did not write.

    What `load` gives may be read-only.
    """

    dump: Callable[[T, Sink], None]
    load: Callable[[memoryview], T]


def _dump_arrays(arrays: Mapping[str, npt.NDArray[Any]], sink: Sink) -> None:
    names, blocks = [], []
    for name, array in arrays.items():
        text = array.dtype.hasobject
        names.append([name, text])
        blocks.append(_text(array) if text else array)
    sink.write(json.dumps(names).encode() + b"\n")
    for block in blocks:
        np.lib.format.write_array(sink, block, allow_pickle=False)


def _text(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Objects that are all text as the bytes of a JSON list (with the shape)."""
    values = array.ravel().tolist()
    if not all(isinstance(value, str) for value in values):
        raise TypeError("an array of objects that are not text cannot be kept")
    return np.frombuffer(json.dumps([list(array.shape), values]).encode(), dtype=np.uint8)


def _load_arrays(content: memoryview) -> dict[str, npt.NDArray[Any]]:
    file = io.BytesIO(content)
    names = json.loads(file.readline())
    arrays: dict[str, npt.NDArray[Any]] = {}
    for name, text in names:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(file)
        if dtype.hasobject:
            raise ValueError("an array of objects")
        count, start = int(np.prod(shape, dtype=np.int64)), file.tell()
        flat = np.frombuffer(content, dtype=dtype, count=count, offset=start) if count else np.empty(0, dtype)
        file.seek(start + count * dtype.itemsize)
        array = flat.reshape(shape, order="F" if fortran else "C")
        if text:
            size, values = json.loads(array.tobytes())
            restored = np.empty(len(values), dtype=object)
            restored[:] = values
            array = restored.reshape(size)
        arrays[name] = array
    return arrays


def dump_table(table: pa.Table, sink: Sink) -> None:
    """Write ``table`` as an Arrow stream, its buffers packed by zstd: a third of Parquet's time either way."""
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(pa.PythonFile(sink, mode="w"), table.schema, options=options) as writer:
        writer.write_table(table)


def load_table(content: memoryview) -> pa.Table:
    """The table that `dump_table` wrote."""
    return pa.ipc.open_stream(pa.BufferReader(pa.py_buffer(content))).read_all()


def _dump_frame(frame: pd.DataFrame, sink: Sink) -> None:
    dump_table(pa.Table.from_pandas(frame), sink)


def _load_frame(content: memoryview) -> pd.DataFrame:
    frame: pd.DataFrame = load_table(content).to_pandas()
    return frame


def _dump_text(text: str, sink: Sink) -> None:
    sink.write(text.encode())


def _load_text(content: memoryview) -> str:
    return bytes(content).decode()


ARRAYS: Form[Mapping[str, npt.NDArray[Any]]] = Form(_dump_arrays, _load_arrays)
"""NumPy arrays by name, of numbers, text and objects that are text; loaded ones are read-only."""

TABLE: Form[pa.Table] = Form(dump_table, load_table)
"""An Arrow table."""

FRAME: Form[pd.DataFrame] = Form(_dump_frame, _load_frame)
"""A pandas frame: values, types, index."""

TEXT: Form[str] = Form(_dump_text, _load_text)
"""Text."""
