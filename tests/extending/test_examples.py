"""The worked examples of docs/extending.md, run as their user would: what is declared once is there everywhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.compute as pc
import pytest
from pyarrow import csv

from marketplace.contract import TABLES
from marketplace.tables import open_marketplace
from tests.extending.conftest import Changed
from tests.extending.examples import examples

Change = Callable[..., Changed]

SIGNAL = """
import numpy as np
from features.signals import SIGNALS, build_creator, names_of
from features.signals.reference import render
from marketplace.tables import open_marketplace
from models.bundle import signals_sha256, words_of

market = open_marketplace({market!r})
creators = market.frame("creators", ["creator_id"]).assign(as_of="2025-03-10")
signals = build_creator(market, creators)
values = signals["ad_authorized_share_180d"].to_numpy()
assert tuple(signals) == names_of("creator")
assert 0 < np.nanmean(values) < 1 and np.isnan(values).mean() < 0.5, values
without = [one for one in SIGNALS.values() if one.name != "ad_authorized_share_180d"]
assert signals_sha256(SIGNALS.values()) != signals_sha256(without)
assert words_of(SIGNALS.values())["ad_authorized_share_180d"].doc.startswith("Share of the last 180 days' posts")
assert "| `ad_authorized_share_180d` | fraction |  |" in render()
"""

INDEX = """
import numpy as np
from features.indices import INDEX_NAMES, build_card, index_scores
from features.signals import eligible_pairs
from marketplace.tables import open_marketplace
from models.score import DEFAULT_WEIGHTS, combine
from serving.schema import RankRequest

market = open_marketplace({market!r})
pairs = eligible_pairs(market, market.frame("campaigns")["campaign_id"][-1:])
indices = index_scores(market, pairs)
place = INDEX_NAMES.index("openness")
assert indices.shape == (len(pairs), len(INDEX_NAMES)) == (len(pairs), 9)
assert indices[:, place].std() > 1 and 0 <= indices.min() and indices.max() <= 100
assert DEFAULT_WEIGHTS["openness"] == 0.005
higher = indices + 10 * (np.arange(9) == place)
worth = np.zeros(len(pairs))
rise = combine(worth, higher, weights=DEFAULT_WEIGHTS) - combine(worth, indices, weights=DEFAULT_WEIGHTS)
assert (rise > 0).any() and (rise >= 0).all()
assert "openness" in str(RankRequest.model_json_schema()["properties"]["weights"])
card = build_card(market, pairs["creator_id"][0])["indices"]["openness"]
assert [part["name"] for part in card["components"]] == ["disclosed_share", "authorized_share"]
assert 0 <= card["low"] <= card["value"] <= card["high"] <= 100 and card["confidence"] > 0
"""

TERM = """
import sys
import numpy as np, pandas as pd
from pydantic import ValidationError
from features.briefs import Brief, brief_columns, read_briefs, read_catalogue
from features.conversion import CONVERSION_SIGNALS
from features.signals import PRODUCT_SUMS, SIGNALS, brief_signals
from marketplace.contract.reference import render
from marketplace.errors import BriefError
from marketplace.tables import Marketplace, open_marketplace
from serving.schema import BriefBody

there = open_marketplace({market!r})
frames = {{name: there.frame(name) for name in there.present}}
campaigns = frames["campaigns"].sort_values("briefed_at")[-2:]  # one that tells how many, one that does not
frames["campaigns"] = campaigns.assign(creators_wanted=pd.array([4, None], dtype="Int64"))
market = Marketplace.from_frames(frames)
briefs = list(read_briefs(market, campaigns["campaign_id"]).values())
assert all(str(Brief.of_dict(brief.as_dict())) == str(brief) for brief in briefs)
unknown = {{name: np.full(2, np.nan) for name in (*SIGNALS, *PRODUCT_SUMS, *CONVERSION_SIGNALS)}}
found = brief_signals(unknown, brief_columns(briefs))["brief_budget_per_creator_brief"]
told = {{brief.other_terms["creators_wanted"]: brief.budget_usd for brief in briefs}}
assert found[[brief.other_terms["creators_wanted"] == 4 for brief in briefs]] == told[4.0] / 4
assert np.isnan(found).sum() == 1

catalogue = read_catalogue(market, campaigns["briefed_at"].iloc[0].floor("D"))
words = dict(market="US", category_id="beauty", commission_rate=0.1, price=9)
said = catalogue.complete(BriefBody(**words, creators_wanted=3).model_dump())
np.testing.assert_array_equal(brief_columns([said, catalogue.complete(words)])["creators_wanted"], [3, np.nan])
for take, error in ((BriefBody, ValidationError), (lambda **body: catalogue.complete(body), BriefError)):
    try:
        take(**words, creators_wanted=0)
    except error:
        continue
    sys.exit("a brief that wants nobody is taken")
