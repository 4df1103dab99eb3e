"""Where a run's artifacts lie: in a folder beside the store, by a path relative to it.

MLflow keeps an absolute path for each experiment and run, so that a copied home
went on writing into the one it was copied from. Here the store keeps
``mlflow-artifacts:/RUN/artifacts``, which `collabrank ui` (MLflow's own server)
resolves below the folder it is told, and what reads and writes without a server
resolves here, below the same folder. `repository` is what MLflow itself asks (``mlflow.pyfunc.load_model``, ``mlflow
models serve``): pyproject.toml declares it as MLflow's plug-in, so that it is found in every process.
"""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import sqlalchemy

from marketplace.databases import file_of
from marketplace.errors import TrainingError
from marketplace.state import state_folder

__all__ = ["LOCATION", "artifacts_folder", "below", "copied", "make_relative", "repository"]

LOCATION = "mlflow-artifacts:/"
"""Where experiments of a database keep their artifacts, as MLflow writes it."""

_SCHEME = "mlflow-artifacts"
_COLUMNS = (("runs", "artifact_uri"), ("model_versions", "source"), ("model_versions", "storage_location"))


def artifacts_folder(uri: str) -> Path | None:
    """The folder that `LOCATION` stands for in the store at ``uri``.

    Beside the file of a SQLite store; of another database with this home's state; None for a server, which keeps
    artifacts itself.
    """
    if uri.startswith(("http://", "https://")):
        return None
    file = file_of(uri)
    return state_folder("mlflow", "artifacts") if file is None else file.absolute().parent / "artifacts"


def below(folder: Path | None, artifact_uri: str) -> Path | None:
    """The folder that ``artifact_uri`` names below ``folder``; None where MLflow's client is to find it.

    Raises
    ------
    TrainingError
        It leads out of ``folder``.
    """
    parts = urlsplit(artifact_uri)
    if folder is None or parts.scheme != _SCHEME or parts.netloc:
        return None
    names = [name for name in unquote(parts.path).split("/") if name]
    if any(name in (".", "..") or "\0" in name for name in names):
        raise TrainingError(f"artifacts below {folder}", received=artifact_uri, look="`collabrank ui`, the run")
    return folder.joinpath(*names)


def copied(found: Path, into: Path) -> Path:
    """Copy the file or folder ``found`` into the folder ``into``: regular files alone, no link is followed.

    Raises
    ------
    TrainingError
        There is something else among them: a link, a pipe, a device.
    """
    goal = into / found.name
    for path in _regular(found):
        target = goal / path.relative_to(found)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target, follow_symlinks=False)
    return goal


def _regular(found: Path) -> Iterator[Path]:
    mode = found.lstat().st_mode
    if stat.S_ISDIR(mode):
        for path in sorted(found.iterdir()):
            yield from _regular(path)
    elif stat.S_ISREG(mode):
        yield found
    else:
        raise TrainingError("artifacts that are regular files", received=stat.filemode(mode), look=str(found))


def make_relative(uri: str) -> None:
    """Let a SQLite store of an earlier version, which kept absolute paths, name its artifacts by `LOCATION`.

    The files stay where they are: beside the store, or, in a copied home, beside its copy.
    """
    file = file_of(uri)
    if file is None or not file.is_file():
        return
    engine = sqlalchemy.create_engine(uri, poolclass=sqlalchemy.pool.NullPool)
    with engine.begin() as connection:
        if not sqlalchemy.inspect(connection).has_table("experiments"):
            return
        # MLflow's own experiment lies where the first command happened to be run; nothing of ours is in it.
        connection.execute(
            sqlalchemy.text(
                "UPDATE experiments SET artifact_location = :new WHERE name = 'Default' AND artifact_location <> :new "
                "AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.experiment_id = experiments.experiment_id)"
            ),
            {"new": LOCATION},
        )
        asked = "SELECT DISTINCT artifact_location FROM experiments WHERE artifact_location LIKE 'file:%/artifacts'"
        for (absolute,) in connection.execute(sqlalchemy.text(asked)).fetchall():
            for table, column in _COLUMNS:
                connection.execute(
                    sqlalchemy.text(
                        f"UPDATE {table} SET {column} = :scheme || substr({column}, :length + 1) "
                        f"WHERE substr({column}, 1, :length + 1) = :absolute || '/'"
                    ),
                    {"scheme": f"{_SCHEME}:", "length": len(absolute), "absolute": absolute},
                )
            connection.execute(
                sqlalchemy.text("UPDATE experiments SET artifact_location = :new WHERE artifact_location = :absolute"),
                {"new": LOCATION, "absolute": absolute},
            )


def repository(artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None) -> Any:
    """What MLflow reads and writes ``artifact_uri`` by: the folder beside a database, for a server MLflow's own client.

    ``tracking_uri`` is MLflow's own setting by default.

    Raises
    ------
    TrainingError
        It leads out of the store's artifacts.
    """
    import mlflow
    from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
    from mlflow.store.artifact.mlflow_artifacts_repo import MlflowArtifactsRepository

    store = tracking_uri or mlflow.get_tracking_uri()
    place = below(artifacts_folder(store), artifact_uri)
    if place is None:
        return MlflowArtifactsRepository(artifact_uri, tracking_uri=tracking_uri, registry_uri=registry_uri)
    return LocalArtifactRepository(place.as_uri())
