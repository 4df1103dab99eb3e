"""Drift of what is served: the snapshot's creators, and what was scored lately, against what the bundle remembers.

The snapshot is looked at as the service would score it: creators of its latest briefs, as many of each, which is how
the bundle's reference was drawn. What was scored lately comes from the service's memory (`serving.lately.Lately`), for
the metrics, or from the decision log, for the command.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from features.briefs import Brief
from marketplace.arrays import Floats, Ints
from marketplace.display import Shown, text_of
from marketplace.errors import BundleError, CollabrankError
from marketplace.state import state_folder
from marketplace.text import TextTable, plain_text
from models.drift import STEADY, Drift, Expected, Sample, drift_of, expected_performance, predicted_columns
from models.economics import Economics
from models.predict import predict
from serving.decisions import read_decisions
from serving.store import Served, load_served

__all__ = [
    "DriftReport",
    "Population",
    "drift_at_home",
    "drift_of_snapshot",
    "drift_text",
    "population_of",
]

BRIEFS = 60
"""Briefs of the snapshot, the latest, that are looked at."""

CREATORS = 50
"""Candidates of each, evenly over them."""

RANKINGS = 500
"""Rankings of the decision log, the latest, that are looked at."""

FEWEST = 200
"""Rows below which nothing is said."""

_SHOWN = 25


@dataclass(frozen=True)
class Population:
    """One population held against training.

    Attributes
    ----------
    what : str
        Who they are, in words.
    rows, briefs : int
    columns : tuple of Drift
        Those that moved most first; empty where there are too few rows.
    """

    what: str
    rows: int
    briefs: int
    columns: tuple[Drift, ...]

    def count(self, verdict: str) -> int:
        """How many columns have that verdict."""
        return sum(one.verdict == verdict for one in self.columns)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        told = [one.as_dict() for one in self.columns]
        return {"what": self.what, "rows": self.rows, "briefs": self.briefs, "columns": told}


@dataclass(frozen=True, repr=False)
class DriftReport(Shown):
    """What `drift_at_home` found.

    Attributes
    ----------
    model_version, ranker, as_of : str
        What is served.
    snapshot : Population
    scored : Population
        From the decision log.
    expected : Expected
        Of the creators shown in those rankings, before any outcome is known.
    measured : mapping of str to float
        What training measured on held-out campaigns, to set beside it.
    """

    model_version: str
    ranker: str
    as_of: str
    snapshot: Population
    scored: Population
    expected: Expected
    measured: Mapping[str, float]

    @property
    def headline(self) -> str:
        """How many signals and predictions have drifted or moved."""
        parts = [
            f"{one.what}: {one.count('drifted')} drifted, {one.count('moved')} moved of {len(one.columns)}"
            for one in (self.snapshot, self.scored)
            if one.columns
        ]
        return "; ".join(parts) or "too little was scored to tell"

    def to_frame(self) -> pd.DataFrame:
        """One row a population and column."""
        return pd.DataFrame(
            [
                {"population": one.what, **column.as_dict()}
                for one in (self.snapshot, self.scored)
                for column in one.columns
            ]
        )

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "model_version": self.model_version,
            "ranker": self.ranker,
            "as_of": self.as_of,
            "snapshot": self.snapshot.as_dict(),
            "scored": self.scored.as_dict(),
            "expected": self.expected.as_dict(),
            "measured": dict(self.measured),
        }


def population_of(
    served: Served, what: str, signals: Floats, predictions: Mapping[str, Floats], brief: Ints
) -> Population:
    """Hold rows that ``served`` scored against what its bundle remembers.

    Raises
    ------
    BundleError
        It remembers nothing.
    """
    reference = served.bundle.reference
    if reference is None:
        raise BundleError(
            "a bundle that remembers its training's distributions", received="one that does not",
            look="`collabrank train DIR`, then `collabrank promote`",
        )  # fmt: skip
    briefs = len(np.unique(brief))
    if len(brief) < FEWEST:
        return Population(what, len(brief), briefs, ())
    found = drift_of(reference, served.bundle.signals, Sample(signals, predictions, brief))
    return Population(what, len(brief), briefs, tuple(found))


def drift_of_snapshot(served: Served) -> Population:
    """The snapshot's creators for its latest briefs."""
    briefs = sorted(served.snapshot.campaigns.values(), key=lambda one: (one.briefed_at, str(one.campaign_id)))
    return _population(served, "the snapshot, for its latest briefs", [(brief, {}) for brief in briefs[-BRIEFS:]])


def drift_at_home() -> DriftReport:
    """Drift of what this home serves, from its bundle, snapshot and decision log.

    Raises
    ------
    BundleError, SnapshotError
        There is nothing to serve, or the bundle remembers nothing.
    """
    served = load_served(state_folder("bundle"), state_folder("snapshot"))
    lines = list(_lately(served))
    asked = ((_brief(line), line.get("filters") or {}) for line in lines)
    scored = _population(served, "what was scored lately", asked)
    return DriftReport(
        served.bundle.model_version,
        served.bundle.ranker,
        f"{served.as_of:%Y-%m-%d}",
        drift_of_snapshot(served),
        scored,
        expected_performance(_chances(served, lines)),
        {name: value for name, value in served.bundle.metrics.items() if name.startswith("success_")},
    )


