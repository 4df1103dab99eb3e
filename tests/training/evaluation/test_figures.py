"""An evaluation's figures say their intervals in numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from training.evaluation.comparison import Comparison
from training.evaluation.figures import coverage_figure, money_figure


def test_coverage_is_said_with_its_interval_and_lies_where_it_says() -> None:
    values = {"all": (0.8125, 0.75, 0.875), "market=US": (0.5, 0.25, 0.75)}
    (axes,) = coverage_figure(values, level=0.8, title="lift").axes
    said = {text.get_text(): text.xy for text in axes.texts}
    assert said == {"81.2% (75.0% to 87.5%)": (0.875, 1), "50.0% (25.0% to 75.0%)": (0.75, 0)}
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["market=US", "all"]
    assert "95 % interval" in axes.get_xlabel()
    assert [text.get_text() for text in axes.figure.legends[0].get_texts()] == ["what it should be, 80%"]


def test_money_is_drawn_beside_what_a_constant_would_tell_and_axes_are_in_plain_numbers() -> None:
    table = pd.DataFrame({"predicted": [10.0, 400.0], "observed": [20.0, 300.0], "count": [30, 10]})
    figure = money_figure({"lift": table})
    figure.canvas.draw()
    (axes,) = figure.axes
    (constant,) = (line.get_ydata()[0] for line in axes.lines if line.get_linestyle() == ":")
    assert constant == (20.0 * 30 + 300.0 * 10) / 40
    assert {"10", "30", "100", "300"} <= {
        text.get_text() for minor in (False, True) for text in axes.get_xticklabels(minor=minor)
    }


def test_a_metric_is_held_against_the_best_sort_and_a_random_order() -> None:
    values = {"gmv": np.array([0.4, 0.2]), "followers": np.array([0.5, np.nan]), "model": np.array([0.9, 0.8])}
    values["random"] = np.array([0.0, 0.1])
    found = Comparison(tuple(values), "model", ("ca_01", "ca_02"), {"success_auc": values, "regret_usd_at_20": values})
    assert found.held_against("success_auc") == {
        "followers": "best simple sort (followers)",
        "random": "a random order",
    }
    assert next(iter(found.held_against("regret_usd_at_20"))) == "gmv"  # less is better


def test_nothing_to_show_is_an_empty_figure() -> None:
    (axes,) = coverage_figure({}, level=0.8, title="lift").axes
    assert not axes.texts
