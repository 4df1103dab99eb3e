"""What a choice of invitations may come to: the whole distribution, not only what is expected.

Of every invitation three things are drawn: whether the creator accepts, whether content follows, and what it adds to
sales. Sums over the chosen give accepted invitations, content, samples, spend, sales and profit.

**Within an invitation.** Lift has the distribution that the model tells (5, 10, 90 and 95 % points about the mean,
which is kept to the last digit); attributed sales rise with it, in proportion to lift where that is above zero, and
keep their mean. A creator's answer says nothing of the lift.

**Between invitations.** One campaign's creators answer alike, deliver alike and sell alike to some degree: its season,
its product and the model's own error are common to all. Each of the three has one common factor, and draws are joined
by it (a Gaussian copula) with the correlation that the model was found to have (`Dependence.of`). The three factors are
independent of each other: a campaign that many accept is not taken to sell better. Sums of many invitations are
then less sure than independent draws would make them, which is the point.

**Common random numbers.** A creator's draws hang on the seed and the creator's id alone: two choices that differ in
one creator differ by that creator, so that a curve over budgets has no noise of its own.

What is *expected* is not simulated: it is the sum of the invitations' own expectations, exactly.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from marketplace.arrays import Floats, Ints
from marketplace.errors import BriefError
from models.calibration import Calibration, MoneySpread, ProbabilitySpread
from models.planning.offers import Offers

__all__ = ["DRAWS", "INDEPENDENT", "Dependence", "Outlook", "Sums", "latent_correlation", "lift_points", "look_ahead"]

DRAWS = 8_192
"""Draws of an `Outlook`: the standard error of a 10 % point is some .02 standard deviations."""

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(40)
_SHARES = _WEIGHTS / _WEIGHTS.sum()
_KNOTS = np.array([0.0, 0.05, 0.10, 0.50, 0.90, 0.95, 1.0])
_MOST = 0.95  # correlation at most: draws that are all alike have no shape of their own


@dataclass(frozen=True)
class Dependence:
    """How much the invitations of one campaign have in common, each a correlation of 0 to 1.

    Attributes
    ----------
    accept, deliver : float
        Of the answers (yes or no) of two creators, and of whether they deliver once accepted.
    lift : float
        Of the lifts of two partnerships, on the scale of the normal distribution.

    Raises
    ------
    BriefError
        A number outside 0..1.
    """

    accept: float = 0.0
    deliver: float = 0.0
    lift: float = 0.0

    def __post_init__(self) -> None:
        numbers = (self.accept, self.deliver, self.lift)
        if not all(np.isfinite(one) and 0 <= one <= 1 for one in numbers):
            raise BriefError("correlations between 0 and 1", received=repr(numbers), look="models/planning/lottery.py")

    @classmethod
    def of(cls, calibration: Mapping[str, Calibration], offers: Offers) -> Dependence:
        """What a bundle's calibration knows of it, at these offers.

        Answers: how far campaigns were found to differ at the same prediction, ``1 / (concentration + 1)``
        (`models.calibration.ProbabilitySpread`). Lift: the correlation within a campaign, and the doubt about the
        calibration's level, which all share (`models.calibration.MoneySpread`).
        """
        if not len(offers):
            return cls()
        of_deliver = calibration.get("deliver", calibration.get("success"))
        return cls(
            _alike(calibration.get("accept"), offers.accept),
            _alike(of_deliver, offers.deliver),
            _together(calibration.get("lift"), offers.lift),
        )


INDEPENDENT = Dependence()


def _alike(calibration: Calibration | None, chance: Floats) -> float:
    if calibration is None or not isinstance(calibration.spread, ProbabilitySpread):
        return 0.0
    return float((1.0 / (calibration.spread.concentration_at(chance) + 1.0)).mean())


def _together(calibration: Calibration | None, lift: Floats) -> float:
    if calibration is None or not isinstance(calibration.spread, MoneySpread):
        return 0.0
    spread = calibration.spread
    # In the curve's own units: a scale multiplies a value and its deviation alike.
    usual = lift if calibration.scale is None else np.asarray([float(np.median(spread.at))])
    level, cross, slope = spread.shared
    mean = float(usual.mean())
    common = max(level + 2.0 * cross * mean + slope * mean * mean, 0.0)
    own = float(spread.variance_at(usual).mean())
    return float(np.clip((common + own * spread.together) / (common + own), 0.0, 1.0)) if common + own > 0 else 0.0


@dataclass(frozen=True)
class Sums:
    """One quantity of a choice: what is expected, and the 10 and 90 % points of what may come."""

    expected: float
    low: float
    high: float


@dataclass(frozen=True)
class Outlook:
    """What a choice of invitations may come to.

    Attributes
    ----------
    invitations : int
    accepted, content, samples : Sums
        How many accept, deliver, and need a sample.
    sales : Sums
        Incremental net sales, USD.
    spend : Sums
        Fees and samples, USD.
    commission : Sums
        Out of sales, USD.
    profit : Sums
        ``margin x sales - spend - commission``, USD.
    loss : float
        The chance that the profit is below zero.
    over_budget, over_samples : float
        The chance that more is needed than there is; 0 where nothing was told.
    """

    invitations: int
    accepted: Sums
    content: Sums
    samples: Sums
    sales: Sums
    spend: Sums
    commission: Sums
    profit: Sums
    loss: float
    over_budget: float
    over_samples: float


def latent_correlation(chance: float, correlation: float) -> float:
    """The correlation of normal variables whose passing a line, with ``chance`` each, correlates by ``correlation``.

    ``P(both) = p^2 + correlation p (1 - p)``, the left side by Gauss-Hermite quadrature, solved by halving.
    """
    if not 0.0 < chance < 1.0 or correlation <= 0.0:
        return 0.0
    target = chance * chance + correlation * chance * (1.0 - chance)
    low, high, line = 0.0, _MOST, float(ndtri(chance))
    for _ in range(40):
        middle = (low + high) / 2.0
        passing = ndtr((line - np.sqrt(middle) * _NODES) / np.sqrt(1.0 - middle))
        low, high = (middle, high) if float((_SHARES * passing * passing).sum()) < target else (low, middle)
    return (low + high) / 2.0


def look_ahead(
    offers: Offers,
    chosen: Sequence[Ints],
    *,
    dependence: Dependence = INDEPENDENT,
    budget: float | None = None,
    samples: int | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> list[Outlook]:
    """What each of several choices may come to, all on the same draws.

    Parameters
    ----------
    offers : Offers of n invitations
    chosen : sequence of int64 arrays
        Places among the offers; one `Outlook` each.
    dependence : Dependence
    budget, samples : optional
        What there is, for the chance that it is not enough.
    draws, seed : int
    """
    common = _normal(seed, "", draws)
    answers = latent_correlation(_middle(offers.accept), dependence.accept)
    works = latent_correlation(_middle(offers.deliver), dependence.deliver)
    sells = min(dependence.lift, _MOST)
    sums = [_Drawn.none(draws) for _ in chosen]
    users: dict[int, list[int]] = {}
    for number, rows in enumerate(chosen):
        for row in rows.tolist():
            users.setdefault(row, []).append(number)
    for row, numbers in users.items():
        own = _normal(seed, f"{offers.creator_ids[row]}/{offers.brand_ids[row]}", draws)
        one = _drawn(offers, row, _joined(common[0], own[0], answers), _joined(common[1], own[1], works),
                     _joined(common[2], own[2], sells))  # fmt: skip
        for number in numbers:
            sums[number].add(one)
    return [_outlook(offers, rows, drawn, budget, samples) for rows, drawn in zip(chosen, sums, strict=True)]


@dataclass
class _Drawn:
    """Sums by draw, each (draws,)."""

    accepted: Floats
    content: Floats
    samples: Floats
    sales: Floats
    spend: Floats
    commission: Floats
    profit: Floats

    @classmethod
    def none(cls, draws: int) -> _Drawn:
        return cls(*(np.zeros(draws) for _ in range(7)))

    def add(self, other: _Drawn) -> None:
        for name, values in vars(other).items():
            getattr(self, name)[:] += values


def _drawn(offers: Offers, row: int, answer: Floats, work: Floats, sale: Floats) -> _Drawn:
    """One invitation's draws from normal variables."""
    accepted = (answer < ndtri(offers.accept[row])).astype(np.float64)
    content = accepted * (work < ndtri(offers.deliver[row]))
    values = lift_points(offers, row)
    lift = np.interp(ndtr(sale), _KNOTS, values)
    above = _mean_above_zero(values)
    share = np.maximum(lift, 0.0) / above if above > 0 else np.ones_like(lift)
    sales = content * lift
    spend = content * offers.flat_fee_usd[row] + accepted * offers.sample_cost_usd[row]
    commission = content * share * (offers.commission_rate[row] * offers.attributed[row])
    return _Drawn(
        accepted,
        content,
        accepted * offers.samples[row],
        sales,
        spend,
        commission,
        offers.margin_rate[row] * sales - spend - commission,
    )


