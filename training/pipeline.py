"""From a marketplace's tables to two registered candidates: the whole of ``collabrank train``."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from marketplace.errors import BundleError
from marketplace.progress import say
from marketplace.tables import open_marketplace
from models.bundle import Bundle, bundle_folder, load_bundle, read_public_key, read_signer, save_bundle
from training.data import Split, TrainingData, build_training_data, split_of
from training.evaluation import Comparison, HeldOut, gather_held_out
from training.heads import BLOCKS, DEFAULT, DETERMINISTIC, FittedForm, Shape, fit_forms
from training.tracking import (
    CHALLENGER,
    CHAMPION,
    EVIDENCE_DIGEST,
    Evidence,
    Run,
    Store,
    VersionNotes,
    aliased,
    describe,
    evidence_of,
    open_store,
    point_alias,
    record_form,
    record_parent,
    register,
)

__all__ = ["TrainResult", "TrainedForm", "train"]


@dataclass(frozen=True)
class TrainedForm:
    """One registered candidate: its form, version, run and validation share (see `training.heads.FittedForm`)."""

    form: str
    version: int
    run_id: str
    validation: float


@dataclass(frozen=True)
class TrainResult:
    """What `train` made.

    Attributes
    ----------
    forms : tuple of TrainedForm
        In the order of registration: the one that validated better last.
    challenger : int
        The version that now has the alias.
    comparison : Comparison
        On the held-out campaigns, against the challenger.
    cutoff : Timestamp
    seconds : float
    """

    forms: tuple[TrainedForm, ...]
    challenger: int
    comparison: Comparison
    cutoff: pd.Timestamp
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "challenger": self.challenger,
            "cutoff": f"{self.cutoff:%Y-%m-%d}",
            "forms": [dataclasses.asdict(form) for form in self.forms],
            "comparison": self.comparison.as_dict(),
            "seconds": round(self.seconds, 1),
        }


def train(
    market_dir: str | Path,
    as_of: str | pd.Timestamp | None = None,
    seed: int = 7,
    *,
    shape: Shape = DEFAULT,
    store: Store | None = None,
) -> TrainResult:
    """Fit both forms, measure them on later campaigns, track and register them.

    Parameters
    ----------
    market_dir : path
        The marketplace's folder.
    as_of : date, optional
        The cut-off: outcomes known before that day are learned from; campaigns briefed on it or later are held
        out. By default the day of the first of the last third of the campaigns.
    seed : int
        Of every random draw; the same seed gives the same bundles, byte for byte.
    shape : Shape
        Of all heads.
    store : Store, optional
        `training.tracking.store.open_store` by default. The runs go to the marketplace's own experiment there.

    Raises
    ------
    ContractError, TrainingError
        The tables cannot be read, or hold too little to learn from.
    """
    started = time.perf_counter()
    market = open_marketplace(market_dir)
    split = split_of(market, as_of)
    say(f"{len(split.train)} campaigns to learn from, {len(split.held_out)} held out from {split.cutoff:%Y-%m-%d} on")
    data = build_training_data(market, split.train, as_of=split.cutoff)
    say(f"{len(data)} invitations x {len(data.signals)} signals; {int(data.lift_known.sum())} estimated lifts")
    forms = fit_forms(data, seed=seed, shape=shape)
    say("heads fitted: " + ", ".join(f"{form.form} validates at {form.validation:.3f}" for form in forms))
    held_out = gather_held_out(market, split.held_out, train_campaigns=split.train)
    fingerprint = market.fingerprint()
    store = (store or open_store()).of_marketplace(market_dir, fingerprint)
    champion = _current_champion(store, forms[-1].bundle, cutoff=split.cutoff)
    bundles = {form.form: form.bundle for form in forms} | {f"version {n}": b for n, b in champion.items()}
    comparison = held_out.compare(bundles, champion=forms[-1].form)
    notes = VersionNotes.begin(store, market, split, shape, fingerprint=fingerprint)
    with store.run(f"train {split.cutoff:%Y-%m-%d} seed {seed}") as parent:
        parent.params(_params(market_dir, split, data, seed=seed, fingerprint=fingerprint) | shape.as_dict())
        record_parent(parent, data, held_out, comparison, source=str(market_dir), fingerprint=fingerprint)
        done = [
            _register(
                parent,
                form,
                data,
                held_out,
                comparison,
                notes=notes,
                params={"form": form.form, **shape.as_dict(), "seed": seed, "cutoff": f"{split.cutoff:%Y-%m-%d}"},
                evidence=evidence_of(
                    comparison, form.form, fingerprint=fingerprint, champion=next(iter(champion), None), bundles=bundles
                ),
            )
            for form in forms
        ]
    return TrainResult(tuple(done), done[-1].version, comparison, split.cutoff, time.perf_counter() - started)


def _current_champion(store: Store, candidate: Bundle, *, cutoff: pd.Timestamp) -> dict[int, Bundle]:
    """The champion's bundle under its version, or nothing.

    None yet, one that reads other signals, or one that learned from outcomes known after ``cutoff``: it has seen
    the held-out campaigns, and would beat every candidate on them unfairly.
    """
    champion = aliased(store, CHAMPION)
    if champion is None:
        return {}
    try:
        bundle = load_bundle(bundle_folder(), read_public_key())
    except BundleError as reason:
        say(f"the champion cannot be measured beside the candidates: {reason}")
        return {}
    if bundle.model_version != str(champion.number) or bundle.contract_sha256 != candidate.contract_sha256:
        say(f"champion version {champion.number} reads other signals than today's; it is not measured here")
        return {}
    if pd.Timestamp(bundle.as_of, tz="UTC") > cutoff:
        say(f"champion version {champion.number} learned until {bundle.as_of}; it is not measured before that")
        return {}
    return {champion.number: bundle}


def _params(
    market_dir: str | Path, split: Split, data: TrainingData, *, seed: int, fingerprint: str
) -> dict[str, object]:
    return {
        "market": str(market_dir),
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
    form: FittedForm,
    data: TrainingData,
    held_out: HeldOut,
    comparison: Comparison,
    *,
    notes: VersionNotes,
    params: Mapping[str, object],
    evidence: Evidence,
) -> TrainedForm:
    with parent.store.run(form.form, parent=parent) as run:
        run.params(params)
        metrics = record_form(run, form, data, held_out, comparison)
        bundle = dataclasses.replace(form.bundle, run_id=run.id, metrics=metrics)
        with tempfile.TemporaryDirectory(prefix="collabrank-") as scratch:
            save_bundle(bundle, Path(scratch) / "bundle", read_signer())
            run.folder(Path(scratch) / "bundle", "bundle")
        run.json(evidence.as_dict(), "evidence.json")
        version = register(
            run,
            description=describe(form, comparison, data) + "\n" + notes.text(form.form, comparison),
            tags={
                "form": form.form,
                "data_fingerprint": evidence.fingerprint,
                "as_of": bundle.as_of,
                EVIDENCE_DIGEST: evidence.digest(),
                **notes.tags(form.form, comparison),
            },
        )
        run.rename(f"{form.form} v{version.number}")
        run.tags({"form": form.form, "model_version": version.number, "data_fingerprint": evidence.fingerprint})
    point_alias(parent.store, CHALLENGER, version)
    return TrainedForm(form.form, version.number, run.id, form.validation)
