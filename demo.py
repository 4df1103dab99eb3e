"""`make demo`: the whole product at work, one command after another, in a home of its own.

Every step is a command that you can type yourself; the demo only prints it, runs
it and times it. State goes to ``var/demo``. A demo that is there already is
replaced: on a terminal after asking (``--yes`` answers beforehand), elsewhere at
once. A folder of that name that no demo made is never touched: the demo goes to
``var/demo-2``, or the next name that is free or a demo's.
"""

from __future__ import annotations

import argparse
import json
import os
import re
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
MADE = "made-by-demo.json"
"""Stands in a home that the demo made, from before anything else does: only such a home is ever replaced."""
SIZE = ("--creators", "3000", "--campaigns", "180", "--days", "240", "--seed", "7")
COLLABRANK = [sys.executable, "-m", "collabrank"]
STARTED = time.perf_counter()


def home_for(home: Path, *, yes: bool, terminal: bool) -> Path:
    """An empty folder that is marked as the demo's: ``home``, or one beside it where ``home`` holds something else.

    Raises
    ------
    SystemExit
        Somebody at a terminal does not want the earlier demo replaced.
    """
    number, chosen = 1, home
    while chosen.exists() and any(chosen.iterdir()) and not (chosen / MADE).is_file():
        number += 1
        chosen = home.with_name(f"{home.name}-{number}")
    if chosen != home:
        print(f"{home} holds something that no demo made, and is left alone: this demo goes to {chosen}")
    if (chosen / MADE).is_file():
        if terminal and not yes:
            told = input(f"{chosen} holds an earlier demo, with whatever was added to it. Replace it? [y/N] ")
            if told.strip().lower() not in ("y", "yes"):
                sys.exit(f"{chosen} is as it was; `python demo.py --yes` replaces it without asking")
        print(f"the earlier demo in {chosen} is replaced")
        shutil.rmtree(chosen)
    chosen.mkdir(parents=True, exist_ok=True)
    (chosen / MADE).write_text(json.dumps({"made_by": "demo.py", "size": SIZE}) + "\n")
    return chosen


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


def wait_until_ready(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        if server.poll() is not None:
            sys.exit(f"the service stopped with exit code {server.returncode}; see {log}")
        try:
            urllib.request.urlopen(f"{url}/readyz", timeout=2).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    sys.exit(f"the service did not become ready; see {log}")


def latest_campaign(market: Path) -> dict[str, Any]:
    """The newest brief of the marketplace: its creators have not been chosen by the model before."""
    import collabrank as cr

    campaigns = cr.open_marketplace(market).frame("campaigns").sort_values(["briefed_at", "campaign_id"])
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
        told = [
            f"{name} {index['value']:.0f}{' (peers alone)' if index['confidence'] == 0 else ''}"
            for name, index in creator["indices"].items()
        ]
        print("   indices " + " · ".join(told))
        for reason in creator["reasons"][:3]:
            print(f"   {'+' if reason['contribution'] > 0 else '-'} {reason['text']}")


def look_around(home: Path, campaign: str, key: str, *, terminal: bool) -> str:
    """What one does next, the last of it what one most likely wants: the console, with the address it will have."""
    from serving.commands import CONSOLE_PORT

    # A key in a build's log would be read by others; on a terminal it is what one needs next.
    sign_in = f"sign in with {key}" if terminal else "sign in with a key of `.venv/bin/collabrank keys create me`"
    return (
        f"All of it is in {home}; look around:\n"
        f"  export COLLABRANK_HOME={home}\n"
        f"  .venv/bin/collabrank rank {home / 'market'} --campaign {campaign} --top 5\n"
        f"  make ui       compares the runs in MLflow\n"
        f"The report of the newest campaign that is over is in {home / 'var' / 'reports'}: open or print the page.\n"
        f"The console, in a browser:\n"
        f"  make serve    (.venv/bin/collabrank serve), then open http://127.0.0.1:{CONSOLE_PORT} and {sign_in}"
    )


def main() -> None:
    """Run the demo from an empty home to a ranked answer of the service."""
    asked = argparse.ArgumentParser(prog="demo.py", description="The whole product at work in a home of its own.")
    asked.add_argument("--yes", action="store_true", help="replace an earlier demo without asking")
    terminal = sys.stdin.isatty() and sys.stdout.isatty() and not os.environ.get("CI")
    home = home_for(HOME, yes=asked.parse_args().yes, terminal=terminal)
    market = str(home / "market")
    os.environ["COLLABRANK_HOME"] = str(home.resolve())
    os.environ["COLUMNS"] = os.environ.get("COLUMNS", "140")

    run("simulate", market, *SIZE)
    run("check", market)
    run("train", market)
    promoted = re.search(r"champion is now version (\d+)", run("promote"))
    # `train` registers two rankers: the other one stands beside the champion, and answers nobody.
    run("challenger", "set", "--version", str(3 - int(promoted[1])) if promoted else "1")
    run("evaluate", market)
    run("snapshot", market)
    run("report", market)
    key = json.loads(run("keys", "create", "demo", "--json", show=False))["key"]
    print("a key for the brand's tool was made; the service stores only its hash")

    port = free_port()
    url = f"http://127.0.0.1:{port}"
    print(f"\n$ collabrank serve --port {port}")
    with open(home / "service.log", "wb") as log:
        server = subprocess.Popen([*COLLABRANK, "serve", "--no-console", "--port", str(port)], stdout=log, stderr=log)
    try:
        wait_until_ready(url, server, home / "service.log")
        body = {"campaign_id": latest_campaign(Path(market))["campaign_id"], "top": 5}
        print(
            f"\n$ curl -X POST {url}/rank -H 'X-API-Key: …' -H 'Content-Type: application/json' -d '{json.dumps(body)}'"
        )
        show(call(f"{url}/rank", key, body))
    finally:
        server.terminate()
        server.wait(timeout=30)

    next_steps = look_around(home, body["campaign_id"], key, terminal=terminal)
    print(f"\nDone in {time.perf_counter() - STARTED:.0f} s. {next_steps}")


if __name__ == "__main__":
    main()
