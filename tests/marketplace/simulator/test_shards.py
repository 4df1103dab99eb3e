"""Shards: whatever kills the work, the bytes are the same; and many shards are a marketplace like one."""

from __future__ import annotations

import fcntl
import hashlib
import signal
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.simulate import slope
from marketplace import progress
from marketplace.checks import check
from marketplace.contract import TABLES
from marketplace.errors import ContractError
from marketplace.simulator import BASELINE, WORLDS, simulate
from marketplace.simulator.drawing.partnerships import RankerGmv
from marketplace.simulator.drawing.shards import _BY_CREATOR, money_by_day, only, ranker_gmv, shards_of
from marketplace.simulator.mechanisms.briefs import draw_briefs
from marketplace.simulator.mechanisms.population import DAY, Population, draw_population
from marketplace.simulator.mechanisms.posts import draw_organic_lines, draw_posts
from marketplace.simulator.worlds.parameters import STAGES, stream
from marketplace.tables import open_marketplace, read_truth

SIZE = {"creators": 240, "campaigns": 9, "days": 90, "seed": 3}
SHARD = 100  # three shards of 80

# A process that kills itself, beyond appeal, at the n-th time that a file is about to take its place.
KILLED = """
import os, signal, sys
from pathlib import Path
from marketplace.simulator import simulate
left, whole = int(sys.argv[2]), os.replace
def replace(*names):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    whole(*names)
os.replace = replace
simulate(Path(sys.argv[1]), creators=240, campaigns=9, days=90, seed=3, shard_creators=100)
"""


