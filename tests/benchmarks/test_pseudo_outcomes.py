"""Doubly robust labels: their arithmetic, and that no row is predicted by its own creator or brand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.pseudo_outcomes import LEAST_CHANCE, cross_fitting_folds, pseudo_outcomes, robust_label
from marketplace.tables import open_marketplace
from training.data.dataset import TrainingData
from training.heads.targets import lift_labels


@pytest.fixture(scope="module")
def learned(small_market: Path, training_data: TrainingData) -> tuple[TrainingData, np.ndarray]:
    campaigns = open_marketplace(small_market).frame("campaigns", ["campaign_id", "brand_id"])
    brand = campaigns.drop_duplicates("campaign_id").set_index("campaign_id")["brand_id"]
    return training_data, brand.reindex(training_data.rows["campaign_id"]).to_numpy(dtype=object)


def test_labels_are_the_formula(learned: tuple[TrainingData, np.ndarray]) -> None:
    data, brands = learned
    found = pseudo_outcomes(data, brands, seed=7, winsor=0.0)
    lift, lift_se, _ = lift_labels(data)
    seen = data.outcome_known & np.isfinite(lift)
    expected = found.expected + (lift - found.expected) / found.chance
    assert found.label[seen] == pytest.approx(expected[seen])
    assert found.se[seen] == pytest.approx((lift_se / found.chance)[seen])
    refused = data.outcome_known & (data.column("accepted") == 0.0)
    assert found.label[refused] == pytest.approx(found.expected[refused])
    assert np.isnan(found.label[~data.outcome_known]).all()
    assert (found.chance >= LEAST_CHANCE).all()
    assert (found.chance <= 1.0).all()
    # Delivered, and not ripe: missing by the calendar.
    unripe = data.outcome_known & (data.column("delivered") == 1.0) & ~np.isfinite(lift)
    assert np.isnan(found.label[unripe]).all()


def test_winsorising_draws_extremes_in(learned: tuple[TrainingData, np.ndarray]) -> None:
    data, brands = learned
    wild = pseudo_outcomes(data, brands, seed=7, winsor=0.0).label
    tame = pseudo_outcomes(data, brands, seed=7, winsor=0.1).label
    assert np.nanmax(tame) < np.nanmax(wild)
    assert np.nanstd(tame) < np.nanstd(wild)


def test_a_creator_and_a_brand_say_nothing_of_themselves(learned: tuple[TrainingData, np.ndarray]) -> None:
    data, brands = learned
    creator = data.rows.loc[data.lift_known, "creator_id"].iloc[0]
    rows = data.rows.copy()
    own = (rows["creator_id"] == creator).to_numpy()
    rows.loc[own, "lift_usd"] = rows.loc[own, "lift_usd"] * 50.0 + 1e4
    before = pseudo_outcomes(data, brands, seed=7).expected
    after = pseudo_outcomes(replace(data, rows=rows), brands, seed=7).expected
    assert after[own] == pytest.approx(before[own])
    assert not np.allclose(after, before)
    same_brand = brands == brands[own][0]
    rows = data.rows.copy()
    rows.loc[same_brand, "lift_usd"] = rows.loc[same_brand, "lift_usd"] * 50.0 + 1e4
    after = pseudo_outcomes(replace(data, rows=rows), brands, seed=7).expected
    assert after[same_brand] == pytest.approx(before[same_brand])


def test_folds_and_labels_do_not_depend_on_the_order_or_the_run(learned: tuple[TrainingData, np.ndarray]) -> None:
    keys = np.array(["a", "b", "c", "a"], dtype=object)
    assert cross_fitting_folds(keys)[::-1].tolist() == cross_fitting_folds(keys[::-1]).tolist()
    data, brands = learned
    first, second = robust_label(data, brands, seed=7), robust_label(data, brands, seed=7)
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])
