"""What figures are told, and what they show: numbers in, options out."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("nicegui")

from serving.console.figures import against_figure, cloud_figure, curve_figure, weeks_figure
from serving.console.money import Till


def series(options, kind):
    return [one for one in options["series"] if one["type"] == kind]


def test_a_curve_has_its_points_its_band_and_the_budget():
    options = curve_figure([(10, 5, -1, 9), (20, 7, 0, 12)], currency="USD", budget=15)
    (line,) = series(options, "line")
    (band,) = series(options, "custom")
    assert line["data"] == [[10, 5], [20, 7]]
    assert line["markLine"]["data"] == [{"xAxis": 15}]
    assert band["data"] == [[10, -1, 9], [20, 0, 12]]
    assert "markLine" not in series(curve_figure([(1, 1, 1, 1)], currency="USD"), "line")[0]


def test_a_week_in_which_nothing_was_known_is_a_gap():
    options = weeks_figure(["2025-01-01", "2025-01-08", "2025-01-15"], [40.0, None, 44.0])
    (line,) = series(options, "line")
    assert line["data"] == [40.0, None, 44.0]
    assert line["connectNulls"] is False
    assert (options["yAxis"]["min"], options["yAxis"]["max"]) == (0, 100)


def test_the_marked_creator_is_a_point_of_its_own():
    peers = [(1.0, 2.0, "c1", "ann"), (3.0, 4.0, "c2", "bea")]
    options = cloud_figure(peers, x="A", y="B", marked=peers[1], spans={"x": (0, 100)}, logarithmic=["y"])
    cloud, mark = series(options, "scatter")
    assert [one["id"] for one in cloud["data"]] == ["c1", "c2"]
    assert mark["data"] == [{"value": [3.0, 4.0], "id": "c2", "name": "bea"}]
    assert (options["xAxis"]["max"], options["yAxis"]["type"]) == (100, "log")


def test_the_line_of_what_was_foretold_spans_the_points():
    options = against_figure([(10.0, 14.0, 8.0, 20.0, "ca_1"), (-2.0, 3.0, 1.0, 5.0, "ca_2")], currency="USD")
    (line,) = series(options, "line")
    assert line["data"] == [[-2.0, -2.0], [14.0, 14.0]]


@pytest.mark.parametrize("name", ["</script><b>", 'a"b', "سارة", "{b}"])
def test_names_are_data_and_never_part_of_a_function(name):
    options = cloud_figure([(1.0, 2.0, "c1", name)], x="A", y="B")
    functions = json.dumps([value for key, value in options["tooltip"].items() if key.startswith(":")])
    assert name not in functions
    assert options["series"][0]["data"][0]["name"] == name


def test_money_in_another_currency_by_hand():
    rupiah = Till("IDR", {"USD": 1.0, "IDR": 0.0000625})
    assert rupiah.own(10.0) == 160_000.0
    assert rupiah.dollars(160_000.0) == 10.0
    assert rupiah.text(10.0) == "160K IDR"
    assert rupiah.number(-10.0) == "\N{MINUS SIGN}160K"
    assert rupiah.span(5.0, 10.0) == "80,000 to 160K"
    assert rupiah.text(None) == "\N{EN DASH}"
