"""The informed ceiling: the same signals and the same fitting code, taught by a teacher that knows the truth.

The oracle knows every creator's expected profit; no model can. The ceiling
learns from the invited of the training campaigns, as the champion does, but
from their true chances and expected sales instead of from what happened: no
lottery of acceptance, no noise or bias of estimated lift, nothing censored, and
sales known for those who never delivered too. What lies between champion and
ceiling is lost to noise and bias of the outcomes; what lies between ceiling and
oracle is lost because the signals do not tell it, or because the invited are
few and chosen.

Evaluation of simulated marketplaces alone: nothing here is saved or served.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from features.briefs import read_briefs
from features.signals import SIGNALS, build_matrix
from marketplace.errors import TrainingError
from marketplace.tables import Marketplace, read_truth
from models.bundle import Bundle, signals_sha256
from models.calibration import fit_money, fit_probability
from models.economics import Economics
from models.funnel import CHAINED
from training.data import TrainingData
from training.heads import FEW, FREE, MONOTONE, Target, campaign_level, fit_head, money_target

__all__ = ["ceiling_targets", "fit_ceiling", "noise_free_data"]

TOLD = {
    "accept_probability": "accepted",
    "deliver_probability": "delivered",
    "incremental_gmv": "lift_usd",
    "attributed_gmv": "attributed_usd",
}
"""Column of the truth to the label whose place it takes."""


def fit_ceiling(market: Marketplace, train_campaigns: Sequence[str], *, as_of: pd.Timestamp, seed: int = 7) -> Bundle:
    """The ranker ``expected_value`` fitted on the truth of the training campaigns' invited.

    Raises
    ------
    TrainingError
        The marketplace has no truth, or none of the training campaigns' invited is in it.
    """
    data = noise_free_data(market, train_campaigns, as_of=as_of)
    heads = {target.head: fit_head(target, data, seed=seed) for target in ceiling_targets(data)}
    calibration = {
        name: fit_probability(
            name, heads[name].out_of_fold, label=data.column(TOLD[f"{name}_probability"]), campaign=data.campaign,
        )
        for name in ("accept", "deliver")
    }  # fmt: skip
    for name in ("lift", "attributed"):
        label = data.column(f"{name}_usd")
        scale = heads[name].scale
        calibration[name] = fit_money(
            name,
            heads[name].out_of_fold,
            label=label,
            scale=scale,
            factor=None if scale is None else scale.of(data.X, data.signals),
        )
    return Bundle(
        ranker="expected_value",
        signals=data.signals,
        heads={name: head.booster for name, head in heads.items()},
        calibration=calibration,
        funnel=CHAINED,
        as_of=f"{as_of:%Y-%m-%d}",
        contract_sha256=signals_sha256(SIGNALS.values()),
        golden=data.X[:16],
    )


def noise_free_data(market: Marketplace, train_campaigns: Sequence[str], *, as_of: pd.Timestamp) -> TrainingData:
    """The invited of ``train_campaigns`` with truth in place of every label; signals as of each brief."""
    truth = None if market.path is None else read_truth(market.path, "outcomes")
    if truth is None:
        raise TrainingError(
            "a simulated marketplace, whose truth is known",
            received="no truth/outcomes",
            look="--ceiling, which asks for the truth",
        )
    keys = ["campaign_id", "creator_id"]
    invited = market.frame("invitations", keys).drop_duplicates()
    invited = invited[invited["campaign_id"].isin(set(train_campaigns))]
    rows = truth.merge(invited, on=keys, how="inner")
    if rows.empty:
        raise TrainingError(
            "truth of the training campaigns' invited", received="none of them", look="truth/outcomes of the folder"
        )
    briefs = read_briefs(market, sorted(set(rows["campaign_id"])))
    rows["briefed_at"] = rows["campaign_id"].map({name: brief.briefed_at for name, brief in briefs.items()})
    rows = rows.sort_values(["briefed_at", *keys], kind="stable").rename(columns=TOLD).reset_index(drop=True)
    matrix = build_matrix(market, rows[keys])
    signals = tuple(SIGNALS)
    return TrainingData(
        rows=rows,
        X=np.ascontiguousarray(matrix[list(signals)].to_numpy(dtype=np.float64)),
        signals=signals,
        monotone=tuple(int(SIGNALS[name].monotone) for name in signals),
        economics=Economics.of_many(briefs, rows["campaign_id"]),
        campaign=pd.factorize(rows["campaign_id"])[0].astype(np.int64),
        as_of=as_of,
    )


def ceiling_targets(data: TrainingData) -> list[Target]:
    """The four pointwise targets of `training.heads.targets.targets_of`, every row known and exact."""
    n = len(data)
    everyone, ones = np.ones(n, dtype=np.bool_), np.ones(n)
    level = campaign_level(data, data.column("attributed_usd"))
    chances = (("accept", "accepted", (MONOTONE, FREE)), ("deliver", "delivered", (FEW, MONOTONE)))
    return [
        *(
            Target(head, everyone, data.column(of), ones, "cross_entropy", feature_sets)
            for head, of, feature_sets in chances
        ),
        *(money_target(head, data, data.column(f"{head}_usd"), 1.0 / level) for head in ("lift", "attributed")),
    ]
