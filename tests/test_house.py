"""The house itself: every module says what it offers, packages are entered by their front door.

Which package may import which, and that nothing goes in circles, stands in
pyproject.toml as contracts of import-linter; ``make lint`` holds them.
"""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("collabrank", "marketplace", "features", "models", "training", "serving")
MODULES = sorted(p for package in PACKAGES for p in (ROOT / package).rglob("*.py"))


def dotted(path: Path) -> str:
    """The dotted name of the module at ``path``."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {dotted(path): path for path in MODULES}


def imports(path: Path) -> list[tuple[str, tuple[str, ...]]]:
    """Every ``from module import names`` and ``import module`` at ``path``, wherever in it."""
    found: list[tuple[str, tuple[str, ...]]] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(alias.name, ()) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append((node.module or "", tuple(alias.name for alias in node.names)))
    return found


def label(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=label)
def test_packages_are_entered_by_their_front_door(path: Path) -> None:
    """A package within ours is imported by what its ``__init__`` offers; its modules are its own affair."""
    own = dotted(path)
    for module, _names in imports(path):
        where = NAMES.get(module)
        if where is None or where.name == "__init__.py":
            continue
        package = module.rsplit(".", 1)[0]
        inside = own == package or own.startswith(f"{package}.")
        assert inside or "." not in package, f"{label(path)} imports {module}; take it from {package}"


@pytest.mark.parametrize("path", [p for p in MODULES if p.name == "__init__.py"], ids=label)
def test_every_package_says_what_lives_in_it(path: Path) -> None:
    assert len((ast.get_docstring(ast.parse(path.read_text())) or "").split()) >= 8, label(path)


def test_every_folder_with_code_is_a_package() -> None:
    folders = {path.parent for path in MODULES}
    assert not [label(folder) for folder in folders if not (folder / "__init__.py").is_file()]


@pytest.mark.parametrize("path", MODULES, ids=label)
def test_truth_is_read_by_the_evaluation_alone(path: Path) -> None:
    reads = any("read_truth" in names for _module, names in imports(path))
    assert not reads or dotted(path).startswith(
        ("training.evaluation.", "training.lift.truth", "marketplace.simulator.")
    )


@pytest.mark.parametrize("path", MODULES, ids=label)
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
    assert "__getattr__" in defined or set(offered) <= defined
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


def test_long_tests_are_where_they_are_said_to_be() -> None:
    from tests.conftest import LONG

    said = LONG.read_text(encoding="utf-8").split()
    assert said == sorted(set(said))
    for line in said:
        file, _, name = line.partition("::")
        there = (ROOT / file).read_text(encoding="utf-8")
        assert not name or f"def {name}(" in there, line
        assert not name or file not in said, f"{line}: all of {file} is long"


def test_no_name_repeats_its_folder() -> None:
    """``lift/lift_report.py`` says lift twice."""
    repeated = [
        label(path) for path in MODULES if path.stem.startswith((f"{path.parent.name}_", f"{path.parent.name[:-1]}_"))
    ]
    assert not repeated


PROSE = [
    path
    for path in (*MODULES, *(ROOT / "benchmarks").glob("*.py"), *(ROOT / "docs").glob("*.md"), ROOT / "README.md")
    if path.name not in ("extending.md", "reference.md")  # worked examples; made from the code
]


@pytest.mark.parametrize("path", PROSE, ids=label)
def test_what_is_named_exists(path: Path) -> None:
    """Every dotted name in backticks, and every path to a file of ours, in docstrings, comments and pages."""
    text = path.read_text(encoding="utf-8")
    tops = "|".join((*PACKAGES, "benchmarks"))
    for name in sorted(set(re.findall(rf"`((?:{tops})(?:\.\w+)+)`", text))):
        assert _exists(name.split(".")), f"{label(path)} names {name}"
    for name in sorted(set(re.findall(rf"(?<![\w/.])((?:{tops}|docs|notebooks)/[\w/]+\.(?:py|md|ipynb))", text))):
        assert (ROOT / name).is_file(), f"{label(path)} names {name}"


def _exists(parts: list[str]) -> bool:
    for count in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for name in parts[count:]:
            if name in getattr(found, "__dataclass_fields__", {}):
                return True
            if not hasattr(found, name):
                return False
            found = getattr(found, name)
        return True
    return False
