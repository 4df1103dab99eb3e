"""MLflow as collabrank uses it: where the store is, and what a run holds.

Every call goes through an `MlflowClient` made for one store, so that nothing
depends on MLflow's process-wide "active run". MLflow is imported here and
nowhere else in the package, after its telemetry has been switched off.

The store is SQLite under ``var/mlflow`` unless ``MLFLOW_TRACKING_URI`` names
another. Every marketplace has an experiment of its own (`training.tracking.experiment`).
"""

from __future__ import annotations

import atexit
import dataclasses
import json
import logging
import math
import os
import re
import shutil
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from marketplace.databases import database_address, file_of, require_answer, sqlite_address, told
from marketplace.errors import TrainingError
from marketplace.jsonable import json_text
from marketplace.state import state_folder
from marketplace.tables import Marketplace
from marketplace.warehouse import without_secrets
from training.artifacts import LOCATION, artifacts_folder, below, copied, make_relative, repository
from training.tracking.experiment import Experiment, named, of_marketplace, require_active, write_tags

__all__ = ["Run", "Store", "default_tracking_uri", "open_mlflow", "open_store", "require_store"]

_QUIET = ("mlflow", "alembic")
_LOOK = "MLFLOW_TRACKING_URI; unset it to use var/mlflow/mlflow.db"


def _mlflow() -> Any:
    """MLflow, with telemetry off before the first import and its chatter lowered."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    # tqdm's advice to a notebook; MLflow's own progress bars are off.
    warnings.filterwarnings("ignore", message="IProgress not found")
    import mlflow
    from mlflow.store.artifact.artifact_repository_registry import get_registered_artifact_repositories

    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    # As the plug-in that pyproject.toml declares, where this package is not installed but run from its folder.
    get_registered_artifact_repositories()["mlflow-artifacts"] = repository
    return mlflow


def default_tracking_uri() -> str:
    """``MLFLOW_TRACKING_URI`` where it is set, else SQLite at ``var/mlflow/mlflow.db``.

    Raises
    ------
    TrainingError
        The variable names a plain folder or a ``file:`` store, which MLflow no longer keeps a registry in.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI", "").strip()
    if not uri:
        return sqlite_address(state_folder("mlflow", "mlflow.db"))
    if "://" not in uri or uri.startswith("file:"):
        raise TrainingError(
            "MLFLOW_TRACKING_URI as sqlite:///FILE, postgresql+psycopg://… or http(s)://…",
            received=told(uri),
            look="README.md, Compare models; unset it to use var/mlflow/mlflow.db",
        )
    return database_address(uri)


def require_store(uri: str | None = None) -> None:
    """Refuse a store (default: `default_tracking_uri`) at which nothing answers, before any work.

    Raises
    ------
    TrainingError
        Nothing does, within seconds.
    """
    address = uri or default_tracking_uri()
    require_answer(address, what="an MLflow store that can be opened", look=_LOOK, error=TrainingError)