def lift_points(offers: Offers, row: int) -> Floats:
    """Lift at the shares 0, .05, .10, .5, .90, .95 and 1 of one partnership, USD (7,): linear in between.

    The four told points stand; the outer ends lie as far beyond them again, and the middle is where the mean is the
    predicted one. Where no middle between the told points gives that, all is moved until it does.
    """
    low_90, low = float(offers.lift_low_90[row]), float(offers.lift_low[row])
    high, high_90 = float(offers.lift_high[row]), float(offers.lift_high_90[row])
    values = np.array([2.0 * low_90 - low, low_90, low, low, high, high_90, 2.0 * high_90 - high])
    values[3] = 0.0
    weight = np.convolve(np.diff(_KNOTS), [0.5, 0.5])
    mean = float(offers.lift[row])
    values[3] = np.clip((mean - float(weight @ values)) / weight[3], low, high)
    return np.maximum.accumulate(values) + (mean - float(weight @ np.maximum.accumulate(values)))


def _mean_above_zero(values: Floats) -> float:
    """The mean of ``max(lift, 0)`` where lift is linear between `_KNOTS`."""
    total = 0.0
    for width, first, last in zip(np.diff(_KNOTS), values[:-1], values[1:], strict=True):
        if first >= 0:
            total += width * (first + last) / 2.0
        elif last > 0:
            total += width * last / (last - first) * last / 2.0
    return float(total)


