"""The ledger: what this home registered and promoted, kept where the MLflow store cannot change it.

``var/ledger.jsonl`` has one signed line an event, and each line names the one before by its hash: a line that is
altered, exchanged or taken out of the middle is found out. Promotion reads from here, and from the signed bundles,
what it decides by; tags and aliases in MLflow are for people to read.

    ledger = Ledger()
    ledger.append(Event("registered", version=4, run_id=…, bundle_sha256=…, evidence_sha256=…, held_out=…))
    ledger.measured(held_out)       # how many candidates on these campaigns
    ledger.promotion_of(run_id)     # with whom it replaced
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from marketplace.errors import GateError
from marketplace.held import read_file
from marketplace.jsonable import json_text
from marketplace.signature import LEDGER, PublicKey, read_public_key, read_signer
from marketplace.state import state_folder, write_whole

__all__ = ["PROMOTED", "REGISTERED", "RESTORED", "Event", "Ledger"]

REGISTERED = "registered"
PROMOTED = "promoted"
RESTORED = "restored"

_LARGEST = 256 * 2**20


@dataclass(frozen=True, kw_only=True)
class Event:
    """A line of the ledger.

    Attributes
    ----------
    kind : str
        `REGISTERED`, `PROMOTED` or `RESTORED`.
    version : int
        In the registry.
    run_id : str
        The run that made the version.
    bundle_sha256 : str
        Of the manifest of the bundle that the run stored.
    evidence_sha256 : str
        Of the evidence that the run recorded.
    held_out : str
        On which data and campaigns it was measured.
    previous_version, previous_run_id
        The champion before, where one was replaced.
    forced : bool
    reason : str
    at : str
        When, ISO 8601 in UTC.
    """

    kind: str
    version: int
    run_id: str
    bundle_sha256: str
    evidence_sha256: str = ""
    held_out: str = ""
    previous_version: int | None = None
    previous_run_id: str = ""
    forced: bool = False
    reason: str = ""
    at: str = ""


class Ledger:
    """The events of a home, oldest first.

    Parameters
    ----------
    path : Path, optional
        ``var/ledger.jsonl`` by default.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = state_folder("ledger.jsonl") if path is None else path

    def events(self) -> list[Event]:
        """All of them, each line verified.

        Raises
        ------
        GateError
            A line was altered, exchanged or taken out, or is signed by another key.
        BundleError
            There is no public key to verify them with.
        """
        lines = self._lines()
        return _verified(lines, read_public_key(), self.path) if lines else []

    def append(self, event: Event) -> None:
        """Write one event, signed, behind the others; the file is replaced whole.

        Raises
        ------
        GateError
            What is there does not verify.
        BundleError
            There is no key to sign with that can be used.
        """
        signer = read_signer()
        with self._alone():
            lines = self._lines()
            _verified(lines, signer.public_key, self.path)
            said = asdict(event) | {
                "at": event.at or datetime.now(UTC).isoformat(timespec="seconds"),
                "before": _hash(lines[-1]) if lines else "",
            }
            content = json_text(said)
            line = json_text({"said": said, "signature": signer.sign(content.encode(), LEDGER).decode().strip()})
            write_whole(self.path, b"".join(one + b"\n" for one in [*lines, line.encode()]))

    def measured(self, held_out: str) -> int:
        """How many candidates were registered as measured on these data and campaigns."""
        return len({event.run_id for event in self.events() if event.kind == REGISTERED and event.held_out == held_out})

    def registration_of(self, run_id: str) -> Event | None:
        """How the run's version was registered here, None where it was elsewhere."""
        return self._last(REGISTERED, run_id)

    def promotion_of(self, run_id: str) -> Event | None:
        """How the run's version was last promoted here, None where it never was."""
        return self._last(PROMOTED, run_id)

    def champion(self) -> Event | None:
        """The latest promotion or way back, None where there was none."""
        moved = [event for event in self.events() if event.kind in (PROMOTED, RESTORED)]
        return moved[-1] if moved else None

    def _last(self, kind: str, run_id: str) -> Event | None:
        found = [event for event in self.events() if event.kind == kind and event.run_id == run_id]
        return found[-1] if found else None

    def _lines(self) -> list[bytes]:
        try:
            content = read_file(self.path, _LARGEST)
        except FileNotFoundError:
            return []
        except OSError as reason:
            raise _broken(self.path, reason.strerror or str(reason)) from reason
        return content.splitlines()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _verified(lines: list[bytes], key: PublicKey, path: Path) -> list[Event]:
    events, before = [], ""
    for number, line in enumerate(lines, start=1):
        try:
            read: dict[str, Any] = json.loads(line)
            said, signature = dict(read["said"]), str(read["signature"])
            content = json_text(said).encode()
        except (ValueError, KeyError, TypeError, RecursionError) as reason:
            raise _broken(path, f"line {number} is none of a ledger") from reason
        key.verify(signature.encode(), content, LEDGER)
        if said.pop("before", None) != before:
            raise _broken(path, f"line {number} does not follow the one before it: a line was taken out or exchanged")
        try:
            events.append(Event(**said))
        except TypeError as reason:
            raise _broken(path, f"line {number} of another version of collabrank") from reason
        before = _hash(line)
    return events


def _hash(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


def _broken(path: Path, what: str) -> GateError:
    return GateError(
        "a ledger whose every line is signed and follows the one before",
        received=f"{path}: {what}",
        look="docs/safety.md, The ledger",
    )
