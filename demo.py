"""`make demo`: the whole product at work, one command after another, in a home of its own.

Every step is a command that you can type yourself; the demo only prints it, runs
it and times it. State goes to ``var/demo``, which is made anew each time.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

HOME = Path("var/demo")
MARKET = HOME / "market"
COLLABRANK = [sys.executable, "-m", "collabrank"]
STARTED = time.perf_counter()


def run(*words: str, show: bool = True) -> str:
    """Run ``collabrank *words``, print it with its time, and return what it printed."""
    print(
        f"\n\033[1m$ collabrank {' '.join(words)}\033[0m"
        if sys.stdout.isatty()
        else f"\n$ collabrank {' '.join(words)}"
    )
    began = time.perf_counter()
    result = subprocess.run([*COLLABRANK, *words], stdout=subprocess.PIPE, text=True, check=False)
    if result.returncode:
        sys.exit(result.returncode)
    if show:
        print(result.stdout, end="")
    print(f"  ({time.perf_counter() - began:.1f} s)", file=sys.stderr)
    return result.stdout


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def call(url: str, key: str | None = None, body: dict[str, Any] | None = None) -> Any:
    headers = {"Content-Type": "application/json"} | ({"X-API-Key": key} if key else {})
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=30) as answer:
        return json.loads(answer.read() or b"{}")


def wait_until_ready(url: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if server.poll() is not None:
            sys.exit(f"the service stopped with exit code {server.returncode}; see {HOME / 'service.log'}")
        try:
            urllib.request.urlopen(f"{url}/readyz", timeout=2).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    sys.exit(f"the service did not become ready; see {HOME / 'service.log'}")


def latest_campaign() -> dict[str, Any]:
    """The newest brief of the marketplace: its creators have not been chosen by the model before."""
    import collabrank as cr

    campaigns = cr.open_marketplace(MARKET).frame("campaigns").sort_values(["briefed_at", "campaign_id"])
    row: dict[str, Any] = campaigns.iloc[-1].to_dict()
    return row


def show(reply: dict[str, Any]) -> None:
    print(
        f"model {reply['model_version']}, as of {reply['as_of']}: {reply['considered']} creators considered, "
        f"filtered out {reply['filtered_out']}"
    )
    for creator in reply["creators"]:
        utility, lift = creator["utility"], creator["lift"]
        print(
            f"\n{creator['position']}. {creator['username']} ({creator['creator_id']})  score {creator['score']:.1f}\n"
            f"   expected profit {utility['expected']:,.0f} {utility['currency']} "
            f"({utility['low']:,.0f} to {utility['high']:,.0f}) · success {creator['success_probability']:.0%} · "
            f"lift if delivered {lift['expected']:,.0f} ({lift['low']:,.0f} to {lift['high']:,.0f})"
        )
        print("   indices " + " · ".join(f"{name} {index['value']:.0f}" for name, index in creator["indices"].items()))
        for reason in creator["reasons"][:3]:
            print(f"   {'+' if reason['contribution'] > 0 else '-'} {reason['text']}")


def main() -> None:
    """Run the demo from an empty home to a ranked answer of the service."""
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir(parents=True)
    os.environ["COLLABRANK_HOME"] = str(HOME.resolve())
    os.environ["COLUMNS"] = os.environ.get("COLUMNS", "140")

    run("simulate", str(MARKET), "--creators", "3000", "--campaigns", "180", "--days", "240", "--seed", "7")
    run("check", str(MARKET))
    run("train", str(MARKET))
    run("promote")
    run("evaluate", str(MARKET))
    run("snapshot", str(MARKET))
    key = json.loads(run("keys", "create", "demo", "--json", show=False))["key"]
    print("a key for the brand's tool was made; the service stores only its hash")

    port = free_port()
    url = f"http://127.0.0.1:{port}"
    print(f"\n$ collabrank serve --port {port}")
    with open(HOME / "service.log", "wb") as log:
        server = subprocess.Popen([*COLLABRANK, "serve", "--no-console", "--port", str(port)], stdout=log, stderr=log)
    try:
        wait_until_ready(url, server)
        body = {"campaign_id": latest_campaign()["campaign_id"], "top": 5}
        print(
            f"\n$ curl -X POST {url}/rank -H 'X-API-Key: …' -H 'Content-Type: application/json' -d '{json.dumps(body)}'"
        )
        show(call(f"{url}/rank", key, body))
    finally:
        server.terminate()
        server.wait(timeout=30)

    print(
        f"\nDone in {time.perf_counter() - STARTED:.0f} s. Look around:\n"
        f"  COLLABRANK_HOME={HOME} make ui       compare the runs in MLflow\n"
        f"  COLLABRANK_HOME={HOME} make serve    start the service\n"
        f"  COLLABRANK_HOME={HOME} .venv/bin/collabrank card {MARKET} CREATOR_ID"
    )


if __name__ == "__main__":
    main()
