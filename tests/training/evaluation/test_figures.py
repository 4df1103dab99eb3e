"""An evaluation's figures say their intervals in numbers."""

from __future__ import annotations

from training.evaluation.figures import coverage_figure


def test_coverage_is_said_with_its_interval_and_lies_where_it_says() -> None:
    values = {"all": (0.8125, 0.75, 0.875), "market=US": (0.5, 0.25, 0.75)}
    (axes,) = coverage_figure(values, level=0.8, title="lift").axes
    said = {text.get_text(): text.xy for text in axes.texts}
    assert said == {"81.2% (75.0% to 87.5%)": (0.875, 1), "50.0% (25.0% to 75.0%)": (0.75, 0)}
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["market=US", "all"]
    assert "95 % interval" in axes.get_xlabel()


def test_nothing_to_show_is_an_empty_figure() -> None:
    (axes,) = coverage_figure({}, level=0.8, title="lift").axes
    assert not axes.texts
