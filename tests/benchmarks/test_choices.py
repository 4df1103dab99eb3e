"""The modelling choices: verdicts worked by hand, variants that change what they say alone, runs and resuming."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pandas as pd
import pytest

from benchmarks import choices
from benchmarks.choices import EXPERIMENT, main
from benchmarks.marketplaces import METRIC, Drawn, gain_shares
from benchmarks.position_weights import LEAST_PROPENSITY, position_weights, weights_of
from benchmarks.variants import VARIANTS, Fits, Variant, _taught, available
from benchmarks.verdicts import judge, world_means
from features.conversion.model import CONVERSION_SIGNALS
from marketplace.errors import TrainingError
from marketplace.tables import open_marketplace
from training.evaluation.held_out import gather_held_out
from training.heads.feature_sets import MONOTONE
from training.heads.fit import fit_head
from training.heads.hyperparameters import Hyperparameters
from training.heads.targets import EXPECTED_SALES, lift_labels, targets_of

SMALL = ["--creators", "600", "--campaigns", "60", "--days", "200"]


def row(seed, world="baseline", **shares):
    return {
        "world": world, "seed": seed, "creators": 600, "campaigns": 60, "days": 200, "cores": 2,
        "held_out": 20, "invitations": 1_300, "lifts": 150,
        "variants": {
            name: {"share": share, "ranker": "expected_value", "validation": 0.5, "seconds": 1.0}
            for name, share in shares.items()
        },
    }  # fmt: skip


@pytest.fixture(scope="module")
def drawn(small_market, small_split, training_data) -> Drawn:
    market = open_marketplace(small_market)
    held_out = gather_held_out(market, small_split.held_out, train_campaigns=small_split.train)
    return Drawn(7, market, small_split, training_data, held_out, 0.0, {})


@pytest.fixture(scope="module")
def fits(drawn) -> Fits:
    return Fits(drawn)


# Verdicts


def test_difference_error_and_test_by_hand():
    # Over two worlds, seed by seed: differences .1, .3 | .1, .1 | -.2, .0.
    pairs = {1: (0.1, 0.3), 2: (0.1, 0.1), 3: (-0.2, 0.0)}
    rows = [
        row(seed, world, default=0.5, strict=0.5 + difference)
        for seed, both in pairs.items()
        for world, difference in zip(("baseline", "drift"), both, strict=True)
    ]
    (found,) = judge(rows, {"strict": "default"})
    assert (found.cells, found.seeds) == (6, 3)
    assert (found.wins, found.ties, found.losses) == (4, 1, 1)
    mean = 0.4 / 6
    assert found.difference == pytest.approx(mean)
    sums = (0.4 - 2 * mean, 0.2 - 2 * mean, -0.2 - 2 * mean)
    assert found.error == pytest.approx(math.sqrt(3 / 2 * sum(x**2 for x in sums)) / 6)
    # Seeds' means .2, .1, -.1: of the 8 sign patterns, sums of .4 or more come twice, .2 or more 6 times.
    assert found.p == pytest.approx(6 / 8)
    assert found.word == "no difference shown"
    assert world_means(rows, ["strict"])["strict"]["baseline"] == pytest.approx(0.5)


def test_words_after_holm():
    rng = np.random.default_rng(0)
    noise = {seed: rng.normal(0.0, 0.02) for seed in range(10)}
    rows = [
        row(
            seed,
            default=0.5,
            strict=0.6 + noise[seed],
            loose=0.4 - noise[seed],
            hybrid=0.5 + noise[seed],
            lift_raw=None,
        )
        for seed in noise
    ]
    found = {
        one.variant: one for one in judge(rows, dict.fromkeys(("strict", "loose", "hybrid", "lift_raw"), "default"))
    }
    # All ten seeds on one side: p = 2 / 2^10, and three tests of a family.
    assert found["strict"].p == found["loose"].p == 2 / 2**10
    assert found["strict"].corrected == pytest.approx(3 * 2 / 2**10)
    assert found["strict"].word == "better"
    assert found["loose"].word == "worse"
    assert found["hybrid"].word == "no difference shown"
    assert found["lift_raw"].word == "not measured"
    assert math.isnan(found["lift_raw"].difference)


def test_many_worlds_of_one_seed_prove_nothing():
    rows = [row(1, world, default=0.4, strict=0.5) for world in ("baseline", "confounded", "drift", "gaming", "null")]
    (found,) = judge(rows, {"strict": "default"})
    assert found.wins == 5
    assert found.p == 1.0
    assert math.isnan(found.error)


def test_rows_of_one_cell_are_put_together():
    (found,) = judge([row(1, default=0.4), row(1, strict=0.5)], {"strict": "default"})
    assert (found.cells, found.difference) == (1, pytest.approx(0.1))


# Variants


def test_default_sorts_as_what_train_prefers(fits, drawn, rankers):
    preferred = list(rankers.values())[-1]
    order = fits.order("default")
    assert order.ranker == preferred.name
    assert order.validation == preferred.validation
    assert (order.scores == drawn.held_out.score(preferred.bundle)[0]["score"].to_numpy()).all()
    assert (fits.order(preferred.name).scores == order.scores).all()
    assert gain_shares(drawn, {"a": order.scores, "b": order.scores})["b"] > 0.3


def test_a_variant_that_changes_nothing_equals_default(fits, drawn, monkeypatch):
    def weighed(_, data):
        return [dataclasses.replace(target, weights=target.weights * np.ones(len(data))) for target in targets_of(data)]

    same = {
        "labels": Variant("", labels=lambda data: dataclasses.replace(data, rows=data.rows.copy())),
        "targets": Variant("", targets=lambda _, data: _taught(data, lift_labels(data)[:2])),
        "weights": Variant("", targets=weighed),
    }
    monkeypatch.setattr("benchmarks.variants.VARIANTS", {**VARIANTS, **same})
    default = fits.order("default")
    # Nothing is fitted again either: a head that would learn the same is the same head.
    monkeypatch.setattr("benchmarks.variants.fit_head", None)
    for name in same:
        order = fits.order(name)
        assert (order.scores == default.scores).all()
        assert order.validation == default.validation


def test_hybrid_lies_between_the_rankers(fits, drawn):
    hybrid = fits.order("hybrid")
    assert (hybrid.ranker, hybrid.validation) == ("", None)
    orders = pd.DataFrame({name: fits.order(name).scores for name in ("expected_value", "lambdarank", "hybrid")})
    close = orders.groupby(drawn.held_out.pairs["campaign_id"].to_numpy()).corr("spearman")
    apart = close.xs("expected_value", level=1)["lambdarank"]
    for ranker in ("expected_value", "lambdarank"):
        assert (close.xs("hybrid", level=1)[ranker] > apart).all()


def test_attributed_labels_are_exact_and_free_of_lift(training_data):
    data = VARIANTS["attributed"].labels(training_data)
    lift, lift_se, attributed = lift_labels(data)
    known = np.isfinite(attributed)
    assert known.any()
    assert (lift[known] == attributed[known]).all()
    assert (lift_se[known] == 0.0).all()
    assert training_data.column("lift_raw_usd")[known].any()


def test_doubly_robust_lift_heads_learn_from_refusals_and_the_others_stay(drawn, training_data):
    taught = {t.name: t for t in VARIANTS["doubly_robust"].targets(drawn, training_data)}
    usual = {t.name: t for t in targets_of(training_data)}
    for name in ("lift", "rank_lift"):
        assert taught[name].rows.sum() > usual[name].rows.sum()
    for name in set(usual) - {"lift", "rank_lift"}:
        assert (taught[name].y == usual[name].y).all()
        assert taught[name].gains == usual[name].gains


def test_without_conversion_nothing_is_read_of_it(fits, drawn):
    names = [*CONVERSION_SIGNALS, EXPECTED_SALES]
    usual, without = (fits.rankers(VARIANTS[name]) for name in ("default", "no_conversion"))
    split = [head.booster.feature_importance()[drawn.data.signals.index(n)]
             for ranker in usual for head in ranker.heads.values() for n in names]  # fmt: skip
    assert sum(split) > 0
    scales = [[one.scale for one in ranker.bundle.calibration.values()] for ranker in (*usual, *without)]
    scaling = [{name for scale in many if scale is not None for name in scale.signals} for many in scales]
    assert any(EXPECTED_SALES in signals for signals in scaling[: len(usual)])
    assert not any(signals & set(names) for signals in scaling[len(usual) :])
    for ranker in without:
        for head in ranker.heads.values():
            assert not any(head.booster.feature_importance()[drawn.data.signals.index(n)] for n in names)
    alone = fits.rankers(VARIANTS["trees_alone"])
    assert all(head.scale is None for ranker in alone for head in ranker.heads.values())
    assert fits.order("trees_alone").scores.tolist() != fits.order("default").scores.tolist()


def test_weights_by_hand():
    found = weights_of(np.array([0.25, 1.0, np.nan, 0.0]))
    raw = np.array([2.0, 1.0, 1.0 / math.sqrt(LEAST_PROPENSITY)])
    assert found[[0, 1, 3]] == pytest.approx(raw / raw.mean())
    assert found[2] == 1.0


def test_position_weights_read_the_log_before_the_cutoff(drawn, training_data):
    weights = position_weights(drawn.market, training_data)
    assert weights.mean() == pytest.approx(1.0)
    assert len(np.unique(weights)) > 100
    early = dataclasses.replace(training_data, as_of=pd.Timestamp("2000-01-01", tz="UTC"))
    assert (position_weights(drawn.market, early) == 1.0).all()


@pytest.mark.parametrize("name", ["accept", "lift", "rank_success"])
def test_position_weights_act_on_every_kind_of_head(drawn, training_data, name):
    few = Hyperparameters(max_rounds=20)

    def fitted(targets):
        target = dataclasses.replace(next(t for t in targets if t.name == name), feature_sets=(MONOTONE,))
        head = fit_head(target, training_data, seed=7, hyperparameters=few)
        return head.booster.predict(training_data.X, raw_score=True)

    usual = fitted(targets_of(training_data))
    assert not np.allclose(fitted(VARIANTS["position_debiased"].targets(drawn, training_data)), usual)


def test_libraries_that_are_not_there_are_left_out(monkeypatch):
    monkeypatch.setattr("benchmarks.variants.installed", lambda: ["one-stage lightgbm"])
    assert "one_stage_lightgbm" in available()
    assert not {"one_stage_xgboost", "one_stage_catboost"} & set(available())


# The command


def test_only_what_is_missing_is_measured(tmp_path, monkeypatch, capsys):
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps(row(1, default=0.5, strict=0.6)) + "\n")
    asked = []

    def measure(world, seed, variants, **_):
        asked.append((world, seed, tuple(variants)))
        return row(seed, world, **dict.fromkeys(variants, 0.4))

    monkeypatch.setattr(choices, "measure", measure)
    call = ["--worlds", "baseline", "--seeds", "1-2", "--variants", "classic_gain,strict", "--no-track", *SMALL]
    assert main([*call, "--out", str(file)]) == 0
    assert asked == [
        ("baseline", 1, ("lambdarank", "classic_gain")),
        ("baseline", 2, ("default", "lambdarank", "strict", "classic_gain")),
    ]
    assert main([*call, "--out", str(file)]) == 0
    assert len(asked) == 2
    assert len(file.read_text().splitlines()) == 3
    out = capsys.readouterr().out
    assert "2 marketplaces of 2 seeds" in out
    # (.6 - .5 + .4 - .4) / 2, one won and one tied.
    assert "strict             default         +0.0500" in out
    assert "1/1/0" in out


def test_deal_gives_each_seed_one_world(monkeypatch):
    cells = []

    def measure(world, seed, variants, **_):
        cells.append((world, seed))
        return row(seed, world, **dict.fromkeys(variants, 0.5))

    monkeypatch.setattr(choices, "measure", measure)
    assert main(["--worlds", "baseline,drift", "--seeds", "1-3", "--variants", "default", "--deal", "--no-track"]) == 0
    assert cells == [("baseline", 1), ("drift", 2), ("baseline", 3)]


def test_a_marketplace_with_too_little_is_left_out(monkeypatch, capsys):
    def measure(world, seed, variants, **_):
        if seed > 1:
            raise TrainingError("deliveries", received="none", look="a longer history")
        return row(seed, world, **dict.fromkeys(variants, 0.5))

    monkeypatch.setattr(choices, "measure", measure)
    call = ["--worlds", "baseline", "--variants", "strict", "--no-track"]
    assert main([*call, "--seeds", "1-2"]) == 0
    told = capsys.readouterr()
    assert "baseline seed 2 is left out" in told.err
    assert "1 marketplaces of 1 seeds" in told.out
    assert main([*call, "--seeds", "2"]) == 2


@pytest.mark.parametrize("wrong", [["--variants", "alchemy"], ["--worlds", "atlantis"], ["--seeds", "one"]])
def test_bad_input_ends_in_two_and_one_line(wrong, capsys):
    assert main([*wrong, "--no-track"]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_end_to_end_one_run_a_marketplace_and_one_a_variant(store, tmp_path, capsys):
    file = tmp_path / "rows.jsonl"
    chosen = ["--worlds", "baseline", "--seeds", "7", "--variants", "hybrid,lifts_alike", "--out", str(file)]
    assert main([*chosen, *SMALL]) == 0
    assert "no difference shown" in capsys.readouterr().out
    (kept,) = (json.loads(line) for line in file.read_text().splitlines())
    assert list(kept["variants"]) == ["default", "hybrid", "lifts_alike"]
    experiment = store.client.get_experiment_by_name(EXPERIMENT)
    runs = store.client.search_runs([experiment.experiment_id])
    (parent,) = (run for run in runs if "mlflow.parentRunId" not in run.data.tags)
    assert parent.data.params["world"] == "baseline"
    nested = {run.data.params["variant"]: run for run in runs if run is not parent}
    assert set(nested) == set(kept["variants"])
    for name, run in nested.items():
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert run.data.metrics[METRIC] == kept["variants"][name]["share"]
        assert {"world", "seed", "creators", "campaigns", "days", "variant"} <= set(run.data.params)
    assert "validation_share" in nested["default"].data.metrics
    assert nested["default"].data.params["num_leaves"] == "6"
