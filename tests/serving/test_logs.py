"""The service's own log: one line an event, whatever a client sends."""

from __future__ import annotations

import json
import logging

import pytest

from marketplace.errors import HomeError
from serving.logs import JsonLines, PlainLines, log_format

NASTY = "GET /x\r\n2026-01-01 00:00:00,000 ERROR forged\x1b[2J\u202e\u2028"


def record(message: str, *args: object, **told: object) -> logging.LogRecord:
    made = logging.LogRecord("collabrank.serving", logging.INFO, __file__, 1, message, args, None)
    made.__dict__.update(told)
    return made


def test_a_json_line_is_one_object_with_its_fields():
    told = {"request_id": "r", "key_id": "k", "method": NASTY, "route": "/rank", "status": 200, "ms": 1.5}
    line = JsonLines().format(record("request %s", NASTY, **told))
    assert line.isascii()
    assert line.isprintable()
    read = json.loads(line)
    assert {name: read[name] for name in told} == told
    assert read["message"] == f"request {NASTY}"
    assert read["at"].endswith("Z")
    assert "status" not in json.loads(JsonLines().format(record("words")))


def test_a_plain_line_stays_one_line():
    line = PlainLines().format(record("request %s", NASTY))
    assert line.isprintable()
    assert "\\r\\n2026-01-01" in line


@pytest.mark.parametrize("kind", [JsonLines, PlainLines])
def test_a_trace_can_forge_no_line(kind):
    try:
        raise ValueError(NASTY)
    except ValueError as error:
        made = record("a fault")
        made.exc_info = (type(error), error, error.__traceback__)
    first, *rest = kind().format(made).split("\n")
    assert "a fault" in first
    assert all(line.startswith("  ") for line in rest)
    assert "\x1b" not in "".join(rest)


def test_an_unknown_format_is_refused(monkeypatch):
    monkeypatch.delenv("COLLABRANK_LOG", raising=False)
    assert log_format() == "plain"
    monkeypatch.setenv("COLLABRANK_LOG", "JSON")
    assert log_format() == "json"
    monkeypatch.setenv("COLLABRANK_LOG", "xml")
    with pytest.raises(HomeError, match="plain or json"):
        log_format()
