"""A logged ranking made once more: identical over bundle and snapshot, to the bit from the vectors, or plainly not."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

from collabrank.cli import app
from features.snapshot.disk import save_snapshot
from marketplace.errors import LogError
from marketplace.tables import open_marketplace
from serving.decisions import kept_bundles, opened_log
from serving.keys import create_key
from serving.replay import replay


@pytest.fixture
def client(served_home: Path) -> Iterator[TestClient]:
    from serving.app.service import application

    _, key = create_key("test")
    with TestClient(application(), headers={"X-API-Key": key}, raise_server_exceptions=False) as client:
        yield client


def asked(client: TestClient, route: str, body: dict[str, Any]) -> str:
    answer = client.post(route, json=body)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-decision-logged"] == "yes"
    return str(answer.json()["request_id"])


def test_every_kind_of_request_comes_out_identical(client: TestClient, campaign: dict[str, Any]) -> None:
    name = campaign["campaign_id"]
    first = client.post("/rank", json={"campaign_id": name, "top": 8}).json()["creators"]
    ids = [one["creator_id"] for one in first]
    brief = {"market": campaign["market"], "category_id": campaign["category_id"], "commission_rate": 0.1, "price": 20}
    requests = [
        asked(client, "/rank", {"campaign_id": name, "top": 8, "weights": {"model": 3, "cooperation": 1}}),
        asked(client, "/rank", {"brief": brief, "top": 1000, "explain": False, "filters": {"min_followers": 10}}),
        asked(client, "/rank", {"campaign_id": name, "candidates": "applicants", "applicants": [*ids[:3], "cr_none"]}),
        asked(client, "/rank", {"campaign_id": name, "filters": {"min_followers": 10**12}}),
        asked(client, "/explain", {"campaign_id": name, "creator_ids": [ids[5], ids[1]]}),
    ]
    for request in requests:
        made = replay(request)
        assert made.made_from == "snapshot"
        assert made.identical, str(made)
    told = CliRunner().invoke(app, ["replay", requests[0], "--json"])
    assert told.exit_code == 0
    assert json.loads(told.stdout)["identical"] is True


def test_after_a_newer_snapshot_the_scores_follow_from_the_vectors(
    client: TestClient, served_home: Path, small_market: Path, campaign: dict[str, Any]
) -> None:
    from features.snapshot.build import build_snapshot

    request = asked(client, "/rank", {"campaign_id": campaign["campaign_id"], "top": 9})
    old = served_home / "old"
    shutil.copytree(served_home / "var" / "snapshot", old)
    save_snapshot(build_snapshot(open_marketplace(small_market), "2025-05-01"), served_home / "var" / "snapshot")
    made = replay(request)
    assert (made.made_from, made.identical, len(made.creators)) == ("vectors", True, 9)
    assert any("is another one" in line and "--snapshot" in line for line in made.said)
    assert replay(request, snapshot=old).made_from == "snapshot"
    shutil.rmtree(served_home / "var" / "snapshot")
    assert any("cannot be had" in line for line in replay(request).said)


def test_the_bundle_that_answered_is_kept_and_where_it_is_not_that_is_said(
    client: TestClient, served_home: Path, campaign: dict[str, Any], promoted: Callable[[str], None]
) -> None:
    request = asked(client, "/rank", {"campaign_id": campaign["campaign_id"], "top": 5})
    promoted("2")
    assert replay(request).identical, "from the copy that was kept when it was first served"
    kept = list(kept_bundles().iterdir())
    assert len(kept) == 1
    shutil.move(kept[0], served_home / "elsewhere")
    with pytest.raises(LogError) as caught:
        replay(request)
    assert "version 2" in caught.value.received
    assert str(served_home / "var" / "bundle") in caught.value.received
    assert replay(request, bundle=served_home / "elsewhere").identical
    with pytest.raises(LogError, match="request_id that is in"):
        replay("f" * 32)


def test_a_log_that_was_changed_is_found_out(client: TestClient, served_home: Path, campaign: dict[str, Any]) -> None:
    request = asked(client, "/rank", {"campaign_id": campaign["campaign_id"], "top": 5})
    client.__exit__(None, None, None)
    with opened_log() as store:
        line = store.request(request) or {}
        one = line["creators"][2]
        worse = np.nextafter(one["vector"], np.inf)
        with store._engine.begin() as connection:
            connection.execute(
                sa.text("UPDATE shown SET vector = :v WHERE creator_id = :c"),
                {"v": worse.astype("<f8").tobytes(), "c": one["creator_id"]},
            )
    made = replay(request)
    assert [one.same for one in made.creators] == [True, True, False, True, True]
    done = CliRunner().invoke(app, ["replay", request])
    assert done.exit_code == 1
    assert "NOT identical" in done.stdout
    client.__enter__()
