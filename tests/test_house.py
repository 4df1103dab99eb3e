"""The house itself: imports follow the flow of the data, every module says what it offers."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("marketplace", "features", "models", "training", "serving")
MODULES = sorted(p for room in ROOMS for p in (ROOT / room).rglob("*.py"))

MAY_IMPORT = {
    "marketplace": {"marketplace"},
    "features": {"marketplace", "features"},
    "models": {"marketplace", "features", "models"},
    "training": {"marketplace", "features", "models", "training"},
    "serving": {"marketplace", "features", "models", "serving"},
}


def imported(path: Path) -> set[str]:
    """Top-level names that the module at ``path`` imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def label(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=label)
def test_imports_follow_the_flow(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    used = {name.split(".")[0] for name in imported(path)} & set(ROOMS)
    assert used <= MAY_IMPORT[room], f"{label(path)} reaches into {used - MAY_IMPORT[room]}"


@pytest.mark.parametrize("path", MODULES, ids=label)
def test_no_pickle_and_serving_knows_no_mlflow(path: Path) -> None:
    forbidden = {"pickle", "joblib", "cloudpickle", "dill", "shelve", "marshal"}
    if path.relative_to(ROOT).parts[0] != "training":
        forbidden |= {"mlflow", "optuna"}
    assert not {name.split(".")[0] for name in imported(path)} & forbidden


@pytest.mark.parametrize("path", MODULES, ids=label)
def test_truth_is_read_by_the_evaluation_alone(path: Path) -> None:
    reads = any(name.endswith("read_truth") for name in imported(path))
    assert not reads or path.relative_to(ROOT).parts[:2][1].startswith("evaluate") or path.parent.name == "simulator"


@pytest.mark.parametrize("path", [p for p in MODULES if p.read_text().strip()], ids=label)
def test_every_module_declares_what_it_offers(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), f"{label(path)} has no docstring"
    offered: list[str] | None = None
    defined: set[str] = set()
    for node in tree.body:
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        for target in targets:
            if isinstance(target, ast.Name):
                defined.add(target.id)
                if target.id == "__all__":
                    assert isinstance(node, ast.Assign | ast.AnnAssign)
                    assert node.value is not None
                    offered = ast.literal_eval(node.value)
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            defined.add(node.name)
        elif isinstance(node, ast.ImportFrom | ast.Import):
            defined |= {(alias.asname or alias.name) for alias in node.names}
    assert offered is not None, f"{label(path)} has no __all__"
    assert set(offered) <= defined
    own = {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef) and not node.name.startswith("_")
    }
    assert own <= set(offered), f"{label(path)} hides {own - set(offered)}"


@pytest.mark.parametrize("path", MODULES, ids=label)
def test_public_things_have_docstrings(path: Path) -> None:
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{label(path)}:{node.lineno} {node.name} has no docstring"


@pytest.mark.parametrize("path", MODULES, ids=label)
def test_modules_stay_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


def test_the_lock_holds_no_address() -> None:
    text = (ROOT / "requirements.lock").read_text()
    assert not re.search(r"https?://|file://|--index|--find-links| @ ", text)
    assert re.search(r"^lightgbm==", text, re.M)


def test_the_command_line_starts_fast_and_imports_no_heavy_library() -> None:
    code = (
        "import sys, collabrank; "
        "print(sorted({'mlflow','bentoml','lightgbm','ibis','optuna','sklearn'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert answer.stdout.strip() == "[]"
