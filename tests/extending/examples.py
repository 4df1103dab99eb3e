"""The worked examples of docs/extending.md: read from the page, applied to a copy of the code, counted."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

__all__ = ["MOST", "PAGE", "ROOT", "apply", "copy_code", "examples", "page_with_table", "table", "touched"]

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "extending.md"

MOST: Mapping[str, int] = {
    "signal": 1,
    "index": 2,
    "term": 2,
    "source": 1,
    "world": 1,
    "head": 4,
    "ranker": 1,
    "metric": 1,
}
"""Code files that each idea may cost at most."""

_PACKAGES = ("collabrank", "marketplace", "features", "models", "training", "serving")
_EXAMPLE = re.compile(r"<!-- example: (\w+) -->\n+```diff\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_TABLE = re.compile(r"(?<=<!-- table -->\n).*?(?=<!-- /table -->)", re.DOTALL)


def examples() -> dict[str, str]:
    """The page's patches by idea."""
    return dict(_EXAMPLE.findall(PAGE.read_text(encoding="utf-8")))


def copy_code(folder: Path) -> Path:
    """Copy the packages and what belongs to them into ``folder``, which is made; compiled modules come along."""
    for name in (*_PACKAGES, "docs"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def apply(patch: str, folder: Path) -> None:
    """Apply ``patch`` to the code in ``folder``; lines may have moved, and numbers of lines are not believed.

    Raises
    ------
    AssertionError
        It does not apply: the code around it has changed, and so must the page.
    """
    call = ["git", "apply", "--recount", "--whitespace=error-all", "-"]
    done = subprocess.run(call, input=patch, text=True, capture_output=True, cwd=folder, check=False)
    assert done.returncode == 0, f"{PAGE.name} no longer fits the code: {done.stderr}"


def touched(folder: Path) -> tuple[str, ...]:
    """The code files in ``folder`` that are not as they are here, sorted."""
    files = {path.relative_to(root).as_posix() for root in (ROOT, folder) for name in _PACKAGES
             for path in (root / name).rglob("*.py")}  # fmt: skip
    return tuple(sorted(name for name in files if _bytes(ROOT / name) != _bytes(folder / name)))


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def table() -> str:
    """What each example touches, as Markdown, measured now."""
    lines = ["| to add a | code files | which |", "|---|---|---|"]
    for idea, patch in examples().items():
        with tempfile.TemporaryDirectory() as scratch:
            folder = copy_code(Path(scratch) / "code")
            apply(patch, folder)
            files = touched(folder)
        lines.append(f"| {idea} | {len(files)} | {', '.join(f'`{name}`' for name in files)} |")
    return "\n".join(lines) + "\n"


def page_with_table() -> str:
    """The page with the table as measured now."""
    return _TABLE.sub(lambda _: f"\n{table()}\n", PAGE.read_text(encoding="utf-8"))