@dataclass(frozen=True)
class Run:
    """One MLflow run that is being written.

    Attributes
    ----------
    store : Store
        Where it is.
    id : str
        MLflow's run id.
    artifact_uri : str
        Where its artifacts go.
    """

    store: Store
    id: str
    artifact_uri: str

    def rename(self, name: str) -> None:
        """Give the run another name: what plots and lists call it."""
        self.store.client.update_run(self.id, name=name)

    def params(self, values: Mapping[str, object]) -> None:
        """Log parameters; each value is written as text of at most 6,000 characters."""
        from mlflow.entities import Param

        rows = [Param(_key(name), str(value)[:6000]) for name, value in values.items()]
        for start in range(0, len(rows), 100):
            self.store.client.log_batch(self.id, params=rows[start : start + 100])

    def metrics(self, values: Mapping[str, float], *, model: str | None = None) -> None:
        """Log metrics, those of the logged ``model`` where it is named.

        A value that is not finite is left out, for MLflow's stores differ on NaN.
        """
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        finite = {name: float(value) for name, value in values.items() if math.isfinite(float(value))}
        rows = [Metric(_key(name), value, now, 0, model_id=model) for name, value in finite.items()]
        for start in range(0, len(rows), 1000):
            self.store.client.log_batch(self.id, metrics=rows[start : start + 1000])

    def tags(self, values: Mapping[str, object]) -> None:
        """Set tags."""
        from mlflow.entities import RunTag

        self.store.client.log_batch(self.id, tags=[RunTag(name, str(value)) for name, value in values.items()])

    @property
    def _folder(self) -> Path | None:
        """Where its artifacts lie on this machine; None where MLflow's client carries them."""
        return below(artifacts_folder(self.store.uri), self.artifact_uri)

    def _file(self, folder: Path, path: str) -> Path:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        return file

    def text(self, content: str, path: str) -> None:
        """Store ``content`` as the artifact ``path``."""
        if (folder := self._folder) is None:
            self.store.client.log_text(self.id, content, path)
        else:
            self._file(folder, path).write_text(content, encoding="utf-8")

    def json(self, content: object, path: str) -> None:
        """Store ``content`` as JSON, keys sorted, NaN as null."""
        self.text(json_text(content, indent=1) + "\n", path)

    def folder(self, folder: Path, path: str) -> None:
        """Store every file under ``folder`` beneath the artifact folder ``path``."""
        if (own := self._folder) is None:
            self.store.client.log_artifacts(self.id, str(folder), path)
        else:
            shutil.copytree(folder, self._file(own, path), dirs_exist_ok=True)

    def figure(self, figure: Any, path: str) -> None:
        """Store a matplotlib figure as the artifact ``path`` (its suffix says the format)."""
        if (folder := self._folder) is None:
            self.store.client.log_figure(self.id, figure, path)
        else:
            figure.savefig(self._file(folder, path))

    def dataset(self, frame: pd.DataFrame, *, source: str, name: str, digest: str, context: str, target: str) -> None:
        """Record what the run learned or was measured on (``mlflow.data``).

        The schema and the row count are kept and ``digest`` (at most 36
        characters) identifies the content; the rows themselves stay where they are.
        """
        mlflow = _mlflow()
        from mlflow.entities import Dataset, DatasetInput, InputTag

        # MLflow walks through every value for the schema. A first row, and a missing one where there is any, say as
        # much; the counts are of all rows.
        some = sorted({0, *(int(np.argmax(empty)) for _, column in frame.items() if (empty := column.isna()).any())})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            sample = frame.iloc[some] if len(frame) else frame
            data = mlflow.data.from_pandas(sample, source=source, name=name, digest=digest[:36], targets=target)
            told = data._to_mlflow_entity()
        profile = json.dumps({"num_rows": len(frame), "num_elements": int(frame.size)})
        entity = Dataset(told.name, told.digest, told.source_type, told.source, told.schema, profile)
        tagged = DatasetInput(dataset=entity, tags=[InputTag("mlflow.data.context", context)])
        self.store.client.log_inputs(self.id, [tagged])


@dataclass(frozen=True)
class Store:
    """An MLflow tracking store and registry.

    Attributes
    ----------
    uri : str
        The tracking URI, its password included: `told` is for people.
    client : mlflow.MlflowClient
        Bound to ``uri`` (and ``MLFLOW_REGISTRY_URI`` where it is set).
    experiment : Experiment
        That new runs belong to; made with the first of them.
    """

    uri: str
    client: Any
    experiment: Experiment

    @property
    def told(self) -> str:
        """Where it is, without its password."""
        return told(self.uri)

    def of_marketplace(self, market: Marketplace) -> Store:
        """The same store, for runs on ``market``: in its own experiment (`training.tracking.experiment`).

        Raises
        ------
        TrainingError
            ``MLFLOW_EXPERIMENT_NAME`` names an experiment that was deleted.
        """
        return dataclasses.replace(self, experiment=of_marketplace(self.client, market))

    def of_experiment(self, name: str) -> Store:
        """The same store, for runs of the experiment ``name``, unless ``MLFLOW_EXPERIMENT_NAME`` names one for all."""
        return dataclasses.replace(self, experiment=_asked(name))

    @cached_property
    def experiment_id(self) -> str:
        """MLflow's id of the experiment, which is made where it is new, and says what it holds.

        Raises
        ------
        TrainingError
            It cannot be made, or was deleted since the store was opened.
        """
        from mlflow.exceptions import MlflowException

        name, tags = self.experiment.name, self.experiment.tags
        found = self.experiment.id or named(self.client, name).id
        if not found:
            # A server keeps artifacts itself; beside a database they lie where `training.artifacts` says.
            artifacts = None if artifacts_folder(self.uri) is None else LOCATION
            try:
                found = self.client.create_experiment(name, artifact_location=artifacts, tags=dict(tags))
            except MlflowException as reason:
                # Another process may have made it in the meantime.
                found = named(self.client, name).id
                if not found:
                    raise TrainingError(
                        f"an MLflow experiment {name}",
                        received=str(reason).splitlines()[0],
                        look="`collabrank ui`; MLFLOW_EXPERIMENT_NAME names another",
                    ) from reason
        require_active(self.client, found)
        write_tags(self.client, found, tags)
        return str(found)

    @contextmanager
    def run(
        self, name: str, *, parent: Run | None = None, command: str = "train", again: str | None = None
    ) -> Iterator[Run]:
        """A new run: finished when the block ends, marked failed where it raises.

        ``command`` is the one that makes it; ``again`` is the id of a run to go on with, where the store has it.
        """
        info = self._reopened(again) if again else None
        if info is None:
            tags = {"mlflow.runName": name, "mlflow.source.name": f"collabrank {command}"}
            if parent is not None:
                tags["mlflow.parentRunId"] = parent.id
            info = self.client.create_run(self.experiment_id, tags=tags, run_name=name).info
        try:
            yield Run(self, info.run_id, info.artifact_uri)
        except BaseException:
            self.client.set_terminated(info.run_id, "FAILED")
            raise
        self.client.set_terminated(info.run_id, "FINISHED")

    def fail_nested(self, parent_id: str, name: str) -> None:
        """Mark runs of that name under a parent failed where their process left them running."""
        asked = f"tags.`mlflow.parentRunId` = '{parent_id}' and attributes.run_name = '{name}'"
        for run in self.client.search_runs([self.experiment_id], asked):
            if run.info.status == "RUNNING":
                self.client.set_terminated(run.info.run_id, "FAILED")

    def _reopened(self, run_id: str) -> Any:
        from mlflow.exceptions import MlflowException

        try:
            info = self.client.get_run(run_id).info
        except MlflowException:
            return None
        if info.lifecycle_stage != "active":
            return None
        self.client.update_run(run_id, status="RUNNING")
        return info

    def params(self, run_id: str) -> dict[str, str]:
        """A run's parameters as text; none where there is no such run."""
        from mlflow.exceptions import MlflowException

        try:
            return dict(self.client.get_run(run_id).data.params)
        except MlflowException:
            return {}

    def read_json(self, run_id: str, path: str) -> Any:
        """The JSON artifact ``path`` of a run.

        Raises
        ------
        TrainingError
            The run has no such artifact.
        """
        return json.loads(self.fetch(run_id, path).read_text())

    def fetch(self, run_id: str, path: str, into: Path | None = None) -> Path:
        """The artifact ``path`` of a run as a local file or folder (under ``into`` where given).

        Raises
        ------
        TrainingError
            The run has no such artifact.
        """
        from mlflow.exceptions import MlflowException

        try:
            folder = below(artifacts_folder(self.uri), self.client.get_run(run_id).info.artifact_uri)
            if folder is not None:
                found = folder / path
                found.lstat()
                return found if into is None else copied(found, into)
            return Path(self.client.download_artifacts(run_id, path, None if into is None else str(into)))
        except (MlflowException, OSError) as reason:
            raise TrainingError(
                f"the artifact {path} of run {run_id}",
                received=str(reason).splitlines()[0] if str(reason) else type(reason).__name__,
                look=f"`collabrank ui`, or the store at {self.told}",
            ) from reason


