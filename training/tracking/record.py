"""What a training run leaves in MLflow: metrics, figures, data sets, texts and the gate's evidence."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from features.conversion import ConversionCheck, check_text
from features.signals import SIGNALS
from marketplace.arrays import Floats
from marketplace.jsonable import jsonable
from models.bundle import signals_sha256
from models.planning import Noise
from training.data import TrainingData
from training.evaluation import Comparison, HeldOut, comparison_text
from training.figures import calibration_figure, gain_figure, importance_figure, slice_figure
from training.heads import QUANTITIES, FittedRanker, validation_campaigns
from training.stats import Groups, calibration_table, campaign_mean, cluster_bootstrap
from training.tracking.gate import CANDIDATE, GateEvidence
from training.tracking.store import Run

__all__ = [
    "BY_CAMPAIGN",
    "describe",
    "evidence_of",
    "head_metrics",
    "ranker_metrics",
    "record_conversion",
    "record_data",
    "record_parent",
    "record_ranker",
    "record_shares",
]

BY_CAMPAIGN = "by_campaign.json"
"""Every metric of a run campaign by campaign: what `collabrank compare` tests."""

CURVE_DEPTH = 30
CURVE_RANKERS = ("category_gmv", "gmv", "followers", "random")


def record_data(run: Run, data: TrainingData, held_out: HeldOut | None, *, source: str, fingerprint: str) -> None:
    """What a run learned from, and what it was measured on: names, schemas, rows and digests, not the rows.

    A digest is of the marketplace's contents, the signals and the campaigns: two runs with the same one saw the same
    rows.
    """
    learned = pd.DataFrame(data.X, columns=list(data.signals)).assign(grade=data.column("grade"))
    run.dataset(
        learned,
        source=source,
        name="training invitations",
        digest=_digest(fingerprint, data.signals, data.campaign),
        context="training",
        target="grade",
    )
    if held_out is None:
        return
    measured = held_out.X[list(data.signals)].assign(incremental_profit=np.nan)
    run.dataset(
        measured,
        source=source,
        name="held-out candidates",
        digest=_digest(fingerprint, data.signals, held_out.pairs["campaign_id"]),
        context="evaluation",
        target="incremental_profit",
    )


def _digest(fingerprint: str, signals: Iterable[str], campaigns: Iterable[object]) -> str:
    told = [fingerprint, signals_sha256(SIGNALS[name] for name in signals), *sorted({str(one) for one in campaigns})]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:12]


def record_parent(run: Run, comparison: Comparison, *, source: str, fingerprint: str) -> None:
    """The parent run: the whole comparison."""
    run.text(comparison_text(comparison) + "\n", "comparison.txt")
    run.json(comparison.as_dict(), "comparison.json")
    run.tags({"data_fingerprint": fingerprint, "data_source": source})


def record_conversion(run: Run, found: ConversionCheck) -> None:
    """How well conversion's law held, in the parent run: figures as metrics, the check as text and JSON."""
    run.metrics(found.metrics())
    run.text(check_text(found) + "\n", "conversion.txt")
    run.json(found.as_dict(), "conversion.json")


def ranker_metrics(ranker: FittedRanker, comparison: Comparison) -> dict[str, float]:
    """The headline metrics of one ranker, by name, finite: those of its run, its bundle and, if chosen, the parent."""
    metrics = {
        row.metric: row.estimate for row in comparison.rows if row.ranker == ranker.name and np.isfinite(row.estimate)
    }
    metrics["validation_share"] = ranker.validation
    calibration = comparison.calibration.get(ranker.name)
    if calibration is not None and np.isfinite(calibration["error"]):
        metrics["success_calibration_error"] = float(calibration["error"])
    return metrics


