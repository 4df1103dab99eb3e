"""A hundred candidates by id beside an endpoint that does nothing: ``python -m benchmarks.noop``.

``POST /rank`` for one brief with a hundred creators named by their ids, whose signals are gathered and scored, and
``POST /noop``, which exists in this benchmark's process alone: the same service behind the same doors (key, limits, the
same body checked in the same way, budget, audit log), with a method that answers two words. By turns in one run:

- one client, one request after another;
- sixteen clients at fixed times, whether what came before has been answered or not (open loop), as many requests a
  second for both; the time counts from the moment at which the request was due.

Wall-clock milliseconds of the client. The rank's answer is in the decision log when it goes out: what it waits for the
disk is in its time, and told beside it.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from starlette.types import ASGIApp

from benchmarks.many import repeated
from benchmarks.serving import TREES, made_up_bundle, running_service

__all__ = ["application", "main", "serve"]

CLIENTS = 16
ROUNDS = 6
GOALS = {"p50": 1.5, "p99": 2.0}


def application() -> ASGIApp:
    """The service's own application, with ``POST /noop`` beside its routes."""
    from pydantic import BaseModel

    from serving.app import routes, service
    from serving.schema import RankRequest

    class Nothing(BaseModel):
        done: bool = True

    row = routes.Route(
        "POST", "/noop", "noop", "Do nothing.", frozenset({"brand"}), takes=RankRequest, gives=Nothing, weight=0.0
    )
    routes.ROUTES = routes.Table([*routes.ROUTES, row])
    made = service.application()
    ranking: Any = service.CreatorRanking
    ranking.inner.noop = SimpleNamespace(local=lambda _request: Nothing())
    return made


def serve() -> None:
    """Serve it on a free port until told to stop."""
    from serving.process import run

    run(host="127.0.0.1", port=0, workers=1, wait=False, application="benchmarks.noop:application")


class _Client:
    """One connection that is kept, as a client in a loop has it."""

    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url)
        self._wire = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=60)
        self._headers = {"X-API-Key": key, "Content-Type": "application/json"}

    def ask(self, path: str, body: bytes) -> bytes:
        self._wire.request("POST", path, body, self._headers)
        answer = self._wire.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{path} answered {answer.status}: {content[:300]!r}")
        return content


def main(arguments: list[str] | None = None) -> int:
    """Measure, print; exit code 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description="Time 100 candidates by id beside an endpoint that does nothing.")
    parser.add_argument("--creators", type=int, default=20_000, help="creators of the snapshot (default 20000)")
    parser.add_argument("--requests", type=int, default=200, help="requests a round and endpoint (default 200)")
    parser.add_argument("--rate", type=float, default=60.0, help="requests a second in the open loop (default 60)")
    parser.add_argument("--top", type=int, default=20, help="creators returned (default 20)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        body = _prepare(Path(folder), home, creators=chosen.creators, top=chosen.top)
        command = [sys.executable, "-c", "from benchmarks.noop import serve; serve()"]
        with running_service(home, command) as (url, key, _):
            figures = _measured(url, key, body, requests=chosen.requests, rate=chosen.rate)
    figures |= {"cores": len(os.sched_getaffinity(0)), "rate": chosen.rate, "top": chosen.top}
    if chosen.json:
        print(json.dumps(figures))
    else:
        _print(figures)
    missed = [name for name in ("one_client", "open_loop") for q, goal in GOALS.items() if figures[name][q] > goal]
    return int(bool(missed))


def _prepare(folder: Path, home: Path, *, creators: int, top: int) -> bytes:
    from features.snapshot import build_snapshot, save_snapshot
    from marketplace.simulator import simulate
    from marketplace.tables import open_marketplace
    from models.bundle import read_signer, save_bundle

    simulate(folder / "market", creators=1_000, campaigns=30, days=120, seed=7)
    small = build_snapshot(open_marketplace(folder / "market"))
    brief = list(small.campaigns.values())[-1]
    signer = read_signer(home / "var" / "keys")
    save_bundle(made_up_bundle(small.matrix(brief, np.arange(len(small))), TREES), home / "var" / "bundle", signer)
    many = repeated(small, creators, brief.market)
    save_snapshot(many, home / "var" / "snapshot", signer)
    chosen = np.random.default_rng(5).choice(np.asarray(many.creator_ids), 100, replace=False).tolist()
    asked = {"include_only_creator_ids": chosen}
    return json.dumps({"campaign_id": brief.campaign_id, "top": top, "explain": False, "filters": asked}).encode()


def _measured(url: str, key: str, body: bytes, *, requests: int, rate: float) -> dict[str, Any]:
    client = _Client(url, key)
    for _ in range(20):
        reply = json.loads(client.ask("/rank", body))
        client.ask("/noop", body)
    if reply["considered"] != 100:
        raise SystemExit(f"expected 100 candidates; received {reply['considered']}")
    clients = [_Client(url, key) for _ in range(CLIENTS)]
    figures: dict[str, Any] = {}
    for name in ("one_client", "open_loop"):
        took: dict[str, list[float]] = {"/rank": [], "/noop": []}
        for turn in range(2 * ROUNDS):
            path = "/rank" if turn % 2 == 0 else "/noop"
            if name == "one_client":
                took[path] += _one_after_another(client, path, body, requests)
            else:
                took[path] += _open_loop(clients, path, body, requests, rate)
        figures[name] = _compared(took)
    return figures


def _one_after_another(client: _Client, path: str, body: bytes, requests: int) -> list[float]:
    took = []
    for _ in range(requests):
        began = time.perf_counter()
        client.ask(path, body)
        took.append(1e3 * (time.perf_counter() - began))
    return took


def _open_loop(clients: list[_Client], path: str, body: bytes, requests: int, rate: float) -> list[float]:
    """Milliseconds from when each request was due: exponential gaps, dealt to the clients in turn."""
    due = np.cumsum(np.random.default_rng(11).exponential(1.0 / rate, size=requests))
    took = np.zeros(requests)
    start = time.perf_counter() + 0.05

    def work(number: int) -> None:
        for one in range(number, requests, len(clients)):
            wait = start + due[one] - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
            clients[number].ask(path, body)
            took[one] = 1e3 * (time.perf_counter() - start - due[one])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(clients))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [float(one) for one in took]


def _compared(took: dict[str, list[float]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path, times in took.items():
        found[path.strip("/")] = {"p50_ms": float(np.median(times)), "p99_ms": float(np.quantile(times, 0.99))}
    for q in GOALS:
        found[q] = found["rank"][f"{q}_ms"] / found["noop"][f"{q}_ms"]
    return found


def _print(figures: dict[str, Any]) -> None:
    print(f"POST /rank of 100 candidates by id, {figures['top']} returned, beside POST /noop; {figures['cores']} cores")
    said = {"one_client": "one client", "open_loop": f"{CLIENTS} clients, {figures['rate']:g} a second"}
    for name, words in said.items():
        one = figures[name]
        times = [
            f"{path} p50 {one[path]['p50_ms']:.2f} ms, p99 {one[path]['p99_ms']:.2f} ms" for path in ("rank", "noop")
        ]
        print(f"  {words:<26} {'; '.join(times)}: {one['p50']:.2f}x and {one['p99']:.2f}x")


if __name__ == "__main__":
    sys.exit(main())
