"""Read a marketplace's log for off-policy evaluation: chances from the impressions, profits, and two models.

A campaign takes part once every partnership's sales have ripened: its end, the
grace days, the attribution and the refund days have passed, its invitations
are settled, and the profit of all but a few is known (`training.data.labels`).

An invitation's profit is `training.data.dataset`'s estimate. One that the seller
withdrew or never sent the sample for brought nothing and cost nothing: 0, for
inviting runs that risk as well, and it is a chance like any other here.

The *reward model* is the utility of the project's own heads (accept, deliver,
lift, attributed). The *chance model* reads the list's logged chances as a
function of the signals; it says how much each of the two draws is believed, see
training/off_policy/estimators.py. Both are cross-fitted by campaign: what a
campaign's rows are told comes from models that never saw that campaign, so that
no outcome and no logged chance speaks for itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from features.briefs import read_briefs
from features.lift import RIPE_DAYS
from features.signals import SIGNALS, build_matrix, eligible_pairs
from features.time import known_until
from marketplace.arrays import Flags, Floats, Ints
from marketplace.contract import GRACE_DAYS
from marketplace.errors import TrainingError
from marketplace.tables import Marketplace
from models.economics import Economics
from training.data import LEAST_READ, TrainingData, build_labels
from training.heads import SHALLOW, Target, fit_booster, fit_side_by_side, quasi_poisson, targets_of
from training.off_policy.estimators import Log
from training.outcomes import SETTLED_SHARE

__all__ = [
    "HOLDBACK",
    "SELLERS_DOING",
    "PolicyData",
    "campaign_folds",
    "log_of",
    "logged_chances",
    "model_chances",
    "model_profits",
    "read_policy_data",
    "ripening",
]

HOLDBACK = "random_holdback"
"""The policy whose rows were drawn first, uniformly; every other policy's chance is given that one was not."""

FOLDS = 5
ROUNDS = 120

SELLERS_DOING = (
    "withdrawn_by_seller",
    "sample_never_shipped",
    "sample_seller_not_ship_cancelled",
    "sample_overdue_cancelled",
    "sample_ops_cancelled",
)
"""Reasons of `training.data.labels` for which nothing was sold and no sample left the shop."""

KEY = ["campaign_id", "creator_id"]
_RIPE = pd.Timedelta(days=GRACE_DAYS + RIPE_DAYS)


@dataclass(frozen=True)
class PolicyData:
    """The log with what its policies are made of, n rows: the eligible creators of the matured campaigns.

    Attributes
    ----------
    log : Log
    pairs : DataFrame[campaign_id, creator_id], n rows
    X : float64 (n, k)
        All signals as of each brief, in the order of `features.signals.registry.SIGNALS`.
    economics : Economics
        Terms of each row's brief.
    model : float64 (n,)
        Profit by the reward model, each row by heads that did not see its campaign.
    left_out : str -> int
        Campaigns that do not take part, by reason.
    """

    log: Log
    pairs: pd.DataFrame
    X: Floats
    economics: Economics
    model: Floats
    left_out: dict[str, int]


def read_policy_data(market: Marketplace, *, campaigns: Sequence[str] | None = None, seed: int = 7) -> PolicyData:
    """Chances, profits and models of the matured campaigns (of those in ``campaigns``, where given).

    Raises
    ------
    TrainingError
        There is no impressions table, its chances are missing, two lists compete in one campaign, or no
        campaign has matured.
    """
    shown = logged_chances(market)
    labels = build_labels(market, until := known_until(market))
    labels = labels[~labels["applied"]].sort_values(["campaign_id", "creator_id", "sent_at"], kind="stable")
    labels = labels.drop_duplicates(KEY, keep="last").reset_index(drop=True)
    chosen, left_out = _matured(market, labels, shown, until, campaigns)
    if not chosen:
        reasons = ", ".join(f"{count} {reason}" for reason, count in left_out.items())
        raise TrainingError(
            "campaigns in the impressions whose outcomes have matured",
            received=f"none: {reasons or 'no campaigns'}",
            look="the campaigns' ends_at and the impressions table; `collabrank check DIR`",
        )
    pairs = eligible_pairs(market, chosen)
    pairs = pairs.sort_values("creator_id", kind="stable")
    pairs["place"] = pairs["campaign_id"].map({name: i for i, name in enumerate(chosen)})
    pairs = pairs.sort_values("place", kind="stable").reset_index(drop=True)
    campaign = pairs.pop("place").to_numpy(dtype=np.int64)
    matrix = build_matrix(market, pairs)
    X = np.ascontiguousarray(matrix[list(SIGNALS)].to_numpy(dtype=np.float64))
    economics = Economics.of_many(read_briefs(market, chosen), pairs["campaign_id"].to_numpy(dtype=object))

    rows = pairs.merge(labels, on=KEY, how="left")
    invited = rows["invitation_id"].notna().to_numpy()
    data = _training_data(rows, invited, X=X, economics=economics, campaign=campaign, until=until)
    profit = np.full(len(pairs), np.nan)
    profit[invited] = np.where(
        np.isin(data.rows["reason"].to_numpy(dtype=object), SELLERS_DOING), 0.0, data.realised_profit()
    )
    log = log_of(tuple(chosen), campaign, pairs=pairs, shown=shown, invited=invited, profit=profit)
    known = np.isfinite(profit)
    model = model_profits(data, X, economics, campaign, seed=seed)
    # The few whose sales could not be estimated stand as the model has them: neither left out nor made zero.
    log = replace(
        log, modelled_chance=model_chances(log, X, seed=seed), profit=np.where(invited & ~known, model, profit)
    )
    return PolicyData(log, pairs, X, economics, model, left_out)


