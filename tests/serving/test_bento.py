"""A bento that is really built, and a service that is really started from it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from serving.keys import create_key
from tests.serving.conftest import free_port

ROOT = Path(__file__).resolve().parents[2]
BENTOML = [sys.executable, "-m", "bentoml"]


@pytest.mark.slow
def test_a_service_is_built_and_started_from_its_bento(
    prepared: Path,
    home: Path,
    campaign: dict[str, Any],
    tmp_path: Path,
) -> None:
    shutil.copytree(prepared / "var", home / "var", dirs_exist_ok=True)
    _, key = create_key("bento")
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        "BENTOML_HOME": str(tmp_path / "bentos"),
        "BENTOML_DO_NOT_TRACK": "True",
        "COLLABRANK_HOME": str(home),
    }
    built = subprocess.run(
        [*BENTOML, "build", "--output", "tag"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    tag = built.stdout.strip().rpartition("__tag__:")[2]
    folder = tmp_path / "bentos" / "bentos" / tag.replace(":", "/")
    source = folder / "src"
    kept = {path.name for path in source.iterdir()}
    assert {"serving", "features", "models", "marketplace"} <= kept
    assert not {"var", "tests", ".git", "requirements.lock"} & kept
    assert "--hash=sha256:" in (folder / "env" / "python" / "requirements.txt").read_text()
    # From the bento's own copy of the code: the working folder lies elsewhere.
    port, log = free_port(), tmp_path / "log"
    with open(log, "wb") as out:
        running = subprocess.Popen(
            [*BENTOML, "serve", tag, "--host", "127.0.0.1", "--port", str(port)],
            cwd=tmp_path, env=environment, stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            for _ in range(900):
                assert running.poll() is None, log.read_text()
                try:
                    if client.get("/readyz").status_code == 200:
                        break
                except httpx.TransportError:
                    pass
                time.sleep(0.1)
            assert client.post("/rank", json={}).status_code == 401
            body = {"campaign_id": campaign["campaign_id"], "top": 3}
            answer = client.post("/rank", json=body, headers={"X-API-Key": key})
            assert answer.status_code == 200, answer.text
            assert len(answer.json()["creators"]) == 3
        running.send_signal(signal.SIGTERM)
        running.wait(timeout=60)
    finally:
        try:
            os.killpg(running.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        else:
            running.wait()