def fingerprints(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards") / "three"
    simulate(folder, **SIZE, shard_creators=SHARD)
    return folder


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards") / "one"
    simulate(folder, **SIZE)
    return folder


def test_killed_again_and_again_it_ends_with_the_bytes_of_an_uninterrupted_run(tmp_path: Path, three: Path) -> None:
    out = tmp_path / "market"
    out.mkdir()
    (out / "old").write_text("what stood there")
    said = []
    # Amid the first shard's files; before the second's record; amid the partnerships' files; amid the profiles'.
    for renames in (3, 9, 14, 22, 10_000):
        run = subprocess.run(
            [sys.executable, "-c", KILLED, str(out), str(renames)], capture_output=True, text=True, check=False
        )
        said.append(run.stderr)
        if renames < 10_000:
            assert run.returncode == -signal.SIGKILL, run.stderr
            assert [file.name for file in out.iterdir()] == ["old"]
    assert run.returncode == 0, run.stderr
    assert "going on with" not in said[0]
    assert all("going on with" in text for text in said[1:])
    assert fingerprints(out) == fingerprints(three)
    assert [path.name for path in tmp_path.iterdir()] == ["market"]


def test_what_is_recorded_is_not_done_again_and_other_arguments_start_afresh(
    tmp_path: Path, three: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, left = tmp_path / "market", tmp_path / ".market.unfinished"
    run = subprocess.run([sys.executable, "-c", KILLED, str(out), "12"], capture_output=True, check=False)
    assert run.returncode == -signal.SIGKILL
    done = sorted(path.stem for path in (left / "spool").glob("shard-*.json"))
    assert done == ["shard-00000", "shard-00001"]
    stamps = {file: file.stat().st_mtime_ns for file in (left / "market").rglob("part-00000.parquet")}
    with pytest.raises(ContractError, match="at least 50 creators"):
        simulate(out, **{**SIZE, "creators": 1})
    run = subprocess.run([sys.executable, "-c", KILLED, str(out), "4"], capture_output=True, check=False)
    assert {file: file.stat().st_mtime_ns for file in stamps} == stamps
    capsys.readouterr()
    simulate(out, **{**SIZE, "seed": 4}, shard_creators=SHARD)
    assert "of other arguments or another version of the simulator: starting afresh" in capsys.readouterr().err
    assert not left.exists()
    assert fingerprints(out).keys() == fingerprints(three).keys()
    assert fingerprints(out) != fingerprints(three)


def test_one_process_at_a_time_writes_a_folder(tmp_path: Path) -> None:
    left = tmp_path / ".market.unfinished"
    left.mkdir()
    with open(left / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ContractError, match="another process is writing"):
            simulate(tmp_path / "market", **SIZE)
    assert not (tmp_path / "market").exists()


def test_the_contract_holds_over_several_parts(three: Path) -> None:
    assert check(three).problems == ()
    parts = {name: len(list((three / name).glob("*.parquet"))) for name in TABLES}
    assert {name for name in parts if parts[name] == 4} == {"contents", "content_days", "orders"}
    assert {name for name in parts if parts[name] == 3} == {"creators", "creator_snapshots"}
    market = open_marketplace(three)
    for name in ("orders", "contents", "creators"):
        keys = market.frame(name)[list(TABLES[name].key)]
        assert keys.equals(keys.sort_values(list(keys.columns), kind="stable").reset_index(drop=True)), name
    contents = market.frame("contents").drop_duplicates("content_id").set_index("content_id").creator_id
    for name in ("content_days", "orders", "deliveries"):
        rows = market.frame(name).dropna(subset=["content_id"])
        assert (contents.reindex(rows.content_id).to_numpy() == rows.creator_id.to_numpy()).all(), name
    assert market.frame("creators").username.is_unique
    assert len(market.frame("creators")) == SIZE["creators"]


def test_sums_over_shards_are_those_of_the_orders(three: Path) -> None:
    market = open_marketplace(three)
    orders = market.frame("orders").drop_duplicates(["order_id", "sku_id"])
    orders = orders.assign(day=orders.ordered_at.dt.floor("D"), money=orders.price * orders.quantity)
    sold = market.frame("product_days").set_index(["product_id", "day"]).units_sold
    taken = orders.assign(day=orders.day.dt.date).groupby(["product_id", "day"]).quantity.sum()
    told = taken[taken.index.isin(sold.index)]
    assert len(told) > 0.95 * len(taken)
    assert (sold.reindex(told.index) >= told).all()
    frame = market.frame("creator_snapshots")
    frame = frame[(frame.precision == "exact") & (frame.gmv_30d > 0)]
    assert frame.creator_id.nunique() > 60
    partners = set(market.frame("deliveries").creator_id)
    for row in pd.concat([frame.iloc[::23], frame[frame.creator_id.isin(partners)]]).itertuples():
        upto = row.snapshot_at.floor("D")
        mine = orders[(orders.creator_id == row.creator_id) & (orders.day < upto)]
        assert mine[mine.day >= upto - pd.Timedelta(days=30)].money.sum() == pytest.approx(row.gmv_30d, abs=0.01)


def test_three_shards_and_one_are_draws_of_the_same_creators(one: Path, three: Path) -> None:
    # The population is the same; per creator, the two draws differ by noise alone.
    pd.testing.assert_frame_equal(read_truth(one, "traits"), read_truth(three, "traits"))
    ids = read_truth(one, "traits").creator_id
    counts = {}
    for name, folder in (("one", one), ("three", three)):
        market = open_marketplace(folder)
        orders = market.frame("orders").drop_duplicates("order_id")
        days = market.frame("content_days")
        counts[name] = np.stack(
            [
                market.frame("contents").drop_duplicates("content_id").groupby("creator_id").size().reindex(ids),
                np.log1p(orders.groupby("creator_id").quantity.sum().reindex(ids)),
                np.log1p(days.groupby("creator_id").view_count.sum().reindex(ids)),
                np.log1p(days.groupby("creator_id").paid_view_count.sum().reindex(ids)),
            ]
        )
    difference = np.nan_to_num(counts["one"]) - np.nan_to_num(counts["three"])
    error = difference.std(axis=1) / np.sqrt(difference.shape[1])
    assert (np.abs(difference.mean(axis=1)) < 4 * error).all()
    assert (difference.std(axis=1) > 0).all()


def test_every_stage_and_part_has_a_stream_of_its_own() -> None:
    first = {(stage, part): stream(7, stage, part).random() for stage in STAGES for part in range(40)}
    assert len(set(first.values())) == len(first)


@pytest.mark.parametrize("name", ["interference", "drift", "gaming", "small_seller", "confounded"])
def test_worlds_keep_the_contract_over_several_shards(tmp_path: Path, name: str) -> None:
    simulate(tmp_path / "m", **SIZE, shard_creators=SHARD, world=WORLDS[name])
    assert check(tmp_path / "m").problems == ()
    outcomes = read_truth(tmp_path / "m", "outcomes")
    assert outcomes is not None
    assert np.isfinite(outcomes.drop(columns="incremental_gmv_realised").select_dtypes("number")).all().all()
    if name == "small_seller":
        market = open_marketplace(tmp_path / "m")
        assert "impressions" not in market.present
        assert market.frame("content_days").content_id.isin(market.frame("contents").content_id).all()


def test_a_shard_has_its_own_creators_and_everything_else() -> None:
    world = WORLDS["drift"]
    population = draw_population(world, 5, creators=211, campaigns=12, days=120)
    by_creator = {
        f.name for f in fields(Population) if np.shape(getattr(population, f.name))[:1] == (211,) and f.name != "traits"
    }
    assert by_creator == set(_BY_CREATOR)
    shards = shards_of(211, 60)
    assert [(s.first, s.last) for s in shards] == [(0, 52), (52, 105), (105, 158), (158, 211)]
    parts = [only(population, shard) for shard in shards]
    for people, whole in ((parts, population), ([p.later for p in parts], population.later)):
        for name in _BY_CREATOR:
            np.testing.assert_array_equal(np.concatenate([getattr(p, name) for p in people]), getattr(whole, name))
        np.testing.assert_array_equal(np.concatenate([p.traits["appeal"] for p in people]), whole.traits["appeal"])


def test_the_ranker_knows_thirty_days_of_every_creator_of_the_market(tmp_path: Path) -> None:
    population = draw_population(BASELINE, 5, creators=150, campaigns=12, days=120)
    briefs = draw_briefs(BASELINE, 5, population, campaigns=12)
    shards, files, by_day = shards_of(150, 60), [], []
    for shard in shards:
        people = only(population, shard)
        posts = draw_posts(BASELINE, 5, people, part=shard.part)
        by_day.append(money_by_day(people, draw_organic_lines(BASELINE, 5, people, posts, part=shard.part), usd=True))
        files.append(tmp_path / f"{shard.name}.npz")
        np.savez(files[-1], gmv_usd=ranker_gmv(people, briefs, by_day[-1]))
    everyone, gmv = np.concatenate(by_day), RankerGmv(files, population, briefs, shards)
    for i in range(12):
        day = int((briefs.briefed[i] - population.start_us) // DAY)
        there = population.creator_market == briefs.market[i]
        np.testing.assert_allclose(gmv(i), everyone[there, max(day - 31, 0) : day - 1].sum(axis=1), atol=1e-6)


def test_progress_is_told_in_lines_where_there_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "_EVERY_S", 0.0)
    assert list(progress.track("abc", "letters", total=3)) == ["a", "b", "c"]
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" after ")[0] for line in lines[:4]] == ["letters …", *(f"letters: {i} of 3" for i in (1, 2, 3))]
    assert lines[4].startswith("letters: 3 done in ")