def _lately(served: Served) -> Iterator[Mapping[str, Any]]:
    """The latest rankings of the log that this bundle made of this snapshot for an invitation, and that were shown."""
    as_of = f"{served.as_of:%Y-%m-%d}"
    kept: deque[Mapping[str, Any]] = deque(maxlen=RANKINGS)
    for line in read_decisions():
        mine = line.get("bundle_sha256") == served.bundle.fingerprint and str(line.get("as_of", ""))[:10] == as_of
        if line.get("kind") == "rank" and mine and not line.get("shadow") and line.get("candidates") != "applicants":
            kept.append(line)
    yield from kept


def _population(served: Served, what: str, asked: Iterable[tuple[Brief, Mapping[str, Any]]]) -> Population:
    signals, groups, terms = [], [], []
    for number, (brief, filters) in enumerate(asked):
        part = served.snapshot.of_market(brief.market)
        try:
            rows, _ = part.candidates(brief, filters)
        except CollabrankError:
            continue  # a filter that an earlier version knew
        count = min(CREATORS, len(rows))
        if count:
            signals.append(part.matrix(brief, rows[(np.arange(count) * len(rows)) // count]))
            groups.append(np.full(count, number))
            terms += [brief] * count
    if not signals:
        return Population(what, 0, 0, ())
    X = np.concatenate(signals)
    told = predicted_columns(predict(served.bundle, X, _economics(terms)))
    return population_of(served, what, X, told, np.concatenate(groups))


def _brief(line: Mapping[str, Any]) -> Brief:
    """The brief of a line, whose instants the log holds as text."""
    told = dict(line["brief"])
    for name in ("briefed_at", "starts_at", "ends_at"):
        told[name] = pd.Timestamp(told[name])
    return Brief.of_dict({**told, "product_ids": tuple(told["product_ids"])})


def _economics(briefs: list[Brief]) -> Economics:
    return Economics.of_many({str(place): brief for place, brief in enumerate(briefs)}, map(str, range(len(briefs))))


def _chances(served: Served, lines: list[Mapping[str, Any]]) -> Floats:
    """P(success) of everybody shown, from the vectors that the log holds."""
    found = []
    for line in lines:
        vectors = [one["vector"] for one in line["creators"] if one.get("vector") is not None]
        if vectors:
            X = np.array([[np.nan if value is None else value for value in vector] for vector in vectors], dtype=float)
            found.append(predict(served.bundle, X, _brief(line)).success_probability)
    return np.concatenate(found) if found else np.empty(0)


@text_of.register
def drift_text(report: DriftReport) -> str:
    """Both populations as tables of what is not steady, then what is to be expected of those shown."""
    blocks: list[TextTable | str] = [f"model {report.model_version} ({report.ranker}), snapshot as of {report.as_of}"]
    for one in (report.snapshot, report.scored):
        blocks.append(f"{one.what}: {one.rows:,} rows of {one.briefs:,} briefs, against training's held-out campaigns")
        if not one.columns:
            blocks.append(f"  too few to tell: {FEWEST} rows are needed")
            continue
        rows = [
            (
                column.name,
                column.kind,
                f"{column.psi:.3f}",
                f"{column.chance:.3f}",
                "" if column.learned is None else f"{column.learned:.3f}",
                column.verdict,
                column.direction,
            )
            for column in one.columns
            if column.verdict != "steady"
        ]
        heads = ("column", "kind", "PSI", "by chance", "PSI to invited", "verdict", "direction")
        if rows:
            blocks.append(TextTable("", heads, rows[:_SHOWN]))
        more = f"; {len(rows) - _SHOWN} more are not shown (--json has all)" if len(rows) > _SHOWN else ""
        blocks.append(f"  {one.count('steady')} of {len(one.columns)} are steady (PSI below {STEADY}){more}")
    blocks.append(_expected_text(report))
    return plain_text(blocks)


def _expected_text(report: DriftReport) -> str:
    one = report.expected
    if not one.rows:
        return "expected of those shown: nothing is in the decision log yet"
    beside = ", ".join(f"{name} {value:.3f}" for name, value in sorted(report.measured.items()))
    return (
        f"expected of the {one.rows:,} shown, before outcomes, if the probabilities are still calibrated: "
        f"{one.success:.1%} succeed ({one.success_low:.1%} to {one.success_high:.1%}, 90 %), "
        f"Brier {one.brier:.3f}, ROC-AUC {one.roc_auc:.3f}" + (f"; measured when trained: {beside}" if beside else "")
    )