def record_ranker(
    run: Run, ranker: FittedRanker, data: TrainingData, held_out: HeldOut, comparison: Comparison, *, model: str
) -> dict[str, float]:
    """One ranker's run, all but its bundle; the metrics that the bundle carries along are returned.

    They are the logged ``model``'s too.
    """
    metrics = ranker_metrics(ranker, comparison)
    run.metrics(metrics, model=model)
    effects = comparison.effects.get(ranker.name)
    run.metrics(
        head_metrics(ranker) | _slice_metrics(ranker, comparison) | ({} if effects is None else effects.metrics())
    )
    # MLflow compares runs by the first three parameters in which they differ, by name: those of the trees come last.
    run.params({f"trees.{name}.signals": head.feature_set for name, head in ranker.heads.items()})
    run.params({f"trees.{name}.rounds": head.rounds for name, head in ranker.heads.items()})
    record_shares(
        run,
        {
            metric: dict(zip(comparison.campaigns, by_ranker[ranker.name].tolist(), strict=True))
            for metric, by_ranker in comparison.values.items()
            if ranker.name in by_ranker
        }
        | {"validation_share": dict(zip(validation_campaigns(data), ranker.validation_shares.tolist(), strict=True))},
    )
    for name, booster in ranker.bundle.heads.items():
        run.text(booster.model_to_string(), f"heads/{name}.txt")
    _figures(run, ranker, data, held_out, comparison)
    return metrics


def record_shares(run: Run, metrics: Mapping[str, Mapping[str, float]]) -> None:
    """Store each metric's value by campaign id; NaN as null."""
    run.json(metrics, BY_CAMPAIGN)


def head_metrics(ranker: FittedRanker) -> dict[str, float]:
    """Out-of-fold loss of each head beside that of a constant, and of every feature set that was tried."""
    found: dict[str, float] = {}
    for name, head in ranker.heads.items():
        found[f"head/{name}/loss"] = head.loss
        found[f"head/{name}/constant_loss"] = head.constant_loss
        found |= {f"head/{name}/loss {feature_set}": loss for feature_set, loss in head.losses.items()}
    return found


def evidence_of(
    comparison: Comparison,
    ranker: str,
    *,
    fingerprint: str,
    champion: int | None,
    bundles: Mapping[str, Any],
    noise: Noise | None = None,
) -> GateEvidence:
    """What the gate reads: the ranker as ``candidate``, the champion of the day, the heuristics; no other model."""
    names = {ranker: CANDIDATE} | ({} if champion is None else {f"version {champion}": "champion"})
    others = set(bundles) - set(names)

    def of(values: Mapping[str, Mapping[str, Floats]]) -> dict[str, dict[str, list[float | None]]]:
        return {
            metric: {
                names.get(ranker, ranker): jsonable(each) for ranker, each in by_ranker.items() if ranker not in others
            }
            for metric, by_ranker in values.items()
        }

    found = comparison.calibration.get(ranker, {"error": float("nan"), "rows": 0})
    return GateEvidence(
        fingerprint,
        comparison.campaigns,
        of(comparison.values),
        {name: of(values) for name, values in comparison.slices.items()},
        {"success": {"error": found["error"], "rows": found["rows"]}} if np.isfinite(found["error"]) else {},
        champion,
        jsonable(comparison.effects[ranker]) if ranker in comparison.effects else {},
        {} if noise is None else jsonable(asdict(noise)),
    )


def describe(ranker: FittedRanker, comparison: Comparison, data: TrainingData) -> str:
    """The version's description, in Markdown: what it is, what it learned from, how it did."""
    told = ", ".join(f"{name} ({head.feature_set}, {head.rounds} trees)" for name, head in ranker.heads.items())
    basis = ranker.bundle.basis
    made = f"Heads: {told}" if basis is None else f"{basis.text[:1].upper()}{basis.text[1:]}"
    begun = (
        f"Ranker **{ranker.name}**, learned from {len(data)} invitations known before {data.as_of:%Y-%m-%d} "
        f"({int(data.lift_known.sum())} estimated lifts).\n\n{made}.\n\n"
        f"Validation within training: {ranker.validation:.3f}. "
    )
    if not comparison.metrics:
        return f"{begun}Held out: {comparison.headline}.\n"
    headline = comparison.metrics[0]
    rows = [row for row in comparison.rows if row.metric == headline]
    table = "\n".join(f"| {row.ranker} | {row.estimate:.3f} | {row.low:.3f} .. {row.high:.3f} |" for row in rows)
    return (
        f"{begun}Held out, {comparison.row(ranker.name, headline).campaigns} campaigns:\n\n"
        f"| ranker | {headline} | 95 % interval |\n| --- | --- | --- |\n{table}\n"
    )


