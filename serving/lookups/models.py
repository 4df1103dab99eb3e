"""The models that are served: champion and challenger, what held-out campaigns said of them, how far data moved."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from marketplace.errors import BundleError, CollabrankError
from marketplace.held import read_file
from marketplace.jsonable import json_text
from marketplace.signature import LEDGER, read_public_key
from marketplace.state import state_folder
from models.bundle import Bundle, Merits, read_merits
from serving.drift import Population
from serving.lookups.catalogue import known_number
from serving.pair import Served

__all__ = [
    "MLFLOW",
    "DriftAnswer",
    "MetricAnswer",
    "ModelAnswer",
    "ModelsAnswer",
    "MovedAnswer",
    "models",
    "promotion_of",
]

_log = logging.getLogger("collabrank.serving")

MLFLOW = "COLLABRANK_MLFLOW_URL"
"""Environment variable with the address at which people open MLflow, for whoever looks at the models."""

_LARGEST = 64 * 2**20
_MOVED = 10

HEADLINE: Mapping[str, str] = {
    "oracle_gain_share_at_20": "share of the best possible gain above chance, 20 invited; simulated marketplaces alone",
    "profit_usd_at_20": "expected profit of inviting the first 20, USD; simulated marketplaces alone",
    "ndcg_at_10": "order of the first 10 of those invited, against what came of them",
    "map": "mean average precision among those invited",
    "success_auc": "how well the chance of content tells who delivers, .5 is chance",
    "success_brier": "mean squared error of the chance of content, less is better",
    "success_calibration_error": "how far the chance of content is off, less is better",
    "lift_autoc": "lift of those ranked first above that of all, USD",
}
"""Metrics that are told first, and what each says."""


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class MetricAnswer(_Answer):
    """One metric on the campaigns that training held out."""

    name: str = Field(description="As everywhere.")
    value: float | None = Field(description="Null where it is not defined.")
    low: float | None = Field(description="Lower end of its 95 % interval; null where promotion kept none.")
    high: float | None = Field(description="Upper end; null likewise.")
    meaning: str | None = Field(description="What it says; null for those that are not told first.")
    best_sort: str | None = Field(None, description="The best simple sort on the same campaigns; null where not kept.")
    best_sort_value: float | None = Field(None, description="What that reaches.")


class ModelAnswer(_Answer):
    """One model."""

    version: str = Field(description="In the registry.")
    ranker: str = Field(description="The kind of model.")
    trained_until: str = Field(description="Labels known before this day trained it.")
    signals: int = Field(description="How many it reads.")
    heads: list[str] = Field(description="What it foretells.")
    basis: str | None = Field(description="What it stands on where it had too few outcomes; null otherwise.")
    weights: dict[str, float] = Field(description="Of the score, where a request sets none.")
    metrics: list[MetricAnswer] = Field(description="On held-out campaigns, what is told first in front.")
    verdict: str | None = Field(description="How it was promoted; null where it was not, or not in this home.")
    gate: str | None = Field(
        None, description="What the gate found: better, not worse, cannot tell or worse; null where it is not kept."
    )
    promoted_at: str | None = Field(description="When, ISO 8601; null likewise.")
    run_id: str | None = Field(description="Of MLflow; null where not known.")


class MovedAnswer(_Answer):
    """A signal or a prediction that moved."""

    name: str = Field(description="Its name.")
    kind: str = Field(description="Signal or prediction.")
    psi: float | None = Field(description="Population stability index against training.")
    verdict: str = Field(description="steady, chance, moved or drifted.")
    direction: str = Field(description="Which way.")


class DriftAnswer(_Answer):
    """One population against training."""

    what: str = Field(description="Who they are.")
    rows: int = Field(description="How many were looked at.")
    counts: dict[str, int] = Field(
        description="Signals and predictions by verdict; empty where there were too few rows."
    )
    moved: list[MovedAnswer] = Field(description="The ten that moved most.")


class ModelsAnswer(_Answer):
    """The models that are served."""

    as_of: str = Field(description="The snapshot's day.")
    champion: ModelAnswer = Field(description="What ranks.")
    challenger: ModelAnswer | None = Field(description="What is tried beside it; null where nothing is.")
    drift: list[DriftAnswer] = Field(description="How far what is served has moved from training.")
    mlflow_url: str | None = Field(description="Where people open MLflow; null where it is not told.")


def models(champion: Served, challenger: Served | None, drift: Mapping[str, Population]) -> ModelsAnswer:
    """What is served now; ``drift`` is what was last seen of each population."""
    return ModelsAnswer(
        as_of=f"{champion.as_of:%Y-%m-%d}",
        champion=_model(champion.bundle),
        challenger=None if challenger is None else _model(challenger.bundle),
        drift=[_drift(one) for one in drift.values()],
        mlflow_url=_address(os.environ.get(MLFLOW, "")),
    )


def _address(text: str) -> str | None:
    return text if text.startswith(("http://", "https://")) else None


def _model(bundle: Bundle) -> ModelAnswer:
    promoted = promotion_of(bundle.run_id, bundle.model_version)
    merits = _merits(bundle)
    forced = f"promoted by force: {promoted.get('reason')}" if promoted and promoted.get("forced") else None
    return ModelAnswer(
        version=bundle.model_version,
        ranker=bundle.ranker,
        trained_until=bundle.as_of,
        signals=len(bundle.signals),
        heads=sorted(bundle.heads),
        basis=None if bundle.basis is None else bundle.basis.text,
        weights=dict(bundle.weights),
        metrics=_metrics(bundle, merits),
        verdict=None if promoted is None else forced or _words(merits) or "promoted through the gate",
        gate=None if merits is None else merits.verdict or None,
        promoted_at=None if promoted is None else str(promoted.get("at")),
        run_id=bundle.run_id or None,
    )


def _merits(bundle: Bundle) -> Merits | None:
    try:
        return read_merits(bundle)
    except BundleError as error:
        _log.warning("how model %s was measured cannot be told: %s", bundle.model_version, error)
        return None


def _words(merits: Merits | None) -> str | None:
    return None if merits is None or not merits.words else merits.words


def _metrics(bundle: Bundle, merits: Merits | None) -> list[MetricAnswer]:
    """What promotion kept of the evidence, with intervals, in its order; then what the bundle holds beside it."""
    found = [
        MetricAnswer(
            name=one.name,
            value=one.estimate,
            low=one.low,
            high=one.high,
            meaning=one.says,
            best_sort=one.best_sort,
            best_sort_value=one.best_sort_estimate,
        )
        for one in (() if merits is None else merits.measured)
    ]
    told = {one.name for one in found}
    first = [name for name in HEADLINE if name in bundle.metrics and name not in told]
    rest = sorted(set(bundle.metrics) - set(first) - told)
    return found + [
        MetricAnswer(
            name=name, value=known_number(bundle.metrics[name]), low=None, high=None, meaning=HEADLINE.get(name)
        )
        for name in (*first, *rest)
    ]


def promotion_of(run_id: str, version: str, path: Path | None = None) -> dict[str, Any] | None:
    """The latest promotion of a version in the ledger, where its line is signed by this home; None otherwise."""
    try:
        lines = read_file(state_folder("ledger.jsonl") if path is None else path, _LARGEST).splitlines()
        key = read_public_key()
        for line in reversed(lines):
            read = json.loads(line)
            said = dict(read["said"])
            mine = run_id and (str(said.get("run_id")), str(said.get("version"))) == (run_id, version)
            if mine and said.get("kind") in ("promoted", "restored"):
                key.verify(str(read["signature"]).encode(), json_text(said).encode(), LEDGER)
                return said
    except (OSError, ValueError, KeyError, TypeError, RecursionError, CollabrankError):
        return None  # who promotes reads the ledger as a whole, and says what is wrong with it
    return None


def _drift(found: Population) -> DriftAnswer:
    counted = {one.verdict for one in found.columns}
    return DriftAnswer(
        what=found.what,
        rows=found.rows,
        counts={verdict: found.count(verdict) for verdict in sorted(counted)},
        moved=[
            MovedAnswer(
                name=one.name, kind=one.kind, psi=known_number(one.psi), verdict=one.verdict, direction=one.direction
            )
            for one in found.columns[:_MOVED]
        ],
    )
