"""Mutants of what is served, and what becomes of them: as a disk makes them, and signed again by whoever has the key.

    python -m tests.serving.mutants FOLDER SEED COUNT    # of signed mutants, each in a process of its own

Those that were not signed again must be refused, or answer what the original answers. Those that were must be refused,
or answer within bounds; a process that crashed or hung counts as neither.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import resource
import shutil
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from features.snapshot import load_snapshot
from marketplace.errors import CollabrankError
from marketplace.signature import BUNDLE, SNAPSHOT, Signer, read_public_key, read_signer
from models.bundle import load_bundle
from models.ranking import rank
from serving.pair import Served

__all__ = ["Answers", "answers_of", "mutate", "resigned", "sign_anew", "signed_mutants"]

Answers = list[tuple[str, float, float, float]]

SECONDS = 60
MANIFESTS = {"bundle": "bundle.json", "snapshot": "snapshot.json"}
SPECIAL = [None, True, -1, 0, 1, 2**31, 2**63, -(2**63), 1e308, -1e308, 1e-320, "", "x", "../x", [], {}, [[]], "\0"]


def answers_of(home: Path) -> Answers:
    """What the pair in ``home`` (bundle, snapshot, public_key.pem) answers, some numbers of each of its markets."""
    key = read_public_key(home / "public_key.pem")
    pair = Served(load_bundle(home / "bundle", key), load_snapshot(home / "snapshot", key).read_all()).checked()
    found: Answers = []
    for market in pair.snapshot.markets:
        part = pair.snapshot.of_market(market)
        brief = replace(list(pair.snapshot.campaigns.values())[-1], market=market)
        rows, _ = part.candidates(brief, {"min_confidence": 0})
        ids = np.asarray(part.creator_ids[rows])
        if len(rows):
            ranked = rank(pair.bundle, part.matrix(brief, rows), part.indices(brief, rows), ids, brief, top=5)
            found += [(one.creator_id, one.score, one.utility.expected, one.success_probability) for one in ranked]
        card = pair.card(str(part.creator_ids[0]))
        found.append((json.dumps(card, default=str, sort_keys=True), 0.0, 0.0, 0.0))
    return found


def mutate(home: Path, other: Path, rng: random.Random) -> str:
    """Spoil one file of ``home`` as disks, copies and hands do; ``other`` has files of another version."""
    names = sorted(path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file())
    name = rng.choice(names)
    path = home / name
    content = bytearray(path.read_bytes())
    kind = rng.choice(["flip", "flip", "flip", "cut", "longer", "zero", "other", "swap", "json", "gone", "more"])
    place = rng.randrange(len(content)) if content else 0
    if kind == "flip" and content:
        content[place] ^= 1 << rng.randrange(8)
    elif kind == "cut":
        del content[place:]
    elif kind == "longer":
        content += rng.randbytes(rng.randrange(1, 40))
    elif kind == "zero":
        content[place : place + 64] = bytes(len(content[place : place + 64]))
    elif kind == "other" and (other / name).exists():
        content = bytearray((other / name).read_bytes())
    elif kind == "swap":
        content = bytearray((home / rng.choice(names)).read_bytes())
    elif kind == "json" and name.endswith(".json"):
        content = bytearray(json.dumps(_altered(json.loads(content), rng)).encode())
    elif kind == "gone":
        path.unlink()
        return f"{kind} {name}"
    elif kind == "more":
        (path.parent / f"more{rng.randrange(9)}").write_bytes(bytes(content[:100]))
        return f"{kind} {name}"
    if bytes(content) == path.read_bytes():
        return mutate(home, other, rng)
    path.write_bytes(content)
    return f"{kind} {name}"


def _altered(value: Any, rng: random.Random) -> Any:
    """A JSON document with one of its values put in another's place, left out, or another."""
    places: list[tuple[Any, Any]] = []

    def walk(one: Any) -> None:
        for at in one if isinstance(one, dict) else range(len(one)) if isinstance(one, list) else ():
            places.append((one, at))
            if len(places) < 20_000:
                walk(one[at])

    walk(value)
    if not places:
        return rng.choice(SPECIAL)
    within, at = rng.choice(places)
    old = within[at]
    if rng.random() < 0.15:
        del within[at]
    elif isinstance(old, int | float) and not isinstance(old, bool) and rng.random() < 0.6:
        within[at] = rng.choice([old + 1, old - 1, -old, old * 1e6, old / 3 if old else 1, int(old) ^ 1])
    elif rng.random() < 0.3:
        source, there = rng.choice(places)
        within[at] = json.loads(json.dumps(source[there])) if source is not within or at != there else None
    else:
        within[at] = rng.choice(SPECIAL)
    return value


