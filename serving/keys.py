"""API keys: made by a command, shown once, kept as salted hashes.

The file is ``var/keys/api_keys.json`` (mode 0600), written whole under a lock.
A key is 256 random bits, so one SHA-256 over salt and secret is enough: there is
nothing to guess that a slow hash would protect.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from marketplace.errors import AccessError, HomeError
from marketplace.state import state_folder, write_whole

__all__ = ["ApiKey", "Keyring", "create_key", "keys_file", "read_keys", "revoke_key"]

_PREFIX = "crk"
_LONGEST = 200
_NAME_LONGEST = 80


@dataclass(frozen=True)
class ApiKey:
    """One key as it is stored: never the secret itself.

    ``created_at`` and ``revoked_at`` are ISO 8601 instants in UTC; ``revoked_at``
    is None while the key is valid. ``hash`` is hex SHA-256 of salt and secret.
    """

    id: str
    name: str
    salt: str
    hash: str
    created_at: str
    revoked_at: str | None = None

    def opens(self, secret: str) -> bool:
        """Whether ``secret`` is this key's and the key has not been revoked; takes the same time either way."""
        return hmac.compare_digest(_hashed(self.salt, secret), self.hash) and self.revoked_at is None

    def as_dict(self) -> dict[str, str | None]:
        """What may be shown: ``{id, name, created_at, revoked_at}``."""
        return {"id": self.id, "name": self.name, "created_at": self.created_at, "revoked_at": self.revoked_at}


_NO_ONES = ApiKey(id="", name="", salt="0" * 32, hash="0" * 64, created_at="", revoked_at="always")


def _hashed(salt: str, secret: str) -> str:
    return hashlib.sha256(f"{salt}:{secret}".encode()).hexdigest()


def keys_file() -> Path:
    """Where the keys are kept."""
    return state_folder("keys", "api_keys.json")


def read_keys(path: Path | None = None) -> list[ApiKey]:
    """Every key ever made, in the order of making; none where there is no file.

    Raises
    ------
    HomeError
        The file cannot be read or is not a file of keys.
    """
    path = keys_file() if path is None else path
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as reason:
        raise _broken(path, str(reason.strerror)) from reason
    try:
        return [ApiKey(**row) for row in json.loads(raw)["keys"]]
    except (ValueError, TypeError, KeyError) as reason:
        raise _broken(path, "something else") from reason


def _broken(path: Path, what: str) -> HomeError:
    return HomeError(
        "a readable file of API keys",
        received=f"{path}: {what}",
        look="`collabrank keys create NAME`, after moving that file away",
    )


@contextmanager
def _alone() -> Iterator[Path]:
    """The keys file, while no other command changes it."""
    path = keys_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path.parent / ".api_keys.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield path


def _write(path: Path, keys: list[ApiKey]) -> None:
    write_whole(path, json.dumps({"keys": [asdict(key) for key in keys]}, indent=2).encode(), mode=0o600)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def create_key(name: str) -> tuple[ApiKey, str]:
    """Make and store a key for ``name``; the second value is the key itself, which is not kept anywhere.

    Raises
    ------
    AccessError
        ``name`` is empty, too long or not printable.
    """
    name = name.strip()
    if not name or len(name) > _NAME_LONGEST or not name.isprintable():
        raise AccessError(
            f"a name of 1 to {_NAME_LONGEST} printable characters for the key", received=repr(name[:100]), look="--help"
        )
    secret = secrets.token_urlsafe(32)
    salt = secrets.token_hex(16)
    with _alone() as path:
        keys = read_keys(path)
        taken = {key.id for key in keys}
        while (identity := secrets.token_hex(4)) in taken:
            continue
        key = ApiKey(id=identity, name=name, salt=salt, hash=_hashed(salt, secret), created_at=_now())
        _write(path, [*keys, key])
    return key, f"{_PREFIX}_{identity}_{secret}"


def revoke_key(identity: str) -> ApiKey:
    """Revoke the key with this id. Revoking twice keeps the first instant.

    Raises
    ------
    AccessError
        No key has this id.
    """
    with _alone() as path:
        keys = read_keys(path)
        for at, key in enumerate(keys):
            if key.id == identity:
                revoked = key if key.revoked_at else replace(key, revoked_at=_now())
                _write(path, [*keys[:at], revoked, *keys[at + 1 :]])
                return revoked
    raise AccessError(
        "the id of a key that exists", received=repr(identity[:100]), look="`collabrank keys list` for the ids"
    )


class Keyring:
    """The keys that open the service now: the file is read again whenever it changes.

    A file that cannot be read opens nothing.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = keys_file() if path is None else path
        self._seen: tuple[int, int, int] | None = None
        self._keys: dict[str, ApiKey] = {}

    def _refresh(self) -> None:
        try:
            stat = os.stat(self._path)
            seen = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
        except OSError:
            self._seen, self._keys = None, {}
            return
        if seen != self._seen:
            try:
                self._keys = {key.id: key for key in read_keys(self._path)}
            except HomeError:
                self._keys = {}
            self._seen = seen

    def check(self, presented: str) -> str:
        """The id of the key that ``presented`` is.

        Raises
        ------
        AccessError
            It is none of the keys, or a revoked one.
        """
        self._refresh()
        prefix, _, rest = presented.partition("_")
        identity, _, secret = rest.partition("_")
        key = self._keys.get(identity, _NO_ONES)
        if len(presented) > _LONGEST or prefix != _PREFIX or not key.opens(secret):
            raise AccessError(
                "a valid key in the X-API-Key header",
                received="a key that is unknown or revoked",
                look="`collabrank keys create NAME` makes one",
            )
        return key.id