def _slice_metrics(ranker: FittedRanker, comparison: Comparison) -> dict[str, float]:
    found: dict[str, float] = {}
    for slice_name, values in comparison.slices.items():
        for metric, by_ranker in values.items():
            if ranker.name in by_ranker:
                found[f"slice/{slice_name}/{metric}"] = campaign_mean(by_ranker[ranker.name])
    return found


def _figures(run: Run, ranker: FittedRanker, data: TrainingData, held_out: HeldOut, comparison: Comparison) -> None:
    tables = {}
    for name, quantity in QUANTITIES.items():
        told = quantity.predicted(ranker.out_of_fold) if quantity.reported and quantity.money is None else None
        if told is not None:
            label = quantity.label(data)
            known = np.isfinite(label)
            tables[f"{name}, out of fold"] = calibration_table(told[known], label[known])
    if ranker.name in comparison.calibration:
        tables["success, held out"] = comparison.calibration[ranker.name]["table"]
    run.figure(calibration_figure(tables), "figures/calibration.png")
    importance = {
        name: dict(zip(data.signals, booster.feature_importance("gain").tolist(), strict=True))
        for name, booster in ranker.bundle.heads.items()
    }
    run.json(importance, "importance.json")
    words = {name: SIGNALS[name].doc for name in data.signals if name in SIGNALS}
    run.figure(importance_figure(importance, words=words), "figures/importance.png")
    curves, what = _gain_curves(ranker, held_out)
    run.figure(gain_figure(curves, depth=CURVE_DEPTH, what=what), "figures/gain.png")
    headline = comparison.metrics[0] if comparison.metrics else ""
    for by in ("market", "follower_tier") if headline else ():
        values = {
            name.split("=", 1)[1]: _interval(metrics[headline][ranker.name])
            for name, metrics in comparison.slices.items()
            if name.startswith(f"{by}=") and headline in metrics
        }
        beside = {
            label: {
                name.split("=", 1)[1]: campaign_mean(metrics[headline][simple])
                for name, metrics in comparison.slices.items()
                if name.startswith(f"{by}=") and simple in metrics.get(headline, {})
            }
            for simple, label in comparison.held_against(headline).items()
        }
        figure = slice_figure(values, metric=f"{headline} of {ranker.name}", by=by.replace("_", " "), beside=beside)
        run.figure(figure, f"figures/by_{by}.png")


def _interval(values: Floats) -> tuple[float, float, float]:
    interval = cluster_bootstrap(values)
    return interval.estimate, interval.low, interval.high


def _gain_curves(ranker: FittedRanker, held_out: HeldOut) -> tuple[dict[str, Floats], str]:
    """Mean cumulative gain over campaigns by depth: true profit where it is known, else deliveries of the invited."""
    from training.evaluation import baseline_scores

    keys = ["campaign_id", "creator_id"]
    if held_out.truth is not None:
        value = held_out.pairs.merge(held_out.truth, on=keys, how="left")["incremental_profit"].to_numpy(np.float64)
        what = "expected incremental profit, USD a campaign"
    else:
        known = held_out.labels.drop_duplicates(keys, keep="last")[[*keys, "delivered"]]
        value = held_out.pairs.merge(known, on=keys, how="left")["delivered"].to_numpy(np.float64)
        what = "deliveries a campaign, of those invited"
    rows = np.flatnonzero(np.isfinite(value))
    scores = {ranker.name: held_out.score(ranker.bundle)[0]["score"].to_numpy(np.float64)}
    baselines = baseline_scores(held_out.X)
    scores |= {name: baselines[name] for name in CURVE_RANKERS}
    curves: dict[str, Floats] = {}
    if not rows.size:
        return {name: np.zeros(CURVE_DEPTH) for name in scores}, what
    groups = Groups.of(held_out.pairs["campaign_id"].to_numpy()[rows], held_out.pairs["creator_id"].to_numpy()[rows])
    for name, score in scores.items():
        ordered = value[rows][groups.order(score[rows])]
        place = groups.place
        gained = np.bincount(place[place <= CURVE_DEPTH] - 1, ordered[place <= CURVE_DEPTH], minlength=CURVE_DEPTH)
        curves[name] = np.cumsum(gained) / len(groups.size)
    return curves, what
