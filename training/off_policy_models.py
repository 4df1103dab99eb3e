"""The models beside an off-policy log, none of which saw the campaign that it speaks for.

The *reward model* is the utility of the project's own heads (accept, deliver,
lift, attributed), each fitted on the other folds of campaigns. The *chance
model* reads the list's logged chances as a function of the signals; it says
how much each of the two draws is believed, see training/off_policy.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.economics import Economics
from training.dataset import TrainingData
from training.fit import Floats, fit_booster, fit_side_by_side
from training.forms import targets_of
from training.heads import SHALLOW, Target, quasi_poisson
from training.off_policy import LEVEL, Log
from training.significance import cluster_bootstrap

__all__ = ["Heads", "level_doubt", "model_chances", "model_heads"]

FOLDS = 5
ROUNDS = 120


def model_chances(log: Log, X: Floats, *, seed: int = 7) -> Floats:
    """The list's chance of inviting each row, learned from the rows that it showed, float64 (n,) in 0..1.

    A booster reads the logit of the logged chance off the signals, their standing within the campaign, the
    number of the eligible and the part of them that the list invited.
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
    booster = fit_booster(features[known], target, params=params, rounds=ROUNDS, seed=seed)
    raw = np.asarray(booster.predict(features, num_threads=1), dtype=np.float64) + base
    return np.asarray(1.0 / (1.0 + np.exp(-raw)), dtype=np.float64)


def _logit(chance: Floats) -> Floats:
    return np.asarray(np.log(chance) - np.log1p(-chance), dtype=np.float64)


@dataclass(frozen=True)
class Heads:
    """What the four heads expect of inviting each of n rows: two chances, and USD given delivery, float64 (n,)."""

    accept: Floats
    deliver: Floats
    lift: Floats
    attributed: Floats

    def profits(self, economics: Economics) -> Floats:
        """Expected profit of inviting each row, USD (n,)."""
        return economics.utility(self.accept, self.accept * self.deliver, self.lift, self.attributed)


def model_heads(data: TrainingData, X: Floats, campaign: NDArray[np.int64], *, seed: int = 7) -> Heads:
    """What each row's heads expect, fitted on the campaigns of the other folds.

    Parameters
    ----------
    data : TrainingData
        The logged invitations of the same campaigns, numbered alike.
    X, campaign
        Signals (n, k) and campaign number (n,) of the rows to speak for.
    """
    campaigns = int(campaign.max()) + 1
    fold = np.random.default_rng(seed).permutation(campaigns) % min(FOLDS, max(campaigns, 2))
    found = {head: np.zeros(len(X)) for head in ("accept", "deliver", "lift", "attributed")}
    tasks: list[tuple[Target, TrainingData, int]] = []
    for one in range(int(fold.max()) + 1):
        part = _rows_of(data, fold[data.campaign] != one)
        tasks += [(target, part, one) for target in targets_of(part) if not target.gains]

    def predict(task: tuple[Target, TrainingData, int]) -> Floats:
        target, part, one = task
        return _mean_of(target, part, X[fold[campaign] == one], seed=seed)

    answers = fit_side_by_side(predict, tasks)
    for (target, _, one), answer in zip(tasks, answers, strict=True):
        found[target.head][fold[campaign] == one] = answer
    return Heads(**found)


def level_doubt(data: TrainingData, lift: Floats, *, campaigns: int) -> float:
    """How far off the level of the modelled ``lift`` (one entry a row of ``data``) may be, as a share of it.

    Half the 90 % cluster-bootstrap interval over campaigns of observed by modelled lift, weighted as the lift head
    is; 1 where there is too little to tell.
    """
    target = next(one for one in targets_of(data) if one.head == "lift" and not one.gains)
    weights = np.where(target.rows, target.weights, 0.0)
    top, bottom = (
        np.bincount(data.campaign, weights=weights * values, minlength=campaigns) for values in (target.y, lift)
    )
    told = cluster_bootstrap(top, bottom, level=LEVEL)
    share = (told.high - told.low) / (2.0 * abs(told.estimate)) if told.estimate else np.nan
    return float(share) if np.isfinite(share) else 1.0


def _rows_of(data: TrainingData, rows: NDArray[np.bool_]) -> TrainingData:
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
    recipe = target.recipes[0]
    fitted = data.X[target.rows]
    fitted[:, recipe.hidden(data.signals, data.monotone)] = 0.0
    booster = fit_booster(
        fitted,
        y,
        params={**SHALLOW, "objective": quasi_poisson(weights) if money else target.objective},
        rounds=ROUNDS,
        seed=seed,
        weights=weights,
        init_score=np.full(len(y), np.log(mean)) if money else None,
        signals=data.signals,
        monotone=recipe.directions(data.signals, data.monotone),
    )
    if not money:
        return np.asarray(booster.predict(X, num_threads=1), dtype=np.float64)
    # The starting level is not part of the booster; the level is set so that the fitted rows keep their mean.
    inside = np.exp(booster.predict(fitted, raw_score=True, num_threads=1))
    outside = np.exp(booster.predict(X, raw_score=True, num_threads=1))
    return np.asarray(outside * (mean / np.average(inside, weights=weights)), dtype=np.float64)