def _middle(chance: Floats) -> float:
    return float(chance.mean()) if chance.size else 0.0


def _joined(common: Floats, own: Floats, correlation: float) -> Floats:
    joined: Floats = np.sqrt(correlation) * common + np.sqrt(1.0 - correlation) * own
    return joined


def _normal(seed: int, name: str, draws: int) -> Floats:
    """Three rows of standard normal draws that hang on ``seed`` and ``name`` alone, (3, draws)."""
    key = np.frombuffer(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:16], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key)).standard_normal((3, draws))


def _outlook(offers: Offers, rows: Ints, drawn: _Drawn, budget: float | None, samples: int | None) -> Outlook:
    own = offers.take(rows)
    expected = {
        "accepted": own.accept.sum(),
        "content": own.success.sum(),
        "samples": own.sample_use("expected").sum(),
        "sales": own.sales.sum(),
        "spend": own.spend("expected").sum(),
        "commission": own.commission.sum(),
        "profit": own.profit.sum(),
    }
    sums = {
        name: Sums(float(value), *map(float, np.quantile(getattr(drawn, name), [0.1, 0.9])))
        for name, value in expected.items()
    }
    return Outlook(
        invitations=int(rows.size),
        loss=float((drawn.profit < 0).mean()),
        over_budget=0.0 if budget is None else float((drawn.spend > budget * (1.0 + 1e-9)).mean()),
        over_samples=0.0 if samples is None else float((drawn.samples > samples).mean()),
        **sums,
    )