def resigned(home: Path, signer: Signer, rng: random.Random) -> str:
    """Alter what a signature covers, and sign it again, hashes and all."""
    part = rng.choice(["bundle", "snapshot"])
    folder = home / part
    manifest = json.loads((folder / MANIFESTS[part]).read_bytes())
    kind = rng.choice(["manifest", "file", "file", "file"])
    said = kind
    if kind == "manifest":
        manifest = _altered(manifest, rng)
    else:
        names = sorted(
            path.relative_to(folder).as_posix()
            for path in folder.rglob("*")
            if path.is_file() and path.name not in (MANIFESTS[part], "signature")
        )
        name = rng.choice(names)
        said = name
        (folder / name).write_bytes(_spoilt(name, (folder / name).read_bytes(), rng))
    if isinstance(manifest, dict):
        sign_anew(folder, part, manifest, signer)
    else:
        _put(folder, part, json.dumps(manifest).encode(), signer)
    return f"{part} {said}"


def _spoilt(name: str, content: bytes, rng: random.Random) -> bytes:
    if name.endswith(".json"):
        return json.dumps(_altered(json.loads(content), rng)).encode()
    if name.endswith(".txt"):
        lines = content.decode().split("\n")
        at = rng.randrange(len(lines))
        key, mark, numbers = lines[at].partition("=")
        values = numbers.split(" ")
        chosen = rng.randrange(len(values))
        values[chosen] = rng.choice(
            ["-1", "0", "1", "9", "99999999", "-99999999", "1e300", "nan", "inf", "", "x", "0.5"]
        )
        lines[at] = key + mark + " ".join(values)
        return "\n".join(lines).encode()
    end = content.find(b"\n") + 1
    if rng.random() < 0.4:
        head = json.dumps(_altered(json.loads(content[:end]), rng)).encode()
        return head.ljust(end - 1)[: max(end - 1, len(head))] + b"\n" + content[end:]
    spoilt = bytearray(content)
    for _ in range(rng.choice([1, 1, 8, 200])):
        at = rng.randrange(end, len(spoilt))
        if rng.random() < 0.5:
            spoilt[at] ^= 1 << rng.randrange(8)
        else:
            wide = rng.choice([b"\xff" * 8, bytes(8), b"\0\0\0\0\0\0\xf0\x7f", b"\x7f" * 8, rng.randbytes(8)])
            spoilt[at - at % 8 : at - at % 8 + 8] = wide
    return bytes(spoilt[: len(content)])


def sign_anew(folder: Path, part: str, manifest: dict[str, Any], signer: Signer) -> None:
    """Put right sizes and hashes, and the signature, whatever the manifest says."""
    stated = manifest.get("files" if part == "bundle" else "parts")
    for name, one in stated.items() if isinstance(stated, dict) else ():
        if isinstance(one, dict):
            file = folder / (name if part == "bundle" else str(one.get("file")).replace("\0", ""))
            if file.is_file():
                content = file.read_bytes()
                one.update(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    _put(folder, part, json.dumps(manifest).encode(), signer)


def _put(folder: Path, part: str, manifest: bytes, signer: Signer) -> None:
    (folder / MANIFESTS[part]).write_bytes(manifest)
    (folder / "signature").write_bytes(signer.sign(manifest, BUNDLE if part == "bundle" else SNAPSHOT))


def signed_mutants(home: Path, scratch: Path, signer: Signer, *, seed: int, count: int) -> Counter[str]:
    """How many of ``count`` were refused, answered within or out of bounds, gave another error, crashed or hung.

    Each is opened in a fork of this process; ``error`` is an exception that is not ours, which the service refuses too.
    """
    known = {one[0] for one in answers_of(home)}
    found: Counter[str] = Counter()
    for number in range(count):
        rng = random.Random(f"{seed} {number}")
        mutant = scratch / "mutant"
        shutil.rmtree(mutant, ignore_errors=True)
        shutil.copytree(home, mutant)
        what = resigned(mutant, signer, rng)
        outcome = _in_a_fork(lambda at=mutant: _judged(answers_of(at), known))  # type: ignore[misc]
        found[outcome] += 1
        if outcome not in ("refused", "within bounds"):
            print(f"{seed} {number} {what}: {outcome}", file=sys.stderr, flush=True)
    return found


def _judged(answers: Answers, known: set[str]) -> str:
    numbers = np.array([one[1:] for one in answers])
    fine = (
        np.isfinite(numbers).all()
        and (numbers[:, 0] >= 0).all()
        and (numbers[:, 0] <= 100).all()
        and (numbers[:, 2] >= 0).all()
        and (numbers[:, 2] <= 1).all()
    )
    return "within bounds" if fine else "out of bounds"


def _in_a_fork(work: Callable[[], str]) -> str:
    outcomes = ["refused", "within bounds", "out of bounds", "error"]
    child = os.fork()
    if child == 0:
        code = 3
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
            resource.setrlimit(resource.RLIMIT_DATA, (4 * 2**30, 4 * 2**30))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            code = outcomes.index(work())
        except CollabrankError:
            code = 0
        except BaseException:
            traceback.print_exc(limit=-4)
        finally:
            os._exit(code)
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return outcomes[os.waitstatus_to_exitcode(status)] if os.WIFEXITED(status) else "crashed"
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "hung"


if __name__ == "__main__":
    asked = Path(sys.argv[1])
    told = signed_mutants(
        asked / "a", asked, read_signer(asked / "keys"), seed=int(sys.argv[2]), count=int(sys.argv[3])
    )
    print(json.dumps(told))
