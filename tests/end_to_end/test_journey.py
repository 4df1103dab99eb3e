"""From a marketplace's tables to a ranking, by the command line that people use."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from marketplace.tables import open_marketplace


def test_check_finds_nothing_wrong_with_a_simulated_marketplace(journey, small_market: Path) -> None:
    assert journey.json("check", small_market)["problems"] == []


def test_score_ranks_every_eligible_creator_of_every_campaign(journey, small_market: Path, tmp_path: Path) -> None:
    out = tmp_path / "scores.parquet"
    journey("score", small_market, out)
    scores = pd.read_parquet(out)
    assert list(scores.columns) == [
        "campaign_id", "creator_id", "rank", "score", "utility_usd", "success_probability", "lift_usd",
    ]  # fmt: skip
    market = open_marketplace(small_market)
    campaigns = market.frame("campaigns").set_index("campaign_id")
    creators = market.frame("creators")
    assert set(scores.campaign_id) == set(campaigns.index)
    for campaign_id, rows in scores.groupby("campaign_id"):
        brief = campaigns.loc[campaign_id]
        eligible = creators[
            (creators.market == brief.market)
            & (creators.joined_at < brief.briefed_at.floor("D"))
            & (creators.known_at < brief.briefed_at.floor("D"))
        ]
        assert set(rows.creator_id) == set(eligible.creator_id)
        assert sorted(rows["rank"]) == list(range(1, len(rows) + 1))
        assert rows.sort_values("rank").score.is_monotonic_decreasing
    assert scores.score.between(0, 100).all()
    assert scores.success_probability.between(0, 1).all()
    assert scores.notna().all().all()


def test_rank_by_campaign_and_by_inline_brief_agree(journey, small_market: Path, tmp_path: Path) -> None:
    campaigns = open_marketplace(small_market).frame("campaigns").sort_values("briefed_at")
    last = campaigns.iloc[-1]
    by_id = journey.json("rank", small_market, "--campaign", last.campaign_id, "--top", "5")
    assert [c["position"] for c in by_id["creators"]] == [1, 2, 3, 4, 5]
    assert all(c["reasons"] for c in by_id["creators"])
    brief = {
        "brand_id": last.brand_id,
        "market": last.market,
        "category_id": last.category_id,
        "product_ids": list(last.product_ids),
        "objective": last.objective,
        "collaboration": last.collaboration,
        "budget": None if pd.isna(last.budget) else float(last.budget),
        "currency": last.currency,
        "commission_rate": float(last.commission_rate),
        "flat_fee": None if pd.isna(last.flat_fee) else float(last.flat_fee),
        "has_free_sample": bool(last.has_free_sample),
        "briefed_at": last.briefed_at.isoformat(),
        "starts_at": last.starts_at.isoformat(),
        "ends_at": last.ends_at.isoformat(),
    }
    file = tmp_path / "brief.json"
    file.write_text(json.dumps(brief))
    inline = journey.json("rank", small_market, "--brief", file, "--top", "5")
    assert [c["creator_id"] for c in inline["creators"]] == [c["creator_id"] for c in by_id["creators"]]


def test_a_creator_sees_the_same_card_as_the_brand(journey, small_market: Path) -> None:
    creator = open_marketplace(small_market).frame("creators").creator_id.iloc[0]
    card = journey.json("card", small_market, creator)
    assert card["creator_id"] == creator
    assert len(card["indices"]) >= 7


@pytest.mark.slow
def test_a_second_training_gives_the_same_figures(
    journey, small_market: Path, tmp_path: Path, shell_at: Callable
) -> None:
    drop = {"run_id", "version", "seconds"}

    def figures(value: object) -> object:
        if isinstance(value, dict):
            return {k: figures(v) for k, v in value.items() if k not in drop}
        if isinstance(value, list):
            return [figures(v) for v in value]
        return value

    assert figures(shell_at(tmp_path).json("train", small_market)) == figures(journey.trained)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("check", "nowhere"), "nowhere"),
        (("train", "nowhere"), "nowhere"),
        (("rank", "MARKET", "--campaign", "ca_none"), "ca_none"),
        (("rank", "MARKET", "--brief", "no_such_file.json"), "no_such_file.json"),
        (("card", "MARKET", "cr_none"), "cr_none"),
        (("promote", "--version", "99"), "99"),
        (("train", "MARKET", "--as-of", "2001-01-01"), "2001-01-01"),
    ],
)
def test_bad_input_is_answered_plainly(journey, small_market: Path, words: tuple[str, ...], names: str) -> None:
    result = journey(*[str(small_market) if w == "MARKET" else w for w in words], code=2)
    assert "Traceback" not in result.stderr
    assert "expected" in result.stderr
    assert "received" in result.stderr
    assert names in result.stderr


def test_doctor_finds_a_healthy_home(journey) -> None:
    findings = journey.json("doctor")
    assert findings
    assert all(finding["ok"] for finding in findings), findings
