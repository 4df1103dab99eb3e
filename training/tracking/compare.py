"""Hold runs against each other, campaign by campaign: the whole of ``collabrank compare``.

Nothing is scored or fitted again: every run recorded its metrics by campaign
(`training.tracking.record.BY_CAMPAIGN`). Runs are compared on the campaigns that all of
them measured, and only where they measured the same data.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from marketplace.arrays import Floats
from marketplace.display import Shown, text_of
from marketplace.errors import TrainingError
from marketplace.jsonable import jsonable
from marketplace.text import TextTable, plain_text
from training.stats import METRICS, PairedTest, campaign_mean, holm, p_text, paired_randomisation_test, sign_of
from training.tracking.first_page import runs_page
from training.tracking.record import BY_CAMPAIGN
from training.tracking.registry import CHALLENGER, CHAMPION, aliased, find_version
from training.tracking.store import Store, open_store

__all__ = ["ComparedRuns", "RunMetrics", "compare_runs", "compared_text", "find_run"]

VALIDATION = "validation_share"
"""What a trial of `tune` and a ranker of `train` were chosen by; more is better."""

LEAST_PREFIX = 4
"""Fewest characters of a run's id."""

_PAGES = "http://127.0.0.1:5000"
"""Where `collabrank ui` listens unless told otherwise."""

_NO_CHOICE = frozenset({"data_fingerprint", "market", "invitations", "labelled", "lifts", "train_campaigns"})


@dataclass(frozen=True)
class RunMetrics:
    """One run: how it was asked for, its id, experiment, name, parameters, MLflow's metrics, values by campaign."""

    asked: str
    id: str
    experiment: str
    name: str
    fingerprint: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    by_campaign: Mapping[str, Mapping[str, float | None]]


@dataclass(frozen=True, repr=False)
class ComparedRuns(Shown):
    """What `compare_runs` found.

    Attributes
    ----------
    runs : tuple of RunMetrics
        In the order asked for; the others are tested against the first.
    metric : str
    campaigns : tuple of str
        Those that every run has a value for, ascending.
    means : tuple of float
        Each run's mean over them.
    tests : tuple of PairedTest
        Each run but the first against the first.
    corrected : float64 (runs - 1,)
        The tests' p after Holm.
    differing : mapping of parameter to tuple of str
        Parameters in which the runs differ; "-" where a run has none of that name.
    """

    runs: tuple[RunMetrics, ...]
    metric: str
    campaigns: tuple[str, ...]
    means: tuple[float, ...]
    tests: tuple[PairedTest, ...]
    corrected: Floats
    differing: Mapping[str, tuple[str, ...]]

    @property
    def headline(self) -> str:
        """The means, in the order asked for."""
        means = ", ".join(f"{_label(run)} {mean:.3f}" for run, mean in zip(self.runs, self.means, strict=True))
        return f"{self.metric} on {len(self.campaigns)} common campaigns: {means}"

    @property
    def page(self) -> str:
        """What comes behind the address of `collabrank ui` for the runs' charts; empty for several experiments."""
        experiments = {run.experiment for run in self.runs}
        return runs_page(experiments.pop(), (run.id for run in self.runs)) if len(experiments) == 1 else ""

    def to_frame(self) -> pd.DataFrame:
        """One row a run (the index): its mean, and its test against the first, which has none (NaN)."""
        rows = [
            {"run": run.id, "name": run.name, "asked": run.asked, "mean": mean}
            for run, mean in zip(self.runs, self.means, strict=True)
        ]
        for row, test, p in zip(rows[1:], self.tests, self.corrected, strict=True):
            row |= {"difference": test.difference, "p": test.p, "p_holm": float(p)}
            row |= {"wins": test.wins, "ties": test.ties, "losses": test.losses}
        return pd.DataFrame(rows).set_index("run")

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        found: dict[str, Any] = {
            "metric": self.metric,
            "campaigns": self.campaigns,
            "reference": self.runs[0].id,
            "runs": [
                {
                    "asked": run.asked,
                    "run": run.id,
                    "name": run.name,
                    "logged": dict(run.metrics),
                    "mean": mean,
                }
                for run, mean in zip(self.runs, self.means, strict=True)
            ],
            "tests": [
                {"run": run.id, **vars(test), "p_holm": float(p)}
                for run, test, p in zip(self.runs[1:], self.tests, self.corrected, strict=True)
            ],
            "differing": self.differing,
            "page": self.page,
        }
        plain: dict[str, Any] = jsonable(found)
        return plain


