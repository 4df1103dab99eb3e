"""API keys: made by a command, shown once, kept as salted hashes, each for one purpose.

The file is ``var/keys/api_keys.json`` (mode 0600), written whole under a lock.
A key is 256 random bits, so one SHA-256 over salt and secret is enough: there is
nothing to guess that a slow hash would protect.

A key has one scope (`serving.app.routes.SCOPES`), and may end by itself. One of
scope ``brand`` or ``reviewer`` may be bound to brands, one of scope ``creator`` is
bound to one creator. A key of a file from before there were scopes opens what it
opened then: it is of scope ``brand``, for all brands, for good.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from marketplace.errors import AccessError, HomeError
from marketplace.instants import read_instant
from marketplace.state import state_folder, write_whole
from serving.audit import AuditLog

__all__ = ["BOUND_TO_BRANDS", "SCOPES", "ApiKey", "Keyring", "create_key", "keys_file", "read_keys", "revoke_key"]

SCOPES = ("brand", "creator", "reviewer", "admin", "metrics")
"""What a key may be for."""

BOUND_TO_BRANDS = ("brand", "reviewer")
"""Scopes whose keys may be bound to brands."""

_PREFIX = "crk"
_LONGEST = 200
_NAME_LONGEST = 80
_ID_LONGEST = 128
_MOST_BRANDS = 1000
_LARGEST_FILE = 64 * 2**20


@dataclass(frozen=True)
class ApiKey:
    """One key as it is stored: never the secret itself.

    ``created_at``, ``revoked_at`` and ``expires_at`` are ISO 8601 instants in UTC;
    ``revoked_at`` is None while the key is valid, ``expires_at`` where it does not
    end by itself. ``hash`` is hex SHA-256 of salt and secret. ``brands`` is None
    where the key is for all brands, ``creator_id`` None but for scope ``creator``.
    """

    id: str
    name: str
    salt: str
    hash: str
    created_at: str
    revoked_at: str | None = None
    scope: str = "brand"
    brands: tuple[str, ...] | None = None
    creator_id: str | None = None
    expires_at: str | None = None

    def matches(self, secret: str) -> bool:
        """Whether ``secret`` is this key's; takes the same time either way."""
        return hmac.compare_digest(_hashed(self.salt, secret), self.hash)

    def expired(self, now: float) -> bool:
        """Whether the key has ended by ``now`` (seconds since 1970)."""
        return self.expires_at is not None and datetime.fromisoformat(self.expires_at).timestamp() <= now

    def sees(self, brand_id: str | None) -> bool:
        """Whether the key may see what is ``brand_id``'s; what is no brand's is everybody's."""
        return self.brands is None or not brand_id or brand_id in self.brands

    def state(self, now: float) -> str:
        """``valid``, or since when it is not."""
        if self.revoked_at is not None:
            return f"revoked {self.revoked_at}"
        if self.expired(now):
            return f"expired {self.expires_at}"
        return "valid" if self.expires_at is None else f"valid until {self.expires_at}"

    @property
    def bound_to(self) -> str:
        """What the key is bound to, in words."""
        if self.creator_id is not None:
            return f"creator {self.creator_id}"
        if self.scope not in BOUND_TO_BRANDS:
            return ""
        return "all brands" if self.brands is None else ", ".join(self.brands)

    def as_dict(self) -> dict[str, Any]:
        """What may be shown: everything but salt and hash."""
        return {name: value for name, value in asdict(self).items() if name not in ("salt", "hash")}


_NO_ONES = ApiKey(id="", name="", salt="0" * 32, hash="0" * 64, created_at="")


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
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            raw = file.read(_LARGEST_FILE + 1)
    except FileNotFoundError:
        return []
    except OSError as reason:
        raise _broken(path, str(reason.strerror)) from reason
    try:
        rows = json.loads(raw)["keys"]
        keys = [_key_of(row) for row in rows]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as reason:
        raise _broken(path, "something else") from reason
    if len({key.id for key in keys}) != len(keys):
        raise _broken(path, "two keys of one id")
    return keys


def _key_of(row: dict[str, Any]) -> ApiKey:
    """One row of the file, read strictly: what is not understood must open nothing."""
    brands = row.get("brands")
    key = ApiKey(**{**row, "brands": None if brands is None else tuple(brands)})
    needed = (key.id, key.name, key.salt, key.hash, key.created_at, key.scope, *(key.brands or ()))
    optional = (key.revoked_at, key.creator_id, key.expires_at)
    if not all(isinstance(word, str) and word for word in needed):
        raise TypeError("words")
    if not all(word is None or (isinstance(word, str) and word) for word in optional):
        raise TypeError("words")
    bound = (key.scope == "creator") == (key.creator_id is not None)
    if key.scope not in SCOPES or not bound or isinstance(brands, str | dict):
        raise ValueError("a scope")
    if key.brands is not None and (key.scope not in BOUND_TO_BRANDS or not key.brands):
        raise ValueError("brands")
    if len(key.hash) != 64 or set(key.hash) - set("0123456789abcdef"):
        raise ValueError("a hash")
    for instant in (key.created_at, key.revoked_at, key.expires_at):
        if instant is not None and datetime.fromisoformat(instant).tzinfo is None:
            raise ValueError("an instant without its offset")
    return key


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


def _printable(word: str, longest: int) -> bool:
    return 0 < len(word) <= longest and word.isprintable() and word == word.strip()


