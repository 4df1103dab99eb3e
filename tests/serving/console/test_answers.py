"""A place that shows the answer to what was asked last, whatever order answers come in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("nicegui")

from nicegui import ui
from nicegui.client import Client
from nicegui.page import page

from marketplace.errors import ContractError
from serving.console.pieces import Answers, text

Said = list[str]
SLOW, FAST = 0.05, 0.0


def said(place: ui.element) -> Said:
    """What stands in ``place``: its texts, and what is being waited for."""
    return [
        found
        for one in place.descendants()
        if (found := getattr(one, "text", "") or str(one._props.get("aria-label", "")))
    ]


def asked(*questions: tuple[str | Exception | None, float], lines: int = 3) -> tuple[Said, Said]:
    """What stands there while the last of ``questions`` (answer, seconds until it comes) waits, and in the end.

    They are asked one right after another; None shows nothing.
    """

    async def run() -> tuple[Said, Said]:
        with Client(page("")):
            place = ui.element("div")
            answers = Answers(place, lines=lines, label="On its way")

            def ask(answer: str | Exception, seconds: float) -> Callable[[], Any]:
                async def given() -> str:
                    await asyncio.sleep(seconds)
                    if isinstance(answer, Exception):
                        raise answer
                    return answer

                return given

            async def show(answer: str | Exception, seconds: float) -> None:
                await answers.show(ask(answer, seconds), lambda found: text(found, tag="p"), again=lambda: None)

            waits = []
            for answer, seconds in questions:
                if answer is None:
                    answers.clear()
                    continue
                waits.append(asyncio.create_task(show(answer, seconds)))
                await asyncio.sleep(0)
            meanwhile = said(place)
            await asyncio.gather(*waits)
            return meanwhile, said(place)

    return asyncio.run(run())


REFUSED = ContractError("a market", received="ZZ", look="markets")


def test_an_answer_takes_the_place_of_the_wait() -> None:
    assert asked(("first", SLOW)) == (["On its way"], ["first"])


def test_without_lines_what_is_there_stays_until_the_answer() -> None:
    assert asked(("first", SLOW), lines=0) == ([], ["first"])


@pytest.mark.parametrize("early", ["first", REFUSED])
def test_what_comes_late_to_an_earlier_question_is_dropped(early: str | Exception) -> None:
    assert asked((early, SLOW), ("second", FAST))[1] == ["second"]


@pytest.mark.parametrize("early", ["first", REFUSED])
def test_nothing_is_drawn_where_it_was_cleared_meanwhile(early: str | Exception) -> None:
    assert asked((early, SLOW), (None, FAST))[1] == []


def test_a_refusal_of_the_last_question_is_said_and_can_be_tried_again() -> None:
    found = asked(("first", FAST), (REFUSED, SLOW))[1]
    assert "first" not in found
    assert any("a market" in one for one in found)
    assert "Try again" in " ".join(found)
