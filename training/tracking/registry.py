"""The registered model ``collabrank``: its versions and the aliases that point at them.

What stands here is for people to read: tags and aliases can be changed by whoever reaches the store, and nothing is
decided by them (`training.tracking.ledger`, `training.tracking.standing`).

A version is one fitted ranker. ``challenger`` is the newest candidate, ``champion`` the one that is served. The bundle
of a version is the artifact folder ``bundle`` of the run that made it; the figures that the gate weighs are that run's
artifact ``evidence.json``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marketplace.errors import GateError
from training.tracking.logged_model import LoggedModel
from training.tracking.store import Run, Store

__all__ = [
    "BASIS",
    "BUNDLE_ARTIFACT",
    "CHALLENGER",
    "CHAMPION",
    "EVIDENCE_ARTIFACT",
    "HELD_OUT",
    "MODEL_NAME",
    "Version",
    "aliased",
    "count_tagged",
    "fetch_bundle",
    "find_version",
    "newest",
    "point_alias",
    "register",
    "tag_version",
]

BASIS = "basis"
"""Tag of a version that was made of too few outcomes for heads of its own: what it stands on, in words."""
MODEL_NAME = "collabrank"
CHAMPION = "champion"
CHALLENGER = "challenger"
BUNDLE_ARTIFACT = "bundle"
EVIDENCE_ARTIFACT = "evidence.json"
_ABOUT = """Ranks the creators that a brand could invite for a brief, by what inviting each would add.

`@champion` is what is served, `@challenger` the newest candidate; `collabrank promote` moves them, through a gate, and
nothing that is changed here does. To ask one:

```python
import collabrank as cr

mlflow = cr.open_mlflow()
model = mlflow.pyfunc.load_model("models:/collabrank@champion")
model.predict(cr.candidates(market, campaigns=["ca_1"]))
```
"""
HELD_OUT = "held_out"
"""Tag of a version: on which data and campaigns it was measured (`training.tracking.gate.GateEvidence.held_out`)."""


@dataclass(frozen=True)
class Version:
    """One version of the registered model.

    Attributes
    ----------
    number : int
        1 for the first.
    run_id : str
        The run that made it.
    description : str
        As the run wrote it.
    tags : dict
        Text to text.
    """

    number: int
    run_id: str
    description: str
    tags: dict[str, str]

    @classmethod
    def of(cls, raw: Any) -> Version:
        """From MLflow's own entity."""
        return cls(int(raw.version), str(raw.run_id), str(raw.description or ""), dict(raw.tags))


def register(run: Run, *, description: str, tags: Mapping[str, object], model: LoggedModel | None = None) -> Version:
    """Make the next version of the model out of the bundle that ``run`` has stored, and of its logged ``model``."""
    client = run.store.client
    from mlflow.exceptions import MlflowException

    try:
        client.get_registered_model(MODEL_NAME)
    except MlflowException:
        client.create_registered_model(MODEL_NAME, description=_ABOUT)
    raw = client.create_model_version(
        MODEL_NAME,
        source=f"{run.artifact_uri}/{BUNDLE_ARTIFACT}" if model is None else model.location,
        run_id=run.id,
        model_id=None if model is None else model.id,
        tags={name: str(value) for name, value in tags.items()},
        description=description,
    )
    if model is not None:
        # What leads from the logged model's page to the version's.
        versions = json.dumps([{"name": MODEL_NAME, "version": int(raw.version)}])
        client.set_logged_model_tags(model.id, {"mlflow.modelVersions": versions})
    return Version.of(raw)


def aliased(store: Store, alias: str) -> Version | None:
    """The version that ``alias`` points at, or None."""
    from mlflow.exceptions import MlflowException

    try:
        return Version.of(store.client.get_model_version_by_alias(MODEL_NAME, alias))
    except MlflowException:
        return None


def count_tagged(store: Store, tag: str, value: str) -> int:
    """How many versions have ``value`` for ``tag``."""
    found = (Version.of(raw) for raw in store.client.search_model_versions(f"name='{MODEL_NAME}'"))
    return sum(version.tags.get(tag) == value for version in found)


def newest(store: Store) -> Version:
    """The version made last.

    Raises
    ------
    GateError
        There is none.
    """
    found = [Version.of(raw) for raw in store.client.search_model_versions(f"name='{MODEL_NAME}'")]
    if not found:
        raise GateError("a trained candidate", received="none in the registry", look="`collabrank train DIR`")
    return max(found, key=lambda version: version.number)


def find_version(store: Store, number: int) -> Version:
    """Version ``number``.

    Raises
    ------
    GateError
        There is no such version.
    """
    from mlflow.exceptions import MlflowException

    try:
        return Version.of(store.client.get_model_version(MODEL_NAME, str(number)))
    except MlflowException as reason:
        raise GateError(
            f"version {number} of the registered model {MODEL_NAME}",
            received="no such version",
            look="`collabrank ui`, Model registry",
        ) from reason


def fetch_bundle(store: Store, version: Version, into: Path) -> Path:
    """Copy the version's bundle folder under ``into``, unread and unverified; the folder is returned."""
    return store.fetch(version.run_id, BUNDLE_ARTIFACT, into)


def point_alias(store: Store, alias: str, version: Version | None) -> None:
    """Let ``alias`` point at ``version``; None takes the alias away."""
    if version is None:
        if aliased(store, alias) is not None:
            store.client.delete_registered_model_alias(MODEL_NAME, alias)
        return
    store.client.set_registered_model_alias(MODEL_NAME, alias, str(version.number))


def tag_version(store: Store, version: Version, tags: Mapping[str, object]) -> None:
    """Set tags on a version."""
    for name, value in tags.items():
        store.client.set_model_version_tag(MODEL_NAME, str(version.number), name, str(value))
