"""The app's and the shop's secrets: from the environment or from a file that nobody else can read, and never shown."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from marketplace.errors import SourceError
from marketplace.state import write_whole

__all__ = ["NAMES", "Credentials", "read_credentials"]

NAMES = ("app_key", "app_secret", "access_token", "refresh_token", "shop_cipher")
"""What a key file holds; in the environment ``TIKTOK_SHOP_APP_KEY`` and so on."""

_OPTIONAL = frozenset({"shop_cipher"})
_LEAST_HIDDEN = 4
"""Letters from which on a value is cut out of texts; shorter ones would cut into plain words."""


@dataclass
class Credentials:
    """The secrets of one shop. Printing it shows none of them.

    Attributes
    ----------
    app_key, app_secret : str
        The app's, from the Partner Center.
    access_token, refresh_token : str
        The shop's, from its authorisation; `replace_tokens` changes them.
    shop_cipher : str
        Names the shop where an authorisation has several; empty where it has one.
    file : Path or None
        The key file they came from, to which renewed tokens go back; None for the environment, which is left alone.
    """

    app_key: str = field(repr=False)
    app_secret: str = field(repr=False)
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    shop_cipher: str = field(default="", repr=False)
    file: Path | None = None

    def __post_init__(self) -> None:
        self._old: set[str] = set()

    def hide(self, text: str) -> str:
        """``text`` without any secret, those that were replaced included."""
        secrets = {getattr(self, name) for name in NAMES} | self._old
        for secret in sorted((one for one in secrets if len(one) >= _LEAST_HIDDEN), key=len, reverse=True):
            text = text.replace(secret, "***")
        return text

    def replace_tokens(self, access_token: str, refresh_token: str) -> None:
        """Use these from now on, and write them to the key file they came from (mode 600)."""
        self._old |= {self.access_token, self.refresh_token}
        self.access_token, self.refresh_token = access_token, refresh_token
        if self.file is not None:
            kept = {name: getattr(self, name) for name in NAMES if getattr(self, name)}
            write_whole(self.file, json.dumps(kept, indent=2).encode(), mode=0o600)


def read_credentials(file: Path | None = None, *, environ: Mapping[str, str] | None = None) -> Credentials:
    """The secrets in ``file``, or else those in the environment.

    Raises
    ------
    SourceError
        One is missing, or the file cannot be read, is no JSON object, or could be read by others (a mode wider
        than 600). No message holds a secret.
    """
    if file is None:
        environ = os.environ if environ is None else environ
        found = {name: environ.get(f"TIKTOK_SHOP_{name.upper()}", "") for name in NAMES}
    else:
        found = _read_file(file)
    missing = [name for name in NAMES if name not in _OPTIONAL and not found.get(name)]
    if missing:
        where = "the environment" if file is None else str(file)
        names = [f"TIKTOK_SHOP_{name.upper()}" for name in missing] if file is None else missing
        raise SourceError(
            "the app's key and secret and the shop's tokens",
            received=f"{where} without {', '.join(names)}",
            look="docs/tiktok_shop.md, Credentials",
        )
    return Credentials(**{name: found.get(name, "") for name in NAMES}, file=file)


def _read_file(file: Path) -> dict[str, str]:
    try:
        with file.open("rb") as opened:
            # Asked of the open file: the name could lead elsewhere a moment later.
            mode = stat.S_IMODE(os.fstat(opened.fileno()).st_mode)
            if mode & 0o177:
                raise SourceError(
                    "a key file that only its owner can read (mode 600)",
                    received=f"{file} with mode {mode:o}",
                    look=f"`chmod 600 {file}`",
                )
            content = json.loads(opened.read())
    except OSError as reason:
        raise SourceError(
            "a key file that can be read",
            received=f"{file}: {reason.strerror}",
            look="docs/tiktok_shop.md, Credentials",
        ) from reason
    except ValueError:
        # Not chained: the parser's error holds the text.
        content = None
    if not isinstance(content, dict) or not all(isinstance(one, str) for one in content.values()):
        raise SourceError(
            f"a JSON object of {', '.join(NAMES)}",
            received=f"{file}, which is none",
            look="docs/tiktok_shop.md, Credentials",
        ) from None
    return {name: content[name] for name in NAMES if name in content}
