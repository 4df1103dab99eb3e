"""Labels: what became of every invitation (`training.outcomes`), with the sales that came of it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.lift import LIFT_COLUMNS, attributed_days, estimate_lift
from features.time import as_of_day
from marketplace.cache import FRAME, remembered
from marketplace.tables import Marketplace
from training.outcomes import build_outcomes

__all__ = ["LABEL_COLUMNS", "LEAST_READ", "build_labels"]

LEAST_READ = 0.5
"""Share of a partnership's usual sales that must fall outside its products' sales days for it to be learned from and
judged by: what is told of the rest is a guess.
"""

LABEL_COLUMNS = (
    "invitation_id",
    "campaign_id",
    "creator_id",
    "applied",
    "sent_at",
    "briefed_at",
    "status",
    "reason",
    "grade",
    "accepted",
    "delivered",
    "on_time",
    "posted_at",
    "attributed_usd",
    "lift_usd",
    "lift_se_usd",
    "lift_raw_usd",
    "lift_raw_se_usd",
    "lift_read_share",
    "reply_matured",
    "campaign_settled",
)
"""The columns of `build_labels`, in order."""


def build_labels(market: Marketplace, as_of: pd.Timestamp) -> pd.DataFrame:
    """The outcome of every invitation sent and known before the day of ``as_of``.

    Parameters
    ----------
    market : Marketplace
        Needs ``invitations`` and ``campaigns``; without ``samples``, ``reviews``, ``deliveries``, ``orders`` or
        ``product_days`` what depends on them is unknown (no stars: at most grade 3; no product days: lift NaN).
    as_of : Timestamp
        Floored to 00:00 UTC. Only rows whose event and ``known_at`` lie before it are read.

    Returns
    -------
    pandas.DataFrame
        `LABEL_COLUMNS`, one row an invitation, sorted by ``briefed_at``, ``campaign_id``, ``creator_id``,
        ``invitation_id``.

        - ``applied`` bool: a request for a sample, which the brand answers. One that was approved is a partnership
          like any other; one that was not is excluded, and none says whom an invitation wins over.
        - ``status`` str in {labelled, censored, excluded}; ``reason`` str.
        - ``grade`` float64 0..4, NaN unless labelled.
        - ``accepted`` float64 0 or 1; NaN while the reply is open or the seller withdrew. Known for censored rows too.
        - ``delivered``, ``on_time`` float64 0 or 1; NaN unless labelled (``on_time`` also where nothing came).
        - ``posted_at`` instant of the first delivery known, NaT without one.
        - ``attributed_usd`` float64: net attributed sales of the ATTRIBUTION_DAYS after posting, known to be net of
          refunds; ``lift_usd``, ``lift_se_usd``: posterior mean and standard deviation of the sales that would not
          have happened otherwise over the same days, ``lift_raw_usd``, ``lift_raw_se_usd`` the estimate before
          shrinkage, ``lift_read_share`` how much of it could be read (see features/lift/estimate.py). NaN unless
          delivered and posted ATTRIBUTION_DAYS + REFUND_DAYS ago.
        - ``reply_matured`` bool: the reply window has passed, and nobody of the campaign still waits for an answer
          beyond it, so ``accepted`` can be learned from without favouring those who answer fast.
        - ``campaign_settled`` bool: at most `SETTLED_SHARE` of the campaign's invitations are censored. A campaign
          that is not settled has its refusals labelled before its deliveries; learning from such a half would
          count against delivery.
    """
    day = as_of_day(as_of)
    return remembered(
        market, "labels", [day.isoformat()], code="training.data", form=FRAME,
        make=lambda: _with_sales(market, build_outcomes(market, day), day)[list(LABEL_COLUMNS)],
    )  # fmt: skip


def _with_sales(market: Marketplace, rows: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
    rows = rows.copy()
    # Every partnership whose content is out shapes the sales curve, labelled or not; only ripe ones are reported.
    out = rows.loc[rows["posted_at"].notna(), ["invitation_id", "campaign_id", "creator_id", "content_id", "posted_at"]]
    estimate = estimate_lift(market, out, day, attributed=attributed_days(market, day)).set_index("invitation_id")
    for column in LIFT_COLUMNS:
        rows[column] = rows["invitation_id"].map(estimate[column]).astype(np.float64).where(rows["ripe"])
    return rows
