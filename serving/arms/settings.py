"""The settings of exploration, split and shadow: ``var/exploration.toml``, read again whenever it changes.

Without the file the defaults hold: a tenth of the slots explores, and the champion answers everything alone. ::

    [exploration]
    share = 0.1            # of a list's positions, 0 to 0.5
    floor = 0.2            # the part of the draw that is even over all creators, 0.01 to 1

    [brands.br_001]        # what differs for one brand, and for one key (its id)
    share = 0.0

    [keys.9f2c01ab]
    share = 0.0

    [split]                # brands whose requests another arm answers; the champion has the rest
    name = "2026-12"       # a new name deals the brands anew, and is a new experiment
    challenger = 0.1
    noop = 0.0
    shuffle = 0.0

    [shadow]               # requests that another arm ranks too, for the log alone
    challenger = 0.1
    noop = 0.0
    shuffle = 0.0

A file with a mistake is refused as a whole, with every word that is wrong in it, and what held before goes on.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from marketplace.errors import CollabrankError, HomeError
from marketplace.state import stamp_of, state_folder
from serving.exploration import FLOOR, LARGEST_SHARE

__all__ = ["OTHERS", "SHARE", "Settings", "SettingsFile", "read_settings", "settings_path"]

_log = logging.getLogger("collabrank.serving")

SHARE = 0.1
"""The share of slots that explores where nothing else is set."""

OTHERS = ("challenger", "noop", "shuffle")
"""The arms beside the champion."""

_LEAST_FLOOR = 0.01
_LONGEST = 1_000_000
_NAME_LONGEST = 80
_SECONDS = 1.0
_NONE: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True)
class Settings:
    """What the file says.

    Attributes
    ----------
    share, floor : float
        Of slots that explore, and the uniform part of their draw.
    brands, keys : mapping of id to float
        The share for one brand or key instead; where both are set the smaller one counts.
    split : mapping of arm to float
        The share of brands that each arm beside the champion answers.
    shadow : mapping of arm to float
        The share of requests that each ranks unseen.
    name : str
        Of the split's experiment.
    """

    share: float = SHARE
    floor: float = FLOOR
    brands: Mapping[str, float] = field(default_factory=lambda: _NONE)
    keys: Mapping[str, float] = field(default_factory=lambda: _NONE)
    split: Mapping[str, float] = field(default_factory=lambda: _NONE)
    shadow: Mapping[str, float] = field(default_factory=lambda: _NONE)
    name: str = "1"

    def share_for(self, brand_id: str | None, key_id: str) -> float:
        """The share of slots that explores for one brand's request with one key."""
        own = [self.brands.get(brand_id or "", None), self.keys.get(key_id, None)]
        return min((one for one in own if one is not None), default=self.share)


def settings_path() -> Path:
    """Where the settings are: ``var/exploration.toml``."""
    return state_folder("exploration.toml")


def read_settings(path: Path | None = None) -> Settings:
    """The settings in ``path``, `settings_path` by default; the defaults where there is no such file.

    Raises
    ------
    HomeError
        It cannot be read, is no TOML, or has words or numbers that it may not have: all of them are told.
    """
    path = settings_path() if path is None else path
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            raw = file.read(_LONGEST + 1)
    except FileNotFoundError:
        return Settings()
    except OSError as reason:
        raise _wrong(path, str(reason.strerror)) from reason
    if len(raw) > _LONGEST:
        raise _wrong(path, f"more than {_LONGEST} bytes")
    try:
        content = tomllib.loads(raw.decode())
    except (ValueError, RecursionError) as reason:
        raise _wrong(path, str(reason)[:200]) from reason
    problems: list[str] = []
    settings = _settings(content, problems)
    if problems:
        raise _wrong(path, "; ".join(problems))
    return settings


def _wrong(path: Path, what: str) -> HomeError:
    return HomeError(
        "settings as docs/exploration.md describes them, in TOML",
        received=f"{path}: {what}",
        look="docs/exploration.md",
    )


