"""The stated prior: the bundle of a shop of which nothing is known yet but its creators' signals.

It has heads of one constant leaf, for nothing was learned; all it says stands in scales of a few signals, which are
as of the brief like every signal:

- **Chances.** The odds of acceptance are those of the creator's own rate of all time and of that in the brief's
  category (`ACCEPTANCE`), the odds of delivery those of the rates at which the creator delivers and makes content for
  samples (`DELIVERY`), both moved by `SHIFT`. These rates are shrunk: without a past they are .1 and .7, and the
  creator's own answers move them (`features.signals`).
- **Money.** Attributed sales of a partnership are `SALES_LEVEL` at the usual values of what one video is expected to
  sell for the brief, of the price and of the creator's sales, times powers of them (`SALES`). What is not known
  counts as usual. `INCREMENTAL` of them is lift.
- **How sure.** Rates of creators who look alike differ as those of a beta distribution of concentration `ALIKE`. One
  partnership's sales scatter about their mean like a gamma variable of squared coefficient of variation `SCATTER`,
  whose likeliest value is none at all: an interval reaches from there to where it holds its share. The levels
  themselves are unsure as well, which `training.priors.recalibrated` adds.

The powers and the scatter were chosen, and rounded, after looking at six simulated marketplaces (``small_seller``
seeds 3 and 4, ``baseline`` 5 and 6, ``wild`` 7 and 8), the levels after looking at twelve (two of these six among
them), eight of a law of their own (benchmarks/seeds.toml): there attributed sales lay at 153 to 627 USD, and lift was
.31 to .79 of them, but for a world in which nothing lifts anything. A real shop may be further off than these lay
apart, so levels are doubted more (`training.priors.recalibrated`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy.special import gammaincinv

from features.signals import SIGNALS
from models.bundle import Bundle, signals_sha256, words_of
from models.calibration import LEVELS, Calibration, LogLinear, MoneySpread, Platt, ProbabilitySpread, Scale, Term
from models.funnel import CHAINED
from training.heads import QUANTITIES, fit_booster

__all__ = ["INCREMENTAL", "SCATTER", "SHIFT", "stated_prior"]

ACCEPTANCE: Mapping[str, float] = MappingProxyType({"accept_rate_ever": 0.6, "category_accept_rate_365d": 0.4})
"""Weights of the rates in the log-odds of acceptance; they sum to 1."""

DELIVERY: Mapping[str, float] = MappingProxyType({"deliver_rate_365d": 0.7, "sample_fulfil_rate_365d": 0.3})
"""Weights of the rates in the log-odds of delivery once accepted; they sum to 1."""

UNKNOWN: Mapping[str, float] = MappingProxyType({"accept": 0.1, "deliver": 0.7})
"""What a rate counts as that is not known at all: what its signal begins with."""

SHIFT: Mapping[str, float] = MappingProxyType({"accept": 0.0, "deliver": -0.6})
"""Added to the log-odds: fewer deliver of those who accept than the rates, which are shrunk to .7, say."""

SALES: Mapping[str, tuple[float, float, float, float]] = MappingProxyType(
    {
        "brief_sales_expected_365d": (1.0, 20.0, 5_000.0, 0.7),
        "brief_price_brief": (2.0, 20.0, 500.0, 0.3),
        "net_gmv_sum_90d": (10.0, 100.0, 100_000.0, 0.15),
    }
)
"""Signals of which money is a power: least, usual and highest value, USD, and the power."""

SALES_LEVEL = 260.0
"""Attributed sales of a partnership where all of `SALES` are usual, USD."""

INCREMENTAL = 0.5
"""Share of attributed sales that would not have been sold anyway."""

SCATTER = 3.0
"""Squared coefficient of variation of a partnership's sales about their mean."""

ALIKE = 9.0
"""Concentration of the rates of creators who look alike: their standard deviation is .32 of that of one answer."""

_TOGETHER = 0.1
_ALL = 1.0 + 1e-6
"""How much of the mean the lower end lies below it: a partnership that sold nothing is inside."""


def stated_prior(as_of: str) -> Bundle:
    """The bundle that says what is stated above, of today's signals; it holds without any outcome.

    Parameters
    ----------
    as_of : str
        ISO date.
    """
    signals = tuple(SIGNALS)
    names = ("accept", "deliver", "lift", "attributed")
    return Bundle(
        ranker="shrunk_rates",
        signals=signals,
        heads={name: _constant(signals) for name in names},
        calibration={
            "accept": _chance("accept", ACCEPTANCE),
            "deliver": _chance("deliver", DELIVERY),
            "lift": _money("lift", INCREMENTAL * SALES_LEVEL),
            "attributed": _money("attributed", SALES_LEVEL),
        },
        funnel=CHAINED,
        as_of=as_of,
        words=words_of(SIGNALS.values()),
        head_words={name: QUANTITIES[name].words for name in names},
        contract_sha256=signals_sha256(SIGNALS.values()),
    )


def _constant(signals: tuple[str, ...]) -> Any:
    """A booster of one leaf, worth 0."""
    X = np.stack([np.zeros(len(signals)), np.ones(len(signals))])
    return fit_booster(X, np.zeros(2), params={"objective": "regression"}, rounds=1, signals=signals)


def _chance(name: str, weights: Mapping[str, float]) -> Calibration:
    terms = (Term(rate, 0.01, 0.99, UNKNOWN[name], weight, odds=True) for rate, weight in weights.items())
    return Calibration({name: 1.0}, Platt(1.0, SHIFT[name]), ProbabilitySpread((0.5,), (ALIKE,)), Scale(tuple(terms)))


def _money(name: str, level: float) -> Calibration:
    terms = {one: Term(one, low, high, usual, power) for one, (low, usual, high, power) in SALES.items()}
    start = math.log(level) - sum(term.usual for term in terms.values())
    middle = math.exp(start)
    ends: dict[str, Any] = {}
    for tail, share in zip(("", "_90"), LEVELS, strict=True):
        far = SCATTER * float(gammaincinv(1.0 / SCATTER, share))
        ends |= {f"z_low{tail}": -_ALL / math.sqrt(SCATTER), f"z_high{tail}": (far - 1.0) / math.sqrt(SCATTER)}
    spread = MoneySpread((middle,), (SCATTER * middle**2,), **ends, together=_TOGETHER)
    return Calibration({name: 1.0}, LogLinear(0.0, start, 0.0), spread, Scale(tuple(terms.values())))
