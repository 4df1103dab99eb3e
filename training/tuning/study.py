"""The Optuna study behind ``collabrank tune``: its name, its database, its draws, and what a killed process left.

Studies lie in ``var/tune/tune.db`` (SQLite; Optuna keeps JSON and numbers in
it, nothing pickled), or in the database that ``COLLABRANK_STUDIES`` names, such
as a PostgreSQL that several machines reach. A study is named after the marketplace, its contents, the
cut-off, the signals and the search space: whoever asks the same again goes on
where the last one stopped, whoever changes one of them begins another study.

Several processes may work on one study. Each trial's draws come from the
study's seed and the trial's own number, so no two draw the same, and a study
that one process works on by number of trials is the same every time.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import socket
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from marketplace.databases import database_address, require_answer, sqlite_address, told
from marketplace.errors import TrainingError
from marketplace.state import state_folder
from marketplace.warehouse import redacted, without_secrets
from training.heads import BLOCKS, FEATURE_SET_CHOICES, STEP, Hyperparameters

__all__ = [
    "SPACE",
    "STUDY_VERSION",
    "Choice",
    "Range",
    "Space",
    "distributions",
    "draw",
    "mark_dead",
    "open_study",
    "process_mark",
    "require_studies",
    "studies_address",
    "studies_file",
    "study_name",
    "tuning_lock",
]

STUDY_VERSION = 2
"""Of what a study's attributes mean; one of another version is not gone on with. 2: a share is a mean of campaigns."""

