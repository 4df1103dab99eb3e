"""What names a warehouse, and how it is told to people: without its secrets."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from urllib.parse import parse_qsl, unquote, unquote_plus, urlencode, urlsplit, urlunsplit

__all__ = ["is_address", "name_of", "redacted", "secrets_of", "without_secrets"]

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_MAGIC = slice(8, 12), b"DUCK"
_PLAIN = {"schema", "sslmode", "connect_timeout", "warehouse", "role", "database", "application_name"}
"""Words after the question mark that hold no secret; the others are not shown."""


def is_address(where: str | Path) -> bool:
    """Whether ``where`` is a URL, or a DuckDB file, and no folder of Parquet files."""
    if isinstance(where, str) and _SCHEME.match(where):
        return True
    file = Path(where)
    if not file.is_file():
        return False
    with file.open("rb") as opened:
        return opened.read(16)[_MAGIC[0]] == _MAGIC[1]


def redacted(where: str | Path) -> str:
    """``where`` as it may be printed: of a URL, everything but its password and its unknown words."""
    if not (isinstance(where, str) and _SCHEME.match(where)):
        return str(where)
    parts = urlsplit(where)
    host = parts.netloc.rpartition("@")[2]
    user = parts.netloc.rpartition("@")[0].partition(":")[0]
    hidden = [(word, value if word in _PLAIN else "***") for word, value in parse_qsl(parts.query)]
    netloc = f"{user}@{host}" if user else host
    return urlunsplit((parts.scheme, netloc, parts.path, urlencode(hidden, safe="*"), ""))


def secrets_of(where: str | Path) -> tuple[str, ...]:
    """The secrets that ``where`` holds, as written and as meant, the longest first."""
    if not (isinstance(where, str) and _SCHEME.match(where)):
        return ()
    parts = urlsplit(where)
    password = parts.netloc.rpartition("@")[0].partition(":")[2]
    written = (pair.partition("=") for pair in parts.query.split("&"))
    found = {password} | {value for word, _, value in written if word not in _PLAIN}
    found |= {unquote(one) for one in found} | {unquote_plus(one) for one in found}
    return tuple(sorted(filter(None, found), key=len, reverse=True))


def without_secrets(text: str, where: str | Path) -> str:
    """``text`` with every secret of ``where`` struck out."""
    for secret in secrets_of(where):
        text = text.replace(secret, "***")
    return text


def name_of(where: str | Path) -> str:
    """A folder's name for the copy: readable, and another one for another warehouse, whatever the password."""
    plain = redacted(where) if isinstance(where, str) and _SCHEME.match(where) else str(Path(where).resolve())
    words = re.sub(r"[^A-Za-z0-9]+", "-", urlsplit(plain).path if "://" in plain else Path(plain).stem).strip("-")
    return f"{words[-40:] or 'warehouse'}-{hashlib.sha256(plain.encode()).hexdigest()[:8]}"
