"""`remembered`: a value from the cache, or made and kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
import pyarrow as pa

from marketplace.cache import store
from marketplace.cache.code import code_version
from marketplace.cache.forms import TEXT, Form

__all__ = ["Keyed", "contents_of", "keep", "recalled", "remembered", "remembered_text"]

T = TypeVar("T")


class Keyed(Protocol):
    """What is asked of a marketplace: the fingerprint of its files, None where it has none or they have changed."""

    def kept_as(self) -> str | None:
        """SHA-256 (hex), or None."""


def remembered(
    market: Keyed, what: str, asked: Sequence[object], *, code: str, form: Form[T], make: Callable[[], T]
) -> T:
    """What ``make`` gives, from the cache where it has been made before.

    Parameters
    ----------
    market : Marketplace
        One whose tables are frames in memory, or whose files have changed since it was opened, is not cached.
    what : str
        A word for what it is: the folder in which it is kept.
    asked : sequence
        All that it depends on beside the marketplace and the code, as JSON takes it (see `contents_of` for arrays).
    code : str
        The package that makes it, such as ``features.conversion`` (`marketplace.cache.code.code_version`).
    form : Form
        How it is kept.
    make : callable
        Makes it; called at most once.

    Returns
    -------
    What ``make`` returned, or its like read back; the latter may be read-only.
    """
    entry = _entry(market, what, asked, code)
    found = None if entry is None else _recalled(what, entry[1], form)
    if found is not None:
        return found
    value = make()
    if entry is not None and market.kept_as() == entry[0]:
        store.write(what, entry[1], lambda sink: form.dump(value, sink))
    return value


def recalled(market: Keyed, what: str, asked: Sequence[object], *, code: str, form: Form[T]) -> T | None:
    """What `keep` or `remembered` has kept of the same arguments; None where there is nothing."""
    entry = _entry(market, what, asked, code)
    return None if entry is None else _recalled(what, entry[1], form)


def keep(market: Keyed, what: str, asked: Sequence[object], value: T, *, code: str, form: Form[T]) -> None:
    """Keep ``value``, as `remembered` would have kept what ``make`` gave; for values that are made several at a time.

    ``market`` must not have changed since ``value`` was begun, as far as it can tell.
    """
    entry = _entry(market, what, asked, code)
    if entry is not None:
        store.write(what, entry[1], lambda sink: form.dump(value, sink))


def remembered_text(what: str, asked: Sequence[object], *, code: str, make: Callable[[], str]) -> str:
    """As `remembered`, of text that hangs on the code and on what is asked alone, whatever the marketplace."""
    if store.limit_bytes() is None or (version := code_version(code)) is None:
        return make()
    key = _key("", version, what, asked)
    found = _recalled(what, key, TEXT)
    if found is not None:
        return found
    text = make()
    store.write(what, key, lambda sink: TEXT.dump(text, sink))
    return text


def contents_of(*columns: Any) -> str:
    """SHA-256 (hex) of the values of some columns (text or numbers, one-dimensional), in order."""
    digest = hashlib.sha256()
    for column in columns:
        array = pa.array(np.asarray(column, dtype=object) if not isinstance(column, np.ndarray) else column)
        digest.update(f"{array.type} {len(array)}\n".encode())
        for buffer in array.buffers():
            digest.update(b"-" if buffer is None else buffer)
    return digest.hexdigest()


def _entry(market: Keyed, what: str, asked: Sequence[object], code: str) -> tuple[str, str] | None:
    """The marketplace's fingerprint and the entry's key; None where nothing is kept."""
    if store.limit_bytes() is None:
        return None
    contents, version = market.kept_as(), code_version(code)
    if contents is None or version is None:
        return None
    return contents, _key(contents, version, what, asked)


def _key(contents: str, version: str, what: str, asked: Sequence[object]) -> str:
    return hashlib.sha256(json.dumps([contents, version, what, list(asked)]).encode()).hexdigest()


def _recalled(what: str, key: str, form: Form[T]) -> T | None:
    content = store.read(what, key)
    if content is None:
        return None
    try:
        return form.load(content)
    except (ValueError, KeyError, TypeError, pa.ArrowException):
        store.drop(what, key)  # whole, but of a form that is not ours: made anew
        return None
