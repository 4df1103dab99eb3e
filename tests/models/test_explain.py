from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from models.bundle.words import SignalWords
from models.economics import Economics
from models.explain import explain, shap_parts
from models.predict import factors, from_raw, raw_scores

BRIEF = SimpleNamespace(margin_rate=0.45, commission_rate=0.1, flat_fee_usd=4.0, sample_cost_usd=6.0)
RANKERS = ["ranking_bundle", "value_bundle"]


@pytest.mark.parametrize("ranker", RANKERS)
def test_parts_add_up_to_the_raw_score(ranker, world, request):
    bundle = request.getfixturevalue(ranker)
    raw, parts = raw_scores(bundle, world.X[:40]), shap_parts(bundle, world.X[:40])
    for name, part in parts.items():
        assert part.shape == (40, 6)
        np.testing.assert_allclose(part.sum(axis=1), raw[name], atol=1e-9)


@pytest.mark.parametrize("ranker", RANKERS)
def test_a_reason_is_the_profit_that_goes_without_its_signals_part(ranker, world, request):
    bundle = request.getfixturevalue(ranker)
    X = world.X[:30]
    raw, parts, economics = raw_scores(bundle, X), shap_parts(bundle, X), Economics.of(BRIEF)
    whole = from_raw(bundle, raw, factors(bundle, X), economics).utility
    for row, reasons in enumerate(explain(bundle, X, BRIEF)):
        assert 1 <= len(reasons) <= 5
        assert len({one.signal for one in reasons}) == len(reasons)
        for one in reasons:
            place = bundle.signals.index(one.signal)
            scale = bundle.calibration[one.head].scale
            (term,) = [term for term in scale.terms if term.signal == one.signal] or [None] if scale else [None]
            beside = np.log(np.clip(X[row, place], term.low, term.high) / term.missing) if term else 0.0
            assert one.raw_contribution == pytest.approx(parts[one.head][row, place] + np.nan_to_num(beside), abs=1e-12)
            less = dict(raw) | {one.head: raw[one.head] - parts[one.head][:, place]}
            factor = factors(bundle, X)
            if term:
                factor[one.head] = np.full(len(X), term.missing)
            without = from_raw(bundle, less, factor, economics).utility
            assert one.contribution == pytest.approx(whole[row] - without[row], abs=1e-9)
            assert one.value is None if np.isnan(X[row, place]) else one.value == X[row, place]


def test_a_signal_that_only_scales_is_a_reason_too(value_bundle, world):
    """The price multiplies lift: where it is far from the usual one it says most, whatever the trees make of it."""
    X = world.X[:1].copy()
    X[0, 1] = 400.0
    reasons = {one.signal: one for one in explain(value_bundle, X, BRIEF)[0]}
    dear = reasons["price_last_all"]
    part = shap_parts(value_bundle, X)["lift"][0, 1]
    assert dear.head == "lift"
    assert dear.raw_contribution == pytest.approx(part + np.log(400.0 / 20.0))
    assert dear.text.startswith("Raises the expected extra sales")


def test_the_signal_that_matters_leads_and_words_say_so(ranking_bundle, world):
    X = world.X[:1].copy()
    X[0] = [0.0, 20, 4.0, 0, 0]
    (reasons,) = explain(ranking_bundle, X, BRIEF)
    first = reasons[0]
    assert (first.signal, first.head, first.unit) == ("net_gmv_sum_28d", "lift", "USD")
    assert first.contribution > 0
    assert first.text.startswith("Raises the expected extra sales. Net sales of the last 28 days: 4 USD (+")
    X[0, 2] = np.nan
    unknown = [one for one in explain(ranking_bundle, X, BRIEF)[0] if one.signal == "net_gmv_sum_28d"]
    assert all(one.value is None and "not known" in one.text for one in unknown)


@pytest.mark.parametrize(
    ("unit", "value", "spoken"),
    [
        ("USD", 12345.678, "12,346 USD"),
        ("USD", -0.5, "-0.5 USD"),
        ("posts", 3.0, "3 posts"),
        ("fraction", 0.4567, "45.7 %"),
        ("flag", 1.0, "yes"),
        ("log ratio", 1.234, "1.23"),
    ],
)
def test_values_are_spoken_in_their_unit(ranking_bundle, unit, value, spoken):
    words = {"net_gmv_sum_28d": SignalWords(unit, "what it is (towards .1 while there are few)")}
    X = np.array([[0.0, 20, value, 0, 0]])
    (reasons,) = explain(replace(ranking_bundle, words=words), X, BRIEF)
    (text,) = [one.text for one in reasons if one.signal == "net_gmv_sum_28d"]
    assert f" What it is: {spoken} (" in text


def test_both_sides_are_heard(value_bundle, world):
    sides = [{np.sign(one.contribution) for one in reasons} for reasons in explain(value_bundle, world.X[:60], BRIEF)]
    assert sum(side >= {-1.0, 1.0} for side in sides) > 30


def test_a_row_is_explained_alike_alone_and_in_company(value_bundle, world):
    assert explain(value_bundle, world.X[3:4], BRIEF) == explain(value_bundle, world.X[:9], BRIEF)[3:4]