HEARTBEAT = 10
"""Seconds between the signs of life of a running trial."""
GRACE = 60
"""A trial of another machine without a sign of life for so many seconds is marked failed."""
UNMARKED = 15
"""A trial names its process at once; after so many seconds without, it never will."""
PATIENCE = 60
"""Seconds to wait for SQLite while another process writes."""
_LOCK = int.from_bytes(hashlib.sha256(b"collabrank tune").digest()[:8], signed=True)
"""The number of PostgreSQL's lock."""


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``: whole ones where both are, in steps of ``step``, by their logarithm or not."""

    low: float
    high: float
    log: bool = False
    step: int = 1


@dataclass(frozen=True)
class Choice:
    """One of some words."""

    options: tuple[str, ...]


Space = Mapping[str, Range | Choice]

SPACE: Space = MappingProxyType(
    {
        "learning_rate": Range(0.02, 0.15, log=True),
        "max_depth": Range(2, 6),
        "num_leaves": Range(3, 16),
        "min_data_in_leaf": Range(10, 120, log=True),
        "lambda_l2": Range(0.3, 100.0, log=True),
        "feature_fraction": Range(0.15, 1.0),
        "bagging_fraction": Range(0.5, 1.0),
        "max_rounds": Range(120, 360, step=3 * STEP),
        "lambdarank_truncation_level": Range(10, 60),
        "feature_sets": Choice(FEATURE_SET_CHOICES),
    }
)
"""What is searched, by fields of `training.heads.Hyperparameters`; the default lies within."""


def studies_file() -> Path:
    """Where the studies lie unless ``COLLABRANK_STUDIES`` names a database: ``var/tune/tune.db``."""
    return state_folder("tune", "tune.db")


def studies_address() -> str:
    """The database of studies, as SQLAlchemy takes it: ``COLLABRANK_STUDIES``, or else `studies_file`.

    Raises
    ------
    TrainingError
        The variable names neither a PostgreSQL nor a SQLite file.
    """
    asked = os.environ.get("COLLABRANK_STUDIES", "").strip()
    if not asked:
        return sqlite_address(studies_file())
    address = database_address(asked)
    if not re.match(r"(postgresql(\+\w+)?|sqlite)://", address):
        raise TrainingError(
            "COLLABRANK_STUDIES as postgresql+psycopg://… or sqlite:///FILE",
            received=redacted(asked),
            look="docs/tuning.md; unset it to use var/tune/tune.db",
        )
    return address


def require_studies() -> None:
    """Refuse a database of studies that does not answer, before any work.

    Raises
    ------
    TrainingError
        It does not, or its address is none.
    """
    look = "COLLABRANK_STUDIES; unset it to use var/tune/tune.db"
    require_answer(studies_address(), what="a database of studies that answers", look=look, error=TrainingError)


def study_name(folder: str | Path, *, fingerprint: str, cutoff: str, signals: str, space: Space = SPACE) -> str:
    """The study of a marketplace: folder, contents, cut-off day and a digest of what is searched and measured.

    ``signals`` is `models.bundle.words.signals_sha256` of the signals.
    """
    asked = json.dumps(
        [STUDY_VERSION, {name: vars(one) for name, one in space.items()}, BLOCKS, signals], sort_keys=True
    )
    digest = hashlib.sha256(asked.encode()).hexdigest()
    return f"{Path(folder).resolve().name}-{fingerprint[:8]}-{cutoff}-{digest[:8]}"


@contextmanager
def tuning_lock() -> Iterator[None]:
    """One process at a time, on every machine that shares the studies; it is let go of when the process ends,
    however it ends: by the operating system, or by PostgreSQL with the connection.

    Raises
    ------
    TrainingError
        The lock's file cannot be written, or PostgreSQL does not answer.
    """
    address = studies_address()
    if address.startswith("postgresql"):
        with _plainly(), _locked_in(address):
            yield
        return
    path = studies_file().with_suffix(".lock")
    try:
        file = open(path, "w")  # noqa: SIM115
    except OSError as reason:
        raise _unusable(reason) from reason
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _locked_in(address: str) -> Iterator[None]:
    import sqlalchemy

    engine = sqlalchemy.create_engine(address, poolclass=sqlalchemy.pool.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("SELECT pg_advisory_lock(:one)"), {"one": _LOCK})
        yield


@contextmanager
def _plainly() -> Iterator[None]:
    """What Optuna and the database say, as our own error."""
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (StorageInternalError, SQLAlchemyError) as reason:
        raise _unusable(reason.__cause__ or reason) from reason


def _unusable(reason: BaseException) -> TrainingError:
    address = studies_address()
    words = [*str(reason).splitlines(), type(reason).__name__]
    return TrainingError(
        "a database of studies that can be read and written",
        received=f"{told(address)}: {without_secrets(words[0], address)}",
        look="whether another process holds it or another version wrote it; renamed, it is kept and a new one begun",
    )


@contextmanager
def open_study(name: str, *, seed: int | None) -> Iterator[Any]:
    """The study of that name, begun where there is none, for as long as the block lasts.

    ``seed`` None: the study's own, 7 for a new one. Trouble with the database within the block is told as a
    `TrainingError` too; what was written before it stays.

    Raises
    ------
    TrainingError
        The database cannot be used, or the study is of another version or has another seed.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with _plainly(), warnings.catch_warnings():
        # The signs of life are called experimental in every release since Optuna 2.9.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        address = studies_address()
        waits = {"timeout": PATIENCE} if address.startswith("sqlite") else {}
        # Of two processes that begin at once, one makes the tables.
        with tuning_lock():
            try:
                storage = optuna.storages.RDBStorage(
                    address,
                    engine_kwargs={"connect_args": waits},
                    heartbeat_interval=HEARTBEAT,
                    grace_period=GRACE,
                )
            except RuntimeError as reason:  # tables of another version of Optuna
                raise _unusable(reason) from reason
            study = optuna.create_study(
                storage=storage,
                study_name=name,
                direction="maximize",
                load_if_exists=True,
                # Judged from the second block on; a value is a difference from the default on the same campaigns.
                pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=1),
            )
        known = study.user_attrs
        if "version" not in known:
            study.set_user_attr("seed", 7 if seed is None else seed)
            study.set_user_attr("version", STUDY_VERSION)
            known = study.user_attrs
        if known["version"] != STUDY_VERSION:
            raise TrainingError(
                f"a study of version {STUDY_VERSION}",
                received=f"{name} of version {known['version']} in {told(studies_address())}",
                look="the collabrank that wrote it; renamed, the file is kept and a new one begun",
            )
        if seed is not None and seed != known["seed"]:
            raise TrainingError(
                f"the seed that the study was begun with, {known['seed']}",
                received=f"--seed {seed}",
                look=f"leave --seed out to go on with study {name}, or use a home of its own (COLLABRANK_HOME)",
            )
        study.sampler = _sampler(known["seed"])
        try:
            yield study
        finally:
            storage.remove_session()
            storage.engine.dispose()


