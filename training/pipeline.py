"""From a marketplace's tables to two registered candidates: the whole of ``collabrank train``.

A marketplace with too few outcomes for heads of its own gets one candidate, made of a prior (`training.priors`).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tempfile
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from features.conversion import ConversionCheck, check_conversion
from features.time import day_number
from marketplace.cache import code_version
from marketplace.display import Shown, text_of
from marketplace.errors import BundleError, TrainingError
from marketplace.progress import say, stage, staged
from marketplace.tables import Marketplace, open_marketplace
from models.bundle import Bundle, load_champion, read_signer, save_bundle
from training.data import Split, TrainingData, build_training_data, split_of
from training.evaluation import Comparison, HeldOut, gather_held_out, reference_of
from training.heads import BLOCKS, DEFAULT, DETERMINISTIC, FittedRanker, Hyperparameters, Machines, across, fit_rankers
from training.planning import lift_noise
from training.priors import fit_small, read_prior
from training.tracking import (
    BASIS,
    CHALLENGER,
    EXAMPLE_ROWS,
    HELD_OUT,
    REGISTERED,
    Event,
    GateEvidence,
    Ledger,
    Run,
    Store,
    VersionNotes,
    champion_of,
    describe,
    evidence_of,
    logged_model,
    open_store,
    point_alias,
    ranker_metrics,
    record_conversion,
    record_data,
    record_parent,
    record_ranker,
    register,
)

__all__ = ["TrainResult", "TrainedRanker", "help_train", "train", "train_text", "versions_text"]


@dataclass(frozen=True)
class TrainedRanker:
    """One registered candidate: the ranker's name, version, run and validation share (`training.heads`)."""

    name: str
    version: int
    run_id: str
    validation: float


@dataclass(frozen=True, repr=False)
class TrainResult(Shown):
    """What `train` made.

    Attributes
    ----------
    rankers : tuple of TrainedRanker
        In the order of registration: the one that validated better last.
    challenger : int
        The version that now has the alias.
    comparison : Comparison
        On the held-out campaigns, against the challenger.
    cutoff : Timestamp
    seconds : float
    basis : str
        What the candidate stands on where outcomes were too few for heads of its own; empty where they were not.
    conversion : ConversionCheck or None
        How well conversion's law held before the cut-off; None where too little was posted to tell.
    """

    rankers: tuple[TrainedRanker, ...]
    challenger: int
    comparison: Comparison
    cutoff: pd.Timestamp
    seconds: float
    basis: str = ""
    conversion: ConversionCheck | None = None

    @property
    def headline(self) -> str:
        """The versions made, and the challenger's headline figure."""
        made = ", ".join(f"version {one.version} {one.name}" for one in self.rankers)
        on = f" ({self.basis})" if self.basis else ""
        return f"{made}{on}; challenger: version {self.challenger}; {self.comparison.headline}"

    def to_frame(self) -> pd.DataFrame:
        """The comparison on the held-out campaigns: one row a metric and ranker (`Comparison.to_frame`)."""
        return self.comparison.to_frame()

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "challenger": self.challenger,
            "cutoff": f"{self.cutoff:%Y-%m-%d}",
            "rankers": [dataclasses.asdict(ranker) for ranker in self.rankers],
            "comparison": self.comparison.as_dict(),
            "seconds": round(self.seconds, 1),
            "basis": self.basis,
            "conversion": None if self.conversion is None else self.conversion.as_dict(),
        }


def versions_text(result: TrainResult) -> str:
    """One line a registered version: its ranker, how it validated, its run; then what it stands on, if not on heads."""
    lines = [
        f"version {one.version}  {one.name:<15} validation {one.validation:+.3f}  run {one.run_id}"
        f"{'  <- challenger' if one.version == result.challenger else ''}"
        for one in result.rankers
    ]
    return "\n".join([*lines, result.basis] if result.basis else lines)


@text_of.register
def train_text(result: TrainResult) -> str:
    """The comparison, then the versions, then whether conversion's law holds."""
    held = [] if result.conversion is None else [result.conversion.headline]
    return "\n".join([str(result.comparison), versions_text(result), *held])


