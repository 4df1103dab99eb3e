"""The trials of a study: measure the default, search, and measure the best again (see `training.tuning.run`)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from marketplace.errors import TrainingError
from marketplace.progress import say
from training.data import TrainingData
from training.heads import BLOCKS, Hyperparameters, Measured, measure_by_block
from training.tracking import Run, Store, record_data, record_shares
from training.tuning.result import Tried
from training.tuning.study import Space, distributions, draw, mark_dead, process_mark

__all__ = ["TOP", "Work", "best_trials", "fail_dead", "measure_default", "search"]

TOP = 3
"""How many of the best trials are measured again, beside the default."""


class _OutOfTimeError(Exception):
    """The budget ended while a set of hyperparameters was being measured."""


@dataclass(frozen=True)
class Work:
    """What every measurement of one call of `training.tuning.run.tune` shares.

    ``space`` is what is searched, ``tell`` takes the news, ``begun`` and ``end`` are the budget's (`time.monotonic`);
    ``source`` and ``fingerprint`` say which marketplace the data are of.
    """

    data: TrainingData
    study: Any
    store: Store
    parent: Run
    space: Space
    default: Hyperparameters
    tell: Callable[[str], None]
    begun: float
    end: float
    source: str = ""
    fingerprint: str = ""

    def learned(self, run: Run) -> None:
        """Name in ``run`` the data that it learned from, as `collabrank train` does."""
        record_data(run, self.data, None, source=self.source, fingerprint=self.fingerprint)

    @property
    def seed(self) -> int:
        """The study's."""
        return int(self.study.user_attrs["seed"])

    def params(self, hyperparameters: Hyperparameters) -> dict[str, object]:
        """A run's parameters, by the names that `collabrank train` uses, so that they lie side by side."""
        return {**hyperparameters.as_dict(), "seed": self.seed, "cutoff": f"{self.data.as_of:%Y-%m-%d}"}

    def measured(
        self,
        hyperparameters: Hyperparameters,
        *,
        until: float,
        again: bool = False,
        each: Callable[[Measured], None] = lambda _: None,
    ) -> Measured:
        """All blocks; ``again``: with the other blocks and another seed. Time is looked at after every block."""
        for found in measure_by_block(self.data, hyperparameters, seed=self.seed + int(again), shifted=again):
            each(found)
            if found.block < BLOCKS - 1 and time.monotonic() > until:
                raise _OutOfTimeError
        return found


def fail_dead(study: Any, store: Store) -> None:
    """Trials of killed processes, and their runs."""
    for trial in mark_dead(study):
        say(f"trial {trial.number} was cut short when its process ended: marked failed")
        store.fail_nested(study.user_attrs.get("run", ""), f"trial {trial.number}")


def measure_default(work: Work) -> None:
    """Put the default into the study as its first trial, complete, with its share after each block."""
    import optuna

    kept = work.study.user_attrs.get("default")
    if kept is None:
        kept = _default_kept(work)
        work.study.set_user_attr("default", kept)
        work.tell(f"default: validation_share {kept['share']:.3f} ({kept['ranker']}), {kept['seconds']:.0f} s")
    if any(trial.user_attrs.get("default") for trial in work.study.get_trials(deepcopy=False)):
        return
    work.study.add_trial(
        optuna.trial.create_trial(
            value=kept["share"],
            params={name: value for name, value in work.default.as_dict().items() if name in work.space},
            distributions=distributions(work.space),
            # A difference from itself.
            intermediate_values={int(block): 0.0 for block in kept["steps"]},
            user_attrs={"default": True},
        )
    )


def _default_kept(work: Work) -> dict[str, Any]:
    steps: dict[str, float] = {}
    began = time.monotonic()

    def each(found: Measured) -> None:
        if math.isfinite(found.share):
            steps[str(found.block)] = found.share

    with work.store.run("default", parent=work.parent, command="tune") as run:
        work.learned(run)
        try:
            found = work.measured(work.default, until=work.end, each=each)
        except _OutOfTimeError:
            raise TrainingError(
                "enough minutes to measure the default hyperparameters once",
                received=f"a budget that ended before {BLOCKS} blocks of campaigns were measured",
                look="--minutes; the study is as it was",
            ) from None
        seconds = time.monotonic() - began
        run.params(work.params(work.default))
        _record(run, found, seconds=seconds)
    return {"steps": steps, "seconds": seconds, "run": run.id, **_attributes(work.default, found)}


def search(work: Work, trials: int | None) -> None:
    """Try hyperparameters until only the time to measure the best again is left, or ``trials`` are finished."""
    from optuna.study import MaxTrialsCallback
    from optuna.trial import TrialState

    finished = (TrialState.COMPLETE, TrialState.PRUNED)
    callbacks: list[Any] = [lambda study, _: study.stop() if time.monotonic() > _search_end(work) else None]
    if trials is not None:
        if len(work.study.get_trials(deepcopy=False, states=finished)) > trials:
            return
        callbacks.append(MaxTrialsCallback(trials + 1, states=finished))
    seconds = _search_end(work) - time.monotonic()
    if seconds > 0:
        work.study.optimize(
            lambda trial: _objective(work, trial),
            timeout=seconds,
            callbacks=callbacks,
            catch=(_OutOfTimeError, TrainingError),
        )


