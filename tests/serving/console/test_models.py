"""Models: champion and challenger beside one another, as the service tells of them."""

from __future__ import annotations

import pytest

pytest.importorskip("nicegui")

from serving.client import Client, Metric, Model
from serving.console.pages.models import beside, figure_text
from tests.serving.console.conftest import opened, sign_in


def model(version, **values):
    metrics = tuple(Metric(name, value) for name, value in values.items())
    return Model(version, "expected_value", "2026-01-01", 3, ("lift",), {}, metrics)


def test_metrics_stand_beside_those_of_the_same_name():
    found = beside(model("2", map=0.3, success_auc=0.7), model("3", success_auc=0.8, lift_qini=5.0))
    assert [(mine.name, None if theirs is None else theirs.value) for mine, theirs in found] == [
        ("map", None),
        ("success_auc", 0.8),
    ]
    assert beside(model("2", map=0.3), None) == [(Metric("map", 0.3), None)]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.78493, "0.785"), (1374.03, "1,374"), (-0.019, "\N{MINUS SIGN}0.019"), (None, "\N{EN DASH}"), (0.0, "0.000")],
)
def test_values_in_words(value, text):
    assert figure_text(value) == text


def test_the_page_shows_what_the_service_tells(browser, console):
    with Client(console.api, console.key) as client:
        told = client.models()
    with opened(browser) as page:
        sign_in(page, console, "/models")
        page.wait_for_selector("section[aria-label='How they were measured'] table")
        champion = page.inner_text("section[aria-label='Champion']")
        assert f"Version {told.champion.version}" in champion
        assert f"{told.champion.signals:,}" in champion
        if told.champion.verdict:
            assert told.champion.verdict.rstrip(".")[1:] in champion
        challenger = page.inner_text("section[aria-label='Challenger']")
        assert ("No challenger" in challenger) == (told.challenger is None)
        measured = page.inner_text("section[aria-label='How they were measured']")
        for one in told.champion.metrics:
            assert one.name in measured
            assert figure_text(one.value) in measured
        assert page.locator("a:has-text('Open MLflow')").count() == (told.mlflow_url is not None)
