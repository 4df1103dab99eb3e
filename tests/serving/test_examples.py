"""The examples of docs/endpoint.md do what they say against a running service, in the shell, Python and JavaScript."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "endpoint.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.M | re.S)


def run(command: list[str], text: str, process: Any) -> str:
    done = subprocess.run(
        command,
        input=text,
        env={**os.environ, "URL": process.url, "KEY": process.key},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl")
def test_the_shell_examples(process: Any) -> None:
    ranked, listed = (run(["sh", "-e"], text, process) for text in blocks("sh"))
    assert [one["position"] for one in json.loads(ranked)["creators"]] == [1, 2, 3]
    answers = [json.loads(line) for line in re.sub(r"\}\s*\{", "}\n{", listed).splitlines()]
    assert len(answers) == 2
    assert answers[0]["creators"]
    assert answers[1]["creator_id"] == "cr_000003"


def test_the_python_examples(process: Any) -> None:
    lines = run([sys.executable, "-"], "\n".join(blocks("python")), process).splitlines()
    assert [line.split()[0] for line in lines] == ["1", "2", "3", "200", "404"]


@pytest.mark.skipif(shutil.which("node") is None, reason="no Node.js")
def test_the_javascript_example(process: Any) -> None:
    [text] = blocks("javascript")
    lines = run(["node", "--input-type=module", "-"], text, process).splitlines()
    assert [line.split()[0] for line in lines] == ["1", "2", "3"]


def test_the_warning_and_the_error_are_as_they_are_shown(process: Any) -> None:
    warned, refused = blocks("json")

    def ask(**brief: Any) -> Any:
        body = {"brief": {"market": "ID", "category_id": "beauty", "commission_rate": 0.1, "price": 18, **brief}}
        return httpx.post(f"{process.url}/rank", json=body, headers={"X-API-Key": process.key}).json()

    assert ask(category_id="Beauty")["warnings"] == json.loads(f"{{{warned}}}")["warnings"]
    told = json.loads(refused)
    assert ask(market="id", commission_rate=12) | {"request_id": told["request_id"]} == told
