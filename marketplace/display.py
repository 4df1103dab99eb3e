"""How a result shows itself: a line in a console, a table in a notebook, the whole text where it is printed.

Every result of the public face is a `Shown`: ``repr(x)`` is one line,
``print(x)`` is what the command line prints, ``x.to_frame()`` is the table as
pandas, and a notebook shows the line above the table. The long texts stand
beside the results in modules of their own, and are registered with `text_of`.
"""

from __future__ import annotations

import html
from abc import ABC, abstractmethod
from functools import singledispatch
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Shown", "text_of"]

SHOWN_ROWS, SHOWN_COLUMNS = 30, 14
"""Of a table in a notebook, at most; the middle is left out beyond."""


class Shown(ABC):
    """A result that people look at. A dataclass of this kind is declared with ``repr=False``."""

    @property
    @abstractmethod
    def headline(self) -> str:
        """The result in one line, without a full stop."""

    @abstractmethod
    def to_frame(self) -> pd.DataFrame:
        """The result as a table: a new frame."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.headline}>"

    def __str__(self) -> str:
        return text_of(self)

    def _repr_html_(self) -> str:
        table = self.to_frame().to_html(
            max_rows=SHOWN_ROWS, max_cols=SHOWN_COLUMNS, border=0, na_rep="", float_format="{:,.3f}".format
        )
        return f"<p>{html.escape(self.headline)}</p>\n{table}"


@singledispatch
def text_of(result: object) -> str:
    """The whole of ``result`` as plain text, as the command line prints it; its `Shown.headline` where no more is told.

    A module that knows how to tell a result registers its function: ``@text_of.register``.
    """
    return result.headline if isinstance(result, Shown) else repr(result)
