"""Skewed money: of 50,083 letters one in fifty brings a gift. Do intervals about means hold?

A letter stands for an invitation, a gift for its sales. Three questions. Do our 95 % intervals of a mean
(`training.stats.cluster_bootstrap`) hold the mean of all letters when drawn from a few hundred of them? Does the money
head (`training.heads.CampaignRegressor` with `models.calibration.fit_money`), fitted on the letters of some states,
hold the mean gift of the campaigns of states held out? And the experiment itself: does a matching grant add to gifts? A
campaign is a state and an arm (control, or a match of 1:1, 2:1, 3:1). States are told apart by their share of all
letters and of Bush's votes, which the data hold in their place.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold

from benchmarks.real.published import Benchmark, Figure, Frames, figure, gap_figure
from marketplace.arrays import Flags, Floats
from models.calibration import LEVELS, MoneySpread, fit_money
from training.heads import CampaignRegressor, Hyperparameters
from training.stats import BootstrapInterval, cluster_bootstrap

__all__ = ["BENCHMARK", "DRAWS", "LEAST_LETTERS", "SIZES", "coverage", "held_out", "measure"]

SIZES = (200, 1_000, 5_000)
"""Letters of a sample whose interval is asked whether it holds the mean of all."""

DRAWS = 400
"""Samples of each size."""

LEAST_LETTERS = 50
"""Fewest letters of a campaign whose mean is asked for."""

KNOWN = (
    "hpa", "ltmedmra", "freq", "years", "year5", "mrm2", "dormant", "female", "couple", "nonlit", "cases", "perbush",
    "redcty", "bluecty", "pwhite", "pblack", "page18_39", "ave_hh_sz", "median_hhincome", "powner", "psch_atlstba",
    "pop_propurban", "treatment", "treat_ratio2", "treat_ratio3", "treat_size25", "treat_size50", "treat_size100",
    "treat_askd1", "treat_askd2", "treat_askd3",
)  # fmt: skip
"""What is known when the letter is sent, the arm among it."""

TREES = 120
"""Half of the most that a head may have."""

UNKNOWN = -999.0
STATE = ("statecnt", "perbush")
GIFT = "out_amountgive"


def held_out(state: pd.Series) -> Flags:
    """Every second state in the order of ``state`` (n,), an integer code: bool (n,)."""
    chosen: Flags = (state % 2 == 1).to_numpy(dtype=bool)
    return chosen


def measure(frames: Frames, seed: int) -> list[Figure]:
    """Coverage of intervals about plain means, coverage of the money head's on states held out, and the effect."""
    letters = frames["letters"]
    # Two gave, and it is not told how much.
    letters = letters[letters[GIFT].notna()].reset_index(drop=True)
    gift = letters[GIFT].to_numpy(dtype=np.float64)
    figures = [Figure("letters", float(len(gift))), Figure("share with a gift", float((gift > 0).mean()))]
    for size in SIZES:
        ours, normal = coverage(gift, size, seed=seed)
        figures += [
            Figure(f"95 % intervals of {size} letters that hold the mean of all", ours, against=".95"),
            Figure(f"the same, mean and 1.96 standard errors of {size}", normal, against=".95"),
        ]
    figures += _held_out_states(letters, seed)
    treated = letters["treatment"].to_numpy(dtype=np.float64)
    # Letters were drawn one by one: any thousand heaps of them are as good.
    heap = pd.Series(np.arange(len(gift)) % 1_000)
    figures.append(
        gap_figure(
            "what a match adds, USD a letter",
            gift,
            treated,
            1.0 - treated,
            cluster=heap,
            seed=seed,
            against=".15 published",
        )
    )
    return figures


def coverage(population: Floats, size: int, *, seed: int) -> tuple[float, float]:
    """How often 95 % intervals of the mean of ``size`` of a ``population`` hold its mean: ours, and the normal one."""
    rng = np.random.default_rng(seed)
    mean = population.mean()
    ours, normal = 0, 0
    for _ in range(DRAWS):
        sample = population[rng.integers(0, len(population), size)]
        found = cluster_bootstrap(sample, seed=seed)
        ours += bool(found.low <= mean <= found.high)
        normal += bool(abs(sample.mean() - mean) <= 1.96 * sample.std(ddof=1) / np.sqrt(size))
    return ours / DRAWS, normal / DRAWS


def _held_out_states(letters: pd.DataFrame, seed: int) -> list[Figure]:
    state = pd.Series(letters.groupby(list(STATE), dropna=False).ngroup().to_numpy())
    arm = letters["treatment"] + letters["treat_ratio2"] + 2 * letters["treat_ratio3"]
    campaign = (state * 10 + arm.to_numpy()).to_numpy()
    out = held_out(state)
    X = letters[list(KNOWN)].astype(np.float64)
    X = X.mask(X == UNKNOWN)
    gift = letters[GIFT].to_numpy(dtype=np.float64)
    fit = np.flatnonzero(~out)
    raw, head = np.zeros(len(fit)), _head(seed)
    for some, rest in GroupKFold(5).split(fit, groups=state[fit]):
        head.fit(X.iloc[fit[some]], gift[fit[some]])
        raw[rest] = head.raw_score(X.iloc[fit[rest]]) + head.level_
    money = fit_money("sales", raw, label=gift[fit], campaign=campaign[fit])
    head.fit(X.iloc[fit], gift[fit])
    score = head.raw_score(X[out]) + head.level_
    value = money.value(score)
    figures = [
        Figure("states", float(state.nunique())),
        Figure("letters of states held out", float(out.sum())),
        figure("mean gift of states held out", _by_campaign(gift[out], state[out], seed)),
        figure("predicted less given, USD a letter", _by_campaign(value - gift[out], state[out], seed), "0"),
    ]
    for level in LEVELS:
        low, high = money.interval(score, level=level)
        inside = ((gift[out] >= low) & (gift[out] <= high)).astype(np.float64)
        figures.append(
            figure(
                f"{level:.0%} intervals that hold a letter's gift", _by_campaign(inside, state[out], seed), f"{level:g}"
            )
        )
    spread = money.spread
    assert isinstance(spread, MoneySpread)
    for level in LEVELS:
        held = []
        for one in np.unique(campaign[out]):
            own = campaign[out] == one
            if own.sum() >= LEAST_LETTERS:
                low_end, _, high_end = spread.mean_interval(value[own], level)
                held.append(low_end <= gift[out][own].mean() <= high_end)
        found = cluster_bootstrap(np.array(held, dtype=np.float64), seed=seed)
        figures.append(
            figure(f"{level:.0%} intervals that hold a campaign's mean gift ({len(held)})", found, f"{level:g}")
        )
    return figures


def _head(seed: int) -> CampaignRegressor:
    """The regressor, with the hyperparameters that `collabrank train` has by default."""
    settled: dict[str, Any] = Hyperparameters().lightgbm()
    return CampaignRegressor(n_estimators=TREES, random_state=seed, num_threads=1, **settled)


def _by_campaign(values: Floats, state: pd.Series, seed: int) -> BootstrapInterval:
    sums = pd.DataFrame({"value": values, "rows": 1.0}).groupby(state.to_numpy()).sum()
    return cluster_bootstrap(sums["value"].to_numpy(), sums["rows"].to_numpy(), seed=seed)


BENCHMARK = Benchmark(
    "karlan_list",
    "skewed money: do intervals about means hold?",
    {"letters": tuple(dict.fromkeys((GIFT, *STATE, *KNOWN)))},
    measure,
)
