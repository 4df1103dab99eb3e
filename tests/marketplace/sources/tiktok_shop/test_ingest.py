"""A shop comes through the API whole: with faults, killed and resumed, and bit by bit."""

from __future__ import annotations

import shutil
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from marketplace.checks import check
from marketplace.simulator import simulate
from marketplace.sources.tiktok_shop import store_file
from tests.marketplace.sources.tiktok_shop.conftest import Served
from tests.marketplace.sources.tiktok_shop.mock import SECRETS
from tests.marketplace.sources.tiktok_shop.shop import BUYER
from tests.marketplace.sources.tiktok_shop.truth import assert_told, last

Serve = Callable[..., Served]
END = "2025-06-01"
"""All that happens in these marketplaces is over and known by then."""
ORDERS = "/order/202309/orders/search"


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A marketplace of 50 creators and 60 days."""
    folder = tmp_path_factory.mktemp("market") / "small"
    simulate(folder, creators=50, campaigns=12, days=60, seed=5)
    return folder


def secrets_in(folder: Path) -> list[str]:
    """Files under ``folder``, but for the key file, that hold a secret or a buyer."""
    found = []
    for file in folder.rglob("*"):
        if file.is_file() and file.name != "keys.json":
            content = file.read_bytes()
            if any(one.encode() in content for one in (*SECRETS.values(), "-9f1f0c2e", BUYER, "Jane Buyer")):
                found.append(file.name)
    return found


def assert_troubled(told: dict[str, Any]) -> None:
    """Everything that can go wrong did, and nothing was asked for wrongly."""
    stats = told["stats"]
    for kind in ("429", "5xx", "truncated", "repeated pages", "absent fields", "expired tokens", "renewed tokens"):
        assert stats.get(kind, 0) > 0, kind
    assert not stats.get("bad signatures")
    assert not stats.get("invalid answers")


def test_with_faults_and_killed_twice_it_is_the_marketplace_it_was_made_from(
    serve: Serve, market: Path, tmp_path: Path
) -> None:
    served = serve(market, "--faults", "0.02", "--token-life", "250", "--seed", "3")
    served.control(f"{END}T00:00:00+00:00")
    out = tmp_path / "out"
    for requests in (150, 250):
        served.kill_after(requests, out, since="2024-12-01", until=END)
        assert not out.exists()
    report = served.ingest(out, since="2024-12-01", until=END)
    assert_troubled(served.control())
    assert_told(market, out)
    assert check(out).ok
    assert not secrets_in(tmp_path)
    assert stat.S_IMODE(store_file(out).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600
    assert report["rows"]["orders"] == len(pd.read_parquet(out / "orders"))
    assert "creator_snapshots.creator_health_rating" in report["missing"]


def test_a_second_run_fetches_what_is_new(serve: Serve, market: Path, tmp_path: Path) -> None:
    served = serve(market)
    out = tmp_path / "out"
    then = pd.Timestamp("2025-02-10", tz="UTC")
    served.control(then.isoformat())
    served.ingest(out, since="2024-12-01", until="2025-02-10")
    first = pd.read_parquet(out / "orders")
    served.control("2025-06-01T00:00:00+00:00")
    served.ingest(out, since="2024-12-01", until="2025-06-01")
    assert_told(market, out)
    # Every state that was known stays, and the later ones stand behind it.
    now = pd.read_parquet(out / "orders")
    both = first.merge(now, on=["order_id", "sku_id", "known_at"], suffixes=("", "_now"))
    assert len(both) == len(first)
    assert (both["status"] == both["status_now"]).all()
    # Of the orders those alone were asked for that are new or had changed, or were samples (no orders of the table).
    told = served.control()["stats"][f"records of {ORDERS}"]
    changed = now.loc[now["known_at"] >= then - pd.Timedelta(hours=1), "order_id"].nunique()
    samples = last(pd.read_parquet(market / "samples"), "sample_id")
    assert 0 < changed <= told <= changed + len(samples)
    assert told < 0.7 * now["order_id"].nunique()
    # And once more with nothing new, nothing is told and the tables stay what they are.
    served.control("2025-06-01T00:00:00+00:00")
    served.ingest(out, since="2024-12-01", until="2025-06-02")
    assert not served.control()["stats"][f"records of {ORDERS}"]
    pd.testing.assert_frame_equal(pd.read_parquet(out / "orders"), now)
    assert_told(market, out)


def test_a_run_that_fails_leaves_the_marketplace_that_was_there(serve: Serve, market: Path, tmp_path: Path) -> None:
    served = serve(market)
    out = tmp_path / "out"
    served.ingest(out, since="2024-12-01", until="2025-01-10")
    before = {file: file.read_bytes() for file in out.rglob("*.parquet")}
    served.folder.joinpath("keys.json").write_text('{"app_key": "k", "app_secret": "wrong-secret", "access_token": '
                                                   '"a-token-of-old", "refresh_token": "another-of-old"}')  # fmt: skip
    process = served.start(out, since="2024-12-01")
    told, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert not told
    assert "Traceback" not in errors
    assert "expected" in errors
    for secret in ("wrong-secret", "a-token-of-old", "another-of-old"):
        assert secret not in errors
    assert {file: file.read_bytes() for file in out.rglob("*.parquet")} == before


def keep_contents(market: Path, count: int) -> None:
    """Leave the first contents and those that were delivered: each video is a request, and says nothing new."""
    contents = pd.read_parquet(market / "contents")
    shoppable = contents.loc[contents["product_ids"].notna(), "content_id"].drop_duplicates().sort_values()
    kept = {*shoppable.head(count), *pd.read_parquet(market / "deliveries")["content_id"]}
    for table in ("contents", "content_days"):
        frame = pd.read_parquet(market / table)
        shutil.rmtree(market / table)
        (market / table).mkdir()
        frame[frame["content_id"].isin(kept)].to_parquet(market / table / f"{table}.parquet")


@pytest.mark.slow
def test_a_hundred_thousand_orders_of_five_thousand_creators(serve: Serve, tmp_path: Path) -> None:
    """Killed twice, with faults all the way; prints how long it took."""
    big = tmp_path / "big"
    simulate(big, creators=5_000, campaigns=60, days=60, seed=5)
    assert pd.read_parquet(big / "orders", columns=["order_id"])["order_id"].nunique() >= 100_000
    keep_contents(big, 4_000)
    options = ("--faults", "0.02", "--token-life", "4000", "--max-orders", "100000")
    served = serve(big, *options)
    served.control(f"{END}T00:00:00+00:00")
    out = tmp_path / "out"
    began = time.perf_counter()
    for requests in (1_000, 5_000):
        served.kill_after(requests, out, since="2024-12-01", until=END)
    served.ingest(out, since="2024-12-01", until=END)
    took = time.perf_counter() - began
    told = served.control()
    assert_troubled(told)
    assert_told(big, out, max_orders=100_000)
    assert last(pd.read_parquet(out / "orders"), "order_id").shape[0] == 100_000
    assert len(pd.read_parquet(out / "creators")) == 5_000
    assert check(out).ok
    assert not secrets_in(tmp_path)
    print(f"\n{told['stats']['requests']:,} requests, {took:.0f} s, {told['stats']}")
