"""Answers are made once for one pair, and never outlive it or their room."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from serving.lookups import Kept
from serving.pair import Served


def test_an_answer_is_made_once_for_a_pair(pair: Served) -> None:
    kept, made = Kept(), []

    def ask(served: Served, what: Any) -> bytes:
        def make() -> bytes:
            made.append(what)
            return str(what).encode()

        return kept.answer(served, what, make)

    assert [ask(pair, one) for one in (1, 2, 1, 2, 1)] == [b"1", b"2", b"1", b"2", b"1"]
    assert made == [1, 2]
    newer = replace(pair)
    assert ask(newer, 1) == b"1"
    assert made == [1, 2, 1]
    assert len(kept) == 1


def test_the_oldest_answers_make_room(pair: Served) -> None:
    kept = Kept(10)
    for name in "abc":
        kept.answer(pair, name, lambda: b"1234")
    assert len(kept) == 2
    assert kept.answer(pair, "c", lambda: b"other") == b"1234"
    assert kept.answer(pair, "a", lambda: b"other") == b"other"
    assert kept.answer(pair, "large", lambda: b"x" * 11) == b"x" * 11
    assert kept.answer(pair, "large", lambda: b"y") == b"y"