def _settings(content: Mapping[str, Any], problems: list[str]) -> Settings:
    known = {"exploration", "brands", "keys", "split", "shadow"}
    problems += [f"unknown table '{name}', known: {', '.join(sorted(known))}" for name in sorted(set(content) - known)]
    tables = {name: _table(content, name, problems) for name in known}
    exploring = tables["exploration"]
    _only(exploring, ("share", "floor"), "exploration", problems)
    split, shadow = tables["split"], tables["shadow"]
    _only(split, ("name", *OTHERS), "split", problems)
    _only(shadow, OTHERS, "shadow", problems)
    name = split.get("name", "1")
    if not isinstance(name, str) or not name.strip() or len(name) > _NAME_LONGEST or not name.isprintable():
        problems.append(f"split.name is 1 to {_NAME_LONGEST} printable characters, not {name!r:.100}")
        name = "1"
    shares = {arm: _number(split, arm, "split", problems, default=0.0) for arm in OTHERS}
    if sum(shares.values()) > 1.0 + 1e-9:
        problems.append(f"the shares of [split] sum to at most 1, not {sum(shares.values()):g}")
    return Settings(
        share=_number(exploring, "share", "exploration", problems, default=SHARE, highest=LARGEST_SHARE),
        floor=_number(exploring, "floor", "exploration", problems, default=FLOOR, lowest=_LEAST_FLOOR),
        brands=_shares(tables["brands"], "brands", problems),
        keys=_shares(tables["keys"], "keys", problems),
        split=MappingProxyType(shares),
        shadow=MappingProxyType({arm: _number(shadow, arm, "shadow", problems, default=0.0) for arm in OTHERS}),
        name=name,
    )


def _table(content: Mapping[str, Any], name: str, problems: list[str]) -> dict[str, Any]:
    found = content.get(name, {})
    if isinstance(found, dict):
        return found
    problems.append(f"'{name}' is a table, not {type(found).__name__}")
    return {}


def _only(table: Mapping[str, Any], known: tuple[str, ...], where: str, problems: list[str]) -> None:
    problems += [f"unknown '{where}.{one}', known: {', '.join(known)}" for one in sorted(set(table) - set(known))]


def _number(
    table: Mapping[str, Any],
    name: str,
    where: str,
    problems: list[str],
    *,
    default: float,
    lowest: float = 0.0,
    highest: float = 1.0,
) -> float:
    found = table.get(name, default)
    # True is an int to Python; NaN compares with nothing.
    if isinstance(found, bool) or not isinstance(found, int | float) or not lowest <= found <= highest:
        problems.append(f"{where}.{name} is a number from {lowest:g} to {highest:g}, not {found!r:.100}")
        return default
    return float(found)


def _shares(table: Mapping[str, Any], where: str, problems: list[str]) -> Mapping[str, float]:
    shares = {}
    for one in table:
        own = _table(table, one, problems)
        _only(own, ("share",), f"{where}.{one}", problems)
        if "share" in own:
            shares[one] = _number(own, "share", f"{where}.{one}", problems, default=SHARE, highest=LARGEST_SHARE)
    return MappingProxyType(shares)


class SettingsFile:
    """The settings as they stand now: the file is looked at once a second at most, when it is asked for.

    While a file is wrong what held before goes on; where none held before, nothing explores and the champion answers
    alone, for nobody knows what the file was to switch off. It is said in the service's log, once for each state of
    the file, and in `refused`.
    """

    def __init__(self, path: Path | None = None, *, seconds: float = _SECONDS) -> None:
        self._path = settings_path() if path is None else path
        self._seconds = seconds
        self._settings = Settings(share=0.0)
        self._seen: object = ()
        self._next = 0.0
        self._lock = threading.Lock()
        self.refused: CollabrankError | None = None

    def hurry(self) -> None:
        """Look at the file with the next request, however lately it was looked at."""
        self._next = 0.0

    @property
    def now(self) -> Settings:
        """The settings that hold now."""
        if time.monotonic() >= self._next and self._lock.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._next = time.monotonic() + self._seconds
                self._lock.release()
        return self._settings

    def _look(self) -> None:
        seen = stamp_of(self._path)
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self._settings, self.refused = read_settings(self._path), None
        except HomeError as error:
            self.refused = error
            _log.error("the settings of exploration are not taken, what held before goes on: %s", error)
        else:
            _log.info("exploration: %s", self._settings)
