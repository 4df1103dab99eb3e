"""The budget of time on a terminal and elsewhere, each met by a process of its own."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

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


def test_a_bar_that_fills_with_time_on_a_terminal():
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100"}
    with subprocess.Popen([sys.executable, "-c", CODE], stderr=theirs, env=environment) as process:
        os.close(theirs)
        seen = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
            seen += part
    os.close(ours)
    assert process.returncode == 0
    assert b"trial 1 of many" in seen
    assert "━".encode() in seen
    assert b"0:00:00" in seen
