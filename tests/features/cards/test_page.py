"""The card as a page and in words: nothing false, nothing that runs, arithmetic by hand."""

from __future__ import annotations

import copy
import json
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.cards import amount, amount_words, component_formula, gains, index_formula
from features.indices import build_card, with_history
from features.indices.behind import counted_events
from features.indices.build import cards
from features.indices.cards import ScoreCard, card_text
from features.indices.evidence import Evidence
from features.indices.more import with_more
from features.time import day_number, default_as_of

VOID = {"meta", "link", "br", "img", "input", "hr", "rect", "line", "polyline"}


class Page(HTMLParser):
    """Reads a page and holds that every element is closed in its turn."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def read(page: str) -> Page:
    found = Page()
    found.feed(page)
    found.close()
    assert found.open == []
    return found


@pytest.fixture(scope="module")
def creator(wee_frames):
    return str(wee_frames["deliveries"]["creator_id"].value_counts().index[0])


@pytest.fixture(scope="module")
def card(wee, creator):
    return with_history(wee, build_card(wee, creator))


def part(**changes):
    return {
        "value": 0.6, "own": 0.8, "expected": 0.45, "expected_from": "peers", "unit": "fraction", "percentile": 55.0,
        "weight": 0.2, "n": 3.0, "expected_n": 4.0, "scale": "plain", "less_is_better": False,
        "more": {"text": "one more", "points": 2.0}, "text": "share of invitations answered",
    } | changes  # fmt: skip


def test_a_card_with_its_history_tells_all_of_it_in_words(wee, creator, card):
    plain, whole = card_text(build_card(wee, creator)), card_text(card)
    first, *_ = plain.split("What was counted")
    assert first == plain
    for title in ("What was counted", "What was left out, and why", "Past partnerships", "Week by week"):
        assert title in whole.splitlines()
        assert title not in plain
    for event in card["events"]:
        assert any(
            line.startswith(f"    {event['day']}  {event['component'].replace('_', ' ')} ")
            for line in whole.splitlines()
        )
    for one in card["left_out"]:
        assert f"{one['id']}" in whole
        assert one["reason"] in whole
    for one in card["partnerships"]:
        assert one["invited"] in whole
    weeks = whole.split("Week by week\n")[1].splitlines()[1 : 1 + len(card["history"]["days"])]
    told = [line.split() for line in weeks]
    assert [line[0] for line in told] == card["history"]["days"]
    last = [values[-1] for values in card["history"]["indices"].values()]
    assert told[-1][1:] == ["-" if value is None else f"{value:.1f}" for value in last]
    gained = [text for index in card["indices"].values() if "components" in index for text, _ in gains(index)]
    assert gained
    assert all(f"to raise it: {text}: +" in plain for text in gained)


def test_the_formula_by_hand():
    # (3 x 0.8 + 4 x 0.45) / (3 + 4) = 0.6: own events count 3 / 7 = 43 %.
    assert component_formula(part()) == (
        "Own events say 80 % and count 43%; what peers lead one to expect, 45 %, counts 57%. Together: 60 %, better "
        "than 55 % of the peers as they were last frozen (higher is better)."
    )
    index = {"value": 17.0, "components": [part(percentile=55.0), part(percentile=30.0)]}
    assert index_formula(index) == "17.0 = 0.20 x 55.0 + 0.20 x 30.0"
    assert index_formula(index | {"value": 15.0}).endswith("; held at 15.0")


def test_what_peers_lead_one_to_expect_is_never_the_creators():
    unknown = part(value=None, own=None)
    assert amount_words(unknown) == "unknown (expected from peers: 45 %)"
    assert component_formula(unknown).startswith("Unknown: nothing of the creator's own is counted.")
    nobody = part(value=None, own=None, expected=None)
    assert amount_words(nobody) == "unknown"
    assert "counts as the middle, 50" in component_formula(nobody)
    money = part(value=None, own=None, expected=None, unit="USD")
    assert "0 USD" not in amount_words(money) + component_formula(money)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(0.449, "fraction", "44.9 %"), (1234.5, "USD", "1,234 USD"), (-0.5, "USD", "-0.5 USD"), (0.0, "days", "0 days")],
)
def test_amounts(value, unit, text):
    assert amount(value, unit) == text


def test_an_index_at_its_cap_gains_nothing():
    free = {"value": 11.0, "components": [part()]}
    assert gains(free) == [("one more", 2.0)]
    held = {"value": 5.0, "note": "held", "components": [part()]}
    assert gains(held) == []
    assert gains({"value": 11.0, "components": [part(more=None)]}) == []


def test_no_component_without_evidence_has_a_value(wee):
    unknown = 0
    some = sorted(wee.frame("creators")["creator_id"])[:12]
    for found in cards(wee, default_as_of(wee), some).values():
        within = found.pop("category_influence")
        for index in (*found.values(), *within.values()):
            for one in index["components"]:
                assert (one["value"] is None) == (one["own"] is None)
                unknown += one["value"] is None
    assert unknown > 0


def test_one_more_event_by_hand():
    rate = with_more("replied_48h", "rate", Evidence(np.array([2.0]), np.array([3.0])))
    assert rate is not None
    assert (rate.total[0], rate.evidence[0]) == (3.0, 4.0)
    # n_e = (sum w)^2 / sum w^2 = 9 / 4.5 = 2; with one more of weight 1: 16 / 5.5.
    mean = with_more("brand_stars", "mean", Evidence(np.array([9.0]), np.array([3.0]), np.array([2.0])))
    assert mean is not None
    assert mean.n_e is not None
    assert (mean.total[0], mean.evidence[0]) == (14.0, 4.0)
    assert mean.n_e[0] == pytest.approx(16 / 5.5)
    weeks = with_more("active_weeks", "rate", Evidence(np.array([13.0]), np.array([13.0])))
    assert weeks is not None
    assert weeks.total[0] == 13.0  # every week has been active already
    assert with_more("view_spread", "mean", Evidence(np.ones(1), np.ones(1))) is None


def test_own_and_expected_make_up_the_value(card):
    told = 0
    for _, _, index in card.rows():
        for one in index["components"]:
            if one["scale"] != "plain" or None in (one["own"], one["expected"]) or one["name"] == "shoppable_share":
                continue
            n, m = one["n"], one["expected_n"]
            assert (n * one["own"] + m * one["expected"]) / (n + m) == pytest.approx(one["value"], rel=2e-3, abs=2e-3)
            told += 1
    assert told > 10


def test_the_page_is_whole_and_runs_nothing(card):
    page = read(card.to_html())
    names = [tag for tag, _ in page.tags]
    assert "script" not in names
    assert not {"link", "img", "iframe", "object", "form"} & set(names)
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name in ("src", "href")]
    policy = [told["content"] for tag, told in page.tags if tag == "meta" and "http-equiv" in told]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'"]
    text = " ".join(page.text)
    for said in ("What was counted", "What was left out, and why", "What would raise it", "week by week"):
        assert said in text


@settings(max_examples=60, deadline=None)
@given(name=st.text(min_size=1, max_size=30), peers=st.text(max_size=20))
def test_any_name_is_shown_as_text(card, name, peers):
    changed = ScoreCard(copy.deepcopy(dict(card)), username=name)
    changed["indices"]["diligence"]["peers"] = peers
    plain = read(card.to_html())
    page = read(changed.to_html())
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in plain.tags]
    assert not set("\u202e\u2066\u0000") & set(changed.to_html())


def test_a_name_from_right_to_left_stands_in_its_own_direction(card):
    page = ScoreCard(dict(card), username="سارة <b>").to_html()
    assert "<h1><bdi>سارة &lt;b&gt;</bdi></h1>" in page
    assert ScoreCard(dict(card), username="a\u202eb").to_html().count("a\\u202eb") >= 1


def test_what_stands_on_peers_alone_is_told_apart(card):
    changed = ScoreCard(copy.deepcopy(dict(card)))
    for one in changed["indices"]["profitability"]["components"]:
        one.update(own=None, value=None)
    for one in changed["indices"]["diligence"]["components"]:
        one.update(own=0.5, value=0.5)
    text = changed.to_html()
    start = text.index("<h2>What is not known</h2>")
    unknown = text[start : text.index("</section>", start)]
    assert "Profitability: typical profit of a partnership" in unknown
    assert "Diligence" not in unknown
    heads = [line for line in text.splitlines() if line.startswith("<h2>")]
    assert [("from peers alone" in one) for one in heads if "Profitability" in one or "Diligence" in one] == [0, 1]
    value = changed["indices"]["profitability"]["value"]
    assert f"<b>{value:.0f}</b>" in next(line for line in text.splitlines() if 'class="guess"' in line)


def test_a_notebook_shows_bars_and_the_table(card):
    shown = card._repr_html_()
    assert shown.startswith("<p>")
    assert "<svg" in shown
    assert "<table" in shown


def test_history_ends_at_todays_values_and_is_json(card, wee, creator):
    assert json.loads(json.dumps(card, allow_nan=False)) == card
    days = card["history"]["days"]
    assert 2 <= len(days) <= 26
    assert days[-1] == card["as_of"][:10]
    assert (pd.to_datetime(pd.Series(days)).diff().dropna() == pd.Timedelta(days=7)).all()
    for name, values in card["history"]["indices"].items():
        assert values[-1] == pytest.approx(card["indices"][name]["value"], abs=0.01)
        then = build_card(wee, creator, days[-3])
        assert values[-3] == pytest.approx(then["indices"][name]["value"], abs=0.01)


def test_the_events_are_those_that_the_components_count(card, wee, creator):
    events = counted_events(wee, day_number(card["as_of"]), creator)
    assert len(events) == len(card["events"])
    stars = events[events["component"] == "on_time_rate"]
    told = next(one for one in card["indices"]["consistent"]["components"] if one["name"] == "on_time_rate")
    if len(stars):
        assert told["own"] == pytest.approx(np.average(stars["value"], weights=stars["weight"]), abs=2e-3)
        assert told["n"] == pytest.approx(stars["weight"].sum(), rel=1e-2)
    assert events["weight"].between(0, 1).all()
    assert (events["day"] < card["as_of"][:10]).all()


def test_the_line_begins_where_the_creator_was_first_known(card):
    changed = ScoreCard(copy.deepcopy(dict(card)))
    days = changed["history"]["days"]
    weeks = changed["history"]["indices"]["diligence"]
    weeks[0] = None
    first, last = weeks[1], weeks[-1]
    said = f"From {first:.0f} on {days[1]} to {last:.0f} on {days[-1]}, week by week."
    assert said in changed.to_html()