def compare_runs(asked: Sequence[str], *, metric: str | None = None, store: Store | None = None) -> ComparedRuns:
    """Compare two or more runs.

    Parameters
    ----------
    asked : sequence of str
        Each a run's id or its first characters, a version's number, ``champion`` or ``challenger``.
    metric : str, optional
        By default the first of `training.stats.METRICS` and ``validation_share`` that all of them have.
    store : Store, optional

    Raises
    ------
    TrainingError
        Fewer than two runs or one twice; a run that is unknown, ambiguous or has no values by campaign; runs on
        different data; no metric or no campaign that all of them have.
    """
    if len(asked) < 2:
        raise _refused("two runs or more", f"{len(asked)}")
    store = store or open_store()
    runs = [find_run(store, one) for one in asked]
    if len({run.id for run in runs}) < len(runs):
        raise _refused("different runs", ", ".join(f"{run.asked} is {run.id[:8]}" for run in runs))
    if len({run.fingerprint for run in runs}) > 1:
        raise _refused(
            "runs on the same marketplace with the same contents",
            "; ".join(f"{run.asked}: data {run.fingerprint[:8] or 'unknown'}" for run in runs),
        )
    common = [name for name in (*METRICS, VALIDATION) if all(name in run.by_campaign for run in runs)]
    if metric is None and common:
        metric = common[0]
    if metric is None or any(metric not in run.by_campaign for run in runs):
        raise _refused(
            f"{metric or 'a metric'}, campaign by campaign, of every run",
            "; ".join(f"{run.asked} has {', '.join(sorted(run.by_campaign)) or 'none'}" for run in runs),
        )
    known = [{name for name, value in run.by_campaign[metric].items() if value is not None} for run in runs]
    campaigns = tuple(sorted(set.intersection(*known)))
    if not campaigns:
        raise _refused(
            f"campaigns for which all of them have {metric}",
            "; ".join(f"{run.asked}: {len(own)} campaigns, {_span(own)}" for run, own in zip(runs, known, strict=True)),
        )
    values = [np.array([run.by_campaign[metric][name] for name in campaigns], dtype=np.float64) for run in runs]
    sign = sign_of(metric)
    tests = tuple(_signed(paired_randomisation_test(sign * each, sign * values[0]), sign) for each in values[1:])
    return ComparedRuns(
        tuple(runs),
        metric,
        campaigns,
        tuple(campaign_mean(each) for each in values),
        tests,
        holm([test.p for test in tests]),
        _differing(runs),
    )


def find_run(store: Store, asked: str) -> RunMetrics:
    """The run that ``asked`` means, with its values by campaign.

    Raises
    ------
    TrainingError
        No run or more than one, or one without values by campaign.
    """
    from mlflow.exceptions import MlflowException

    raw = store.client.get_run(_id_of(store, asked))
    try:
        by_campaign = store.read_json(raw.info.run_id, BY_CAMPAIGN)
    except (TrainingError, MlflowException) as reason:
        raise _refused(
            "runs with values by campaign: a ranker of `collabrank train`, or a trial of `collabrank tune` that came "
            "to its end",
            f"{asked}: {raw.info.run_name}, {raw.info.status.lower()} {raw.data.tags.get('state', '')}".strip(),
        ) from reason
    metrics = {name: float(value) for name, value in raw.data.metrics.items() if name in (*METRICS, VALIDATION)}
    parent = raw.data.tags.get("mlflow.parentRunId", "")
    fingerprint = raw.data.tags.get("data_fingerprint") or store.params(parent).get("data_fingerprint", "")
    return RunMetrics(
        asked,
        raw.info.run_id,
        str(raw.info.experiment_id),
        raw.info.run_name,
        fingerprint,
        dict(raw.data.params),
        metrics,
        by_campaign,
    )