def open_store(uri: str | None = None) -> Store:
    """Open the MLflow store at ``uri`` (default: `default_tracking_uri`), making it where it is new.

    Artifacts of a local SQLite store lie beside it in ``artifacts/``, of another database in ``var/mlflow/artifacts``
    of this home; the store names them by a path relative to that folder.

    Raises
    ------
    TrainingError
        The store cannot be opened.
    """
    uri = uri or default_tracking_uri()
    mlflow = _mlflow()
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    require_store(uri)
    file = file_of(uri)
    if file is not None:
        file.absolute().parent.mkdir(parents=True, exist_ok=True)
        if file.parent != (written := Path(uri.removeprefix("sqlite:///")).parent):
            # MLflow makes the folder of the address as it is written, escapes and all.
            atexit.register(_sweep, written)
    try:
        client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=os.environ.get("MLFLOW_REGISTRY_URI") or uri)
        client.search_experiments(max_results=1)
        make_relative(uri)
    except (MlflowException, SQLAlchemyError, OSError) as reason:
        raise TrainingError(
            "an MLflow store that can be opened",
            received=f"{told(uri)}: {without_secrets(str(reason).splitlines()[0], uri)}",
            look=_LOOK,
        ) from reason
    return Store(uri, client, _asked("collabrank"))


def _asked(name: str) -> Experiment:
    return Experiment(os.environ.get("MLFLOW_EXPERIMENT_NAME") or name)


def open_mlflow(uri: str | None = None) -> ModuleType:
    """MLflow, bound to the store at ``uri`` (default: `default_tracking_uri`) for this process, telemetry off.

    Raises
    ------
    TrainingError
        The store cannot be opened.
    """
    store = open_store(uri)
    mlflow: ModuleType = _mlflow()
    before = {name: os.environ.get(name) for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")}
    mlflow.set_tracking_uri(store.uri)
    mlflow.set_registry_uri(before["MLFLOW_REGISTRY_URI"] or store.uri)
    # MLflow writes both into the environment, where they would outlive a change of the home.
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    return mlflow


def _sweep(folder: Path) -> None:
    with suppress(OSError):
        os.removedirs(folder)


def _key(name: str) -> str:
    """``name`` with what MLflow refuses in keys replaced by a dash."""
    return re.sub(r"[^\w\-. :/]", "-", name)