def _sampler(seed: int) -> Any:
    """Tree-structured Parzen estimator whose draws depend on the seed, the trial's number and the trials before."""
    import numpy as np
    from optuna.samplers import BaseSampler, TPESampler

    class ByNumber(BaseSampler):  # type: ignore[misc]
        def __init__(self) -> None:
            self.made: dict[int, Any] = {}

        def _of(self, trial: Any) -> Any:
            if trial.number not in self.made:
                state = int(np.random.SeedSequence([seed, trial.number]).generate_state(1)[0])
                self.made = {trial.number: TPESampler(seed=state, n_startup_trials=10)}
            return self.made[trial.number]

        def infer_relative_search_space(self, study: Any, trial: Any) -> Any:
            return self._of(trial).infer_relative_search_space(study, trial)

        def sample_relative(self, study: Any, trial: Any, search_space: Any) -> Any:
            return self._of(trial).sample_relative(study, trial, search_space)

        def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
            return self._of(trial).sample_independent(study, trial, param_name, param_distribution)

    return ByNumber()


def distributions(space: Space) -> dict[str, Any]:
    """``space`` in Optuna's terms."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    found: dict[str, Any] = {}
    for name, one in space.items():
        if isinstance(one, Choice):
            found[name] = CategoricalDistribution(one.options)
        elif isinstance(one.low, int) and isinstance(one.high, int):
            found[name] = IntDistribution(one.low, one.high, log=one.log, step=one.step)
        else:
            found[name] = FloatDistribution(one.low, one.high, log=one.log)
    return found


def draw(trial: Any, space: Space, default: Hyperparameters) -> Hyperparameters:
    """The hyperparameters that ``trial`` tries: its draws from ``space``, the rest from ``default``."""
    drawn: dict[str, Any] = {}
    for name, one in space.items():
        if isinstance(one, Choice):
            drawn[name] = trial.suggest_categorical(name, one.options)
        elif isinstance(one.low, int) and isinstance(one.high, int):
            drawn[name] = trial.suggest_int(name, one.low, one.high, log=one.log, step=one.step)
        else:
            # Three digits are more than the measure can tell apart, and people read them in tables and plots.
            drawn[name] = float(f"{trial.suggest_float(name, one.low, one.high, log=one.log):.3g}")
    return Hyperparameters.of(default.as_dict() | drawn)


def process_mark() -> str:
    """This process: machine, number and when it began."""
    return f"{socket.gethostname()} {os.getpid()} {_began(os.getpid())}"


def _began(pid: int) -> str:
    """When a process began, in clock ticks since boot: a number may be given out again, the pair hardly. "" if gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in ("Z", "X") else fields[19]


def mark_dead(study: Any) -> list[Any]:
    """Mark trials failed whose process on this machine is gone; they are returned as they were.

    So are trials that began `UNMARKED` seconds ago and name no process: it ended before its first act. Those of other
    machines are marked by Optuna once they have given no sign of life for `GRACE` seconds.
    """
    from optuna.trial import TrialState

    dead = []
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        mark = trial.user_attrs.get("process")
        if mark is None:
            gone = (datetime.now() - trial.datetime_start).total_seconds() > UNMARKED
        else:
            host, pid, began = mark.split(" ")
            gone = host == socket.gethostname() and _began(int(pid)) != began
        if gone:
            study.tell(trial.number, state=TrialState.FAIL)
            dead.append(trial)
    return dead
