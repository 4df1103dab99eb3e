"""The experiment of a marketplace: its name, how it is found again, and what it says of itself.

A marketplace has one experiment, called as its folder is. It is found by tags and not by its name, so that one that was
renamed in MLflow's pages goes on, a marketplace that grew, or lies in another folder now, goes on in its own, and two
marketplaces whose folders are called alike have one each. One that was deleted stays so, and another is begun.

``MLFLOW_EXPERIMENT_NAME`` names one experiment for all, which is taken as it is.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from marketplace.errors import TrainingError
from marketplace.signature import read_signer
from marketplace.state import state_folder
from marketplace.tables import Marketplace
from training.tracking.first_page import first_page

__all__ = ["DATA", "NOTE", "PLACE", "Experiment", "named", "of_marketplace", "require_active", "write_tags"]

PLACE = "collabrank.place"
"""Tag of an experiment: which home's marketplace it belongs to, and where that lies; a hash."""

DATA = "collabrank.data"
"""Tag of an experiment: the fingerprint of the marketplace as of the latest run."""

NOTE = "mlflow.note.content"
"""Tag under which MLflow keeps what it shows as an experiment's description."""

_WRITTEN = "collabrank.described"


@dataclass(frozen=True)
class Experiment:
    """An experiment that is there, or is to be made with the first run.

    Attributes
    ----------
    name : str
    id : str
        MLflow's; empty where it is yet to be made.
    tags : mapping of str to str
        What is to be set on it.
    """

    name: str
    id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


def named(client: Any, name: str) -> Experiment:
    """The experiment called ``name``.

    Raises
    ------
    TrainingError
        It was deleted.
    """
    found = client.get_experiment_by_name(name)
    if found is not None:
        require_active(client, found.experiment_id)
    return Experiment(name, "" if found is None else str(found.experiment_id))


def require_active(client: Any, experiment_id: str) -> None:
    """Refuse an experiment that takes no runs.

    Raises
    ------
    TrainingError
        It was deleted.
    """
    found = client.get_experiment(experiment_id)
    if found.lifecycle_stage != "active":
        raise TrainingError(
            f"an MLflow experiment {found.name}",
            received="one that was deleted",
            look=f"`mlflow experiments restore -x {found.experiment_id}`; MLFLOW_EXPERIMENT_NAME names another",
        )


def of_marketplace(client: Any, market: Marketplace) -> Experiment:
    """The experiment of ``market``: the one with its tags, or a new one, whose name nobody has.

    ``MLFLOW_EXPERIMENT_NAME`` comes before that.

    Raises
    ------
    TrainingError
        ``MLFLOW_EXPERIMENT_NAME`` names one that was deleted.
    """
    if chosen := os.environ.get("MLFLOW_EXPERIMENT_NAME"):
        return named(client, chosen)
    data = market.fingerprint()
    own = {DATA: data, **({} if market.path is None else {PLACE: _place(market)})}
    tags = {**first_page(market), **own}
    for tag, value in reversed(own.items()):
        for one in client.search_experiments(filter_string=f"tags.`{tag}` = '{value}'"):
            return Experiment(one.name, str(one.experiment_id), tags)
    name = _folder_name(market)
    if (before := _of_an_earlier_version(client, f"{name}-{data[:8]}")) is not None:
        free = _free(client, market, name, data)
        client.rename_experiment(before, free)
        return Experiment(free, before, tags)
    return Experiment(_free(client, market, name, data), "", tags)


def _place(market: Marketplace) -> str:
    """A hash of the home's key and of where the marketplace lies, below the home where it does.

    The same for a home that was copied; another for another home beside a shared store.
    """
    home = state_folder("keys").parent.parent
    place = Path(market.path or "").resolve()
    told = place.relative_to(home).as_posix() if place.is_relative_to(home) else str(place)
    return hashlib.sha256(read_signer().public_key.pem() + told.encode()).hexdigest()[:16]


def _folder_name(market: Marketplace) -> str:
    if market.path is None:
        return "marketplace in memory"
    parts = urlsplit(market.source)
    if parts.scheme and parts.netloc:  # a database: its name and its schema, without who asks
        return ".".join(part for part in parts.path.split("/") if part) or parts.hostname or "database"
    return Path(market.source).resolve().name or "marketplace"


def _free(client: Any, market: Marketplace, name: str, data: str) -> str:
    return next(one for one in _names(market, name, data) if client.get_experiment_by_name(one) is None)


def _names(market: Marketplace, name: str, data: str) -> Iterator[str]:
    yield name
    if market.path is not None:
        yield f"{name} in {market.path.resolve().parent.name or 'the root'}"
    yield f"{name} {data[:8]}"
    number = 2
    while True:
        yield f"{name} {data[:8]} {number}"
        number += 1


def _of_an_earlier_version(client: Any, name: str) -> str | None:
    """The id of the active experiment that was called after folder and fingerprint, and has no tags of ours."""
    found = client.get_experiment_by_name(name)
    if found is None or found.lifecycle_stage != "active" or PLACE in found.tags or DATA in found.tags:
        return None
    return str(found.experiment_id)


def write_tags(client: Any, experiment_id: str, tags: Mapping[str, str]) -> None:
    """Set what differs of ``tags``; a description that somebody has changed since stays as it is."""
    now = dict(client.get_experiment(experiment_id).tags)
    wanted = dict(tags)
    if NOTE in wanted:
        digest = hashlib.sha256(wanted[NOTE].encode()).hexdigest()[:16]
        ours = hashlib.sha256(now.get(NOTE, "").encode()).hexdigest()[:16]
        if NOTE in now and now.get(_WRITTEN) != ours:
            del wanted[NOTE]
        else:
            wanted[_WRITTEN] = digest
    for name, value in wanted.items():
        if now.get(name) != value:
            client.set_experiment_tag(experiment_id, name, value)
