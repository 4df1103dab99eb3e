"""Spark gives what DuckDB gives: signals, indices with their components, labels, lifts, conversion, models, snapshot.

To the same bits, where the plan asks for 1e-9: what is summed are whole steps, so no order of adding shows. What a
logarithm or a power gives differs in its last bit from engine to engine, and is rounded to whole steps before it is
summed.
"""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.conversion import conversion_of
from features.conversion.rows import read_conversion_data, read_later_posts
from features.facts import FACTS, fact_table
from features.indices import build_category_influence, build_indices
from features.indices.evidence import arrays_of
from features.indices.gather import gather
from features.lift import attributed_days, ripe_lifts
from features.snapshot import build_snapshot
from features.snapshot.disk import parts_of
from features.time import day_number, default_as_of, known_creators, known_ids, known_until
from marketplace.tables import Marketplace, open_marketplace
from models.bundle import read_signer, save_bundle
from training.data import build_labels, build_training_data, split_of
from training.evaluation import gather_held_out
from training.heads import fit_rankers

Answer = dict[str, Any]
TOLERANCE = 1e-9

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """600 creators, 60 campaigns, 200 days: enough of them that both rankers are fitted."""
    from marketplace.simulator import simulate

    out = tmp_path_factory.mktemp("engines") / "market"
    simulate(out, creators=600, campaigns=60, days=200, seed=7)
    return out


@pytest.fixture(scope="module")
def markets(spark: str, folder: Path) -> list[Marketplace]:
    """The marketplace on DuckDB and on Spark."""
    return [open_marketplace(folder, engine=engine) for engine in ("duckdb", spark)]


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Arrays, columns and plain values of a nest of dataclasses, frames, mappings and tuples, each with its path."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from leaves(getattr(value, field.name), f"{path}.{field.name}")
    elif isinstance(value, pd.DataFrame):
        for name in value.columns:
            yield f"{path}[{name}]", value[name]
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from leaves(one, f"{path}[{name}]")
    elif isinstance(value, (list, tuple)) and any(dataclasses.is_dataclass(one) for one in value):
        for number, one in enumerate(value):
            yield from leaves(one, f"{path}[{number}]")
    else:
        yield path, value


def assert_same(here: Any, there: Any) -> int:
    """Numbers equal to `TOLERANCE`, nulls and everything else equal; how many arrays and columns were held."""
    ours, theirs = dict(leaves(here)), dict(leaves(there))
    assert list(ours) == list(theirs)
    for path, one in ours.items():
        other = theirs[path]
        if isinstance(one, pd.Series):
            assert one.dtype == other.dtype, path
        a, b = np.asarray(one), np.asarray(other)
        assert a.shape == b.shape, path
        if a.dtype.kind == "f":
            np.testing.assert_array_equal(np.isnan(a), np.isnan(b), err_msg=path)
            np.testing.assert_allclose(b, a, rtol=TOLERANCE, atol=TOLERANCE, err_msg=path)
        else:
            assert pd.Series(a.ravel()).equals(pd.Series(b.ravel())), path
    return len(ours)


def test_facts_are_the_same_rows(markets: list[Marketplace]) -> None:
    for name, fact in FACTS.items():
        frames = []
        for market in markets:
            rows = market.query(fact_table(market, name, fact.keys[:1]))
            keys = [*fact.keys[:1], "event_day", "known_day"]
            frames.append(rows.sort_values(keys, ignore_index=True)[[*keys, *fact.measures]])
        assert len(frames[0])
        pd.testing.assert_frame_equal(*frames, check_exact=True, obj=name)


def test_signals_labels_and_lift_labels_and_the_model_of_them(markets: list[Marketplace], tmp_path: Path) -> None:
    data, held_out = [], []
    for market in markets:
        split = split_of(market, None)
        data.append(build_training_data(market, split.train, as_of=split.cutoff))
        held_out.append(gather_held_out(market, split.held_out[:2], train_campaigns=split.train))
    assert np.isfinite(data[0].rows["lift_usd"]).sum() > 30
    assert_same(data[0].to_frame(), data[1].to_frame())
    assert_same(data[0].economics, data[1].economics)
    assert_same(held_out[0].X, held_out[1].X)
    assert_same(held_out[0].labels, held_out[1].labels)
    assert_same({"indices": held_out[0].indices}, {"indices": held_out[1].indices})
    bundles = []
    for one, engine in zip(data, ("duckdb", "spark"), strict=True):
        files = {}
        for ranker in fit_rankers(one, seed=7):
            save_bundle(ranker.bundle, tmp_path / engine / ranker.name, read_signer())
            for file in sorted(path for path in (tmp_path / engine / ranker.name).rglob("*") if path.is_file()):
                files[f"{ranker.name}/{file.name}"] = file.read_bytes()
        bundles.append(files)
    assert len(bundles[0]) > 10
    assert bundles[0] == bundles[1]


