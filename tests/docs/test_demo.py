"""The demo asks before it replaces what it made, and never touches what it did not make."""

from __future__ import annotations

import importlib.util
import inspect
import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def demo() -> Any:
    spec = importlib.util.spec_from_file_location("demo", ROOT / "demo.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    told: list[str] = []

    def asked(_prompt: str) -> str:
        assert told, "it asked"
        return told.pop(0)

    monkeypatch.setattr("builtins.input", asked)
    return told


def test_a_new_home_is_made_and_marked(demo: Any, tmp_path: Path, answers: list[str]) -> None:
    home = tmp_path / "var" / "demo"
    assert demo.home_for(home, yes=False, terminal=True) == home
    assert json.loads((home / demo.MADE).read_text())["made_by"] == "demo.py"


@pytest.mark.parametrize("answer", ["", "n", "no", "what?"])
def test_at_a_terminal_an_earlier_demo_stays_unless_one_says_yes(
    demo: Any, tmp_path: Path, answers: list[str], answer: str
) -> None:
    home = demo.home_for(tmp_path / "demo", yes=False, terminal=True)
    (home / "mine").write_text("dear")
    answers.append(answer)
    with pytest.raises(SystemExit, match="as it was"):
        demo.home_for(home, yes=False, terminal=True)
    assert (home / "mine").read_text() == "dear"


@pytest.mark.parametrize(("yes", "terminal", "told"), [(False, True, ["Y"]), (True, True, []), (False, False, [])])
def test_an_earlier_demo_is_replaced_when_told_or_where_nobody_can_be_asked(
    demo: Any, tmp_path: Path, answers: list[str], *, yes: bool, terminal: bool, told: list[str]
) -> None:
    home = demo.home_for(tmp_path / "demo", yes=False, terminal=False)
    (home / "old").write_text("")
    answers.extend(told)
    assert demo.home_for(home, yes=yes, terminal=terminal) == home
    assert [path.name for path in home.iterdir()] == [demo.MADE]


@pytest.mark.parametrize(("yes", "terminal"), [(True, True), (False, False), (True, False)])
def test_what_no_demo_made_is_never_touched(
    demo: Any, tmp_path: Path, answers: list[str], capsys: pytest.CaptureFixture[str], *, yes: bool, terminal: bool
) -> None:
    home = tmp_path / "demo"
    (home / "var" / "keys").mkdir(parents=True)
    (home / "var" / "keys" / "signing_key.pem").write_text("dear")
    beside = demo.home_for(home, yes=yes, terminal=terminal)
    assert beside == tmp_path / "demo-2"
    assert "left alone" in capsys.readouterr().out
    assert demo.home_for(home, yes=True, terminal=terminal) == beside
    assert (home / "var" / "keys" / "signing_key.pem").read_text() == "dear"


def test_the_last_words_are_the_consoles_address_as_serve_prints_it(demo: Any, tmp_path: Path) -> None:
    from serving.commands import serve

    said = demo.look_around(tmp_path, "ca_1", "crk_secret", terminal=True).splitlines()[-1]
    usual = inspect.signature(serve).parameters
    address = f"http://{usual['host'].default}:{usual['console_port'].default}"
    assert f"open {address} and" in said
    assert "(.venv/bin/collabrank serve)" in said
    assert said.endswith("crk_secret")
    told = demo.look_around(tmp_path, "ca_1", "crk_secret", terminal=False)
    assert address in told.splitlines()[-1]
    assert "crk_secret" not in told
