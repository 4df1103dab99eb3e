"""Loops, stages and budgets of time on a terminal and elsewhere, each met by a process of its own."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

from marketplace import progress

CODE = """
import time
from marketplace.progress import countdown
with countdown("tuning", 0.4) as tell:
    tell("trial 1 of many")
    time.sleep(0.5)
"""


def test_plain_lines_elsewhere():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stderr == "trial 1 of many\n"
    assert done.stdout == ""


def on_a_terminal(code: str) -> tuple[int, str]:
    """The exit code of a process and what it showed on a terminal of its own."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100"}
    with subprocess.Popen([sys.executable, "-c", code], stderr=theirs, env=environment) as process:
        os.close(theirs)
        seen = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
            seen += part
    os.close(ours)
    return process.returncode, seen.decode()


def test_a_bar_that_fills_with_time_on_a_terminal():
    code, seen = on_a_terminal(CODE)
    assert code == 0
    assert "trial 1 of many" in seen
    assert "━" in seen
    assert "0:00:00" in seen


STAGES = """
import time
from marketplace.progress import say, stage, staged, track
@staged("work", {"first": 1, "second": 3})
def run(answer):
    stage("first")
    time.sleep(0.3)
    stage("second")
    stage("of another piece of work")
    for _ in track(range(3), "  parts", total=3):
        time.sleep(0.25)
    say("by the way")
    return answer
assert run(answer=42) == 42
"""


def test_stages_as_lines_with_the_time_left():
    done = subprocess.run([sys.executable, "-c", STAGES], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert lines[:2] == ["work …", "work: first …"]
    # A quarter is done after 0.3 s: three times that are left.
    assert lines[2] == "work: second …, about 1 s left"
    assert lines[3] == "  parts …"
    assert lines[4].startswith("  parts: 3 done in 0.")
    assert lines[5] == "by the way"
    assert lines[6].startswith("work: done in 1.")


def test_stages_as_bars_with_the_time_left():
    code, seen = on_a_terminal(STAGES)
    assert code == 0
    assert "work: second" in seen
    assert "25%" in seen
    assert "parts" in seen
    assert "67%" in seen
    assert re.search(r"0:00:0\d left", seen)
    assert "by the way" in seen
    assert "work …" not in seen


def test_work_that_fails_leaves_no_bar_and_no_last_line():
    code = STAGES.replace('say("by the way")', "raise SystemExit(3)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "work: done" not in done.stderr
    code, seen = on_a_terminal(code)
    assert code == 3
    assert seen.rstrip().endswith("\x1b[?25h")  # the cursor is shown again


def test_long_loops_tell_now_and_then(monkeypatch, capsys):
    monkeypatch.setattr(progress, "_EVERY_S", 0.0)
    assert list(progress.track("ab", "letters", total=2)) == ["a", "b"]
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "letters …"
    assert lines[1].startswith("letters: 1 of 2 after 0 s, about 0 s left")
    assert lines[-1].startswith("letters: 2 done in 0.0 s")
