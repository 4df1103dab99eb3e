"""Whether the packages beside this one are ours: others, too, call a folder of theirs ``features`` or ``models``.

Python takes the first package of a name that it finds on ``sys.path``. In a
folder with a ``features/`` of its own that is the other one, and what fails
then is an import far inside. This says in one sentence which was found, where,
and what to do.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

__all__ = ["NEIGHBOURS", "foreign", "refuse_foreign"]

NEIGHBOURS = ("marketplace", "features", "models", "training", "serving")
"""The packages that belong to this one and lie beside it."""

_HOME = Path(__file__).resolve().parents[1]


def foreign() -> str:
    """One sentence about the first neighbour that Python would take from elsewhere; empty where all are ours."""
    for name in NEIGHBOURS:
        places = _places(name)
        if _HOME / name in places:
            continue
        found = f"finds another at {places[0]}" if places else "finds none"
        return (
            f"collabrank needs its own package {name!r}, in {_HOME / name}, but Python {found}: run from another "
            "folder, take that one off sys.path (PYTHONPATH), or rename it."
        )
    return ""


def refuse_foreign() -> None:
    """Stop where a neighbour is not ours: the command line by that sentence and exit code 2.

    Raises
    ------
    ImportError
        Everywhere else.
    """
    sentence = foreign()
    if not sentence:
        return
    if _is_command_line():
        print(sentence, file=sys.stderr)
        raise SystemExit(2)
    raise ImportError(sentence, name="collabrank")


def _places(name: str) -> list[Path]:
    """The folders that ``import name`` would enter, or the file that it would run."""
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):  # what was imported under that name has no spec
        module = sys.modules.get(name)
        return [Path(str(getattr(module, "__file__", None) or f"<{name}>"))]
    if spec is None:
        return []
    folders = list(spec.submodule_search_locations or ())
    return [Path(place).resolve() for place in folders or [str(spec.origin)]]


def _is_command_line() -> bool:
    """Whether this process was started as ``collabrank …`` or ``python -m collabrank …``."""
    if sys.argv[:1] == ["-m"]:
        asked = sys.orig_argv[1:]
        return "-m" in asked and asked[asked.index("-m") + 1 : asked.index("-m") + 2] == ["collabrank"]
    return bool(sys.argv) and Path(sys.argv[0]).stem == "collabrank"
