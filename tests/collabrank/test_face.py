"""The public face: light to import, complete, and every example in it runs."""

from __future__ import annotations

import ast
import doctest
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import collabrank as cr
from collabrank import face, reference

HEAVY = ("mlflow", "bentoml", "lightgbm", "ibis", "optuna", "sklearn", "pandas", "numpy", "typer", "pyarrow", "duckdb")
FUNCTIONS = sorted(face.__all__, key=lambda name: getattr(face, name).__code__.co_firstlineno)


def test_the_import_is_light_and_imports_nothing_heavy() -> None:
    code = (
        "import resource, sys\n"
        "used = lambda: sum(resource.getrusage(resource.RUSAGE_SELF)[:2])\n"
        "before = used()\n"
        "import collabrank\n"
        f"print(used() - before, sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, heavy = answer.stdout.split(maxsplit=1)
    assert heavy.strip() == "[]"
    assert float(seconds) < 0.3


def test_dir_is_complete_and_every_name_is_there() -> None:
    assert set(cr.__all__) <= set(dir(cr))
    for name in cr.__all__:
        assert getattr(cr, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = cr.nothing  # type: ignore[attr-defined]


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(Path(cr.__file__).read_text())
    seen: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.If):
            for inside in node.body:
                if isinstance(inside, ast.ImportFrom):
                    seen |= {alias.name for alias in inside.names}
                elif isinstance(inside, ast.AnnAssign) and isinstance(inside.target, ast.Name):
                    seen.add(inside.target.id)
    assert seen == set(cr.__all__)
    assert set(face.__all__) <= seen


def test_the_version_is_the_installed_one() -> None:
    from importlib.metadata import version

    assert cr.__version__ == version("collabrank")


def test_every_function_has_an_example() -> None:
    finder = doctest.DocTestFinder(recurse=False)
    assert [name for name in FUNCTIONS if not finder.find(getattr(face, name), name)[0].examples] == []


@pytest.mark.parametrize("name", sorted({*cr.__all__} - {*face.__all__} - {"CollabrankError", "__version__"}))
def test_the_examples_of_the_estimators_run(name: str) -> None:
    session = {"cr": cr} | {name: getattr(cr, name) for name in cr.__all__ if name not in face.__all__}
    (example,) = doctest.DocTestFinder(recurse=False).find(getattr(cr, name), name, globs=session)
    told: list[str] = []
    assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example, out=told.append).failed == 0, "".join(told)
    assert example.examples


@pytest.mark.slow
def test_the_examples_run(
    small_market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One after the other in one session, as a reader of the page would type them; then each result shows itself."""
    monkeypatch.setenv("COLLABRANK_HOME", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "market").symlink_to(small_market)
    session: dict[str, object] = {"cr": cr}
    results: dict[str, object] = {}
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    for name in FUNCTIONS:
        for example in doctest.DocTestFinder(recurse=False).find(getattr(face, name), name, globs=session):
            example.globs = session
            told: list[str] = []
            outcome = runner.run(example, out=told.append, clear_globs=False)
            assert outcome.failed == 0, "".join(told)
        results |= {type(value).__name__: value for value in session.values()}
    shown = reference.result_types()
    assert set(shown) - set(results) == {"ComparedRuns"}
    results["ComparedRuns"] = cr.compare(1, 2)
    for name in shown:
        result = results[name]
        assert len(repr(result).splitlines()) == 1
        assert repr(result).startswith(f"<{name}: ")
        assert str(result)
        if name == "Beside":
            # A running service is no table.
            continue
        table = result.to_frame()  # type: ignore[attr-defined]
        assert isinstance(table, pd.DataFrame)
        assert table is not result.to_frame()  # type: ignore[attr-defined]
        page = result._repr_html_()  # type: ignore[attr-defined]
        assert page.startswith("<p>")
        assert "<table" in page
        assert len(page) < 60_000
    # What the command line prints is the result's own text.
    capsys.readouterr()
    from typer.testing import CliRunner

    from collabrank.cli import app

    said = CliRunner().invoke(app, ["card", "market", results["ScoreCard"]["creator_id"]])  # type: ignore[index]
    assert said.stdout == f"{results['ScoreCard']}\n"
    said = CliRunner().invoke(app, ["check", "market"])
    assert said.stdout == f"{results['Report']}\n"
