"""The brand engineer's tutorial does what it says against a running service."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "tutorials" / "brand_engineer.md").read_text(encoding="utf-8")


def run(command: list[str], language: str, process: Any) -> str:
    [text] = re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.M | re.S)
    done = subprocess.run(
        command,
        input=text,
        env={**os.environ, "URL": process.url, "KEY": process.key, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl")
def test_the_first_request(process: Any) -> None:
    assert [one["position"] for one in json.loads(run(["sh", "-e"], "sh", process))["creators"]] == [1, 2, 3]


def test_the_client(process: Any) -> None:
    lines = run([sys.executable, "-"], "python", process).splitlines()
    assert [line.split()[0] for line in lines] == ["1", "2", "3"]
    assert all("USD" in line for line in lines)
