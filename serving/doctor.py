"""What can be wrong with a service's home: its keys, its bundle and snapshot, its decision log."""

from __future__ import annotations

import stat

from marketplace.doctor import Finding, look
from marketplace.errors import AccessError, HomeError
from marketplace.state import state_folder
from serving.keys import keys_file, read_keys

__all__ = ["findings"]


def _keys() -> str:
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
    return f"model {served.bundle.model_version}, as of {served.as_of}"


def _decisions() -> str:
    folder = state_folder("decisions")
    if not folder.exists():
        return "nothing logged yet"
    if not folder.is_dir():
        raise HomeError("a folder for the decision log", received=f"{folder}, which is none", look="COLLABRANK_HOME")
    files = list(folder.glob("*.jsonl"))
    return f"{len(files)} files, {sum(file.stat().st_size for file in files) / 1e6:.1f} MB"


def findings() -> list[Finding]:
    """The keys, the served pair and the decision log."""
    return [look("keys", _keys), look("served", _served), look("decisions", _decisions)]
