"""Picking the best of k noisy arms: what is promised of the chosen headline, and what it then gets.

Every test showed some headlines to as many readers each. Half of a headline's impressions, drawn without replacement,
tell which is best; the other half tells what choosing it was worth. Shrinkage is learned on the first `LEARNED` of the
tests (their ids rise with time) and judged on the rest. Two ways of `features.indices.shrinkage`: the rate of
clicks as a beta-binomial whose peers are all headlines, and how far a headline lies from its own test's rate, as a
normal mean weighed by its precision.
"""

from __future__ import annotations

import numpy as np

from benchmarks.real.published import Benchmark, Figure, Frames, figure
from features.indices.shrinkage import RATE_STRENGTH, estimate_prior, shrink
from marketplace.arrays import Floats, Ints
from training.stats import cluster_bootstrap

__all__ = ["ARMS", "BENCHMARK", "LEARNED", "measure"]

LEARNED = 0.7
"""Share of the tests, the first by id, that priors are learned on."""

ARMS = 14
"""Headlines of a test at most: the columns of both tables."""

TEST = "Unnamed: 0"
PER = 1_000.0
"""Rates are told in clicks a thousand impressions."""


def measure(frames: Frames, seed: int) -> list[Figure]:
    """Of the headline chosen on one half: its promised rate, its rate on the other half, and the gap, by each way."""
    shown, clicks = (frames[name].set_index(TEST).sort_index() for name in ("impressions", "clicks"))
    n, c = shown.to_numpy(dtype=np.int64), clicks.loc[shown.index].to_numpy(dtype=np.int64)
    n, c = n[(n > 1).sum(axis=1) > 1], c[(n > 1).sum(axis=1) > 1]
    c = np.minimum(c, n)
    half = n // 2
    seen = np.random.default_rng(seed).hypergeometric(c, n - c, half)
    rest, later = n - half, c - seen
    cut = int(LEARNED * len(n))
    there = half > 0
    ways = {
        "raw": np.divide(seen, half, out=np.zeros(n.shape), where=there),
        "shrunk towards all": _towards_all(seen, half, cut),
        "shrunk towards the test": _towards_test(seen, half, cut),
    }
    truth = np.divide(later, rest, out=np.zeros(n.shape), where=rest > 0)
    arms = there[cut:].sum(axis=1)
    chance = np.where(there, truth, 0.0)[cut:].sum(axis=1) / arms
    figures = [
        Figure("tests judged", float(len(n) - cut)),
        Figure("headlines a test", float(arms.mean())),
        figure("clicks a thousand of a headline drawn blindly", cluster_bootstrap(PER * chance, seed=seed)),
    ]
    row = np.arange(len(n) - cut)
    for name, rates in ways.items():
        value = np.where(there, rates, -np.inf)[cut:]
        best = value.argmax(axis=1)
        promised, got = value[row, best], truth[cut:][row, best]
        figures += [
            figure(f"promised of the chosen, {name}", cluster_bootstrap(PER * promised, seed=seed)),
            figure(f"got by the chosen, {name}", cluster_bootstrap(PER * got, seed=seed)),
            figure(f"promised less got, {name}", cluster_bootstrap(PER * (promised - got), seed=seed), "0"),
            figure(f"got less blind, {name}", cluster_bootstrap(PER * (got - chance), seed=seed), "0"),
        ]
    error = {name: np.where(there, rest * (rates - truth) ** 2, 0.0)[cut:].sum(axis=1) for name, rates in ways.items()}
    weight = np.where(there, rest, 0.0)[cut:].sum(axis=1)
    for name in ("shrunk towards all", "shrunk towards the test"):
        found = cluster_bootstrap(PER**2 * (error[name] - error["raw"]), weight, seed=seed)
        figures.append(figure(f"squared error of a headline's rate, {name} less raw", found, "0"))
    free = estimate_prior("count", seen[:cut][there[:cut]].astype(float), half[:cut][there[:cut]].astype(float))
    figures.append(
        Figure("trials that the rates' spread asks for", free.strength, against=f"at most {RATE_STRENGTH[1]:g}")
    )
    return figures


def _towards_all(seen: Ints, half: Ints, cut: int) -> Floats:
    """Each headline's rate, beta-binomial, its peers the headlines of the first ``cut`` tests."""
    learned = half[:cut] > 0
    prior = estimate_prior("rate", seen[:cut][learned].astype(np.float64), half[:cut][learned].astype(np.float64))
    return shrink(prior.mean, prior.strength, seen.astype(np.float64), half.astype(np.float64))


def _towards_test(seen: Ints, half: Ints, cut: int) -> Floats:
    """The test's own rate and the headline's distance from it, a mean weighed by its precision."""
    own = (seen.sum(axis=1) / half.sum(axis=1))[:, None]
    rate = np.divide(seen, half, out=np.zeros(seen.shape), where=half > 0)
    noise = np.maximum(own * (1.0 - own), 1e-6)
    precision = half / noise
    total = precision * (rate - own)
    learned = half[:cut] > 0
    prior = estimate_prior("mean", total[:cut][learned], precision[:cut][learned], dispersion=1.0)
    rates: Floats = own + shrink(prior.mean, prior.strength, total, precision)
    return rates


BENCHMARK = Benchmark(
    "upworthy",
    "the best of k noisy arms: promised and got, with and without shrinkage",
    {name: (TEST, *(str(arm) for arm in range(ARMS))) for name in ("impressions", "clicks")},
    measure,
)