def test_labels_and_lifts_of_all_that_is_known(markets: list[Marketplace]) -> None:
    until = known_until(markets[0])
    assert until == known_until(markets[1])
    assert_same(*(build_labels(market, until) for market in markets))
    assert_same(*(ripe_lifts(market, day_number(until)) for market in markets))
    assert_same(*(attributed_days(market, until) for market in markets))


def test_indices_with_components_and_evidence(markets: list[Marketplace]) -> None:
    at = default_as_of(markets[0])
    assert at == default_as_of(markets[1])
    answers = []
    for market in markets:
        ids = known_creators(market, day_number(at))
        rows = pd.DataFrame({"creator_id": ids, "as_of": at})
        category = known_ids(market, "category_id", at)[0]
        answers.append(
            {
                "creator": build_indices(market, rows),
                "category": build_category_influence(market, rows.assign(category_id=category)),
                "evidence": arrays_of(gather(market, ids, np.full(ids.size, day_number(at)))),
            }
        )
    assert assert_same(*answers) > 60


def test_conversion_rows_and_statistics(markets: list[Marketplace]) -> None:
    day = day_number(default_as_of(markets[0]))
    answers = []
    for market in markets:
        evidence, model = read_conversion_data(market, day - 60), conversion_of(market, day)
        assert evidence is not None
        assert model is not None
        later = read_later_posts(market, evidence, published=day - 60, known=day)
        answers.append({"evidence": evidence, "later": later, "model": model.arrays()})
    assert assert_same(*answers) > 20


def test_the_snapshot_is_the_same_bytes(markets: list[Marketplace]) -> None:
    (ours, here), (theirs, there) = (parts_of(build_snapshot(market)) for market in markets)
    assert json.dumps(ours) == json.dumps(theirs)
    assert here.keys() == there.keys()
    for name, values in here.items():
        assert np.ascontiguousarray(values).tobytes() == np.ascontiguousarray(there[name]).tobytes(), name


@pytest.fixture(scope="module")
def connect_server(spark: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real Spark Connect server in a process of its own."""
    pytest.importorskip("grpc_status")
    import pyspark

    home = Path(pyspark.__file__).parent
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {
        "spark.connect.grpc.binding.address": "127.0.0.1", "spark.connect.grpc.binding.port": port,
        "spark.ui.enabled": "false", "spark.sql.shuffle.partitions": 4, "spark.log.level": "ERROR",
    }  # fmt: skip
    server = subprocess.Popen(
        [
            home / "bin" / "spark-submit", "--class", "org.apache.spark.sql.connect.service.SparkConnectServer",
            "--master", "local[2]",
            *(word for name, value in settings.items() for word in ("--conf", f"{name}={value}")),
            "spark-internal",
        ],
        env={**os.environ, "SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=tmp_path_factory.mktemp("server"),
    )  # fmt: skip
    try:
        for _ in range(240):
            with socket.socket() as asking:
                if asking.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert server.poll() is None
            time.sleep(0.25)
        yield f"sc://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=60)


def test_a_command_by_spark_connect(connect_server: str, folder: Path, tmp_path: Path) -> None:
    """A client holds one kind of Spark, so that this one has a process of its own."""
    cards = []
    for engine in ("duckdb", connect_server):
        answer = subprocess.run(
            [sys.executable, "-m", "collabrank", "card", str(folder), "cr_000007", "--engine", engine, "--json"],
            capture_output=True, text=True, check=False, cwd=tmp_path,
            env={**os.environ, "COLLABRANK_HOME": str(tmp_path)},
        )  # fmt: skip
        assert answer.returncode == 0, answer.stderr
        cards.append(json.loads(answer.stdout))
    assert cards[0] == cards[1]
