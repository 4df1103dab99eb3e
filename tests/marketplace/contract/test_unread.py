"""Every column of the contract is read by something that judges, or told of as unread: found in the source itself."""

from __future__ import annotations

import ast
from pathlib import Path

from marketplace.contract import TABLES
from marketplace.contract.unread import PAGE, SHOWN, UNREAD, render

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("features", "models", "training")

READERS = ("table", "frame", "arrow", "known_rows")
"""Calls that read the table whose name they are given."""

TOLD = {"sample_states": "samples", "sample_outcomes": "samples", "outcomes_as_of": "samples"}
"""Functions that hand the columns of a table on."""

CLOCKS = ("known_once", "known_states")
"""Functions that read ``known_at`` of the table they are given."""

SHOWING = ("features/snapshot/", "features/indices/build.py", "features/indices/cards.py", "training/scoring.py")
"""Where creators are shown to people."""


def named(tree: ast.AST) -> tuple[set[str], set[str]]:
    """The tables that a module reads, and every attribute, keyword and string in it (docstrings are no column)."""
    tables: set[str] = set()
    words: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            words.add(node.attr)
        elif isinstance(node, ast.keyword) and node.arg:
            words.add(node.arg)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            words.add(node.value)
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            given = [one.value for one in node.args if isinstance(one, ast.Constant)]
            tables |= {name for name in given if called in READERS and name in TABLES}
            tables |= {TOLD[called]} if called in TOLD else set()
            words |= {"known_at"} if called in CLOCKS else set()
    return tables, words


def found(modules: dict[str, str]) -> set[str]:
    """Columns that some module reads: it reads their table, and names them."""
    read: set[str] = set()
    for text in modules.values():
        tables, words = named(ast.parse(text))
        for table in tables:
            read |= {f"{table}.{column.name}" for column in TABLES[table].columns if column.name in words}
    return read


def source() -> dict[str, str]:
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def columns() -> set[str]:
    return {f"{table.name}.{column.name}" for table in TABLES.values() for column in table.columns}


def test_every_column_is_read_or_told_of() -> None:
    judging = {name: text for name, text in source().items() if not name.startswith(SHOWING)}
    shown = set(SHOWN)
    read = found(source())
    assert columns() - read - shown == set(UNREAD), "a column is neither read nor in UNREAD, or is both"
    assert not shown & found(judging)
    words = set().union(*(named(ast.parse(text))[1] for name, text in source().items() if name.startswith(SHOWING)))
    assert {name.split(".")[1] for name in shown} <= words


def test_a_column_that_nobody_names_is_found() -> None:
    """The finder is not blind: without the one module that reads them, its columns are missing."""
    modules = source()
    whole = found(modules)
    assert "creator_snapshots.creator_health_rating" in whole
    del modules["features/facts/content.py"]
    assert "creator_snapshots.creator_health_rating" in whole - found(modules)
    # Naming a column is not enough, nor is reading its table.
    assert found({"a": "def f(market):\n    return market.table('products').price"}) == {"products.price"}
    assert found({"a": "def f(rows):\n    return rows.ad_spend"}) == set()
    assert found({"a": "def f(market):\n    return market.frame('product_days', ['ad_spend'])"}) == {
        "product_days.ad_spend"
    }


def test_the_page_is_current() -> None:
    assert (ROOT / PAGE).read_text(encoding="utf-8") == render(), "run `make docs`"