def _bounds(scope: str, brands: Sequence[str], creator: str | None) -> tuple[str, ...] | None:
    """The brands to bind to, once all of it has been found to agree."""
    if scope not in SCOPES:
        raise AccessError(f"a scope: {', '.join(SCOPES)}", received=repr(scope[:100]), look="docs/access.md")
    if brands and scope not in BOUND_TO_BRANDS:
        raise AccessError(
            f"--brand with scope {' or '.join(BOUND_TO_BRANDS)}", received=f"scope {scope}", look="docs/access.md"
        )
    if (creator is not None) != (scope == "creator"):
        raise AccessError(
            "--creator with scope creator, and not without",
            received=f"scope {scope} with{'' if creator else 'out'} a creator",
            look="docs/access.md",
        )
    if len(brands) > _MOST_BRANDS:
        raise AccessError(f"at most {_MOST_BRANDS} brands", received=str(len(brands)), look="docs/access.md")
    for word in (*brands, *([] if creator is None else [creator])):
        if not _printable(word, _ID_LONGEST):
            raise AccessError(
                f"ids of 1 to {_ID_LONGEST} printable characters", received=repr(word[:100]), look="docs/access.md"
            )
    return tuple(dict.fromkeys(brands)) or None


def _end(expires: str | None) -> str | None:
    if expires is None:
        return None
    instant = read_instant(expires, "--expires")
    if instant <= datetime.now(UTC):
        raise AccessError("an end that is still to come", received=expires, look="the option --expires")
    return instant.isoformat()


def create_key(
    name: str,
    *,
    scope: str = "brand",
    brands: Sequence[str] = (),
    creator: str | None = None,
    expires: str | None = None,
) -> tuple[ApiKey, str]:
    """Make and store a key for ``name``; the second value is the key itself, which is not kept anywhere.

    Parameters
    ----------
    scope : str
        One of `SCOPES`.
    brands : sequence of str
        Ids of the brands that the key is for; none given: all.
    creator : str, optional
        The creator whose card a key of scope ``creator`` opens.
    expires : str, optional
        A date or an instant in ISO form, from which on the key opens nothing.

    Raises
    ------
    AccessError
        ``name`` or an id is empty, too long or not printable, or scope and what it is bound to do not agree.
    DateError
        ``expires`` is no date.
    FileError
        The audit log cannot be written: no key is made that it does not tell of.
    """
    name = name.strip()
    if not _printable(name, _NAME_LONGEST):
        raise AccessError(
            f"a name of 1 to {_NAME_LONGEST} printable characters for the key", received=repr(name[:100]), look="--help"
        )
    bound, end = _bounds(scope, brands, creator), _end(expires)
    secret = secrets.token_urlsafe(32)
    salt = secrets.token_hex(16)
    with _alone() as path:
        keys = read_keys(path)
        taken = {key.id for key in keys}
        while (identity := secrets.token_hex(4)) in taken:
            continue
        key = ApiKey(
            id=identity,
            name=name,
            salt=salt,
            hash=_hashed(salt, secret),
            created_at=_now(),
            scope=scope,
            brands=bound,
            creator_id=creator,
            expires_at=end,
        )
        AuditLog().command("key.create", key.as_dict())
        _write(path, [*keys, key])
    return key, f"{_PREFIX}_{identity}_{secret}"


def revoke_key(identity: str) -> ApiKey:
    """Revoke the key with this id. Revoking twice keeps the first instant.

    Raises
    ------
    AccessError
        No key has this id.
    FileError
        The audit log cannot be written; the key is revoked all the same.
    """
    with _alone() as path:
        keys = read_keys(path)
        for at, key in enumerate(keys):
            if key.id == identity:
                revoked = key if key.revoked_at else replace(key, revoked_at=_now())
                _write(path, [*keys[:at], revoked, *keys[at + 1 :]])
                AuditLog().command("key.revoke", revoked.as_dict())
                return revoked
    raise AccessError(
        "the id of a key that exists", received=repr(identity[:100]), look="`collabrank keys list` for the ids"
    )


class Keyring:
    """The keys that open the service now: the file is read again whenever it changes.

    A file that cannot be read opens nothing.

    Parameters
    ----------
    path : pathlib.Path, optional
        The file; `keys_file` unless told otherwise.
    clock : callable
        Seconds since 1970 now.
    """

    def __init__(self, path: Path | None = None, *, clock: Callable[[], float] = time.time) -> None:
        self._path = keys_file() if path is None else path
        self._clock = clock
        self._seen: tuple[int, int, int, int] | None = None
        self._keys: dict[str, ApiKey] = {}

    def _refresh(self) -> None:
        try:
            stat = os.stat(self._path)
            seen = (stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_size)
        except OSError:
            self._seen, self._keys = None, {}
            return
        if seen != self._seen:
            try:
                self._keys = {key.id: key for key in read_keys(self._path)}
            except HomeError:
                self._keys = {}
            self._seen = seen

    def check(self, presented: str) -> ApiKey:
        """The key that ``presented`` is.

        Raises
        ------
        AccessError
            It is none of the keys, or one that is revoked or has expired.
        """
        self._refresh()
        prefix, _, rest = presented.partition("_")
        identity, _, secret = rest.partition("_")
        key = self._keys.get(identity, _NO_ONES)
        right = key.matches(secret) and key is not _NO_ONES
        if len(presented) > _LONGEST or prefix != _PREFIX or not right or key.revoked_at is not None:
            raise _refused("a key that is unknown or revoked")
        if key.expired(self._clock()):
            raise _refused(f"a key that ended at {key.expires_at}")
        return key


def _refused(received: str) -> AccessError:
    return AccessError("a valid key", received=received, look="`collabrank keys create NAME` makes one")
