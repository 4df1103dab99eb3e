"""What HiGHS says of itself does not reach standard output; what others say does."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import ctypes, os
from models.planning.hush import hushed
libc = ctypes.CDLL(None)
print("before", flush=True)
with hushed():
    libc.puts(b"HighsMipSolverData::something")
    libc.puts(b"from another thread")
    os.write(1, b"and this\\n")
print("after")
"""


def test_only_the_solvers_lines_are_held_back():
    said = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert sorted(said.stdout.split("\n")[:-1]) == ["after", "and this", "before", "from another thread"]
    assert said.stdout.startswith("before\n")
    assert said.stdout.endswith("after\n")
