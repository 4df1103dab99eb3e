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
    told = [answers_of(run(["sh", "-e"], text, process)) for text in blocks("sh")]
    (ranked,), listed, compared, named, (planned,), came = told
    assert [one["position"] for one in ranked["creators"]] == [1, 2, 3]
    assert listed[0]["creators"]
    assert listed[1]["creator_id"] == "cr_000003"
    assert [len(compared[0]["similar"]), len(compared[1]["leaders"])] == [3, 3]
    assert compared[2]["highlighted"] == ["cr_000003"]
    assert named[0]["key"]["scope"] == "brand"
    assert [next(iter(one)) for one in named[1:]] == ["as_of", "products", "campaigns"]
    assert planned["proven"]
    assert [next(iter(one)) for one in came] == ["campaign_id", "reports", "as_of"]


def answers_of(text: str) -> list[Any]:
    """The JSON documents of an output, one behind the other."""
    decoder, found, at = json.JSONDecoder(), [], 0
    while text[at:].strip():
        one, at = decoder.raw_decode(text, len(text) - len(text[at:].lstrip()))
        found.append(one)
    return found


def test_the_python_examples(process: Any) -> None:
    lines = run([sys.executable, "-"], "\n".join(blocks("python")), process).splitlines()
    # In the order of the page: two rankings, two previews, pages, a batch, then what is looked up, planned, reported.
    assert [line.split()[0] for line in lines[:6]] == ["1", "2", "3"] * 2
    assert lines[6] == "(3, 4)"
    assert [line.split()[1:] for line in lines[7:9]] == [["True", "False"]] * 2
    assert [line.split()[0] for line in lines[9:11]] == ["200", "404"]
    assert len(lines[11:14]) == 3
    assert lines[14:17] == ["(3, 8)", "7", "(1, 9)"]
    assert lines[17].endswith("partnerships of cr_000003")
    assert lines[18].split()[1:] == ["brand", "True"]
    assert lines[19:21] == ["1", "True True 5"]
    assert lines[21:] == ["True 0", "1"]


@pytest.mark.skipif(shutil.which("node") is None, reason="no Node.js")
def test_the_javascript_example(process: Any) -> None:
    lines = run(["node", "--input-type=module", "-"], "\n".join(blocks("javascript")), process).splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["1", "2", "3"]
    assert lines[3].split()[1:] == ["1", "true", "1"]


def test_the_warning_and_the_error_are_as_they_are_shown(process: Any) -> None:
    warned, refused = blocks("json")

    def ask(**brief: Any) -> Any:
        body = {"brief": {"market": "ID", "category_id": "beauty", "commission_rate": 0.1, "price": 18, **brief}}
        return httpx.post(f"{process.url}/rank", json=body, headers={"X-API-Key": process.key}).json()

    assert ask(category_id="Beauty")["warnings"] == json.loads(f"{{{warned}}}")["warnings"]
    told = json.loads(refused)
    assert ask(market="id", commission_rate=12) | {"request_id": told["request_id"]} == told
