"""What could be offered to whom: one row an invitation that may be sent, with what is foretold of it.

An invitation is one creator for one brief. What it costs comes in three kinds, which are owed at different times:

- the sample with its shipping, on acceptance, whether or not content follows;
- the flat fee, on delivery;
- commission, out of attributed sales. It lowers the profit and ties up no budget: it is owed once the sales are there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from marketplace.arrays import Floats, as_floats
from marketplace.errors import BriefError
from models.economics import Economics
from models.predict import Predictions

__all__ = ["Offers", "break_even_commission", "break_even_fee", "priced"]

_TEXT = ("creator_ids", "brand_ids")


@dataclass(frozen=True)
class Offers:
    """Invitations that may be sent; every field is (n,).

    Attributes
    ----------
    creator_ids, brand_ids : text
        Who would be invited, and by whom.
    accept, deliver, success : float64
        P(accept), P(deliver | accept) and P(accept and deliver).
    lift, attributed : float64
        Net sales in USD given delivery: incremental, and those on which commission is owed.
    lift_low_90, lift_low, lift_high, lift_high_90 : float64
        The 5, 10, 90 and 95 % points of the lift of one delivered partnership, USD.
    margin_rate, commission_rate, flat_fee_usd, sample_cost_usd : float64
        The brief's terms.
    samples : float64
        1 where a sample is sent on acceptance, else 0.
    """

    creator_ids: np.ndarray
    brand_ids: np.ndarray
    accept: Floats
    deliver: Floats
    success: Floats
    lift: Floats
    attributed: Floats
    lift_low_90: Floats
    lift_low: Floats
    lift_high: Floats
    lift_high_90: Floats
    margin_rate: Floats
    commission_rate: Floats
    flat_fee_usd: Floats
    sample_cost_usd: Floats
    samples: Floats

    def __post_init__(self) -> None:
        shape = np.shape(self.creator_ids)
        for one in fields(self):
            values = getattr(self, one.name)
            if one.name in _TEXT:
                object.__setattr__(self, one.name, np.asarray(values))
            else:
                object.__setattr__(self, one.name, np.broadcast_to(as_floats(values), shape))
                if not np.isfinite(getattr(self, one.name)).all():
                    raise BriefError(
                        f"a finite {one.name} of every offer",
                        received=f"{int((~np.isfinite(getattr(self, one.name))).sum())} that are not",
                        look="the predictions and the brief's terms",
                    )
        if len(shape) != 1 or np.shape(self.brand_ids) != shape:
            raise BriefError(
                "one creator and one brand for each offer",
                received=f"shapes {shape} and {np.shape(self.brand_ids)}",
                look="models/planning/offers.py",
            )

    @classmethod
    def of(
        cls,
        predictions: Predictions,
        economics: Economics,
        creator_ids: Sequence[str] | np.ndarray,
        *,
        brand_id: str = "",
        has_sample: bool | None = None,
    ) -> Offers:
        """The candidates of one brief.

        Parameters
        ----------
        predictions : Predictions of n candidates
        economics : Economics
            The brief's terms.
        creator_ids : (n,) of str
        brand_id : str
        has_sample : bool, optional
            Whether a sample is sent on acceptance; by default where it costs anything.

        Raises
        ------
        BriefError
            Lengths that differ, or numbers that are not finite.
        """
        ids = np.asarray(creator_ids)
        if ids.shape != (len(predictions),):
            raise BriefError(
                "one creator_id for each prediction",
                received=f"{ids.shape} ids and {len(predictions)} predictions",
                look="the candidates",
            )
        sends = economics.sample_cost_usd > 0 if has_sample is None else float(has_sample)
        names = ("accept", "deliver", "lift", "attributed", "lift_low_90", "lift_low", "lift_high", "lift_high_90")
        return cls(
            creator_ids=ids,
            brand_ids=np.full(len(ids), brand_id),
            success=predictions.success_probability,
            margin_rate=economics.margin_rate,
            commission_rate=economics.commission_rate,
            flat_fee_usd=economics.flat_fee_usd,
            sample_cost_usd=economics.sample_cost_usd,
            samples=as_floats(sends),
            **{name: getattr(predictions, name) for name in names},
        )

    def __len__(self) -> int:
        return len(self.creator_ids)

    def take(self, rows: object) -> Offers:
        """Some rows: an index, a mask or a slice of (n,)."""
        return Offers(**{one.name: getattr(self, one.name)[rows] for one in fields(self)})

    @property
    def profit(self) -> Floats:
        """Expected incremental profit of each invitation, USD (n,): `Economics.utility`."""
        worth = self.margin_rate * self.lift - self.flat_fee_usd - self.commission_rate * self.attributed
        return self.success * worth - self.accept * self.sample_cost_usd

    @property
    def sales(self) -> Floats:
        """Expected incremental net sales of each invitation, USD (n,)."""
        return self.success * self.lift

    @property
    def commission(self) -> Floats:
        """Expected commission of each invitation, USD (n,)."""
        return self.success * self.commission_rate * self.attributed

    def spend(self, kind: str) -> Floats:
        """Fee and sample of each invitation, USD (n,): ``expected``, or ``worst``, where everybody delivers."""
        if kind == "worst":
            return self.flat_fee_usd + self.sample_cost_usd
        return self.success * self.flat_fee_usd + self.accept * self.sample_cost_usd

    def sample_use(self, kind: str) -> Floats:
        """Samples of each invitation (n,): ``expected``, or ``worst``, where everybody accepts."""
        return self.samples if kind == "worst" else self.accept * self.samples


def priced(offers: Offers, *, fee: float | None = None, commission: float | None = None) -> Offers:
    """The same offers under another flat fee (USD) or commission rate, with the answers held as they were.

    Raises
    ------
    BriefError
        A negative fee, or a rate outside 0..1.
    """
    if (fee is not None and not 0 <= fee < np.inf) or (commission is not None and not 0 <= commission <= 1):
        raise BriefError(
            "a fee of 0 USD or more and a commission rate between 0 and 1",
            received=f"{fee!r} and {commission!r}",
            look="the terms that are tried",
        )
    terms = {} if fee is None else {"flat_fee_usd": as_floats(fee)}
    terms |= {} if commission is None else {"commission_rate": as_floats(commission)}
    return replace(offers, **terms)


def break_even_fee(offers: Offers) -> Floats:
    """The flat fee at which inviting leaves nothing and costs nothing, USD (n,).

    ``margin lift - commission attributed - sample / deliver``: the sample is sent ``1 / deliver`` times for each
    content that comes. P(accept) cancels, so that a fee which persuades more of them changes nothing of it. Below zero:
    a loss without any fee. ``-inf`` where nothing is ever delivered and a sample is sent.
    """
    left = offers.margin_rate * offers.lift - offers.commission_rate * offers.attributed
    return _less_samples(left, offers)


def break_even_commission(offers: Offers) -> Floats:
    """The commission rate at which inviting leaves nothing, (n,); NaN where no attributed sales are expected.

    ``(margin lift - fee - sample / deliver) / attributed``; may lie below 0 or above 1.
    """
    left = _less_samples(offers.margin_rate * offers.lift - offers.flat_fee_usd, offers)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(offers.attributed > 0, left / offers.attributed, np.nan)


def _less_samples(left: Floats, offers: Offers) -> Floats:
    sent = np.divide(
        offers.accept * offers.sample_cost_usd,
        offers.success,
        out=np.where(offers.sample_cost_usd > 0, np.inf, left),
        where=offers.success > 0,
    )
    return np.asarray(left - sent, dtype=np.float64)