assert "`creators_wanted`" in render()
"""


FITTED = """
import numpy as np, pandas as pd
from pathlib import Path
from features.signals import SIGNALS
from models.bundle import load_bundle, read_public_key, read_signer, save_bundle
from models.economics import Economics
from models.predict import predict
from training.data import TrainingData
from training.heads import Hyperparameters, fit_rankers

rng, n = np.random.default_rng(7), 600
X = rng.lognormal(size=(n, len(SIGNALS)))
accepted = (rng.random(n) < 0.7).astype(float)
delivered = accepted * (rng.random(n) < 0.7)
came = np.where(delivered == 1.0, 1.0, np.nan)
sold = came * 50 * rng.gamma(2.0, 1.0, n)
rows = pd.DataFrame({{
    "campaign_id": np.repeat([f"c{{i:02d}}" for i in range(20)], 30), "creator_id": [f"k{{i}}" for i in range(n)],
    "status": "labelled", "campaign_settled": True, "reply_matured": True, "accepted": accepted,
    "delivered": delivered, "on_time": came * (rng.random(n) < 0.6), "grade": accepted + 2 * delivered,
    "attributed_usd": sold, "lift_usd": 0.5 * sold, "lift_se_usd": came, "lift_raw_usd": 0.5 * sold,
    "lift_raw_se_usd": came, "lift_read_share": came,
}})
terms = Economics(*(np.full(n, one) for one in (0.4, 0.1, 5.0, 5.0)))
ways = tuple(int(one.monotone) for one in SIGNALS.values())
campaign = np.repeat(np.arange(20), 30)
data = TrainingData(rows, X, tuple(SIGNALS), ways, terms, campaign, pd.Timestamp("2026-01-01", tz="UTC"))
few = Hyperparameters(max_rounds=20, feature_sets="loose", max_depth=2)
found = {{one.name: one for one in fit_rankers(data, seed=7, hyperparameters=few)}}
save_bundle(found["{ranker}"].bundle, "made", read_signer())
bundle = load_bundle("made", read_public_key())
told = predict(bundle, X, terms)
"""

HEAD = """
assert set(bundle.heads) - {"order"} == {"accept", "deliver", "lift", "attributed", "on_time"}
assert ("order" in bundle.heads) == (bundle.stage is not None)
assert 0.5 < told.others["on_time"].mean() < 0.7
assert "on_time" not in bundle.deciding
assert "on_time" in found["expected_value"].heads
from training.evaluation.quantities import REPORTED
assert REPORTED["on_time"].unit == "probability"
"""

RANKER = """
assert set(found) == {"expected_value", "lambdarank", "chained_ranking"}
assert bundle.funnel["success"] == ("product", "accept", "deliver")
assert set(bundle.heads) == {"accept", "deliver", "lift"}
assert bundle.calibration["attributed"].leading == "lift"
assert bundle.calibration["lift"].scale.signals == ("brief_price_brief",)
np.testing.assert_allclose(told.success_probability, told.accept * told.deliver)
"""


METRIC = """
import numpy as np, pandas as pd
from training.evaluation import compare_rankers, print_comparison

# Campaign c invites 12 of whom the first 9 by score and the last delivered: 9 of the first 10. Campaign d invites 4, of
# whom the second and the fourth delivered: 2 of 4.
creators = [f"k{i:02d}" for i in [*range(12), *range(4)]]
pairs = pd.DataFrame(dict(campaign_id=["c"] * 12 + ["d"] * 4, creator_id=creators))
grade = [*[2.0] * 9, 0.0, 0.0, 3.0, 0.0, 2.0, 1.0, 4.0]
labels = pairs.assign(status="labelled", grade=grade, sent_at=pd.Timestamp("2025-01-01", tz="UTC"),
                      invitation_id=[f"i{i}" for i in range(16)], campaign_settled=True)
