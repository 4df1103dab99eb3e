"""What is kept: whole, by owner, for its owner alone; and shortlists made of rows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from marketplace.errors import HomeError
from serving.console.asking import Asking
from serving.console.kept import MOST, Kept
from serving.console.shortlists import add_to_shortlist, as_message


def test_things_are_kept_changed_and_dropped(home: Path) -> None:
    kept = Kept("a1")
    assert kept.all("briefs") == []
    one = kept.put("briefs", "  First ", {"brief": {"market": "US"}})
    two = kept.put("briefs", "", {"brief": {}})
    assert [thing.name for thing in kept.all("briefs")] == ["Untitled", "First"]
    kept.put("briefs", "Second", {"brief": {"market": "ID"}}, identity=one.id)
    assert [thing.name for thing in kept.all("briefs")] == ["Second", "Untitled"]
    assert kept.one("briefs", one.id).what == {"brief": {"market": "ID"}}  # type: ignore[union-attr]
    kept.drop("briefs", two.id)
    assert [thing.id for thing in kept.all("briefs")] == [one.id]
    assert Kept("b2").all("briefs") == []
    file = home / "var" / "console" / "a1" / "briefs.json"
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_the_oldest_makes_way(home: Path) -> None:
    kept = Kept("a1")
    first = kept.put("briefs", "0", {})
    path = home / "var" / "console" / "a1" / "briefs.json"
    many = [{"id": f"x{n}", "name": str(n), "changed": 1e10 + n, "what": {}} for n in range(MOST)]
    path.write_text(json.dumps({"kept": [*json.loads(path.read_text())["kept"], *many]}))
    kept.put("briefs", "new", {})
    assert len(kept.all("briefs")) == MOST
    assert kept.one("briefs", first.id) is None


def test_what_cannot_be_read_is_left_as_it_is(home: Path) -> None:
    path = home / "var" / "console" / "a1" / "briefs.json"
    path.parent.mkdir(parents=True)
    path.write_text("{")
    with pytest.raises(HomeError):
        Kept("a1").put("briefs", "x", {})
    assert path.read_text() == "{"


@pytest.mark.parametrize(("owner", "kind"), [("../x", "briefs"), ("a", "../../keys"), ("", "briefs"), ("a", "")])
def test_nothing_is_kept_elsewhere(home: Path, owner: str, kind: str) -> None:
    with pytest.raises(HomeError):
        Kept(owner).put(kind, "x", {})
    assert list(home.rglob("*.json")) == []


def row(name: str, place: int) -> dict[str, object]:
    numbers = dict.fromkeys(("score", "u", "u_low", "u_high", "p", "l", "l_low", "l_high", "confidence"), 1.0)
    return {"id": name, "name": name, "place": place, "slot": "ranked", "followers": 5, "why": ["+ x"], **numbers}


def test_a_creator_is_on_a_list_once(home: Path) -> None:
    kept, asking = Kept("a1"), Asking("campaign=ca_1", "Campaign ca_1", {"campaign_id": "ca_1"})
    how = {"asking": asking, "currency": "USD", "model_version": "3"}
    made, new = add_to_shortlist(kept, None, "Wave", [row("cr_1", 1), row("cr_2", 2)], **how)  # type: ignore[arg-type]
    assert new == 2
    made, new = add_to_shortlist(kept, made.id, "other", [row("cr_2", 9), row("cr_3", 3)], **how)  # type: ignore[arg-type]
    assert (made.name, new) == ("Wave", 1)
    assert [(one["id"], one["place"]) for one in made.what["rows"]] == [("cr_1", 1), ("cr_2", 9), ("cr_3", 3)]
    message = as_message(made)
    assert [one["creator_id"] for one in message["creators"]] == ["cr_1", "cr_2", "cr_3"]
    assert (message["asked"], message["currency"]) == ("campaign=ca_1", "USD")
