"""The logged model of a run: its bundle as MLflow itself loads it, by ``models:/collabrank@champion``.

A copy of the signed bundle with `training.tracking.model_code` beside it, which verifies it, a signature, an example of
what goes in, and the versions that it was made with. No pickle. What is promoted is the run's own bundle, as before:
nothing is decided by what lies here.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

import pandas as pd
from packaging.requirements import Requirement

from models.batch import score_frame
from models.bundle import Bundle
from training.artifacts import artifacts_folder, below
from training.tracking.store import Run

__all__ = ["EXAMPLE_ROWS", "LoggedModel", "logged_model"]

EXAMPLE_ROWS = 5
"""Candidates of one campaign in the example."""

_CODE = Path(__file__).with_name("model_code.py")


@dataclass(frozen=True)
class LoggedModel:
    """A logged model that is being made.

    Attributes
    ----------
    run : Run
        Whose it is.
    id : str
        MLflow's.
    location : str
        Where its artifacts go.
    """

    run: Run
    id: str
    location: str

    def keep(self, folder: Path, bundle: Bundle, example: pd.DataFrame) -> None:
        """Store ``bundle``, which lies signed in ``folder``; ``example`` has rows of `models.batch.frame_of`."""
        with tempfile.TemporaryDirectory(prefix="collabrank-") as scratch:
            local = Path(scratch) / "model"
            _save(local, self, folder, bundle, example)
            own = below(artifacts_folder(self.run.store.uri), self.location)
            if own is None:
                self.run.store.client.log_model_artifacts(self.id, str(local))
            else:
                own.parent.mkdir(parents=True, exist_ok=True)
                shutil.copytree(local, own, dirs_exist_ok=True)


@contextmanager
def logged_model(run: Run, name: str, *, params: Mapping[str, object]) -> Iterator[LoggedModel]:
    """A new logged model of ``run``: metrics may name it; ready when the block ends, marked failed where it raises."""
    from mlflow.entities import LoggedModelOutput

    client = run.store.client
    made = client.create_logged_model(
        run.store.experiment_id,
        name=name,
        source_run_id=run.id,
        params={key: str(value) for key, value in params.items()},
        model_type="ranker",
    )
    client.log_outputs(run.id, [LoggedModelOutput(made.model_id, 0)])
    try:
        yield LoggedModel(run, str(made.model_id), str(made.artifact_location))
    except BaseException:
        client.finalize_logged_model(made.model_id, "FAILED")
        raise
    client.finalize_logged_model(made.model_id, "READY")


def _save(local: Path, model: LoggedModel, folder: Path, bundle: Bundle, example: pd.DataFrame) -> None:
    import mlflow
    from mlflow.models import Model

    loud = logging.getLogger("mlflow")
    before = loud.level
    loud.setLevel(logging.ERROR)  # its hints on how models are made are of no use to who trains
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            mlflow.pyfunc.save_model(
                path=str(local),
                python_model=str(_CODE),
                artifacts={"bundle": folder.as_uri()},
                signature=_signature(example, score_frame(bundle, example)),
                input_example=example,
                pip_requirements=_pinned(),
                mlflow_model=Model(model_id=model.id, run_id=model.run.id),
            )
    finally:
        loud.setLevel(before)
    # MLflow notes where things lay on this machine, and a pickler that it did not need.
    described = Model.load(str(local))
    flavor = described.flavors["python_function"]
    flavor["model_code_path"] = _CODE.name
    flavor["artifacts"]["bundle"]["uri"] = flavor["artifacts"]["bundle"]["path"]
    del flavor["cloudpickle_version"]
    described.save(str(local / "MLmodel"))


def _signature(example: pd.DataFrame, answer: pd.DataFrame) -> Any:
    """Every column is asked for; numbers may be missing within it (NaN, null in JSON)."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    def schema(frame: pd.DataFrame) -> Schema:
        kinds = {"f": DataType.double, "i": DataType.long}
        return Schema([ColSpec(kinds.get(frame[name].dtype.kind, DataType.string), str(name)) for name in frame])

    return ModelSignature(inputs=schema(example), outputs=schema(answer))


def _pinned() -> list[str]:
    """collabrank and all that it needs to run, in the versions that are installed."""
    found = [f"collabrank=={version('collabrank')}"]
    for line in requires("collabrank") or ():
        asked = Requirement(line)
        if asked.marker is not None and not asked.marker.evaluate({"extra": ""}):
            continue
        try:
            extras = f"[{','.join(sorted(asked.extras))}]" if asked.extras else ""
            found.append(f"{asked.name}{extras}=={version(asked.name)}")
        except PackageNotFoundError:
            continue
    return found
