"""What can be wrong with a machine or a home, looked at one thing at a time.

Python and the libraries, the home, then what lies in it: the creators'
snapshot, the champion's bundle, the MLflow store, the keys, the served pair,
the decision log. Each look tells what it saw, or why what it saw cannot be used.
"""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version

from marketplace.errors import AccessError, CollabrankError, HomeError
from marketplace.state import state_folder

__all__ = ["Finding", "findings"]


@dataclass(frozen=True)
class Finding:
    """One thing looked at: its name, whether it is well, and what was seen."""

    name: str
    ok: bool
    seen: str

    def as_dict(self) -> dict[str, object]:
        """``{name, ok, seen}``."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{'ok ' if self.ok else 'BAD'}  {self.name:<10} {self.seen}"


def findings() -> list[Finding]:
    """Everything that is looked at, from the machine to the decision log."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    libraries = _versions()
    return [
        Finding("python", sys.version_info >= (3, 11), sys.version.split()[0]),
        Finding("cores", True, str(cores)),
        Finding("libraries", "missing" not in libraries, libraries),
        _look("home", _home),
        _look("snapshot", _snapshot),
        _look("bundle", _bundle),
        _look("mlflow", _store),
        _look("keys", _keys),
        _look("served", _served),
        _look("arms", _arms),
        _look("decisions", _decisions),
    ]


def _look(name: str, at: Callable[[], str]) -> Finding:
    """Run ``at`` and report what it saw, or the error of ours that it raised."""
    try:
        return Finding(name, True, at())
    except CollabrankError as error:
        return Finding(name, False, str(error))


def _versions() -> str:
    seen = []
    for package in ("lightgbm", "scikit-learn", "mlflow", "bentoml", "pandas", "duckdb", "ibis-framework"):
        try:
            seen.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            seen.append(f"{package} missing")
    return ", ".join(seen)


def _home() -> str:
    folder = state_folder("doctor").parent
    with tempfile.TemporaryFile(dir=folder):
        return f"{folder} can be written to"


def _snapshot() -> str:
    folder = state_folder("snapshot")
    if not folder.exists():
        return "none taken yet"
    from features.snapshot import load_snapshot

    taken = load_snapshot(folder).read_all()
    return f"{taken.headline}, {taken.size_text}"


def _bundle() -> str:
    folder = state_folder("bundle")
    if not folder.exists():
        return "nothing promoted yet"
    from models.bundle import load_champion

    bundle = load_champion(folder)
    known = f"trained as of {bundle.as_of}, {len(bundle.signals)} signals"
    on = "" if bundle.basis is None else f", {bundle.basis.text}"
    return f"version {bundle.model_version}, ranker {bundle.ranker}, {known}{on}"


def _store() -> str:
    from marketplace.databases import told
    from training.tracking import CHAMPION, aliased, default_tracking_uri, open_store

    uri = default_tracking_uri()
    if uri.startswith("sqlite:") and not state_folder("mlflow", "mlflow.db").exists():
        return f"{told(uri)}, empty: nothing trained yet"
    store = open_store(uri)
    champion = aliased(store, CHAMPION)
    return f"{store.told}, " + (f"champion version {champion.number}" if champion else "no champion yet")


def _keys() -> str:
    from serving.keys import keys_file, read_keys

    keys = read_keys()
    path = keys_file()
    if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise AccessError(
            "a keys file that only its owner may read", received=oct(path.stat().st_mode), look=f"chmod 600 {path}"
        )
    valid = sum(key.revoked_at is None for key in keys)
    return f"{valid} valid, {len(keys) - valid} revoked"


def _served() -> str:
    bundle, snapshot = state_folder("bundle"), state_folder("snapshot")
    if not bundle.exists() and not snapshot.exists():
        return "nothing promoted yet"
    from serving.store import load_served

    served = load_served(bundle, snapshot)
    on = "" if served.bundle.basis is None else f", {served.bundle.basis.text}"
    return f"model {served.bundle.model_version}, as of {served.as_of}{on}"


def _arms() -> str:
    from models.bundle import challenger_folder, load_champion
    from serving.arms import read_settings

    settings = read_settings()
    told = [f"{100 * settings.share:g} % of the places explore"]
    told += [f"{100 * share:g} % of the brands to {arm}" for arm, share in settings.split.items() if share]
    told += [f"{100 * share:g} % of the requests unseen by {arm}" for arm, share in settings.shadow.items() if share]
    folder = challenger_folder()
    there = f"challenger: model {load_champion(folder).model_version}" if folder.exists() else "no challenger"
    return ", ".join([*told, there])


def _decisions() -> str:
    folder = state_folder("decisions")
    if not folder.exists():
        return "nothing logged yet"
    if not folder.is_dir():
        raise HomeError("a folder for the decision log", received=f"{folder}, which is none", look="COLLABRANK_HOME")
    from serving.decisions import opened_log

    with opened_log() as store:
        counts = store.counts()
        return f"{counts['requests']:,} requests and {counts['events']:,} events in {store.told}"
