"""`collabrank cache` shows what is kept; `collabrank cache clear` removes it."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from marketplace.cache import store
from marketplace.commands import app


def run(*words: str) -> str:
    result = CliRunner().invoke(app, list(words))
    if result.exception is not None:
        raise result.exception
    return result.stdout


def test_what_is_kept_is_shown_and_cleared(cached_home: Path) -> None:
    for what, key in (("tables", "a"), ("tables", "b"), ("signals", "c")):
        store.write(what, key, lambda sink: sink.write(bytes(1_000)))
    shown = json.loads(run("cache", "--json"))
    assert shown["folder"] == str(cached_home)
    assert {what: kind["entries"] for what, kind in shown["kinds"].items()} == {"signals": 1, "tables": 2}
    assert shown["bytes"] == sum(kind["bytes"] for kind in shown["kinds"].values()) > 3_000
    assert "3 entries" in run("cache")
    assert json.loads(run("cache", "clear", "--json")) == {"entries": 3, "bytes": shown["bytes"]}
    assert "0 entries" in run("cache")
    assert not cached_home.exists()


def test_off_is_told(cached_home: Path, monkeypatch) -> None:
    monkeypatch.setenv("COLLABRANK_CACHE", "off")
    assert "off" in run("cache")
