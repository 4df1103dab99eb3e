"""Columns of text that many processes share: every distinct text once, as UTF-8, none wider than it is.

NumPy's text takes four bytes a letter and as many letters in every row as the longest has: one name of ten thousand
letters among a million creators would be 40 GB. Here a column is three arrays of numbers, which lie in a file and in
shared memory as they are. What is taken of it is NumPy's text again: ``column[rows]`` is an array, ``column[3]`` a str.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from marketplace.arrays import Flags, Ints

__all__ = ["Chosen", "Objects", "Rows", "Spread", "TextColumn"]

_WIDE = 64 * 2**20
"""Bytes up to which what is taken is an array of fixed width; beyond, an array of objects, each as long as it is."""

_ERRORS = "surrogatepass"  # whatever a str can hold comes back


class TextColumn:
    """n texts.

    Parameters
    ----------
    content : uint8 (b,)
        The distinct texts, one behind the other.
    starts : int64 (k + 1,)
        Where each begins, and where the last ends.
    codes : int32 (n,), optional
        Which of them each row has; left out where each row has the one of its own number.

    Notes
    -----
    The same texts are the same arrays: rows that all differ are stored in their order, others as distinct texts in
    theirs.
    """

    def __init__(
        self, content: npt.NDArray[np.uint8], starts: Ints, codes: npt.NDArray[np.int32] | None = None
    ) -> None:
        self._content, self._starts, self._codes = content, starts, codes

    @classmethod
    def of(cls, texts: Any) -> Self:
        """The column of an array, a Series or a list of str, or of another column."""
        if isinstance(texts, TextColumn):
            return cls(texts._content, texts._starts, texts._codes)
        rows = np.array(texts.tolist() if hasattr(texts, "tolist") else list(texts), dtype=object)
        codes, distinct = pd.factorize(rows, sort=True) if len(rows) else (np.empty(0, np.int64), rows)
        own = len(distinct) == len(rows)
        encoded = [str(text).encode("utf-8", _ERRORS) for text in (rows if own else distinct)]
        starts = np.concatenate([[0], np.cumsum([len(one) for one in encoded], dtype=np.int64)]).astype(np.int64)
        content = np.frombuffer(b"".join(encoded), dtype=np.uint8)
        return cls(content, starts, None if own else codes.astype(np.int32))

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """The column of `arrays`.

        Raises
        ------
        ValueError
            They are of no column.
        """
        content, starts, codes = arrays["content"], arrays["starts"], arrays["codes"]
        kinds = [str(one.dtype) for one in (content, starts, codes)]
        if kinds != ["uint8", "int64", "int32"] or {content.ndim, starts.ndim, codes.ndim} != {1}:
            raise ValueError(f"a column of text of {kinds}")
        ends = starts[[0, -1]].tolist() if len(starts) else []
        if ends != [0, len(content)] or (np.diff(starts) < 0).any():
            raise ValueError("texts that do not follow each other")
        begins = starts[:-1][starts[:-1] < len(content)]
        if (content[begins] & 0xC0 == 0x80).any():
            raise ValueError("a text that begins within a letter")
        str(content.data, "utf-8", _ERRORS)  # once for all: what is taken later can be read
        if len(codes) and (codes.min() < 0 or codes.max() >= len(starts) - 1):
            raise ValueError("a row without a text")
        return cls(content, starts, codes if len(codes) else None)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """``content``, ``starts`` and ``codes``; these are empty where each row has a text of its own."""
        codes = np.empty(0, dtype=np.int32) if self._codes is None else self._codes
        return {"content": self._content, "starts": self._starts, "codes": codes}

    def __len__(self) -> int:
        return len(self._starts) - 1 if self._codes is None else len(self._codes)

    def __iter__(self) -> Iterator[str]:
        return iter(self.tolist())

    def __getitem__(self, rows: Any) -> Any:
        """A str for a row; text (len(rows),) for several, flags or a slice: new."""
        if isinstance(rows, int | np.integer):
            row = range(len(self))[int(rows)]
            return self._text(row if self._codes is None else int(self._codes[row]))
        if isinstance(rows, slice):
            rows = np.arange(len(self))[rows]
        rows = np.asarray(rows)
        if rows.dtype == bool:
            rows = np.flatnonzero(rows)
        rows = np.where(rows < 0, rows + len(self), rows).astype(np.int64)
        return self._taken(rows if self._codes is None else self._codes[rows].astype(np.int64))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        whole: npt.NDArray[Any] = self[:]
        return whole if dtype is None else whole.astype(dtype)

    def __eq__(self, other: object) -> Any:
        """Flags (n,): where the text is ``other``; row by row, where that is an array."""
        if isinstance(other, str):
            return self.among([other])
        return np.asarray(self) == np.asarray(other)

    def __ne__(self, other: object) -> Any:
        """The other flags of ``==``."""
        return ~(self == other)

    __hash__ = None  # type: ignore[assignment]

    def listed(self, rows: Ints) -> list[str]:
        """Each of ``rows`` as a str; unlike NumPy's text one may end in letters of no bits."""
        codes = rows if self._codes is None else self._codes[rows]
        starts, ends, content = self._starts[codes].tolist(), self._starts[codes + 1].tolist(), self._content
        return [content[one:end].tobytes().decode("utf-8", _ERRORS) for one, end in zip(starts, ends, strict=True)]

    def tolist(self) -> list[str]:
        """All of them."""
        texts = [self._text(code) for code in range(len(self._starts) - 1)]
        return texts if self._codes is None else [texts[code] for code in self._codes.tolist()]

    def take(self, rows: Any) -> TextColumn:
        """Some rows, as a column."""
        codes = np.arange(len(self))[rows] if self._codes is None else self._codes[rows]
        return TextColumn.of([self._text(code) for code in codes.tolist()])

    def among(self, texts: Iterable[str]) -> Flags:
        """Flags (n,): where the text is one of ``texts``."""
        flags = np.zeros(len(self._starts) - 1, dtype=bool)
        for text in texts:
            flags[self._places(text)] = True
        return flags if self._codes is None else flags[self._codes]

    def distinct(self) -> tuple[list[str], Ints]:
        """The distinct texts in ascending order, and which of them each row has, int64 (n,)."""
        if self._codes is not None:
            return [self._text(code) for code in range(len(self._starts) - 1)], self._codes.astype(np.int64)
        texts = self.tolist()
        order = np.array(sorted(range(len(texts)), key=texts.__getitem__), dtype=np.int64)
        places = np.empty_like(order)
        places[order] = np.arange(len(order))
        return [texts[row] for row in order.tolist()], places

    def find(self, text: str) -> int:
        """The row of ``text`` in a column whose rows ascend; -1 where there is none."""
        wanted = str(text).encode("utf-8", _ERRORS)
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self._bytes(middle) < wanted:  # UTF-8 is in the order of letters
                low = middle + 1
            else:
                high = middle
        return low if low < len(self) and self._bytes(low) == wanted else -1

    def find_all(self, texts: Sequence[str]) -> Ints:
        """`find` of several at once: int64 (len(texts),)."""
        wanted = [str(text).encode("utf-8", _ERRORS) for text in texts]
        lengths = np.array([len(one) for one in wanted], dtype=np.int64)
        even = self._even
        if even is not None:
            # One that is longer is cut off here, and one that is shorter is filled up: their length tells.
            asked = np.array(wanted, dtype=even.dtype)
            at = np.minimum(np.searchsorted(even, asked), len(even) - 1)
            return np.where((even[at] == asked) & (lengths == even.dtype.itemsize), at, -1).astype(np.int64)
        width = max(int(lengths.max(initial=0)), 1)
        padded = np.array(wanted, dtype=f"S{width}")
        low, high = np.zeros(len(wanted), dtype=np.int64), np.full(len(wanted), len(self), dtype=np.int64)
        while (todo := np.flatnonzero(low < high)).size:
            middle = (low[todo] + high[todo]) // 2
            below = self._compare(middle, padded[todo], lengths[todo]) < 0
            low[todo] = np.where(below, middle + 1, low[todo])
            high[todo] = np.where(below, high[todo], middle)
        inside = np.flatnonzero(low < len(self))
        right = self._compare(low[inside], padded[inside], lengths[inside]) == 0
        found = np.full(len(wanted), -1, dtype=np.int64)
        found[inside[right]] = low[inside[right]]
        return found

    @cached_property
    def _even(self) -> npt.NDArray[np.bytes_] | None:
        """The texts as bytes of one width, the same memory; None where they have not all one length, or any no bits."""
        count = len(self._starts) - 1
        width = len(self._content) // max(count, 1)
        if self._codes is not None or not width or (np.diff(self._starts) != width).any() or not self._content.all():
            return None
        return self._content.view(f"S{width}")

    def _compare(self, codes: Ints, padded: npt.NDArray[Any], lengths: Ints) -> Ints:
        """Whether each of ``codes`` (k,) stands before (-1), at (0) or behind (1) a text of so many bytes."""
        width = padded.dtype.itemsize
        starts = self._starts[codes]
        own = self._starts[codes + 1] - starts
        letters = np.zeros((len(codes), width), dtype=np.uint8)
        there = np.arange(width) < own[:, None]
        letters[there] = self._content[(starts[:, None] + np.arange(width))[there]]
        mine = letters.view(f"S{width}")[:, 0]
        # What is cut off at the width, and letters of no bits, make only the length tell two apart.
        sign = np.where(mine < padded, -1, np.where(mine > padded, 1, np.sign(own - lengths)))
        return sign.astype(np.int64)

    def ascends(self) -> bool:
        """Whether every text stands behind the one before it."""
        if self._codes is not None:
            return len(self) < 2
        texts = self[:]
        return bool((texts[1:] > texts[:-1]).all())

    def _bytes(self, code: int) -> bytes:
        return self._content[int(self._starts[code]) : int(self._starts[code + 1])].tobytes()

    def _text(self, code: int) -> str:
        return self._bytes(code).decode("utf-8", _ERRORS)

    def _places(self, text: str) -> Ints:
        """The codes of ``text``: one or none."""
        wanted = str(text).encode("utf-8", _ERRORS)
        places = np.flatnonzero(np.diff(self._starts) == len(wanted))
        for at, letter in enumerate(wanted):
            if not len(places):
                break
            places = places[self._content[self._starts[places] + at] == letter]
        return places.astype(np.int64)

    def _taken(self, codes: Ints) -> npt.NDArray[Any]:
        starts = self._starts[codes]
        lengths = self._starts[codes + 1] - starts
        width = max(int(lengths.max(initial=0)), 1)
        if 4 * width * len(codes) > _WIDE and width > 2 * lengths.mean():
            return np.array([self._text(code) for code in codes.tolist()], dtype=object)
        if len(codes) and int(lengths.min()) == width:
            padded = self._content[starts[:, None] + np.arange(width)]
        else:
            padded = np.zeros((len(codes), width), dtype=np.uint8)
            there = np.arange(width) < lengths[:, None]
            padded[there] = self._content[(starts[:, None] + np.arange(width))[there]]
        if (padded < 0x80).all():
            return np.ascontiguousarray(padded).view(f"S{width}")[:, 0].astype(f"<U{width}")
        return np.array([self._text(code) for code in codes.tolist()], dtype=str)