def _id_of(store: Store, asked: str) -> str:
    if asked in (CHAMPION, CHALLENGER):
        version = aliased(store, asked)
        if version is None:
            raise _refused(f"a {asked} in the registry", "none")
        return version.run_id
    # Ids are 32 hexadecimal digits: so few decimal ones are a version.
    if asked.isdecimal() and len(asked) < LEAST_PREFIX:
        return find_version(store, int(asked)).run_id
    if not re.fullmatch(rf"[0-9a-f]{{{LEAST_PREFIX},32}}", asked):
        raise _refused(
            f"a version's number, or {LEAST_PREFIX} to 32 of the hexadecimal digits of a run's id", repr(asked)
        )
    experiments = [one.experiment_id for one in store.client.search_experiments()]
    found: list[Any] = []
    for start in range(0, len(experiments), 50):
        found += store.client.search_runs(
            experiments[start : start + 50], filter_string=f"attributes.run_id LIKE '{asked}%'", max_results=10
        )
    if len(found) != 1:
        names = ", ".join(f"{one.info.run_id[:12]} {one.info.run_name}" for one in found[:5])
        raise _refused(f"one run whose id begins with {asked}", f"{len(found)}: {names}" if found else "no such run")
    return str(found[0].info.run_id)


def _signed(test: PairedTest, sign: float) -> PairedTest:
    """The difference as it is; wins stay where the metric is better."""
    return replace(test, difference=sign * test.difference)


def _differing(runs: Sequence[RunMetrics]) -> dict[str, tuple[str, ...]]:
    names = sorted({name for run in runs for name in run.params} - _NO_CHOICE)
    found = {name: tuple(run.params.get(name, "-") for run in runs) for name in names}
    return {name: values for name, values in found.items() if len(set(values)) > 1}


def _span(campaigns: set[str]) -> str:
    return f"{min(campaigns)} to {max(campaigns)}" if campaigns else "none known"


def _refused(expected: str, received: str) -> TrainingError:
    return TrainingError(expected, received=received, look="`collabrank ui`; `collabrank compare --help`")


@text_of.register
def compared_text(found: ComparedRuns) -> str:
    """Plain text: one table, then the parameters in which the runs differ."""
    return plain_text(_blocks(found))


def _blocks(found: ComparedRuns) -> list[TextTable | str]:
    metrics = [name for name in (*METRICS, VALIDATION) if any(name in run.metrics for run in found.runs)]
    rows = []
    for place, (run, mean) in enumerate(zip(found.runs, found.means, strict=True)):
        test = ("", "", "", "")
        if place:
            one = found.tests[place - 1]
            corrected = found.corrected[place - 1]
            test = (f"{one.difference:+.3f}", p_text(one.p), p_text(corrected), f"{one.wins}/{one.ties}/{one.losses}")
        logged = (f"{run.metrics[name]:.3f}" if name in run.metrics else "-" for name in metrics)
        rows.append((_label(run), *logged, f"{mean:.3f}", *test))
    first = found.runs[0]
    return [
        TextTable(
            f"{found.metric} on {len(found.campaigns)} common campaigns, {found.campaigns[0]} to {found.campaigns[-1]}",
            ("run", *metrics, "mean", "difference", "p", "p Holm", "win/tie/loss"),
            rows,
        ),
        f"mean, difference, p, win/tie/loss: {found.metric} campaign by campaign, each run against {_label(first)} "
        "(paired randomisation test, two-sided; Holm's correction over the runs). The other columns are as the runs "
        "logged them, each on its own campaigns.",
        "",
        TextTable(
            "what differs",
            ("parameter", *map(_label, found.runs)),
            [(name, *values) for name, values in found.differing.items()],
        )
        if found.differing
        else "no parameter differs",
        *([f"\ncharts of them, while `collabrank ui` runs: {_PAGES}/{found.page}"] if found.page else []),
    ]


def _label(run: RunMetrics) -> str:
    return f"{run.name} {run.id[:8]}"
