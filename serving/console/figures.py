"""Figures: options for ECharts, drawn as SVG in the theme's own colours, each with the same said in words.

Every function here is pure: numbers go in, options come out. Colours are the names of the theme's, which the browser
looks up, so that a figure changes with the theme and prints in ink.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nicegui import ui

from serving.console.pieces import tidy

__all__ = ["Options", "against_figure", "cloud_figure", "curve_figure", "figure", "weeks_figure"]

Options = dict[str, Any]

_INK, _QUIET, _LINE = "var(--ink)", "var(--ink-quiet)", "var(--line)"
_ACCENT, _BACK, _MARK = "var(--accent)", "var(--paper)", "var(--mid)"
_FONT = "inherit"


def figure(
    options: Options, *, label: str, tall: float = 18.0, on_click: Callable[..., Any] | None = None
) -> ui.echart:
    """Draw a figure, ``tall`` rem high; ``label`` says what it shows to who cannot see it."""
    made = ui.echart(options, renderer="svg", on_point_click=on_click).classes("cr-chart")
    made.props(f'role="img" aria-label="{tidy(label)}"')
    made.style(f"height:{tall:g}rem")
    return made


def _base(*, left: int = 64, right: int = 16, bottom: int = 44, top: int = 16) -> Options:
    return {
        "animation": False,
        "textStyle": {"fontFamily": _FONT, "color": _INK},
        "grid": {"left": left, "right": right, "top": top, "bottom": bottom},
    }


def _axis(name: str, **more: Any) -> Options:
    return {
        "type": "value",
        "name": name,
        "nameLocation": "middle",
        "nameTextStyle": {"color": _QUIET, "fontSize": 12},
        "axisLabel": {"color": _QUIET, "fontSize": 12, "hideOverlap": True},
        "axisLine": {"lineStyle": {"color": _LINE}},
        "axisTick": {"show": False},
        "splitLine": {"lineStyle": {"color": _LINE}},
        **more,
    }


def _tip(formatter: str, **more: Any) -> Options:
    return {
        "confine": True,
        "backgroundColor": _BACK,
        "borderColor": _LINE,
        "textStyle": {"color": _INK, "fontSize": 12},
        "extraCssText": "box-shadow:none",
        ":formatter": formatter,
        **more,
    }


def curve_figure(
    points: Sequence[tuple[float, float, float, float]], *, currency: str, budget: float | None = None
) -> Options:
    """The profit over the budget.

    Parameters
    ----------
    points : sequence of (budget, expected, low, high)
        In ``currency``, by budget; ``low`` and ``high`` are the 10 and 90 % cases.
    budget : float, optional
        What was asked for, marked by a line.
    """
    line = {"type": "line", "symbol": "none", "emphasis": {"disabled": True}}
    expected: Options = {
        **line,
        "name": "expected",
        "data": [[at, mean] for at, mean, _, _ in points],
        "symbol": "circle",
        "symbolSize": 6,
        "lineStyle": {"color": _ACCENT, "width": 2},
        "itemStyle": {"color": _ACCENT},
        "z": 3,
    }
    if budget is not None:
        expected["markLine"] = {
            "symbol": "none",
            "silent": True,
            "lineStyle": {"color": _INK, "type": "dashed"},
            "label": {"formatter": "your budget", "color": _INK, "position": "insideEndTop", "rotate": 0},
            "data": [{"xAxis": budget}],
        }
    # Stacked areas begin anew below nought, where the 10 % case often lies: the band is a shape of its own.
    band = {
        "type": "custom",
        "name": "band",
        "silent": True,
        ":renderItem": _BAND,
        "data": [[at, low, high] for at, _, low, high in points],
        "encode": {"x": 0, "y": [1, 2]},
        "clip": True,
        "z": 1,
    }
    return {
        **_base(left=76, bottom=48),
        "xAxis": _axis(f"budget, {currency}", nameGap=30, min=0, splitLine={"show": False}),
        "yAxis": _axis(f"profit, {currency}", nameGap=58),
        "tooltip": _tip(_curve_tip(currency), trigger="axis", axisPointer={"lineStyle": {"color": _LINE}}),
        "series": [expected, band],
    }


_BAND = """(params, api) => {
  if (params.dataIndex !== 0) return;
  const upper = [], lower = [];
  for (let i = 0; i < params.dataInsideLength; i++) {
    const at = api.value(0, i);
    lower.push(api.coord([at, api.value(1, i)]));
    upper.push(api.coord([at, api.value(2, i)]));
  }
  return {
    type: "polygon",
    shape: { points: upper.concat(lower.reverse()) },
    style: { fill: "var(--accent)", opacity: 0.16 },
  };
}"""


def _curve_tip(currency: str) -> str:
    return (
        "(rows) => { const n = (x) => Math.round(x).toLocaleString('en-US').replace('-', '\\u2212'); "
        "const e = rows.find((r) => r.seriesName === 'expected'), b = rows.find((r) => r.seriesName === 'band'); "
        "if (!e) return ''; "
        f"return 'budget ' + n(e.value[0]) + ' {currency}<br>expected profit <b>' + n(e.value[1]) + '</b>' + "
        "(b ? '<br>8 cases of 10: ' + n(b.value[1]) + ' to ' + n(b.value[2]) : ''); }"
    )


def weeks_figure(days: Sequence[str], values: Sequence[float | None]) -> Options:
    """An index week by week, 0 to 100; a week in which it was not known is a gap."""
    return {
        **_base(left=34, right=12, top=8, bottom=24),
        "xAxis": {
            "type": "category",
            "data": list(days),
            "boundaryGap": False,
            "axisLabel": {"color": _QUIET, "fontSize": 11, "hideOverlap": True},
            "axisLine": {"lineStyle": {"color": _LINE}},
            "axisTick": {"show": False},
        },
        "yAxis": _axis("", min=0, max=100, interval=50),
        "tooltip": _tip(_WEEKS_TIP, trigger="axis", axisPointer={"lineStyle": {"color": _LINE}}),
        "series": [
            {
                "type": "line",
                "symbol": "none",
                "connectNulls": False,
                "emphasis": {"disabled": True},
                "lineStyle": {"color": _ACCENT, "width": 2},
                "itemStyle": {"color": _ACCENT},
                "data": list(values),
            }
        ],
    }


_WEEKS_TIP = "(rows) => rows[0].value == null ? '' : rows[0].name + ': ' + Math.round(rows[0].value)"


def cloud_figure(
    points: Sequence[tuple[float, float, str, str]],
    *,
    x: str,
    y: str,
    marked: tuple[float, float, str, str] | None = None,
    spans: Mapping[str, tuple[float, float]] | None = None,
    logarithmic: Sequence[str] = (),
) -> Options:
    """Creators as points.

    Parameters
    ----------
    points : sequence of (x, y, creator_id, username)
        The peers.
    x, y : str
        The axes' names.
    marked : (x, y, creator_id, username), optional
        The creator that is looked at.
    spans : mapping
        The ends of an axis by ``x`` or ``y``; else those of the points.
    logarithmic : sequence of str
        Which axes (``x``, ``y``) are.
    """
    spans = spans or {}

    def axis(side: str, name: str, **more: Any) -> Options:
        ends = dict(zip(("min", "max"), spans[side], strict=True)) if side in spans else {"scale": True}
        kind = {"type": "log"} if side in logarithmic else {}
        return _axis(name, **{**ends, **kind, **more})

    series: list[Options] = [
        {
            "type": "scatter",
            "name": "peers",
            "symbolSize": 7,
            "cursor": "pointer",
            "emphasis": {"disabled": True},
            "itemStyle": {"color": _ACCENT, "opacity": 0.45},
            "data": [{"value": [one, other], "id": creator, "name": name} for one, other, creator, name in points],
        }
    ]
    if marked is not None:
        series.append(
            {
                "type": "scatter",
                "name": "looked at",
                "symbolSize": 16,
                "symbol": "diamond",
                "z": 5,
                "emphasis": {"disabled": True},
                "itemStyle": {"color": _MARK, "borderColor": _BACK, "borderWidth": 2},
                "label": {
                    "show": True,
                    "position": _beside(marked[0], points),
                    "formatter": "{b}",
                    "color": _INK,
                    "fontWeight": "bold",
                },
                "data": [{"value": list(marked[:2]), "id": marked[2], "name": marked[3]}],
            }
        )
    return {
        **_base(left=60, bottom=48),
        "xAxis": axis("x", x, nameGap=30),
        "yAxis": axis("y", y, nameGap=40),
        "tooltip": _tip(_CLOUD_TIP, trigger="item"),
        "series": series,
    }


def _beside(x: float, points: Sequence[tuple[float, float, str, str]]) -> str:
    """On which side of a point its name has room."""
    seen = [one[0] for one in points] or [x]
    return "left" if x > (min(seen) + max(seen)) / 2.0 else "right"


_CLOUD_TIP = """(point) => {
  const box = document.createElement("div");
  const name = document.createElement("bdi");
  name.textContent = point.name;
  const n = (v) => (Math.abs(v) >= 1000 ? Math.round(v).toLocaleString("en-US") : Math.round(10 * v) / 10);
  box.append(name, document.createElement("br"), n(point.value[0]) + " and " + n(point.value[1]));
  return box;
}"""


def against_figure(points: Sequence[tuple[float, float, float, float, str]], *, currency: str) -> Options:
    """What came against what was foretold, a point a campaign, with a line where both are the same.

    Parameters
    ----------
    points : sequence of (foretold, came, low, high, campaign)
        In ``currency``; ``low`` and ``high`` are the ends of the interval of what came.
    """
    amounts = [amount for foretold, came, _, _, _ in points for amount in (foretold, came)]
    low, high = min([0.0, *amounts]), max([1.0, *amounts])
    foretold_least = min((foretold for foretold, *_ in points), default=0.0)
    return {
        **_base(left=76, bottom=48),
        "xAxis": _axis(f"foretold, {currency}", nameGap=30, **({"min": 0} if foretold_least >= 0 else {})),
        "yAxis": _axis(f"added sales, {currency}", nameGap=58),
        "tooltip": _tip(_AGAINST_TIP, trigger="item"),
        "series": [
            {
                "type": "line",
                "silent": True,
                "symbol": "none",
                "emphasis": {"disabled": True},
                "lineStyle": {"color": _QUIET, "type": "dashed", "width": 1},
                "data": [[low, low], [high, high]],
            },
            {
                "type": "scatter",
                "name": "campaigns",
                "symbolSize": 9,
                "cursor": "pointer",
                "emphasis": {"disabled": True},
                "itemStyle": {"color": _ACCENT, "opacity": 0.8},
                "data": [
                    {"value": [foretold, came, least, most], "id": name, "name": name}
                    for foretold, came, least, most, name in points
                ],
            },
        ],
    }


_AGAINST_TIP = """(point) => {
  const box = document.createElement("div");
  const name = document.createElement("bdi");
  name.textContent = point.name;
  const n = (v) => Math.round(v).toLocaleString("en-US").replace("-", "\\u2212");
  const [told, came, low, high] = point.value;
  box.append(name, document.createElement("br"), "foretold " + n(told), document.createElement("br"));
  box.append("added " + n(came) + " (" + n(low) + " to " + n(high) + ")");
  return box;
}"""
