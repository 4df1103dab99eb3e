"""What the heads learn from: one row an invitation, its signals, its terms and its outcome.

Signals are as of the campaign's brief, outcomes as known at the cut-off, so a
row holds nothing that ranking the same brief could not have known, and no
outcome that ripened after the cut-off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.briefs import read_briefs
from features.signals import SIGNALS, build_matrix
from marketplace.arrays import Flags, Floats, Ints
from marketplace.display import Shown
from marketplace.errors import TrainingError
from marketplace.tables import Marketplace
from models.economics import Economics
from training.data.labels import LEAST_READ, build_labels

__all__ = ["LEAST_DELIVERED", "LEAST_LABELLED", "TrainingData", "build_training_data"]

LEAST_LABELLED = 100
"""Fewest labelled invitations that a ranking is learned from."""

LEAST_DELIVERED = 30
"""Fewest deliveries among them."""


@dataclass(frozen=True, repr=False)
class TrainingData(Shown):
    """Invitations of the training campaigns in order of brief, campaign and creator; arrays have n rows.

    Attributes
    ----------
    rows : DataFrame
        `training.data.labels.LABEL_COLUMNS`.
    X : float64 (n, k)
        Signals as of the brief, NaN where not known.
    signals : tuple of k str
    monotone : tuple of k int
        Which way common sense says that value moves with each signal: -1, 0 or +1.
    economics : Economics
        Terms of each row's brief.
    campaign : int64 (n,)
        Number of the row's campaign in order of brief, rising.
    as_of : Timestamp
        Outcomes are those known before it.
    """

    rows: pd.DataFrame
    X: Floats
    signals: tuple[str, ...]
    monotone: tuple[int, ...]
    economics: Economics
    campaign: Ints
    as_of: pd.Timestamp

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def headline(self) -> str:
        """How many invitations, of how many campaigns, with how many signals."""
        return (
            f"{len(self):,} invitations of {len(set(self.campaign)):,} campaigns x {len(self.signals)} signals, "
            f"outcomes known before {self.as_of:%Y-%m-%d}"
        )

    def to_frame(self) -> pd.DataFrame:
        """One row an invitation: the label columns, ``grade`` NaN where the outcome is not known, then the signals."""
        labels = self.rows.assign(grade=np.where(self.outcome_known, self.column("grade"), np.nan))
        return pd.concat([labels, pd.DataFrame(self.X, columns=list(self.signals), index=labels.index)], axis=1)

    def column(self, name: str) -> Floats:
        """A label column as float64 (n,)."""
        return self.rows[name].to_numpy(dtype=np.float64)

    @property
    def labelled(self) -> int:
        """How many invitations are labelled."""
        return int((self.rows["status"] == "labelled").sum())

    @property
    def delivered(self) -> int:
        """How many of them were delivered."""
        return int((self.rows["delivered"] == 1.0).sum())

    @property
    def enough(self) -> bool:
        """Whether heads may be learned from them: `LEAST_LABELLED` and `LEAST_DELIVERED`."""
        return self.labelled >= LEAST_LABELLED and self.delivered >= LEAST_DELIVERED

    @property
    def reply_known(self) -> Flags:
        """Rows whose answer is known and was given its full time: what the accept head learns from, bool (n,)."""
        known = self.rows["accepted"].notna().to_numpy(dtype=np.bool_)
        return np.asarray(known & self.rows["reply_matured"].to_numpy(), dtype=np.bool_)

    @property
    def applied(self) -> Flags:
        """Rows that are requests for a sample and no invitations, bool (n,)."""
        if "applied" not in self.rows:
            return np.zeros(len(self.rows), dtype=np.bool_)
        return self.rows["applied"].to_numpy(dtype=np.bool_)

    @property
    def outcome_known(self) -> Flags:
        """Labelled rows of settled campaigns, bool (n,).

        A campaign with open partnerships has its refusals labelled before its deliveries; half of it would
        teach that nobody delivers.
        """
        settled = self.rows["campaign_settled"].to_numpy(dtype=np.bool_)
        return np.asarray((self.rows["status"] == "labelled").to_numpy() & settled, dtype=np.bool_)

    @property
    def lift_known(self) -> Flags:
        """Delivered rows whose sales have ripened and could be estimated, bool (n,)."""
        return np.isfinite(self.column("lift_usd")) & np.isfinite(self.column("lift_se_usd"))

    @property
    def attributed_known(self) -> Flags:
        """Delivered rows whose attributed sales have ripened, bool (n,)."""
        return np.isfinite(self.column("attributed_usd"))

    def realised_profit(self) -> Floats:
        """What each invitation is estimated to have brought, USD (n,): NaN where that is not known.

        Delivered: ``margin * lift - fee - commission * attributed - sample``; accepted and not delivered: the
        sample's cost; not accepted: 0. NaN also where sales days hide what was sold (`LEAST_READ`).
        """
        terms = self.economics
        accepted, delivered = self.column("accepted"), self.column("delivered")
        worth = terms.worth(self.column("lift_usd"), self.column("attributed_usd"))
        earned = np.where(delivered == 1.0, worth, 0.0) - np.where(accepted == 1.0, terms.sample_cost_usd, 0.0)
        hidden = (delivered == 1.0) & (self.column("lift_read_share") < LEAST_READ)
        return np.where(self.outcome_known & ~hidden, earned, np.nan)


def build_training_data(
    market: Marketplace, campaign_ids: tuple[str, ...], *, as_of: pd.Timestamp, small: bool = False
) -> TrainingData:
    """Labels, signals and terms of every invitation of ``campaign_ids`` that can be learned from.

    Rows whose answer and outcome are both unknown are left out. ``small`` takes any number of outcomes, none among them
    (`training.priors`); `TrainingData.enough` says whether there are enough for heads.

    Raises
    ------
    TrainingError
        Fewer than `LEAST_LABELLED` labelled invitations or `LEAST_DELIVERED` deliveries, unless ``small``.
    """
    labels = build_labels(market, as_of)
    labels = labels[labels["campaign_id"].isin(campaign_ids)]
    labels = labels[(labels["status"] == "labelled") | labels["accepted"].notna()]
    labelled = int((labels["status"] == "labelled").sum())
    delivered = int((labels["delivered"] == 1.0).sum())
    if not small and (labelled < LEAST_LABELLED or delivered < LEAST_DELIVERED):
        raise TrainingError(
            f"at least {LEAST_LABELLED} labelled invitations and {LEAST_DELIVERED} deliveries before {as_of:%Y-%m-%d}",
            received=f"{labelled} labelled, {delivered} delivered in {len(campaign_ids)} campaigns",
            look="a later --as-of, or a marketplace with a longer history",
        )
    labels = labels.sort_values(["briefed_at", "campaign_id", "creator_id", "sent_at"], kind="stable")
    rows = labels.drop_duplicates(["campaign_id", "creator_id"], keep="last").reset_index(drop=True)
    matrix = build_matrix(market, rows[["campaign_id", "creator_id"]])
    signals = tuple(SIGNALS)
    briefs = read_briefs(market, sorted(set(rows["campaign_id"])))
    return TrainingData(
        rows=rows,
        X=np.ascontiguousarray(matrix[list(signals)].to_numpy(dtype=np.float64)),
        signals=signals,
        monotone=tuple(int(SIGNALS[name].monotone) for name in signals),
        economics=Economics.of_many(briefs, rows["campaign_id"]),
        campaign=pd.factorize(rows["campaign_id"])[0].astype(np.int64),
        as_of=as_of,
    )