@staged("train", {"invitations": 10, "heads": 4, "held-out campaigns": 5, "tracking": 1})
def train(
    market: str | Path | Marketplace,
    as_of: str | date | None = None,
    seed: int = 7,
    *,
    hyperparameters: Hyperparameters = DEFAULT,
    prior: str | Path | None = None,
    store: Store | None = None,
    machines: Machines | None = None,
) -> TrainResult:
    """Fit both rankers, measure them on later campaigns, track and register them.

    With too few outcomes for heads (`training.data.TrainingData.enough`), or where they cannot be fitted on those
    there are, one ranker is made of indices and shrunk rates, or of ``prior``, instead (`training.priors`).

    Parameters
    ----------
    market : path or Marketplace
    as_of : date, optional
        The cut-off: outcomes known before that day are learned from; campaigns briefed on it or later are held
        out. By default the day of the first of the last third of the campaigns.
    seed : int
        Of every random draw; the same seed gives the same bundles, byte for byte.
    hyperparameters : Hyperparameters
        Of all heads.
    prior : path, optional
        A bundle trained on another marketplace, from which a small shop starts; not read where there are outcomes
        enough for heads of its own.
    store : Store, optional
        `training.tracking.store.open_store` by default. The runs go to the marketplace's own experiment there.
    machines : Machines, optional
        Those that fit the heads together; this is the first of them, the others `help_train`.

    Raises
    ------
    DateError
        ``as_of`` is no date in ISO form.
    ContractError, TrainingError
        The tables cannot be read, or hold fewer than two campaigns.
    BundleError
        ``prior`` does not verify, or was trained on other signals.
    """
    started = time.perf_counter()
    market = open_marketplace(market)
    folder = market.path or Path("memory")
    before = None if prior is None else read_prior(prior)
    fingerprint = market.fingerprint()
    store = (store or open_store()).of_marketplace(market)
    split = split_of(market, as_of)
    say(f"{len(split.train)} campaigns to learn from, {len(split.held_out)} held out from {split.cutoff:%Y-%m-%d} on")
    stage("invitations")
    data = build_training_data(market, split.train, as_of=split.cutoff, small=True)
    say(f"{len(data)} invitations x {len(data.signals)} signals; {int(data.lift_known.sum())} estimated lifts")
    stage("heads")
    digest = _digest(data, fingerprint, seed=seed, hyperparameters=hyperparameters)
    with across(machines, digest) if machines else nullcontext():
        rankers = _fitted(data, before, seed=seed, hyperparameters=hyperparameters)
    basis = rankers[-1].bundle.basis
    validated = ", ".join(f"{ranker.name} validates at {ranker.validation:.3f}" for ranker in rankers)
    say(f"heads fitted: {validated}" if basis is None else basis.text)
    conversion = check_conversion(market, day_number(split.cutoff))
    if conversion is not None:
        say(conversion.headline)
    noise = lift_noise(market, split.cutoff)
    stage("held-out campaigns")
    held_out = gather_held_out(market, split.held_out, train_campaigns=split.train)
    champion = _current_champion(store, cutoff=split.cutoff)
    bundles = {ranker.name: ranker.bundle for ranker in rankers} | {f"version {n}": b for n, b in champion.items()}
    comparison = held_out.compare(bundles, champion=rankers[-1].name, unmeasured=basis is not None)
    stage("tracking")
    notes = VersionNotes.begin(store, market, split, hyperparameters, fingerprint=fingerprint)
    # All three runs have them: where runs are compared, what differs is then what was done otherwise.
    shared = _params(folder, split, data, seed=seed, fingerprint=fingerprint) | hyperparameters.as_dict()
    with store.run(f"train {split.cutoff:%Y-%m-%d} seed {seed}") as parent:
        parent.params(shared)
        record_data(parent, data, held_out, source=str(folder), fingerprint=fingerprint)
        record_parent(parent, comparison, source=str(folder), fingerprint=fingerprint)
        done = [
            _register(
                parent,
                ranker,
                data,
                held_out,
                comparison,
                notes=notes,
                source=str(folder),
                params={"ranker": ranker.name, **shared},
                evidence=evidence_of(
                    comparison,
                    ranker.name,
                    fingerprint=fingerprint,
                    champion=next(iter(champion), None),
                    bundles=bundles,
                    noise=noise,
                ),
            )
            for ranker in rankers
        ]
        # Those of the challenger, whose run lies beneath: the same name is the same number.
        parent.metrics(ranker_metrics(rankers[-1], comparison))
        if conversion is not None:  # after them, for MLflow compares runs by the metric that they had first
            record_conversion(parent, conversion)
        parent.tags({"ranker": rankers[-1].name, "model_version": done[-1].version})
    seconds = time.perf_counter() - started
    on = "" if basis is None else basis.text
    return TrainResult(tuple(done), done[-1].version, comparison, split.cutoff, seconds, on, conversion)


@staged("train", {"invitations": 10, "heads": 4})
def help_train(
    market: str | Path | Marketplace,
    as_of: str | date | None = None,
    seed: int = 7,
    *,
    hyperparameters: Hyperparameters = DEFAULT,
    machines: Machines,
) -> int:
    """Do this machine's share of what `train` fits on the first of ``machines``; nothing is tracked here.

    Returns
    -------
    int
        How many invitations the heads were fitted on.

    Raises
    ------
    ContractError, TrainingError
        As `train`; the first machine does not come, or has other data, code, seed or hyperparameters.
    """
    market = open_marketplace(market)
    split = split_of(market, as_of)
    stage("invitations")
    data = build_training_data(market, split.train, as_of=split.cutoff, small=True)
    stage("heads")
    with across(machines, _digest(data, market.fingerprint(), seed=seed, hyperparameters=hyperparameters)):
        _fitted(data, None, seed=seed, hyperparameters=hyperparameters)
    return len(data)