class Rows(Mapping[str, int]):
    """The row of each text of a column that ascends, found by halving: no memory of its own."""

    def __init__(self, column: TextColumn) -> None:
        self._column = column

    def __getitem__(self, text: str) -> int:
        row = self._column.find(text)
        if row < 0:
            raise KeyError(text)
        return row

    def __iter__(self) -> Iterator[str]:
        return iter(self._column)

    def __len__(self) -> int:
        return len(self._column)


class Objects(ABC):
    """n objects that are picked when they are asked for: taken of it are arrays of objects, as of an array of them."""

    def __init__(self, texts: Any, count: int) -> None:
        self._texts, self.size = texts, count

    @abstractmethod
    def places(self, rows: Ints) -> Ints:
        """Which of the texts those rows have."""

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, rows: Any) -> Any:
        if isinstance(rows, int | np.integer):
            return self[[range(self.size)[int(rows)]]][0]
        return np.asarray(self._texts[self.places(np.arange(self.size)[rows])]).astype(object)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        whole: npt.NDArray[Any] = self[:]
        return whole if dtype is None else whole.astype(dtype)


class Spread(Objects):
    """Number i is ``texts[i // each % len(texts)]``: a creator for each category, and so on."""

    def __init__(self, texts: Any, *, each: int, count: int) -> None:
        super().__init__(texts, count)
        self._each = each

    def places(self, rows: Ints) -> Ints:
        """`Objects.places`."""
        return rows // self._each % max(len(self._texts), 1)


class Chosen(Objects):
    """Number i is ``texts[codes[i]]``."""

    def __init__(self, texts: Any, codes: npt.NDArray[np.int32]) -> None:
        super().__init__(texts, len(codes))
        self._codes = codes

    def places(self, rows: Ints) -> Ints:
        """`Objects.places`."""
        return self._codes[rows].astype(np.int64)