def ripening(market: Marketplace) -> tuple[pd.DataFrame, pd.Timestamp]:
    """When each campaign's outcomes ripen by its dates, and the day until which outcomes are known.

    Returns
    -------
    DataFrame[campaign_id, briefed_at, ripe_at], Timestamp
        By time of brief. A campaign ripens the day after its end, the grace, attribution and refund days; before
        that day is known it cannot take part (afterwards it may still be left out, as `read_policy_data` says).
    """
    rows = market.frame("campaigns", ["campaign_id", "briefed_at", "ends_at"]).drop_duplicates("campaign_id")
    rows = rows.sort_values(["briefed_at", "campaign_id"], kind="stable", ignore_index=True)
    ripe_at = (rows["ends_at"] + _RIPE).dt.floor("D") + pd.Timedelta(days=1)
    return rows[["campaign_id", "briefed_at"]].assign(ripe_at=ripe_at), known_until(market)


def logged_chances(market: Marketplace) -> pd.DataFrame:
    """The last impression of each pair whose chance is known: campaign_id, creator_id, policy, propensity, shown_at.

    Raises
    ------
    TrainingError
        There is no impressions table, its chances are missing, or two lists compete in one campaign.
    """
    if "impressions" not in market.present:
        raise TrainingError(
            "an impressions table, with the chance of being invited in propensity",
            received="a marketplace without one",
            look="docs/contract.md, impressions: off-policy evaluation reads nothing else for it",
        )
    columns = ["campaign_id", "creator_id", "policy", "propensity", "shown_at"]
    shown = market.frame("impressions", columns).sort_values([*KEY, "shown_at"], kind="stable")
    unknown = int(shown["propensity"].isna().sum())
    if len(shown) == 0 or unknown == len(shown):
        raise TrainingError(
            "impressions whose propensity is known",
            received=f"{len(shown)} rows, {unknown} of them without",
            look="the impressions table; a list that was drawn without chance cannot be evaluated from",
        )
    # Lists of the service, whose chances of being invited nobody knows, neither compete nor tell.
    shown = shown[shown["propensity"].notna()]
    lists = shown[shown["policy"] != HOLDBACK].groupby("campaign_id")["policy"].nunique()
    if (lists > 1).any():
        raise TrainingError(
            f"one policy beside {HOLDBACK} in a campaign",
            received=f"{int((lists > 1).sum())} campaigns with several, such as {lists.index[lists > 1][0]}",
            look="impressions.policy: which of them was used at what chance is not in the log",
        )
    return shown.drop_duplicates(KEY, keep="last")


