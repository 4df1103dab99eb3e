"""What a trained bundle remembers, and whether what is expected before outcomes comes about, simulated."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from marketplace.tables import open_marketplace
from models.drift import PREDICTED, Sample, drift_of, expected_performance, predicted_columns
from models.economics import Economics
from models.predict import predict
from training.evaluation import HeldOut, gather_held_out, reference_of


@pytest.fixture(scope="module")
def held_out(small_market, small_split) -> HeldOut:
    return gather_held_out(open_marketplace(small_market), small_split.held_out, train_campaigns=small_split.train)


def sample_of(bundle, held_out: HeldOut, rows: np.ndarray, X: np.ndarray | None = None) -> Sample:
    campaign = held_out.pairs["campaign_id"].to_numpy(dtype=object)[rows]
    X = held_out.X[list(bundle.signals)].to_numpy(dtype=np.float64)[rows] if X is None else X
    told = predict(bundle, X, Economics.of_many(held_out.briefs, campaign))
    return Sample(X, predicted_columns(told), np.asarray(pd.factorize(campaign)[0], dtype=np.int64))


@pytest.mark.parametrize("name", ["expected_value", "lambdarank"])
def test_the_held_out_campaigns_have_not_drifted_from_themselves(name, rankers, training_data, held_out):
    ranker = rankers[name]
    reference = reference_of(ranker, training_data, held_out)
    assert set(reference.signals) == set(ranker.bundle.signals)
    assert set(reference.predictions) == set(PREDICTED)
    assert reference == reference_of(ranker, training_data, held_out)
    sample = sample_of(ranker.bundle, held_out, np.arange(len(held_out.pairs)))
    found = drift_of(reference, ranker.bundle.signals, sample)
    assert len(found) == len(ranker.bundle.signals) + len(PREDICTED)
    assert {one.verdict for one in found} <= {"steady", "chance"}


def test_a_shifted_signal_is_found_and_so_are_the_predictions_that_hang_on_it(rankers, training_data, held_out):
    ranker = rankers["expected_value"]
    reference = reference_of(ranker, training_data, held_out)
    rows = np.arange(len(held_out.pairs))
    X = held_out.X[list(ranker.bundle.signals)].to_numpy(dtype=np.float64).copy()
    place = ranker.bundle.signals.index("brief_sales_expected_365d")
    X[:, place] *= 8.0
    found = {
        one.name: one for one in drift_of(reference, ranker.bundle.signals, sample_of(ranker.bundle, held_out, rows, X))
    }
    assert found["brief_sales_expected_365d"].verdict == "drifted"
    assert found["brief_sales_expected_365d"].direction.startswith("higher")
    assert found["lift"].verdict == "drifted"
    assert found["lift"].direction.startswith("higher")
    assert found["follower_count_last"].verdict in ("steady", "chance")


@pytest.mark.parametrize("name", ["expected_value", "lambdarank"])
def test_what_is_expected_before_outcomes_comes_about(name, rankers, held_out):
    """Of the invited of the held-out campaigns: expected from probabilities alone, then held against their outcomes."""
    keys = ["campaign_id", "creator_id"]
    labels = held_out.labels
    known = labels[(labels["status"] == "labelled") & labels["campaign_settled"] & ~labels["applied"]]
    known = known[[*keys, "delivered"]].drop_duplicates(keys, keep="last")
    rows = held_out.pairs.reset_index(drop=True).reset_index().merge(known, on=keys)
    outcome = rows["delivered"].to_numpy(dtype=np.float64)
    sample = sample_of(rankers[name].bundle, held_out, rows["index"].to_numpy())
    p = sample.predictions["success_probability"]
    told = expected_performance(p)
    assert told.rows == len(outcome) > 200
    # How far luck carries each figure over whole campaigns: they are drawn anew, with the outcomes they had.
    draws = []
    rng = np.random.default_rng(0)
    groups = [np.flatnonzero(sample.brief == one) for one in np.unique(sample.brief)]
    for _ in range(300):
        drawn = np.concatenate([groups[one] for one in rng.integers(0, len(groups), len(groups))])
        y, q = outcome[drawn], p[drawn]
        mine = expected_performance(q)
        draws.append(
            (
                y.mean() - mine.success,
                brier_score_loss(y, q) - mine.brier,
                roc_auc_score(y, q) - mine.roc_auc,
                ((q >= 0.5) == y).mean() - mine.accuracy,
            )
        )
    low, high = np.quantile(draws, [0.005, 0.995], axis=0)
    # No figure is off beyond luck, and all are near: early estimates are of use.
    assert ((low <= 0.02) & (high >= -0.02)).all(), (low, high)
    assert abs(np.median(draws, axis=0)).max() < 0.1
    # It would have been told, had the probabilities been wrong.
    wrong = expected_performance(np.sqrt(p))
    assert wrong.success - outcome.mean() > 2 * abs(told.success - outcome.mean())


def test_reference_travels_in_the_bundle(rankers, training_data, held_out, tmp_path):
    from marketplace.signature import Signer
    from models.bundle import load_bundle, save_bundle

    ranker = rankers["expected_value"]
    reference = reference_of(ranker, training_data, held_out)
    signer = Signer.new()
    save_bundle(dataclasses.replace(ranker.bundle, reference=reference), tmp_path / "bundle", signer)
    assert load_bundle(tmp_path / "bundle", signer.public_key).reference == reference
    assert (tmp_path / "bundle" / "reference.json").stat().st_size < 150_000
