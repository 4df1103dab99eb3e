"""Amounts in the currency of the market where is sold, by the rates that the snapshot knows."""

from __future__ import annotations

from dataclasses import dataclass

from serving.client import Catalogue
from serving.console.pieces import interval_text, money_text

__all__ = ["DOLLARS", "Till", "till_of"]


@dataclass(frozen=True)
class Till:
    """Turns amounts into one currency; ``rates`` is USD for one unit of each currency that is known."""

    currency: str
    rates: dict[str, float]

    def of(self, amount: float | None, currency: str) -> float | None:
        """``amount`` in this till's currency; None where it, or a rate, is not known."""
        if amount is None or currency == self.currency:
            return amount
        mine, theirs = self.rates.get(self.currency), self.rates.get(currency)
        return amount * theirs / mine if mine and theirs else None

    def text(self, amount: float | None, currency: str = "USD") -> str:
        """``amount`` as one of this till's currency; a dash where it is not known."""
        return money_text(self.of(amount, currency), self.currency)

    def number(self, amount: float | None, currency: str = "USD") -> str:
        """As `text`, without the currency: for a column that names it."""
        return self.text(amount, currency).removesuffix(f" {self.currency}")

    def span(self, low: float | None, high: float | None, currency: str = "USD") -> str:
        """The ends of an interval, without the currency."""
        return interval_text(self.of(low, currency), self.of(high, currency))

    def own(self, dollars: float) -> float:
        """USD in this till's currency, whose rate is known."""
        return dollars / self.rates[self.currency]

    def dollars(self, amount: float) -> float:
        """An amount of this till's currency in USD."""
        return amount * self.rates[self.currency]


DOLLARS = Till("USD", {"USD": 1.0})


def till_of(catalogue: Catalogue, market: str | None, otherwise: str = "USD") -> Till:
    """The till of a market; of the currency ``otherwise`` where the market has none whose rate is known."""
    rates = {str(name): float(rate) for name, rate in dict(catalogue.currencies).items()}
    found = next((one.currency for one in catalogue.markets if one.market == market), None)
    return Till(found if found in rates else otherwise, rates)
