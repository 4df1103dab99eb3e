"""A part ranked column by column, against the whole matrix ranked row by row: every number the same."""

from __future__ import annotations

import logging
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pytest

from benchmarks.serving import made_up_bundle
from features.snapshot import Snapshot, build_snapshot
from marketplace.errors import BriefError, BundleError
from marketplace.tables import open_marketplace
from models.bundle import Bundle
from models.calibration import Scale, Term, fit_money
from models.part import rank_part
from models.predict import predict
from models.ranking import positions, rank
from models.score import combine
from models.scoring.kernels import compiled_score
from models.stage import Stage

SCALE = Scale(
    (
        Term("brief_sales_expected_365d", 1.0, 1e5, 50.0, 0.3),
        Term("net_gmv_sum_90d", 1.0, 1e6, 10.0, 0.2),
        Term("category_net_gmv_sum_90d", 0.0, 1e5, 10.0, 1e-5, log=False),
        Term("brief_price_brief", 1.0, 1e4, 20.0, 0.5),
        Term("brand_net_gmv_sum_180d", 1.0, 1e5, 5.0, 0.1),
        Term("accept_rate_ever", 0.01, 0.9, 0.1, 0.2, odds=True),
    )
)


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    """So few creators are scored from masks where the loops are compiled already."""
    compiled_score()


