"""Tables for people: aligned and whole off a terminal, with rules on one."""

from __future__ import annotations

import io

import pytest

from marketplace.text import TextTable, plain_text, show

TABLE = TextTable("by market", ("market", "rows"), [("US", "3"), ("[b]GB", "1,200")], marked="US")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_plain_text_is_aligned_and_ends_without_blanks() -> None:
    assert plain_text(["before", TABLE, "", "after [x]"]) == (
        "before\nby market\n  market   rows\n  US          3\n  [b]GB   1,200\n\nafter [x]"
    )


def test_plain_text_is_never_cut_or_wrapped() -> None:
    wide = "word " * 200
    lines = plain_text([TextTable("", ("a", "b"), [(wide.strip(), "1")]), wide]).splitlines()
    assert len(lines) == 3
    assert lines[1].strip() == f"{wide.strip()}  1"
    assert lines[2] == wide


@pytest.mark.parametrize("letters", ["Zoë", "日本", "a"])
def test_columns_are_aligned_by_what_is_seen(letters: str) -> None:
    from rich.cells import cell_len

    lines = plain_text([TextTable("", ("name", "n"), [(letters, "1"), ("longer name", "2")])]).splitlines()
    assert len({cell_len(line) for line in lines}) == 1


def test_a_terminal_gets_rules_and_no_markup_is_read() -> None:
    out, plain = Terminal(), io.StringIO()
    show([TABLE, "note"], file=out)
    show([TABLE, "note"], file=plain)
    assert "┃" in out.getvalue()
    assert "[b]GB" in out.getvalue()
    assert "note" in out.getvalue()
    assert plain.getvalue() == plain_text([TABLE, "note"]) + "\n"
    assert "\x1b" not in plain.getvalue()
