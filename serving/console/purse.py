"""Money as a page shows it: the service speaks of US dollars, its user of their own currency."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from serving.console.pieces import interval_text, money_text

__all__ = ["DOLLARS", "Purse"]


@dataclass(frozen=True)
class Purse:
    """A currency, and how many US dollars one unit of it is worth.

    Parameters
    ----------
    currency : str
        ISO 4217.
    rate : float
        USD for one unit, above 0.
    """

    currency: str = "USD"
    rate: float = 1.0

    @classmethod
    def of(cls, currency: str | None, rates: Mapping[str, float]) -> Purse:
        """In ``currency`` where its rate is known, else in dollars."""
        rate = rates.get(currency or "", 0.0)
        return cls(str(currency), rate) if rate > 0 else cls()

    def own(self, dollars: float) -> float:
        """Dollars in this currency."""
        return dollars / self.rate

    def dollars(self, amount: float) -> float:
        """An amount of this currency in dollars."""
        return amount * self.rate

    def text(self, dollars: float | None) -> str:
        """Dollars as an amount of this currency; a dash where they are not known."""
        return money_text(None if dollars is None else self.own(dollars), self.currency)

    def number(self, dollars: float | None) -> str:
        """As `text`, without the currency: for a column that names it."""
        return self.text(dollars).removesuffix(f" {self.currency}")

    def span(self, low: float | None, high: float | None) -> str:
        """The ends of an interval in dollars, without the currency."""
        ends = [None if one is None else self.own(one) for one in (low, high)]
        return interval_text(ends[0], ends[1])


DOLLARS = Purse()