def test_slope_of_a_power_is_its_exponent() -> None:
    sizes = [10.0, 100.0, 1000.0]
    assert slope(sizes, [3 * size**1.2 for size in sizes]) == pytest.approx(1.2)


@pytest.mark.slow
def test_the_command_killed_midway_goes_on(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "collabrank", "simulate"]
    size = ["--creators", "25000", "--campaigns", "20", "--days", "60", "--seed", "3"]
    out, left = tmp_path / "killed", tmp_path / ".killed.unfinished"
    process = subprocess.Popen([*command, str(out), *size], stderr=subprocess.DEVNULL)
    until = time.monotonic() + 300
    while not (left / "spool" / "shard-00000.json").exists() and time.monotonic() < until:
        time.sleep(0.02)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not out.exists()
    again = subprocess.run([*command, str(out), *size], capture_output=True, text=True, check=True)
    assert "going on with" in again.stderr
    subprocess.run([*command, str(tmp_path / "whole"), *size], capture_output=True, check=True)
    assert fingerprints(out) == fingerprints(tmp_path / "whole")


@pytest.mark.slow
def test_memory_hardly_grows_with_the_creators(tmp_path: Path) -> None:
    code = (
        "import resource, sys; from pathlib import Path; from marketplace.simulator import simulate;"
        "simulate(Path(sys.argv[1]), creators=int(sys.argv[2]), campaigns=30, days=60, seed=3, shard_creators=5000);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    peak = {}
    for creators in (20_000, 60_000):
        run = [sys.executable, "-c", code, str(tmp_path / str(creators)), str(creators)]
        peak[creators] = int(subprocess.run(run, capture_output=True, check=True).stdout)
    unit = 2**20 if sys.platform == "darwin" else 2**10
    # A million may take 6 GiB: that is 60 MiB for 10,000 creators; a third of it is what the creators' traits need.
    assert (peak[60_000] - peak[20_000]) / unit / 4 < 20
