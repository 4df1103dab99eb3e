"""Amounts in the currency of the market where is sold, by the rates that the snapshot knows."""

from __future__ import annotations

from dataclasses import dataclass

from serving.client import Catalogue

__all__ = ["Till", "till_of"]


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


def till_of(catalogue: Catalogue, market: str | None, otherwise: str = "USD") -> Till:
    """The till of a market; of the currency ``otherwise`` where the market has none whose rate is known."""
    rates = {str(name): float(rate) for name, rate in dict(catalogue.currencies).items()}
    found = next((one.currency for one in catalogue.markets if one.market == market), None)
    return Till(found if found in rates else otherwise, rates)
