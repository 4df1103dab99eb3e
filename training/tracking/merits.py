"""What promotion leaves for the service to show of a model: its metrics with intervals, and the gate's verdict."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from marketplace.errors import BundleError, GateError, TrainingError
from marketplace.progress import say
from models.bundle import Bundle, Measured, Merits, read_merits, write_merits
from training.stats import METRICS, cluster_bootstrap, sign_of
from training.tracking.gate import CANDIDATE, GateEvidence, Judgement
from training.tracking.standing import Opened, evidence_of_version
from training.tracking.store import Store

__all__ = ["keep_merits", "measured_of"]

_NO_SORTS = (CANDIDATE, "champion", "random")


def measured_of(evidence: GateEvidence) -> tuple[Measured, ...]:
    """Every metric that was measured, in the order of `training.stats.METRICS`, beside the best simple sort."""
    found = []
    for name, metric in METRICS.items():
        by_ranker = evidence.metrics.get(name, {})
        if CANDIDATE not in by_ranker:
            continue
        values = np.array([np.nan if one is None else one for one in by_ranker[CANDIDATE]], dtype=np.float64)
        interval = cluster_bootstrap(values)
        sorts = {ranker: _mean(told) for ranker, told in by_ranker.items() if ranker not in _NO_SORTS}
        known = {ranker: mean for ranker, mean in sorts.items() if np.isfinite(mean)}
        best = max(known, key=lambda ranker: sign_of(name) * known[ranker], default=None)
        found.append(
            Measured(
                name=name,
                says=metric.says,
                less_is_better=metric.less_is_better,
                estimate=_known(interval.estimate),
                low=_known(interval.low),
                high=_known(interval.high),
                campaigns=int(np.isfinite(values).sum()),
                best_sort=best,
                best_sort_estimate=None if best is None else known[best],
            )
        )
    return tuple(found)


def keep_merits(
    store: Store, opened: Opened, judgement: Judgement | None = None, *, forced: bool = False, reason: str = ""
) -> None:
    """Keep what speaks for a version that is served from now on.

    Without a judgement, as for a challenger or a champion that comes back, what the gate said before stays. It decides
    nothing, so that what cannot be told stops nothing either: it is said, and left out.
    """
    noise: dict[str, float] = {}
    measured: tuple[Measured, ...] = ()
    try:
        evidence = evidence_of_version(store, opened)
        measured, noise = measured_of(evidence), dict(evidence.noise)
    except (GateError, TrainingError) as told:
        say(f"how version {opened.version.number} was measured is not kept for the service: {told}")
    before = None if forced or judgement is not None else _before(opened.bundle)
    write_merits(
        Merits(
            evidence_sha256=opened.bundle.evidence_sha256,
            version=opened.version.number,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            verdict=before.verdict if before else "" if judgement is None else judgement.verdict.value,
            words=before.words if before else "" if judgement is None else judgement.words,
            forced=before.forced if before else forced,
            reason=before.reason if before else reason,
            measured=measured,
            noise=noise,
        )
    )


def _before(bundle: Bundle) -> Merits | None:
    try:
        return read_merits(bundle)
    except BundleError:
        return None


def _mean(values: object) -> float:
    told = np.array([np.nan if one is None else one for one in values], dtype=np.float64)  # type: ignore[attr-defined]
    return float(np.nanmean(told)) if np.isfinite(told).any() else float("nan")


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