found = compare_rankers(dict(model=-np.arange(16.0)), pairs, labels=labels)
np.testing.assert_allclose(found.values["precision_at_10"]["model"], [9 / 10, 2 / 4])
assert np.isclose(found.row("model", "precision_at_10").estimate, (0.9 + 0.5) / 2)
print_comparison(found)
"""


def test_a_head_is_fitted_bundled_and_told(changed: Change) -> None:
    changed("head").run("-c", FITTED.format(ranker="expected_value") + HEAD)


def test_a_ranker_is_fitted_beside_the_others_and_served_by_its_manifest(changed: Change) -> None:
    changed("ranker").run("-c", FITTED.format(ranker="chained_ranking") + RANKER)


def test_a_signal_is_computed_and_in_the_contract_the_reasons_and_the_page(changed: Change, tiny_market: Path) -> None:
    code = changed("signal")
    listed = json.loads(code.collabrank("signals", "--json"))
    assert [one["unit"] for one in listed if one["name"] == "ad_authorized_share_180d"] == ["fraction"]
    code.run("-c", SIGNAL.format(market=str(tiny_market)))


def test_an_index_is_on_the_card_and_in_the_score(changed: Change, tiny_market: Path) -> None:
    changed("index").run("-c", INDEX.format(market=str(tiny_market)))


def test_a_term_is_read_taken_and_bounded(changed: Change, tiny_market: Path) -> None:
    changed("term").run("-c", TERM.format(market=str(tiny_market)))


def test_a_source_is_found_and_ingested(changed: Change, tiny_market: Path, tmp_path: Path) -> None:
    code = changed("source")
    market = open_marketplace(tiny_market)
    (tmp_path / "csv").mkdir()
    for name in sorted(market.present):
        rows = market.arrow(name)
        for place, column in enumerate(TABLES[name].columns):
            if column.type == "ids":
                rows = rows.set_column(place, column.name, pc.binary_join(rows[column.name], ";"))
        csv.write_csv(rows, tmp_path / "csv" / f"{name}.csv")
    assert "csv-folder" in code.collabrank("ingest", "--sources")
    out = tmp_path / "ingested"
    report = json.loads(code.collabrank("ingest", "csv-folder", str(out), "--from", str(tmp_path / "csv"), "--json"))
    assert report["rows"] == {name: len(market.frame(name)) for name in market.present}
    for name in market.present:
        assert open_marketplace(out).arrow(name).equals(market.arrow(name)), name


def test_a_world_is_listed_and_drawn(changed: Change, tmp_path: Path) -> None:
    code = changed("world", "term")  # a column that the simulator does not draw is no hindrance
    assert "sampleless" in code.collabrank("simulate", "--worlds")
    out = tmp_path / "market"
    size = ("--creators", "60", "--campaigns", "3", "--days", "60", "--seed", "1")
    code.collabrank("simulate", str(out), "--world", "sampleless", *size)
    market = open_marketplace(out)
    assert not market.frame("campaigns")["has_free_sample"].any()
    assert len(market.frame("invitations")) > 0


def test_a_metric_is_measured_and_printed(changed: Change) -> None:
    printed = changed("metric").run("-c", METRIC)
    assert "share of the first 10 of the invited who delivered" in printed


@pytest.mark.slow
def test_all_at_once_from_training_to_a_ranking(changed: Change, small_market: Path, tmp_path: Path) -> None:
    """The examples go together: a new head, ranker and metric are trained, compared, promoted, evaluated and served."""
    code = changed(*examples())
    trained = json.loads(code.collabrank("train", str(small_market), "--json"))
    version = {one["name"]: one["version"] for one in trained["rankers"]}
    assert set(version) == {"expected_value", "lambdarank", "chained_ranking"}
    measured = {row["ranker"] for row in trained["comparison"]["rows"] if row["metric"] == "precision_at_10"}
    assert measured > set(version)

    pair = [str(version[name]) for name in ("expected_value", "chained_ranking")]
    compared = json.loads(code.collabrank("compare", *pair, "--metric", "precision_at_10", "--json"))
    assert compared["metric"] == "precision_at_10"

    code.collabrank("promote", "--version", pair[0], "--force", "--reason", "the worked examples")
    evaluated = json.loads(code.collabrank("evaluate", str(small_market), "--json"))
    told = [row["predicted"] for row in evaluated["quantities"] if row["quantity"] == "on_time"]
    assert told
    assert all(0.0 < one < 1.0 for one in told)

    campaign = open_marketplace(small_market).frame("campaigns").iloc[-1]
    brief = {"market": campaign["market"], "category_id": campaign["category_id"], "commission_rate": 0.15}
    (tmp_path / "brief.json").write_text(json.dumps({**brief, "budget": 2000.0, "creators_wanted": 10}))
    ranked = json.loads(code.collabrank("rank", str(small_market), "--brief", str(tmp_path / "brief.json"), "--json"))
    assert ranked["creators"]
    assert all(0 <= one["indices"]["openness"]["value"] <= 100 for one in ranked["creators"])