def _digest(data: TrainingData, fingerprint: str, *, seed: int, hyperparameters: Hyperparameters) -> str:
    """Of all that the heads are fitted on and by."""
    told = [fingerprint, f"{data.as_of}", seed, hyperparameters.as_dict(), list(data.signals), len(data)]
    text = json.dumps([*told, code_version("training.heads"), code_version("training.data")], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _fitted(
    data: TrainingData, prior: Bundle | None, *, seed: int, hyperparameters: Hyperparameters
) -> list[FittedRanker]:
    """The rankers of heads, or the one of a small shop where there is too little to fit them on."""
    if data.enough:
        if prior is not None:
            say("outcomes enough for heads of its own: the prior is not read")
        try:
            return fit_rankers(data, seed=seed, hyperparameters=hyperparameters)
        except TrainingError as reason:
            say(f"no heads can be fitted yet: {reason}")
    return [fit_small(data, prior)]


def _current_champion(store: Store, *, cutoff: pd.Timestamp) -> dict[int, Bundle]:
    """The champion's bundle under its version, or nothing.

    None yet, one that reads other signals, or one that learned from outcomes known after ``cutoff``: it has seen
    the held-out campaigns, and would beat every candidate on them unfairly.
    """
    champion = champion_of(store, Ledger())
    if champion is None:
        return {}
    try:
        bundle = load_champion()
    except BundleError as reason:
        say(f"the champion cannot be measured beside the candidates: {reason}")
        return {}
    if bundle.model_version != str(champion.number):
        say(f"version {bundle.model_version} is served, not champion version {champion.number}; it is not measured")
        return {}
    if pd.Timestamp(bundle.as_of, tz="UTC") > cutoff:
        say(f"champion version {champion.number} learned until {bundle.as_of}; it is not measured before that")
        return {}
    return {champion.number: bundle}


def _params(folder: Path, split: Split, data: TrainingData, *, seed: int, fingerprint: str) -> dict[str, object]:
    return {
        "market": str(folder),
        "data_fingerprint": fingerprint,
        "cutoff": f"{split.cutoff:%Y-%m-%d}",
        "seed": seed,
        "train_campaigns": len(split.train),
        "held_out_campaigns": len(split.held_out),
        "invitations": len(data),
        "labelled": int(data.outcome_known.sum()),
        "lifts": int(data.lift_known.sum()),
        "signals": len(data.signals),
        "blocks": BLOCKS,
        **{f"lightgbm.{name}": value for name, value in DETERMINISTIC.items()},
    }


def _register(
    parent: Run,
    ranker: FittedRanker,
    data: TrainingData,
    held_out: HeldOut,
    comparison: Comparison,
    *,
    notes: VersionNotes,
    source: str,
    params: Mapping[str, object],
    evidence: GateEvidence,
) -> TrainedRanker:
    with parent.store.run(ranker.name, parent=parent) as run:
        run.params(params)
        record_data(run, data, held_out, source=source, fingerprint=evidence.fingerprint)
        with logged_model(run, ranker.name, params=params) as model:
            metrics = record_ranker(run, ranker, data, held_out, comparison, model=model.id)
            bundle = dataclasses.replace(
                ranker.bundle,
                run_id=run.id,
                metrics=metrics,
                reference=reference_of(ranker, data, held_out),
                evidence_sha256=evidence.digest(),
            )
            with tempfile.TemporaryDirectory(prefix="collabrank-") as scratch:
                folder = Path(scratch) / "bundle"
                fingerprint = save_bundle(bundle, folder, read_signer())
                run.folder(folder, "bundle")
                model.keep(folder, bundle, held_out.example(bundle, EXAMPLE_ROWS))
        run.text(evidence.content().decode(), "evidence.json")
        version = register(
            run,
            model=model,
            description=describe(ranker, comparison, data) + "\n" + notes.text(ranker.name, comparison),
            tags={
                "ranker": ranker.name,
                "data_fingerprint": evidence.fingerprint,
                "as_of": bundle.as_of,
                HELD_OUT: evidence.held_out,
                **({} if bundle.basis is None else {BASIS: bundle.basis.text}),
                **notes.tags(ranker.name, comparison),
            },
        )
        Ledger().append(
            Event(
                kind=REGISTERED,
                version=version.number,
                run_id=run.id,
                bundle_sha256=fingerprint,
                evidence_sha256=bundle.evidence_sha256,
                held_out=evidence.held_out,
            )
        )
        run.rename(f"{ranker.name} v{version.number}")
        if bundle.basis is not None:
            run.tags({BASIS: bundle.basis.text})
        run.tags({"ranker": ranker.name, "model_version": version.number, "data_fingerprint": evidence.fingerprint})
    point_alias(parent.store, CHALLENGER, version)
    return TrainedRanker(ranker.name, version.number, run.id, ranker.validation)