def _search_end(work: Work) -> float:
    """When to stop searching: the default and the best few are to be measured again, at most half of the budget."""
    known = [
        kept["seconds"] for kept in (t.user_attrs for t in work.study.get_trials(deepcopy=False)) if "seconds" in kept
    ]
    usual = float(np.median([work.study.user_attrs["default"]["seconds"], *known]))
    return work.end - min(1.2 * usual * (TOP + 1), 0.5 * (work.end - work.begun))


def _objective(work: Work, trial: Any) -> float:
    import optuna

    trial.set_user_attr("process", process_mark())
    steps = work.study.user_attrs["default"]["steps"]
    hyperparameters = draw(trial, work.space, work.default)
    began = time.monotonic()
    ended = ""

    def each(found: Measured) -> None:
        reference = steps.get(str(found.block))
        if reference is None or not math.isfinite(found.share):
            return
        # Some campaigns are harder than others: what counts is the difference on the same ones.
        trial.report(found.share - reference, found.block)
        if found.block < BLOCKS - 1 and trial.should_prune():
            raise optuna.TrialPruned(f"after block {found.block}")

    found: Measured | None = None
    stopped: Exception | None = None
    with work.store.run(f"trial {trial.number}", parent=work.parent, command="tune") as run:
        trial.set_user_attr("run", run.id)
        work.learned(run)
        run.params(work.params(hyperparameters))
        try:
            found = work.measured(hyperparameters, until=_search_end(work), each=each)
        except (optuna.TrialPruned, _OutOfTimeError) as reason:
            stopped = reason
            ended = "pruned" if isinstance(reason, optuna.TrialPruned) else "out of time"
            run.tags({"state": ended, "ended": str(reason)})
        except TrainingError as reason:
            run.tags({"state": "failed", "ended": reason.received[:500]})
            work.tell(f"trial {trial.number}: cannot be fitted: {reason.received}")
            raise
        else:
            _record(run, found, seconds=time.monotonic() - began)
    seconds = time.monotonic() - began
    if found is None:
        work.tell(f"trial {trial.number}: {ended} after {seconds:.0f} s")
        if isinstance(stopped, _OutOfTimeError):
            trial.set_user_attr("state", "out of time")
            work.study.stop()
        assert stopped is not None  # how else could nothing have been found
        raise stopped
    for name, value in {**_attributes(hyperparameters, found), "seconds": seconds}.items():
        trial.set_user_attr(name, value)
    base = work.study.user_attrs["default"]["share"]
    work.tell(
        f"trial {trial.number}: validation_share {found.share:.3f} ({found.ranker}; default {base:.3f}), "
        f"{seconds:.0f} s"
    )
    return found.share


def _record(run: Run, found: Measured, *, seconds: float) -> None:
    """What a set of hyperparameters' measurement leaves in its run: the share, and each campaign's."""
    run.params({"ranker": found.ranker})
    run.metrics({"validation_share": found.share, "seconds": seconds})
    run.tags({"state": "complete", "ranker": found.ranker})
    record_shares(run, {"validation_share": dict(zip(found.campaigns, found.shares.tolist(), strict=True))})


def _attributes(hyperparameters: Hyperparameters, found: Measured) -> dict[str, Any]:
    return {
        "hyperparameters": hyperparameters.as_dict(),
        "share": found.share,
        "ranker": found.ranker,
        "campaigns": list(found.campaigns),
        "shares": [float(x) if np.isfinite(x) else None for x in found.shares],
    }


def best_trials(work: Work) -> tuple[Tried, tuple[Tried, ...], dict[str, int]]:
    """The default, the best `TOP` trials, and how many trials are complete, pruned and failed.

    The best are measured again as far as the time goes: the default first, to hold them against.
    """
    from optuna.trial import TrialState

    trials = [t for t in work.study.get_trials(deepcopy=False) if not t.user_attrs.get("default")]
    wanted = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}
    by_state = {name: [t for t in trials if t.state == state] for name, state in wanted.items()}
    best = sorted(by_state["complete"], key=lambda t: (-t.value, t.number))[:TOP]
    default = _tried(work, "default", work.study.user_attrs["default"])
    tried = tuple(_tried(work, f"trial {one.number}", one.user_attrs) for one in best)
    return default, tried, {name: len(found) for name, found in by_state.items()}


def _tried(work: Work, label: str, kept: Mapping[str, Any]) -> Tried:
    """One set of hyperparameters with its share in the search and, where there is or was time, measured again."""
    hyperparameters = Hyperparameters.of(kept["hyperparameters"])
    known = work.study.user_attrs.get(f"again {label}")
    if known is None and time.monotonic() < work.end:
        try:
            work.tell(f"{label}: measuring again with other blocks and another seed")
            found = work.measured(hyperparameters, until=work.end, again=True)
        except _OutOfTimeError:
            work.tell(f"{label}: no time to measure again")
        except TrainingError as reason:
            # Leaves that are just small enough for one assignment of campaigns can be too large for another.
            work.tell(f"{label}: cannot be fitted on the other blocks: {reason.received}")
        else:
            known = _attributes(hyperparameters, found)
            work.study.set_user_attr(f"again {label}", known)
    return Tried.of(label, hyperparameters, kept, known)