def _matured(
    market: Marketplace,
    labels: pd.DataFrame,
    shown: pd.DataFrame,
    until: pd.Timestamp,
    wanted: Sequence[str] | None,
) -> tuple[list[str], dict[str, int]]:
    """Campaigns in order of brief, and how many were left out, by reason."""
    all_of = market.frame("campaigns", ["campaign_id", "briefed_at", "ends_at"]).drop_duplicates("campaign_id")
    all_of = all_of.sort_values(["briefed_at", "campaign_id"], kind="stable")
    if wanted is not None:
        all_of = all_of[all_of["campaign_id"].isin(set(wanted))]
    rows = labels.merge(shown[[*KEY, "propensity"]], on=KEY, how="left")
    # A delivery whose sales could not be estimated, or not be read for sales days, and an exemption, leave the profit
    # unknown.
    sold = np.isfinite(rows["lift_usd"]) & np.isfinite(rows["attributed_usd"])
    unsold = (rows["delivered"] == 1.0) & ~(sold & ~(rows["lift_read_share"] < LEAST_READ))
    rows["unknown"] = unsold | ~((rows["status"] == "labelled") | rows["reason"].isin(SELLERS_DOING))
    rows["unlogged"] = rows["propensity"].isna()
    by = rows.groupby("campaign_id")[["unknown", "unlogged", "campaign_settled"]].mean()
    facts = all_of.merge(by, left_on="campaign_id", right_index=True, how="left")
    facts = facts.fillna({"unknown": 1.0, "unlogged": 1.0, "campaign_settled": 0.0})
    rules = {
        "not matured": (facts["ends_at"] + _RIPE >= until) | (facts["campaign_settled"] < 1.0),
        "with invitations whose chance is not logged": facts["unlogged"] > 0,
        "with profits that could not be estimated": facts["unknown"] > SETTLED_SHARE,
    }
    out = np.zeros(len(facts), dtype=np.bool_)
    left: dict[str, int] = {}
    for reason, rule in rules.items():
        new = rule.to_numpy(dtype=np.bool_) & ~out
        if new.any():
            left[reason] = int(new.sum())
        out |= new
    return facts["campaign_id"][~out].astype(str).to_list(), left


def _training_data(
    rows: pd.DataFrame,
    invited: Flags,
    *,
    X: Floats,
    economics: Economics,
    campaign: Ints,
    until: pd.Timestamp,
) -> TrainingData:
    labels = rows[invited].reset_index(drop=True)
    for flag in ("reply_matured", "campaign_settled"):
        labels[flag] = labels[flag].astype(bool)
    return TrainingData(
        rows=labels,
        X=X[invited],
        signals=tuple(SIGNALS),
        monotone=tuple(int(signal.monotone) for signal in SIGNALS.values()),
        economics=economics.take(invited),
        campaign=campaign[invited],
        as_of=until,
    )


def log_of(
    campaign_ids: tuple[str, ...],
    campaign: Ints,
    *,
    pairs: pd.DataFrame,
    shown: pd.DataFrame,
    invited: Flags,
    profit: Floats,
) -> Log:
    """The log of ``pairs``, n rows, numbered by ``campaign``; chances as `logged_chances` has them.

    ``modelled_chance`` is still NaN.
    """
    rows = pairs.merge(shown, on=KEY, how="left")
    chance = rows["propensity"].to_numpy(dtype=np.float64)
    held_back = (rows["policy"] == HOLDBACK).to_numpy(dtype=np.bool_)
    by_campaign = rows[held_back].groupby("campaign_id")["propensity"].first()
    held_chance = pairs["campaign_id"].map(by_campaign).fillna(0.0).to_numpy(dtype=np.float64)
    return Log(
        campaign_ids=campaign_ids,
        campaign=campaign,
        creator_ids=pairs["creator_id"].to_numpy(dtype=object),
        held=held_back & invited,
        listed=invited & ~held_back,
        held_chance=held_chance,
        listed_chance=np.where(held_back, np.nan, chance),
        modelled_chance=np.full(len(pairs), np.nan),
        profit=profit,
    )


def model_chances(log: Log, X: Floats, *, seed: int = 7) -> Floats:
    """The list's chance of inviting each row, learned from the rows that it showed, float64 (n,) in 0..1.

    A booster reads the logit of the logged chance off the signals, their standing within the campaign, the
    number of the eligible and the part of them that the list invited. Each fold of campaigns (`campaign_folds`) is
    told by a booster fitted on the others; where those logged no chance, the part that the list invited stands alone.
    """
    frame = pd.DataFrame(X)
    standing = frame.groupby(log.campaign).rank(pct=True).to_numpy(dtype=np.float64)
    size = log.per_campaign(np.ones(len(log)))[log.campaign]
    picked = log.per_campaign(log.listed.astype(np.float64))[log.campaign]
    # Kept off 0 and 1, where a logit has no end.
    base = _logit((picked + 0.5) / (size + 1.0))
    features = np.column_stack([X, standing, size, base])
    known = np.isfinite(log.listed_chance) & (log.listed_chance > 0)
    if not known.any():
        return np.zeros(len(log))
    target = _logit(np.clip(log.listed_chance[known], 1e-4, 1.0 - 1e-4)) - base[known]
    params = {"objective": "regression", "learning_rate": 0.1, "num_leaves": 31, "max_bin": 63, "feature_fraction": 0.5}
    fold = campaign_folds(log.campaign, seed=seed)
    shift = np.zeros(len(log))

    def predict(one: int) -> Floats:
        others = fold[known] != one
        if not others.any():
            return np.zeros(int((fold == one).sum()))
        booster = fit_booster(features[known][others], target[others], params=params, rounds=ROUNDS, seed=seed)
        return np.asarray(booster.predict(features[fold == one], num_threads=1), dtype=np.float64)

    folds = range(int(fold.max()) + 1)
    for one, found in zip(folds, fit_side_by_side(predict, folds), strict=True):
        shift[fold == one] = found
    return np.asarray(1.0 / (1.0 + np.exp(-(shift + base))), dtype=np.float64)