@pytest.fixture(autouse=True)
def column_by_column(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few creators are laid out at once otherwise."""
    monkeypatch.setattr("models.part.FEW", 0)


@pytest.fixture(scope="module")
def part(small_market: Path) -> Snapshot:
    return build_snapshot(open_marketplace(small_market))


@pytest.fixture(scope="module")
def bundle(part: Snapshot) -> Bundle:
    """Four heads, money in units of signals, and a last stage."""
    matrix = np.concatenate([part.matrix(one, np.arange(len(part))) for one in list(part.campaigns.values())[::10]])
    made = made_up_bundle(matrix, {"accept": 60, "deliver": 40, "lift": 40, "attributed": 30})
    X = np.random.default_rng(3).permutation(matrix)[:2000]
    factor = SCALE.of(X, made.signals)
    raw = {name: head.predict(X, raw_score=True) for name, head in made.heads.items()}
    label = np.abs(raw["lift"]) * factor
    money = {name: fit_money(name, raw[name], label=label, scale=SCALE, factor=factor) for name in ("lift",)}
    label = np.nan_to_num(X[:, list(made.signals).index("brief_conversion_mean_365d")]) + np.arange(len(X)) % 7
    stage = lgb.train(
        {"objective": "regression", "num_leaves": 31, "verbosity": -1, "seed": 1}, lgb.Dataset(X, label), 20
    )
    return replace(
        made,
        heads={**made.heads, "stage": stage},
        calibration={**made.calibration, **money},
        stage=Stage(head="stage", slope=20.0, unit=50.0),
    )


def same(found: object, wanted: object) -> None:
    # repr tells floats to the last bit, NaN and the sign of 0 too.
    assert repr(found) == repr(wanted)


def test_two_hundred_briefs_give_the_same_answers(part: Snapshot, bundle: Bundle) -> None:
    rng = np.random.default_rng(11)
    known = list(part.campaigns.values())
    shapes: set[bool] = set()
    for number, brief in enumerate(islice(cycle(known), 200)):
        other = known[int(rng.integers(len(known)))]
        asked = brief if number < len(known) else replace(
            brief, brand_id=other.brand_id, price_usd=float(rng.uniform(3, 200)), product_ids=other.product_ids,
            category_id=["nowhere", brief.category_id, other.category_id][number % 3],
        )  # fmt: skip
        filters = {"min_followers": int(rng.integers(0, 20_000))} if number % 4 == 1 else {}
        rows, _ = part.candidates(asked, filters)
        if number % 5 == 2:
            rows = np.arange(len(part))
        applied = number % 7 == 3
        weights = {"model": 1.0} if number % 6 == 4 else None
        explained = number % 10 == 0
        matrix, indices = part.matrix(asked, rows), part.indices(asked, rows)
        if not len(rows):
            assert rank_part(bundle, part, asked, rows, top=3).creators == []
            continue
        wanted = rank(
            bundle, matrix, indices, part.creator_ids[rows], asked,
            top=100, weights=weights, explain=explained, applied=applied,
        )  # fmt: skip
        found = rank_part(bundle, part, asked, rows, top=100, weights=weights, why=explained, applied=applied)
        same(found.creators, wanted)
        assert found.vectors.tobytes() == matrix[[one.row for one in wanted]].tobytes()
        shapes.add(len(part.columns(asked, rows).apart) > 0)
    assert shapes == {True, False}


def test_the_chosen_come_with_their_places_among_all(part: Snapshot, bundle: Bundle) -> None:
    brief = list(part.campaigns.values())[-1]
    rows, _ = part.candidates(brief, {})
    ids = part.creator_ids[rows]
    chosen = [str(ids[5]), "nobody", str(ids[-1]), str(ids[0]), str(ids[5]), "zzzz"]
    found = rank_part(bundle, part, brief, rows, chosen=chosen).creators
    assert [one.creator_id for one in found] == [str(ids[5]), str(ids[-1]), str(ids[0])]
    score = combine(
        predict(bundle, part.matrix(brief, rows), brief).order, part.indices(brief, rows), weights=bundle.weights
    )
    place = positions(score, ids)
    assert [one.position for one in found] == [place[5], place[-1], place[0]]
    everybody = rank(
        bundle, part.matrix(brief, rows), part.indices(brief, rows), ids, brief, top=len(rows), explain=True
    )
    same(found, [everybody[one.position - 1] for one in found])


def test_threads_share_the_rows_and_change_nothing(
    part: Snapshot, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    brief = list(part.campaigns.values())[-1]
    assert part.conversion is not None
    rows = np.arange(len(part))
    wanted = rank_part(bundle, part, brief, rows, top=50)
    monkeypatch.setattr("models.part.CHUNK", 64)
    for threads in ("1", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        for some in (rows, rows[::2]):
            found = rank_part(bundle, part, brief, some, top=50)
            ids = part.creator_ids[some]
            plain = rank(bundle, part.matrix(brief, some), part.indices(brief, some), ids, brief, top=50)
            same(found.creators, plain)
    same(rank_part(bundle, part, brief, rows, top=50).creators, wanted.creators)


@pytest.mark.parametrize("applied", [False, True])
def test_few_are_laid_out_once_and_get_the_same_answers(
    part: Snapshot, bundle: Bundle, monkeypatch: pytest.MonkeyPatch, applied: bool
) -> None:
    laid: list[int] = []

    class Counting:
        def __getattr__(self, name: str) -> object:
            return getattr(part, name)

        def __len__(self) -> int:
            return len(part)

        def matrix(self, brief: object, rows: np.ndarray) -> np.ndarray:
            laid.append(len(rows))
            return part.matrix(brief, rows)  # type: ignore[arg-type]

    rng = np.random.default_rng(2)
    for brief in list(part.campaigns.values())[::6]:
        for count, top in ((1, 1), (2, 5), (37, 1), (100, 20), (200, 100)):
            rows = np.sort(rng.choice(len(part), count, replace=False))
            monkeypatch.setattr("models.part.FEW", 0)
            wanted = rank_part(bundle, part, brief, rows, top=top, applied=applied)
            monkeypatch.setattr("models.part.FEW", 512)
            laid.clear()
            found = rank_part(bundle, Counting(), brief, rows, top=top, applied=applied)  # type: ignore[arg-type]
            assert laid == [count]
            same(found.creators, wanted.creators)
            assert found.vectors.tobytes() == wanted.vectors.tobytes()


def test_what_is_alike_for_all_is_no_reason(part: Snapshot, bundle: Bundle) -> None:
    brief = list(part.campaigns.values())[-1]
    for rows in (np.arange(1), np.arange(2), np.arange(40)):
        found = rank_part(bundle, part, brief, rows, top=3)
        wanted = rank(bundle, part.matrix(brief, rows), part.indices(brief, rows), part.creator_ids[rows], brief, top=3)
        same(found.creators, wanted)


def test_a_model_that_is_not_taken_is_left_to_lightgbm(
    part: Snapshot, bundle: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    brief = list(part.campaigns.values())[-1]
    rows, _ = part.candidates(brief, {})
    X = np.random.default_rng(0).permutation(part.matrix(brief, np.arange(len(part))))
    large = lgb.train(
        {"objective": "regression", "num_leaves": 90, "min_data_in_leaf": 1, "verbosity": -1},
        lgb.Dataset(X, np.random.default_rng(1).normal(size=len(X))),
        3,
    )
    other = replace(bundle, heads={**bundle.heads, "stage": large})
    with caplog.at_level(logging.WARNING):
        found = rank_part(other, part, brief, rows, top=20).creators
    assert "LightGBM itself" in caplog.text
    wanted = rank(other, part.matrix(brief, rows), part.indices(brief, rows), part.creator_ids[rows], brief, top=20)
    same(found, wanted)


def test_a_few_creators_are_left_to_lightgbm_until_the_loops_are_compiled(
    part: Snapshot, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    brief = list(part.campaigns.values())[-1]
    rows, _ = part.candidates(brief, {})
    wanted = rank_part(bundle, part, brief, rows, top=20).creators
    monkeypatch.setattr("models.part.worth_compiling", lambda *_, **__: False)
    monkeypatch.setattr("models.part.prepared", None)
    same(rank_part(bundle, part, brief, rows, top=20).creators, wanted)


def test_it_must_be_told_whom_to_return(part: Snapshot, bundle: Bundle) -> None:
    brief = list(part.campaigns.values())[-1]
    for asked in ({}, {"top": 0}, {"top": 3, "chosen": ["c"]}):
        with pytest.raises(BriefError, match="top of 1"):
            rank_part(bundle, part, brief, np.arange(5), **asked)


def test_a_bundle_on_other_signals_is_refused(part: Snapshot, ranking_bundle: Bundle) -> None:
    brief = list(part.campaigns.values())[-1]
    with pytest.raises(BundleError, match="signals"):
        rank_part(ranking_bundle, part, brief, np.arange(5), top=1)
