"""Bundles and snapshots exchanged and spoilt under load: no request fails, and each answer is of one pair."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from features.snapshot import load_snapshot
from marketplace.signature import read_public_key, read_signer
from models.bundle import load_bundle, save_bundle
from serving.schema import RankRequest
from tests.serving.conftest import Running, started
from tests.serving.pairs import Pair, Shown, answers_by_pair, asked_of_both, copy_signed, made_stages, shown

ASKERS = 4
PATIENCE = 90.0


@pytest.fixture(scope="module")
def stages(small_market: Path, prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_stages(small_market, prepared, tmp_path_factory.mktemp("stages"))


@pytest.fixture(scope="module")
def asked(stages: Path, prepared: Path) -> RankRequest:
    return asked_of_both(stages, prepared)


@pytest.fixture(scope="module")
def expected(stages: Path, prepared: Path, asked: RankRequest) -> dict[Pair, Shown]:
    return answers_by_pair(stages, prepared, asked)


class Load:
    """Askers that never rest, and what they got."""

    def __init__(self, service: Running, asked: RankRequest, expected: dict[Pair, Shown]) -> None:
        self._service, self._expected = service, expected
        self._body = asked.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        self.latest: dict[Pair, float] = {}
        self.wrong: list[str] = []
        self.answers = 0
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(ASKERS)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=60)

    def _ask(self) -> None:
        while not self._stop.is_set():
            # A connection of its own each time, so that both workers are asked.
            try:
                answer = httpx.post(
                    f"{self._service.url}/rank", json=self._body, headers={"X-API-Key": self._service.key}, timeout=60
                )
            except httpx.HTTPError as reason:
                self.wrong.append(repr(reason))
                continue
            self.answers += 1
            if answer.status_code != 200:
                self.wrong.append(f"{answer.status_code} {answer.text}")
                continue
            reply = answer.json()
            key = reply["model_version"], reply["as_of"]
            if self._expected.get(key) != shown(reply):
                self.wrong.append(f"another answer than that of {key}")
            self.latest[key] = time.monotonic()

    def until_served(self, key: Pair) -> None:
        began = time.monotonic()
        while self.latest.get(key, 0.0) < began and not self.wrong:
            assert time.monotonic() - began < PATIENCE, f"{key} is not served; {sorted(self.latest)}"
            time.sleep(0.05)


@pytest.fixture(scope="module")
def service(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with started(prepared, tmp_path_factory.mktemp("reload")) as running:
        yield running


@pytest.mark.parametrize("swaps", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_swaps_under_load_fail_no_request_and_mix_no_pair(
    service: Running, stages: Path, asked: RankRequest, expected: dict[Pair, Shown], swaps: int
) -> None:
    home = service.log.parent / "var"
    signer, key = read_signer(home / "keys"), read_public_key(home / "keys" / "public_key.pem")
    snapshots = [load_snapshot(stages / f"snapshot{number}", key) for number in range(2)]
    with Load(service, asked, expected) as load:
        bundle = load_bundle(home / "bundle", key)
        as_of = load_snapshot(home / "snapshot", key).as_of
        for turn in range(swaps):
            if turn % 2 == 0:
                bundle = load_bundle(stages / f"bundle{turn // 2 % 3}", key)
                save_bundle(bundle, home / "bundle", signer)
            else:
                # What is served is cut short and written over where it lies, and then exchanged.
                for number, file in enumerate(sorted((home / "snapshot").glob("*.bin"))):
                    if number % 2:
                        os.truncate(file, 0)
                    else:
                        file.write_bytes(os.urandom(file.stat().st_size))
                chosen = turn // 2 % 2
                copy_signed(stages / f"snapshot{chosen}", home / "snapshot")
                as_of = snapshots[chosen].as_of
            load.until_served((bundle.model_version, as_of.isoformat().replace("+00:00", "Z")))
            assert load.wrong == []
    assert load.wrong == []
    assert load.answers > 10 * swaps
    assert service.process.poll() is None
    assert "Traceback" not in service.log.read_text()


def test_a_bad_bundle_and_a_bad_snapshot_are_said_and_the_old_pair_serves(
    service: Running, stages: Path, asked: RankRequest, expected: dict[Pair, Shown]
) -> None:
    home = service.log.parent / "var"
    with Load(service, asked, expected) as load:
        before = httpx.get(f"{service.url}/readyz").json()
        os.truncate(home / "bundle" / "golden.json", 10)
        (home / "bundle" / "signature").touch()
        said = until(lambda: httpx.get(f"{service.url}/readyz").json(), lambda told: told.get("refused_part"))
        assert (said["refused"], said["refused_part"], said["ready"]) == ("BundleError", "bundle", True)
        assert said["model_version"] == before["model_version"]
        assert str(home) not in str(said)
        assert "golden.json" not in str(said)
        until(service.log.read_text, lambda log: "golden.json as it was signed" in log)
        metrics = until(
            lambda: httpx.get(f"{service.url}/metrics").text, lambda told: "collabrank_refused_on_disk 1.0" in told
        )
        since = next(line for line in metrics.splitlines() if line.startswith("collabrank_refused_timestamp_seconds"))
        assert time.time() - 120 < float(since.split()[1]) <= time.time()
    assert load.wrong == []


def until(look: Any, right: Any) -> Any:
    """What ``look`` gives once it is ``right``."""
    for _ in range(600):
        if right(found := look()):
            return found
        time.sleep(0.1)
    pytest.fail(f"still {found}")