def campaign_folds(campaign: Ints, *, seed: int) -> Ints:
    """The fold of each row, int64 (n,) from 0: whole campaigns, dealt into `FOLDS` by a draw of ``seed``."""
    count = int(campaign.max()) + 1
    return (np.random.default_rng(seed).permutation(count) % min(FOLDS, max(count, 2)))[campaign].astype(np.int64)


def _logit(chance: Floats) -> Floats:
    return np.asarray(np.log(chance) - np.log1p(-chance), dtype=np.float64)


def model_profits(data: TrainingData, X: Floats, economics: Economics, campaign: Ints, *, seed: int = 7) -> Floats:
    """Expected profit of inviting each row, USD (n,): heads fitted on the campaigns of the other folds.

    Parameters
    ----------
    data : TrainingData
        The logged invitations of the same campaigns, numbered alike.
    X, economics, campaign
        Signals, terms and campaign number of the n rows to speak for.
    """
    fold = campaign_folds(campaign, seed=seed)
    of_campaign = np.zeros(int(campaign.max()) + 1, dtype=np.int64)
    of_campaign[campaign] = fold
    data_fold = of_campaign[data.campaign]
    found = {head: np.zeros(len(X)) for head in ("accept", "deliver", "lift", "attributed")}
    tasks: list[tuple[Target, TrainingData, int]] = []
    for one in range(int(fold.max()) + 1):
        part = _rows_of(data, data_fold != one)
        tasks += [(target, part, one) for target in targets_of(part) if target.name in found]

    def predict(task: tuple[Target, TrainingData, int]) -> Floats:
        target, part, one = task
        return _mean_of(target, part, X[fold == one], seed=seed)

    answers = fit_side_by_side(predict, tasks)
    for (target, _, one), answer in zip(tasks, answers, strict=True):
        found[target.head][fold == one] = answer
    return economics.utility(found["accept"], found["accept"] * found["deliver"], found["lift"], found["attributed"])


def _rows_of(data: TrainingData, rows: Flags) -> TrainingData:
    return replace(
        data,
        rows=data.rows[rows].reset_index(drop=True),
        X=data.X[rows],
        economics=data.economics.take(rows),
        campaign=data.campaign[rows],
    )


def _mean_of(target: Target, data: TrainingData, X: Floats, *, seed: int) -> Floats:
    """The target's expectation at ``X`` by a booster fitted on its rows; their mean where there is too little."""
    y, weights = target.y[target.rows], target.weights[target.rows]
    if len(y) == 0:
        return np.zeros(len(X))
    mean = float(np.average(y, weights=weights))
    money = target.objective == "quasi_poisson"
    if mean <= 0 or (not money and mean >= 1):
        return np.full(len(X), mean)
    feature_set = target.feature_sets[0]
    fitted = data.X[target.rows]
    fitted[:, feature_set.hidden(data.signals, data.monotone)] = 0.0
    booster = fit_booster(
        fitted,
        y,
        params={**SHALLOW, "objective": quasi_poisson(weights) if money else target.objective},
        rounds=ROUNDS,
        seed=seed,
        weights=weights,
        init_score=np.full(len(y), np.log(mean)) if money else None,
        signals=data.signals,
        monotone=feature_set.directions(data.signals, data.monotone),
    )
    if not money:
        return np.asarray(booster.predict(X, num_threads=1), dtype=np.float64)
    # The starting level is not part of the booster; the level is set so that the fitted rows keep their mean.
    inside = np.exp(booster.predict(fitted, raw_score=True, num_threads=1))
    outside = np.exp(booster.predict(X, raw_score=True, num_threads=1))
    return np.asarray(outside * (mean / np.average(inside, weights=weights)), dtype=np.float64)
