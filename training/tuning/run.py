"""Search the hyperparameters of the heads on a marketplace's training campaigns: the whole of ``collabrank tune``.

What is maximised is what rankers are chosen by: the out-of-fold validation share
within the training campaigns (`training.heads.validation`). Held-out campaigns are
not read. The best of many trials flatters, so the best few and the default are
measured again with other blocks and another seed, and both numbers are told.
"""

from __future__ import annotations

import math
import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd

from features.signals import SIGNALS
from marketplace.errors import TrainingError
from marketplace.progress import countdown, say
from marketplace.state import state_folder, write_whole
from marketplace.tables import Marketplace, open_marketplace
from models.bundle import signals_sha256
from training.data import Split, TrainingData, build_training_data, split_of
from training.heads import BLOCKS, DEFAULT, Hyperparameters, read_hyperparameters, targets_of
from training.tracking import Store, open_store, require_store
from training.tuning.result import TuneResult, result_json
from training.tuning.study import (
    SPACE,
    Range,
    Space,
    open_study,
    require_studies,
    study_name,
    tuning_lock,
)
from training.tuning.trials import Work, best_trials, fail_dead, measure_default, search

__all__ = ["chosen_hyperparameters", "hyperparameters_file", "tune", "tuned_hyperparameters"]


def hyperparameters_file(name: str) -> Path:
    """Where the best hyperparameters of the study of that name is written: ``var/tune/NAME.json``."""
    return state_folder("tune", f"{name}.json")


def tuned_hyperparameters(market: Marketplace, split: Split) -> Hyperparameters:
    """The best hyperparameters of the study of this marketplace and cut-off.

    Raises
    ------
    TrainingError
        There is none.
    """
    file = hyperparameters_file(_name_of(market, split, SPACE))
    if not file.exists():
        raise TrainingError(
            f"a study of this marketplace, tuned up to {split.cutoff:%Y-%m-%d}",
            received=f"no {file}",
            look="`collabrank tune DIR --minutes N` with the same --as-of; changed data need a new study",
        )
    return read_hyperparameters(file)


def chosen_hyperparameters(
    market: str | Path | Marketplace,
    *,
    as_of: str | date | None = None,
    file: str | Path | None = None,
    tuned: bool = False,
) -> Hyperparameters:
    """The hyperparameters to train with: those of ``file``, the best that `tune` found here, or the default.

    Raises
    ------
    TrainingError
        The file cannot be used, both are asked for, or ``tuned`` without a study of this marketplace and cut-off.
    """
    if file is not None and tuned:
        raise TrainingError("a file of hyperparameters, or the tuned ones", received="both", look="`collabrank train`")
    if file is not None:
        return read_hyperparameters(Path(file))
    if not tuned:
        return DEFAULT
    market = open_marketplace(market)
    return tuned_hyperparameters(market, split_of(market, as_of))


