"""From the log to the contract's tables: hand-made lines by arithmetic, then the way of a real service to training."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from marketplace.errors import FileError
from marketplace.tables import open_marketplace
from serving.decisions import export_log, opened_log, served_tables
from serving.keys import create_key

Make = Callable[..., dict[str, Any]]

BRIEF = {
    "campaign_id": None, "brand_id": "br_1", "market": "US", "category_id": "beauty", "product_ids": [],
    "objective": "SALES", "collaboration": "TARGET", "budget_usd": None, "commission_rate": 0.1, "flat_fee_usd": 5.0,
    "has_free_sample": False, "briefed_at": "2026-03-01T00:00:00Z", "starts_at": "2026-03-01T00:00:00Z",
    "ends_at": "2026-03-22T00:00:00Z", "margin_rate": 0.5, "price_usd": 20.0, "shipping_usd": 0.0,
}  # fmt: skip


def test_a_brief_without_a_campaign_is_one_however_often_it_is_asked(line: Make) -> None:
    other = {**BRIEF, "price_usd": 21.0}
    tables = served_tables([line(0, brief=BRIEF), line(1, brief=BRIEF), line(2, brief=other)], [])
    campaigns = tables["campaigns"]
    assert len(campaigns) == campaigns["campaign_id"].nunique() == 2
    assert (campaigns["flat_fee"].tolist(), campaigns["currency"].tolist()) == ([5.0, 5.0], ["USD", "USD"])
    assert campaigns["budget"].isna().all()
    # Known when it was first asked.
    assert campaigns["known_at"].iloc[0] == pd.Timestamp("2026-03-01T12:30:15.123456Z")
    shown = tables["impressions"]
    assert shown["position"].tolist() == [1, 2, 3] * 3
    assert shown.groupby("campaign_id")["request_id"].nunique().tolist() in ([1, 2], [2, 1])
    assert shown["propensity"].isna().all()
    assert shown["shown_propensity"].tolist() == [1.0] * 9


def test_a_known_campaign_is_not_written_and_what_was_ranked_unseen_is_no_impression(line: Make) -> None:
    known = {**BRIEF, "campaign_id": "ca_7"}
    lines = [line(0, brief=known), line(0, brief=known, shadow=True, arm="noop"), line(1, brief=known, kind="explain")]
    tables = served_tables(lines, [])
    assert len(tables["campaigns"]) == 0
    assert tables["impressions"]["campaign_id"].tolist() == ["ca_7"] * 3
    assert tables["impressions"]["request_id"].nunique() == 1


@pytest.mark.parametrize(
    ("events", "states", "deliveries"),
    [
        (["INVITED"], ["PENDING"], 0),
        (["INVITED", "ACCEPTED"], ["PENDING", "ACCEPT"], 0),
        (["INVITED", "DECLINED"], ["PENDING", "DECLINE"], 0),
        (["INVITED", "ACCEPTED", "DELIVERED"], ["PENDING", "ACCEPT"], 1),
        # A delivery proves that it was accepted; an acceptance that it was sent.
        (["INVITED", "DELIVERED"], ["PENDING", "ACCEPT"], 1),
        (["DELIVERED"], ["PENDING", "ACCEPT"], 1),
        (["ACCEPTED"], ["PENDING", "ACCEPT"], 0),
        (["DECLINED", "DELIVERED"], ["PENDING", "ACCEPT"], 1),
        (["ACCEPTED", "DECLINED"], ["PENDING", "ACCEPT"], 0),
        (["SHOWN", "OPENED", "SHORTLISTED", "DISMISSED"], [], 0),
    ],
)
def test_events_become_the_states_of_one_invitation(
    line: Make, event: Make, events: list[str], states: list[str], deliveries: int
) -> None:
    told = [event(0, "cr_2", name, minutes=minute) for minute, name in enumerate(events)]
    # The same creator for the same brief, in another answer: still one invitation.
    told += [{**one, "request_id": line(1)["request_id"]} for one in told]
    tables = served_tables([line(0, brief=BRIEF), line(1, brief=BRIEF)], told)
    found = tables["invitations"]
    assert found["decision"].tolist() == states
    assert found["invitation_id"].nunique() == min(len(states), 1)
    assert len(tables["deliveries"]) == deliveries
    assert not found.duplicated(["invitation_id", "known_at"]).any()
    for frame, instants in ((found, ("sent_at", "replied_at", "decided_at")), (tables["deliveries"], ("posted_at",))):
        for name in instants:
            assert (frame[name].isna() | (frame[name] <= frame["known_at"])).all()


def test_of_an_applicant_the_brand_answers(line: Make, event: Make) -> None:
    asked = line(0, brief=BRIEF, candidates="applicants")
    told = [event(0, "cr_1", "INVITED"), event(0, "cr_2", "DISMISSED")]
    found = served_tables([asked], told)["invitations"].sort_values(["creator_id", "known_at"])
    assert found["origin"].tolist() == ["REQUESTED"] * 4
    assert found["decision"].tolist() == ["PENDING", "ACCEPT", "PENDING", "DECLINE"]
    assert (found["sent_at"] == pd.Timestamp(asked["logged_at"])).all()


@pytest.fixture(scope="module")
def served_for_a_while(prepared: Path, small_market: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose service has ranked five briefs and heard of invitations, acceptances and deliveries."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from starlette.testclient import TestClient
    from serving.app.service import application

    home = tmp_path_factory.mktemp("served")
    shutil.copytree(prepared / "var", home / "var")
    market = open_marketplace(small_market)
    campaigns = market.frame("campaigns").sort_values("briefed_at").iloc[-4:]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLLABRANK_HOME", str(home))
        _, key = create_key("test")
        with TestClient(application(), headers={"X-API-Key": key}) as client:
            bodies: list[dict[str, Any]] = [{"campaign_id": name} for name in campaigns["campaign_id"]]
            last = campaigns.iloc[-1]
            for brand in (last["brand_id"], "br_nobody"):
                brief = {
                    "brand_id": brand, "market": last["market"], "category_id": last["category_id"],
                    "commission_rate": 0.15, "price": 25,
                }  # fmt: skip
                bodies.append({"brief": brief})
            for body in bodies:
                reply = client.post("/rank", json={**body, "top": 6, "explain": False}).json()
                for place, one in enumerate(reply["creators"]):
                    events = ["INVITED", "ACCEPTED", "DELIVERED"][: 1 + place % 3]
                    for name in events:
                        event = {"request_id": reply["request_id"], "creator_id": one["creator_id"], "event": name}
                        assert client.post("/feedback", json=event).status_code == 200
    return home


def test_the_marketplace_enlarged_by_the_log_is_checked_and_learned_from(
    served_for_a_while: Path, small_market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from features.time import known_until
    from training.data import build_labels

    monkeypatch.setenv("COLLABRANK_HOME", str(served_for_a_while))
    with opened_log() as store:
        told = export_log(store, tmp_path / "grown", into=str(small_market))
        assert told.rows["campaigns"] == 1
        assert told.rows["impressions"] == 5 * 6
        assert told.left_out["briefs of brands that it does not know"] == 1
        assert told.left_out["impressions of campaigns that it does not know"] == 6
        # Into what it was put into before, it comes anew and not twice.
        again = export_log(store, tmp_path / "again", into=str(tmp_path / "grown"))
        assert again.rows == told.rows
    before, grown = open_marketplace(small_market), open_marketplace(tmp_path / "grown")
    assert grown.check().ok
    assert len(grown.frame("impressions")) == len(before.frame("impressions")) + 30
    # A creator of whom the marketplace tells an invitation to the same campaign keeps that one.
    served = grown.frame("invitations").query("invitation_id.str.startswith('served_')")
    assert not set(zip(served["campaign_id"], served["creator_id"], strict=True)) & set(
        zip(*before.frame("invitations")[["campaign_id", "creator_id"]].to_numpy().T, strict=True)
    )
    # Tomorrow's training, once the grace days of the briefs are over, has labels of what the service showed.
    later = known_until(grown) + pd.Timedelta(days=120)
    labels = build_labels(grown, later).set_index("invitation_id")
    found = labels.loc[served["invitation_id"].unique()]
    delivered = grown.frame("deliveries")["invitation_id"]
    assert len(found) == served["invitation_id"].nunique() > 10
    assert (found["status"] == "labelled").any()
    assert set(found.index[found["grade"] >= 2]) <= set(delivered)
    assert found.loc[[one for one in found.index if one in set(delivered)], "accepted"].eq(1.0).all()


def test_the_tables_alone_and_never_over_something_else(
    served_for_a_while: Path, small_market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from typer.testing import CliRunner

    from collabrank.cli import app

    monkeypatch.setenv("COLLABRANK_HOME", str(served_for_a_while))
    done = CliRunner().invoke(app, ["log", "export", str(tmp_path / "tables")])
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in (tmp_path / "tables").iterdir()) == [
        "campaigns", "deliveries", "impressions", "invitations",
    ]  # fmt: skip
    strange = tmp_path / "strange"
    strange.mkdir()
    (strange / "thesis.tex").write_text("years of work")
    refused = CliRunner().invoke(app, ["log", "export", str(strange)])
    assert refused.exception is not None
    assert (strange / "thesis.tex").read_text() == "years of work"
    with opened_log() as store, pytest.raises(FileError, match="another folder"):
        export_log(store, small_market, into=str(small_market))
