"""Whose card is asked for: by creator_id, or by username as it is written, or by username in any case."""

from __future__ import annotations

import unicodedata

import pandas as pd

from marketplace.errors import SignalError

__all__ = ["creator_called"]

_SHOWN = 10


def creator_called(creators: pd.DataFrame, asked: str) -> str:
    """The creator_id of whoever is called ``asked``.

    Parameters
    ----------
    creators : DataFrame[creator_id, username]
    asked : str
        A creator_id goes first, then a username exactly, with or without ``@``, then one that is the same but for
        letters' case and width.

    Raises
    ------
    SignalError
        Nobody is, or several are; then all of them are named.
    """
    if (creators["creator_id"] == asked).any():
        return asked
    known = creators[creators["username"].notna() & (creators["username"] != "")]
    names = known["username"].astype("str")
    for found in (
        known.loc[names == asked.removeprefix("@"), "creator_id"],
        known.loc[names.map(_folded) == _folded(asked), "creator_id"],
    ):
        ids = sorted(set(found.astype("str")))
        if len(ids) == 1:
            return ids[0]
        if ids:
            more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
            raise SignalError(
                "one creator's id or username",
                received=f"{asked}, which {len(ids)} creators are called: {', '.join(ids[:_SHOWN])}{more}",
                look="`collabrank card DIR CREATOR_ID`",
            )
    raise SignalError("a creator's id or username", received=asked, look="the marketplace's table creators")


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold().removeprefix("@")