def tune(
    market_dir: str | Path,
    *,
    minutes: float,
    seed: int | None = None,
    as_of: str | pd.Timestamp | None = None,
    trials: int | None = None,
    store: Store | None = None,
    space: Space = SPACE,
    default: Hyperparameters = DEFAULT,
) -> TuneResult:
    """Begin the study of this marketplace, or go on with it, and write the best hyperparameters found to a file.

    Parameters
    ----------
    market_dir : path
        The marketplace's folder.
    minutes : float
        Wall-clock budget of this call, reading the tables and measuring the best again included. Time is looked at
        after each block of campaigns: a trial that is running when it is over is stopped and kept as failed.
    seed : int, optional
        Of the draws and the fits; 7 for a new study. A study keeps its own.
    as_of : date, optional
        The cut-off, as `training.pipeline.train` takes it.
    trials : int, optional
        Stop, too, once the study has so many finished trials (complete or pruned; the default does not count).
    store : Store, optional
        `training.tracking.store.open_store` by default.
    space, default
        What is searched, and the hyperparameters that trials are compared with.

    Raises
    ------
    ContractError, TrainingError
        The tables cannot be read or hold too little; no time or no trials; the study's database cannot be used; the
        budget ends before the default hyperparameters is measured. What was measured before stays in the study.
    """
    begun = time.monotonic()
    _require(math.isfinite(minutes) and minutes > 0, "more than 0 minutes", f"{minutes:g}", "--minutes")
    _require(trials is None or trials >= 1, "at least 1 trial", str(trials), "--trials")
    _require(seed is None or seed >= 0, "a seed of 0 or more", str(seed), "--seed")
    end = begun + 60.0 * minutes
    require_studies()
    if store is None:
        require_store()
    market = open_marketplace(market_dir)
    split = split_of(market, as_of)
    name = _name_of(market, split, space)
    data = build_training_data(market, split.train, as_of=split.cutoff)
    say(f"study {name}: {len(data)} invitations of {len(split.train)} campaigns x {len(data.signals)} signals")
    fingerprint = market.fingerprint()
    with open_study(name, seed=seed) as study, ExitStack() as stack:
        with tuning_lock():
            # Under the lock: of two processes that begin at once, one makes the stores, the parent run and the
            # default's measurement, the other finds them.
            store = (store or open_store()).of_marketplace(market)
            fail_dead(study, store)
            known = study.user_attrs
            parent = stack.enter_context(
                store.run(f"tune {split.cutoff:%Y-%m-%d}", command="tune", again=known.get("run"))
            )
            if parent.id != known.get("run"):
                study.set_user_attr("run", parent.id)
                parent.params(_params(split, data, int(known["seed"]), fingerprint))
                parent.tags({"data_fingerprint": fingerprint, "data_source": market.source, "study": name})
            tell = stack.enter_context(countdown("tuning", end - time.monotonic()))
            work = Work(
                data, study, store, parent, _fitting(space, data, default), default, tell, begun, end,
                source=market.source, fingerprint=fingerprint,
            )  # fmt: skip
            if parent.id != known.get("run"):
                work.learned(parent)
            measure_default(work)
        search(work, trials)
        fail_dead(study, store)
        known_default, tried, states = best_trials(work)
        result = TuneResult(
            study=name,
            file=str(hyperparameters_file(name)),
            fingerprint=fingerprint,
            cutoff=f"{split.cutoff:%Y-%m-%d}",
            seed=work.seed,
            run_id=parent.id,
            states=states,
            default=known_default,
            tried=tried,
        )
        parent.metrics(result.metrics())
        parent.json(result.as_dict(), "tune.json")
        write_whole(Path(result.file), result_json(result).encode())
    return result


def _name_of(market: Marketplace, split: Split, space: Space) -> str:
    folder = market.path or Path("marketplace")
    return study_name(
        folder,
        fingerprint=market.fingerprint(),
        cutoff=f"{split.cutoff:%Y-%m-%d}",
        signals=signals_sha256(SIGNALS.values()),
        space=space,
    )


def _fitting(space: Space, data: TrainingData, default: Hyperparameters) -> Space:
    """``space`` without leaves so large that LightGBM finds no split on the head with the fewest rows."""
    leaf = space.get("min_data_in_leaf")
    if not isinstance(leaf, Range):
        return space
    fewest = min(int(target.rows.sum()) for target in targets_of(data))
    most = max(default.min_data_in_leaf, int(leaf.low), min(int(leaf.high), fewest // 8))
    return {**space, "min_data_in_leaf": replace(leaf, high=most)}


def _params(split: Split, data: TrainingData, seed: int, fingerprint: str) -> dict[str, object]:
    return {
        "cutoff": f"{split.cutoff:%Y-%m-%d}",
        "data_fingerprint": fingerprint,
        "seed": seed,
        "train_campaigns": len(split.train),
        "invitations": len(data),
        "blocks": BLOCKS,
    }


def _require(fine: bool, expected: str, received: str, look: str) -> None:
    if not fine:
        raise TrainingError(expected, received=received, look=look)
