"""Cold invitations whose sender's name was drawn at random: who is accepted, and does a model hand on the gap?

An inquiry stands for an invitation, a host for a creator who has never been asked before; a yes is an acceptance, and
silence is none. Hosts of whom `held_out` is true are left out of fitting. Two `training.heads.CampaignClassifier`,
calibrated on hosts left out: one knows the listing and its host alone, the other also the guest's name (its race and
gender). Names were drawn at random, so the gap between them among held-out hosts is what the name does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from benchmarks.real.published import Benchmark, Figure, Frames, gap_figure, mean_figure
from marketplace.arrays import Flags, Floats
from training.heads import CampaignClassifier, Hyperparameters
from training.stats import Groups, auc_within_campaign, expected_calibration_error

__all__ = ["BENCHMARK", "YES", "held_out", "measure", "signals"]

YES = (1, 4, 6)
"""``host_response`` that are acceptances; all others are refusals, questions or silence."""

NUMBERS = (
    "number_guests", "bedrooms", "bathrooms", "cleaning_fee", "price", "apt_rating", "number_of_listings",
    "number_of_reviews", "verified_id", "super_host", "population", "whites", "blacks", "asians", "hispanics",
)  # fmt: skip
WORDS = (
    "bed_type", "property_type", "cancellation_policy", "property_setup", "city", "host_race", "host_gender",
    "host_age",
)  # fmt: skip

TREES = 120
"""Half of the most that a head may have."""

NAME = ("guest_black", "guest_female")
"""What only the second model knows."""


def held_out(host_id: pd.Series) -> Flags:
    """Every third host, by number, bool (n,)."""
    chosen: Flags = (host_id % 3 == 0).to_numpy(dtype=bool)
    return chosen


def signals(inquiries: pd.DataFrame) -> pd.DataFrame:
    """What is known when the inquiry is sent, float64 (n, k); unknown is NaN; words are one column each, 0 or 1."""
    numbers: pd.DataFrame = inquiries[list(NUMBERS)].apply(pd.to_numeric, errors="coerce").astype(np.float64)
    # -1 stands for "none" among ratings and flags alike.
    numbers = numbers.mask(numbers < 0)
    words = pd.get_dummies(inquiries[list(WORDS)].astype(object), dtype=np.float64)
    since = pd.to_datetime(inquiries["member_since"], format="%B %Y", errors="coerce")
    out: pd.DataFrame = pd.concat([numbers, words], axis=1).assign(
        member_year=since.dt.year + since.dt.month / 12.0,
        guest_black=(inquiries["guest_race"] == "black").astype(np.float64),
        guest_female=(inquiries["guest_gender"] == "female").astype(np.float64),
    )
    out.columns = [name.replace("\\", "").replace("/", "_") for name in out.columns]
    return out


def model(seed: int) -> CampaignClassifier:
    """The classifier, with the hyperparameters that `collabrank train` has by default."""
    settled: dict[str, Any] = Hyperparameters().lightgbm()
    return CampaignClassifier(n_estimators=TREES, random_state=seed, num_threads=1, **settled)


def measure(frames: Frames, seed: int) -> list[Figure]:
    """Order and calibration on hosts never seen, and the gap between names: measured, and as each model has it."""
    inquiries = frames["inquiries"]
    out = held_out(inquiries["host_id"])
    X = signals(inquiries)
    yes: Floats = np.asarray(inquiries["host_response"].isin(YES), dtype=np.float64)
    hosts = inquiries["host_id"]
    black, rest = X["guest_black"].to_numpy()[out], 1.0 - X["guest_black"].to_numpy()[out]
    plain = [name for name in X.columns if name not in NAME]
    chances: dict[str, Floats] = {}
    fitted = {}
    for name, columns in (("without the name", plain), ("with the name", list(X.columns))):
        fitted[name] = model(seed).fit(X.loc[~out, columns], yes[~out], groups=hosts[~out])
        chances[name] = fitted[name].predict_proba(X.loc[out, columns])[:, 1]
    owner = hosts[out]
    answers: Floats = yes[out]
    count = Groups.of(np.zeros(out.sum()), np.arange(out.sum()))
    reviews = np.nan_to_num(X["number_of_reviews"].to_numpy()[out], nan=-1.0)
    figures = [
        Figure("inquiries to hosts held out", float(out.sum())),
        mean_figure("accepted", answers, cluster=owner, seed=seed),
        Figure(
            "AUC, number of reviews", float(auc_within_campaign(count, reviews, answers)[0]), against=".64 seen before"
        ),
    ]
    for name, chance in chances.items():
        figures += [
            Figure(f"AUC, {name}", float(auc_within_campaign(count, chance, answers)[0]), against=".73 seen before"),
            Figure(f"calibration error, {name}", expected_calibration_error(chance, answers)),
            mean_figure(f"predicted less accepted, {name}", chance - answers, cluster=owner, seed=seed, against="0"),
        ]
    figures.append(gap_figure("measured gap, black less white", answers, black, rest, cluster=owner, seed=seed))
    for name, chance in chances.items():
        figures.append(gap_figure(f"gap as predicted, {name}", chance, black, rest, cluster=owner, seed=seed))
        off: Floats = chance - answers
        what = f"gap predicted less measured, {name}"
        figures.append(gap_figure(what, off, black, rest, cluster=owner, seed=seed, against="0"))
    # The same hosts, asked by either.
    asked = [
        fitted["with the name"].predict_proba(X[out].assign(guest_black=black_name))[:, 1] for black_name in (1.0, 0.0)
    ]
    figures.append(
        mean_figure("the same hosts asked by either, with the name", asked[0] - asked[1], cluster=owner, seed=seed)
    )
    for guest, member in (("black", black), ("white", rest)):
        for name, chance in chances.items():
            own = member > 0
            figures.append(
                mean_figure(
                    f"predicted less accepted of {guest} guests, {name}",
                    (chance - answers)[own],
                    cluster=owner[own],
                    seed=seed,
                    against="0",
                )
            )
    return figures


BENCHMARK = Benchmark(
    "airbnb_audit",
    "cold invitations with names drawn at random: acceptance, and whether a model hands on the gap",
    {"inquiries": ("host_response", "host_id", "guest_race", "guest_gender", "member_since", *NUMBERS, *WORDS)},
    measure,
)
