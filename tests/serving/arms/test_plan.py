"""Plans: a brand stays in its arm, shares come true, and what cannot be dealt is no experiment."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.arms.plan import Plan, deal, position_of
from serving.arms.settings import Settings

SPLIT = Settings(split={"challenger": 0.2, "noop": 0.1, "shuffle": 0.1}, name="a")


@given(st.text(min_size=1, max_size=20), st.uuids(), st.uuids())
def test_a_brand_stays_in_its_arm_whatever_it_asks(brand: str, first: object, second: object) -> None:
    one, other = (deal(SPLIT, request_id=str(one), brand_id=brand, challenger=True) for one in (first, second))
    assert one.arm == other.arm
    assert one.experiment == "a"


def test_shares_come_true_over_brands_and_a_new_name_deals_anew() -> None:
    brands = [f"br_{place:04}" for place in range(4_000)]

    def arms(name: str) -> list[str]:
        settings = Settings(split=SPLIT.split, name=name)
        return [deal(settings, request_id="", brand_id=one, challenger=True).arm for one in brands]

    first, second = arms("a"), arms("b")
    counts = Counter(first)
    for arm, share in {"champion": 0.6, "challenger": 0.2, "noop": 0.1, "shuffle": 0.1}.items():
        assert abs(counts[arm] / 4_000 - share) < 4 * (share * (1 - share) / 4_000) ** 0.5
    # Dealt anew, and apart from the first deal: .6^2 + .2^2 + 2 x .1^2 agree by chance.
    assert sum(a == b for a, b in zip(first, second, strict=True)) / 4_000 == pytest.approx(0.42, abs=0.04)


def test_a_larger_share_for_the_challenger_moves_no_brand_away_from_it() -> None:
    brands = [f"br_{place:04}" for place in range(500)]
    small, large = Settings(split={"challenger": 0.1}), Settings(split={"challenger": 0.3})

    def among(settings: Settings) -> set[str]:
        return {b for b in brands if deal(settings, request_id="", brand_id=b, challenger=True).arm == "challenger"}

    assert among(small) < among(large)


def test_without_a_challenger_or_a_brand_nothing_is_dealt() -> None:
    for brand, challenger in (("br_1", False), (None, True), ("", True)):
        plan = deal(SPLIT, request_id="0", brand_id=brand, challenger=challenger)
        assert (plan.arm, plan.experiment) == ("champion", None)
    baselines = Settings(split={"noop": 1.0})
    assert deal(baselines, request_id="0", brand_id="br_1").arm == "noop"


def test_shadows_are_a_share_of_requests_and_never_the_arm_itself() -> None:
    settings = Settings(shadow={"challenger": 0.3, "noop": 1.0, "shuffle": 0.0}, split={"noop": 0.5})
    plans = [deal(settings, request_id=f"{n:032x}", brand_id=f"b{n}", challenger=True) for n in range(3_000)]
    assert sum("challenger" in plan.shadow for plan in plans) / 3_000 == pytest.approx(0.3, abs=0.04)
    assert all(("noop" in plan.shadow) == (plan.arm != "noop") for plan in plans)
    assert not any("shuffle" in plan.shadow for plan in plans)
    assert deal(settings, request_id="1", brand_id=None).shadow == ("noop",)


def test_exploration_goes_by_brand_key_and_arm() -> None:
    settings = Settings(share=0.2, brands={"b": 0.0}, keys={"k": 0.1}, split={"noop": 1.0})
    none = Settings(share=0.2, brands={"b": 0.0}, keys={"k": 0.1})
    assert deal(none, request_id="0", brand_id="a").share == 0.2
    assert deal(none, request_id="0", brand_id="a", key_id="k").share == 0.1
    assert deal(none, request_id="0", brand_id="b", key_id="k").share == 0.0
    assert deal(none, request_id="0", brand_id="a", explores=False).share == 0.0
    assert deal(settings, request_id="0", brand_id="a").share == 0.0


@given(st.builds(Plan, arm=st.sampled_from(["champion", "noop"]), share=st.floats(0, 0.5), floor=st.floats(0.01, 1)))
def test_a_plan_reads_back_from_the_log(plan: Plan) -> None:
    assert Plan.of(plan.as_dict()) == plan
    assert Plan.of({"kind": "rank"}) == Plan()


@given(st.lists(st.text(max_size=10), min_size=1, max_size=3))
def test_positions_lie_in_the_unit_interval(parts: list[str]) -> None:
    assert 0 <= position_of(*parts) < 1
