"""The report as a page: two sheets of A4, HTML that runs no script and fetches nothing.

Made of the report's JSON alone. Everything that came from a marketplace is escaped and stands in a ``bdi`` of its own;
what steers the reading direction within a name is spelt out. What has no bound in the data has one here: so many
creators, so long a name, so that the second sheet is the last.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from marketplace.text import printable
from training.results.words import amount

__all__ = ["report_page"]

_STYLE = """
:root{--ink:#1b1f24;--dim:#57606a;--line:#d0d7de;--bar:#0b6e99;--band:#b9dcec;--said:#9a6700;--bad:#a40e26;--good:#1a7f37}
*{box-sizing:border-box}
body{margin:0;overflow-wrap:anywhere;background:#fff;color:var(--ink);font:16px/1.45 system-ui,sans-serif}
.sheet{max-width:62rem;margin:0 auto;padding:1.25rem}
h1{font-size:1.6rem;line-height:1.2;margin:0 0 .25rem;overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:1.1rem 0 .35rem}
p{margin:.25rem 0}
.dim{color:var(--dim);font-size:.9rem}
.verdict{border-left:5px solid var(--bar);padding:.4rem 0 .4rem .8rem;margin:.8rem 0}
.verdict b{font-size:1.15rem}
.tiles{display:grid;grid-template-columns:repeat(4,1fr);gap:.6rem;margin:.8rem 0}
.tile{border:1px solid var(--line);border-radius:6px;padding:.5rem .7rem}
.tile b{display:block;font-size:1.3rem;font-variant-numeric:tabular-nums}
.tile span{color:var(--dim);font-size:.85rem;display:block}
table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:left;padding:.25rem .5rem .25rem 0;vertical-align:top;border-bottom:1px solid var(--line)}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td.name{max-width:12rem;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
td.came{min-width:9rem}
.wide{overflow-x:auto}
svg{display:block;max-width:100%}
.found{white-space:nowrap}
.quiet{color:var(--dim)}
.holds{color:var(--good)}.against{color:var(--bad);font-weight:600}
ol{margin:.25rem 0;padding-left:1.3rem}
li{margin:.15rem 0}
@media screen and (max-width:46rem){.tiles{grid-template-columns:repeat(2,1fr)}.sheet{padding:.8rem}}
@page{size:A4;margin:12mm}
@media print{
html{font-size:9pt}
body{font-size:1rem;line-height:1.3}
.sheet{max-width:none;padding:0}
.sheet+.sheet{break-before:page}
.wide{overflow:visible}
h1{font-size:14pt}h2{font-size:10.5pt;margin:3mm 0 1mm}
.tile b{font-size:12pt}
table{font-size:8.2pt}
td,th{padding:.6mm 2mm .6mm 0}
tr,li,.tile{break-inside:avoid}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
}
"""

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_CREATORS = 22
_LONGEST = 40
"""Characters of a name; a longer one ends in dots."""
_LEFT, _WIDTH = 84, 290.0

_FOUND = {
    "holds": ("holds", "holds"),
    "speaks against": ("against", "speaks against"),
    "not possible": ("quiet", "not possible"),
}


def report_page(told: Mapping[str, Any]) -> str:
    """The whole page of a report, as `training.results.CampaignReport.as_dict` tells it."""
    if told["verdict"] == "cannot be told":
        # A guess is in the document, marked as one; no page that is printed shows it as an amount.
        lift = told["lift"] and {**told["lift"], "estimate": None, "low": None, "high": None}
        told = {**told, "lift": lift, "profit": None}
    title = f"{_text(told['campaign_id'])}: {_text(told['brand_name'] or told['brand_id'])}"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Campaign report {title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f'<div class="sheet">\n{_head(told)}{_verdict(told)}{_tiles(told)}'
        f"{_figure(told)}{_against(told)}{_next(told)}</div>\n"
        f'<div class="sheet">\n{_creators(told)}{_checks(told)}{_foot(told)}</div>\n'
        "</main>\n</body>\n</html>\n"
    )


def _text(value: object, longest: int = _LONGEST) -> str:
    plain = printable(str(value))
    return html.escape(plain if len(plain) <= longest else plain[: longest - 1] + "…")


def _name(value: object) -> str:
    return f"<bdi>{_text(value)}</bdi>"


def _usd(value: float | None) -> str:
    return "unknown" if value is None else html.escape(amount(value).removesuffix(" USD"))


def _range(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{_usd(low)} to {_usd(high)}"


def _ends(told: Mapping[str, Any] | None) -> str:
    return _range(told["low"], told["high"]) if told else ""


def _cases(told: Mapping[str, Any] | None) -> str:
    ends = _ends(told)
    return f"{ends}, 9 cases of 10" if ends else ""


def _day(text: str) -> str:
    return f"{pd.Timestamp(text):%d %b %Y}"


def _head(told: Mapping[str, Any]) -> str:
    terms = told["terms"]
    offer = [f"{terms['commission_rate']:.1%} commission"]
    if terms["flat_fee"]:
        offer.append(f"a fee of {_usd(terms['flat_fee'])} USD")
    if terms["sample_cost"]:
        offer.append(f"a sample worth {_usd(terms['sample_cost'])} USD")
    return (
        f"<header>\n<h1>Campaign {_name(told['campaign_id'])}: what came of it</h1>\n"
        f"<p>{_name(told['brand_name'] or told['brand_id'])} · market {_name(told['market'])} · category "
        f"{_name(told['category_id'])} · {_day(told['starts_at'])} to {_day(told['ends_at'])}</p>\n"
        f'<p class="dim">Offered: {", ".join(offer)}. Money in USD. From what was known before '
        f"{_day(told['as_of'])}.</p>\n"
        "</header>\n"
    )


def _verdict(told: Mapping[str, Any]) -> str:
    why = html.escape(printable(told["why"]))
    return f'<div class="verdict"><b>{_text(told["verdict_text"], 200)}.</b>\n<p>{why}</p></div>\n'


def _tiles(told: Mapping[str, Any]) -> str:
    lift, profit, counts = told["lift"], told["profit"], told["counts"]
    tiles = [
        (
            "Added sales",
            _usd(lift and lift["estimate"]),
            _cases(lift) or "what would not have been sold",
        ),
        (
            "Attributed sales",
            _usd(lift and lift["attributed"]),
            "what the platform credits",
        ),
        (
            "Profit",
            _usd(profit and profit["estimate"]),
            _cases(profit) or "of what was added, less costs",
        ),
        (
            "Creators",
            f"{counts['posted']} of {counts['invited']}",
            f"posted; {counts['accepted']} accepted",
        ),
    ]  # fmt: skip
    cells = "".join(
        f'<div class="tile"><span>{head}</span><b>{value}</b><span>{note}</span></div>' for head, value, note in tiles
    )
    return f'<div class="tiles">{cells}</div>\n'


def _figure(told: Mapping[str, Any]) -> str:
    """Foretold, added and attributed sales on one line of USD."""
    lift, foretold = told["lift"], told["foretold"]
    bars: list[tuple[str, float, float | None, float | None, str]] = []
    if foretold:
        sales = foretold["sales"]
        bars.append(("Foretold", sales["expected"], sales["low"], sales["high"], "#9a6700"))
    if lift and lift["estimate"] is not None:
        bars.append(("Added", lift["estimate"], lift["low"], lift["high"], "#0b6e99"))
    if lift:
        bars.append(("Attributed", lift["attributed"], None, None, "#57606a"))
    if not bars:
        return ""
    at = _scale([value for _, *values, _ in bars for value in values if value is not None], _WIDTH)
    height = 30 * len(bars) + 24
    said = "; ".join(f"{name} {amount(value)}" for name, value, *_ in bars)
    zero = f"{_LEFT + at(0.0):.1f}"
    marks = [
        f'<line x1="{zero}" y1="0" x2="{zero}" y2="{height - 20}" stroke="#57606a" stroke-dasharray="2 3"/>',
        f'<text x="{zero}" y="{height - 6}" font-size="11" text-anchor="middle" fill="#57606a">0</text>',
    ]
    for place, (name, value, low, high, colour) in enumerate(bars):
        y = 30 * place + 6
        if low is not None and high is not None:
            marks.append(
                f'<rect x="{_LEFT + at(low):.1f}" y="{y + 3}" width="{max(2.0, at(high) - at(low)):.1f}" height="12" '
                f'fill="{colour}" fill-opacity=".28"/>'
            )
        marks.append(f'<rect x="{_LEFT - 2 + at(value):.1f}" y="{y}" width="4" height="18" fill="{colour}"/>')
        marks.append(f'<text x="0" y="{y + 14}" font-size="13" fill="#1b1f24">{name}</text>')
        marks.append(
            f'<text x="{_LEFT + _WIDTH + 10:.0f}" y="{y + 14}" font-size="13" fill="#1b1f24">{_usd(value)}</text>'
        )
    return (
        "<h2>Sales: foretold, added, attributed</h2>\n"
        f'<svg role="img" aria-label="{html.escape(said)}" width="460" height="{height}" viewBox="0 0 460 {height}" '
        f'font-family="system-ui,sans-serif">{"".join(marks)}</svg>\n'
        '<p class="dim">Dark: the amount. Light: where it lies, in 8 cases of 10 for what was foretold, in 9 of '
        "10 for what was added. Attributed sales are counted; they tell nothing of what would have sold anyway.</p>\n"
    )


def _scale(values: Sequence[float], width: float) -> Any:
    low, high = min(0.0, *values), max(0.0, *values)
    span = high - low if high > low else 1.0
    return lambda value: width * (min(max(value, low), high) - low) / span


def _against(told: Mapping[str, Any]) -> str:
    foretold, counts, costs = told["foretold"], told["counts"], told["costs"]
    lift, profit = told["lift"], told["profit"]
    over = told["over"]
    rows: list[tuple[str, Mapping[str, float] | None, str, str]] = [
        ("Accepted", foretold and foretold["accepted"], f"{counts['accepted']:,}", ""),
        ("Posted", foretold and foretold["content"], f"{counts['posted']:,}", ""),
        (
            "Added sales",
            foretold and foretold["sales"],
            "0" if told["verdict"] == "nothing posted" else _usd(lift and lift["estimate"]),
            _ends(lift),
        ),
        ("Fees and samples", foretold and foretold["spend"], _usd(costs["fees"] + costs["samples"]), ""),
        ("Commission", foretold and foretold["commission"], _usd(costs["commission"]), ""),
        (
            "Profit",
            foretold and foretold["profit"],
            _usd(profit and profit["estimate"]),
            _ends(profit),
        ),
    ]  # fmt: skip
    body = "\n".join(
        f'<tr><td>{name}</td><td class="n">{_expected(name, said)}</td><td class="n">{_span(name, said)}</td>'
        f'<td class="n"><b>{came}</b></td><td class="n">{span}</td></tr>'
        for name, said, came, span in rows
    )
    note = "" if over else " What came is counted so far, of what is over; what was foretold is of all invitations."
    untold = (
        f" {counts['untold']} posted and cannot be told of; they are on neither side."
        if counts["untold"] and over
        else ""
    )
    return (
        "<h2>What was foretold, and what came</h2>\n"
        '<div class="wide"><table>\n<tr><th></th><th class="n">Foretold</th><th class="n">8 cases of 10</th>'
        f'<th class="n">{"Came" if over else "Came so far"}</th><th class="n">9 cases of 10</th></tr>\n{body}\n'
        "</table></div>\n"
        f'<p class="dim">{html.escape(printable(told["source"]["text"]))}{note}{untold}</p>\n'
    )


def _expected(name: str, said: Mapping[str, float] | None) -> str:
    if not said:
        return "–"
    return f"{said['expected']:,.1f}" if name in ("Accepted", "Posted") else _usd(said["expected"])


def _span(name: str, said: Mapping[str, float] | None) -> str:
    if not said:
        return "–"
    if name in ("Accepted", "Posted"):
        return f"{said['low']:,.0f} to {said['high']:,.0f}"
    return _range(said["low"], said["high"])


def _next(told: Mapping[str, Any]) -> str:
    steps = "\n".join(f"<li>{html.escape(printable(step))}</li>" for step in told["next_steps"])
    return f"<h2>What to do next</h2>\n<ol>\n{steps}\n</ol>\n"


def _creators(told: Mapping[str, Any]) -> str:
    rows = sorted(told["creators"], key=_order)
    shown = [row for row in rows if row["outcome"] not in ("declined", "expired", "void", "excused")][:_CREATORS]
    rest = _rest([row for row in rows if not any(row is one for one in shown)])
    if not shown:
        return f"<h2>By creator</h2>\n<p>Nobody who was invited accepted.{rest}</p>\n"
    ends = [row[end] for row in shown for end in ("lift_low", "lift_high") if row[end] is not None]
    at = _scale(ends or [0.0], 120.0)
    body = "\n".join(_creator_row(row, at) for row in shown)
    return (
        '<h2>By creator</h2>\n<div class="wide"><table>\n<tr><th>Creator</th><th>What came</th>'
        '<th class="n">Attributed</th><th class="n">Added</th><th>9 cases of 10</th>'
        '<th class="n">Foretold</th><th class="n">Cost</th>'
        f'<th class="n">Profit</th></tr>\n{body}\n</table></div>\n'
        '<p class="dim">Foretold: the added sales expected of an invitation, its chance of content counted in. Cost: '
        f"fee, sample and commission. One creator's amount is rougher than the sum.{rest}</p>\n"
    )


def _order(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (
        row["lift"] is None,
        row["outcome"] in ("failed", "declined", "expired"),
        -(row["lift"] or 0.0),
        row["creator_id"],
    )


def _rest(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["came"]] = counts.get(row["came"], 0) + 1
    words = ", ".join(f"{count} {what}" for what, count in sorted(counts.items(), key=lambda one: -one[1]))
    return f" Not shown: {html.escape(words)}."


def _creator_row(row: Mapping[str, Any], at: Any) -> str:
    foretold = row["foretold"]
    expected = None
    if foretold and foretold["lift"] is not None and foretold["success"] is not None:
        expected = foretold["lift"] * foretold["success"]
    state = {"counting": ", sales still counting", "untold": ", sales cannot be told"}.get(row["state"], "")
    nothing = row["state"] == "over" and row["posted_at"] is None
    return (
        f'<tr><td class="name">{_name(row["username"] or row["creator_id"])}</td>'
        f'<td class="came">{_text(row["came"])}{state}</td>'
        f'<td class="n">{"–" if nothing else _or_dash(row["attributed"])}</td>'
        f'<td class="n">{"–" if nothing else _or_dash(row["lift"])}</td>'
        f'<td>{"" if nothing else _interval(row, at)}</td><td class="n">{_or_dash(expected)}</td>'
        f'<td class="n">{_or_dash(row["cost"])}</td><td class="n">{_or_dash(row["profit"])}</td></tr>'
    )


def _or_dash(value: float | None) -> str:
    return "–" if value is None else _usd(value)


def _interval(row: Mapping[str, Any], at: Any) -> str:
    low, high, value = row["lift_low"], row["lift_high"], row["lift"]
    if low is None or high is None or value is None:
        return ""
    return (
        f'<svg role="img" aria-label="{_range(low, high)}" width="124" height="12" viewBox="0 0 124 12">'
        f'<rect x="{1 + at(0.0):.1f}" y="0" width="1" height="12" fill="#57606a"/>'
        f'<rect x="{1 + at(low):.1f}" y="3" width="{max(2.0, at(high) - at(low)):.1f}" height="6" fill="#b9dcec"/>'
        f'<rect x="{at(value):.1f}" y="1" width="3" height="10" fill="#0b6e99"/></svg>'
    )


def _checks(told: Mapping[str, Any]) -> str:
    lines = "\n".join(_check_rows(told["checks"]))
    return f'<h2>What the checks say</h2>\n<div class="wide"><table>\n{lines}\n</table></div>\n'


def _check_rows(checks: Sequence[Mapping[str, str]]) -> Iterator[str]:
    for check in checks:
        style, word = _FOUND[check["found"]]
        yield (
            f'<tr><td>{html.escape(check["title"])}</td><td class="found {style}">{word}</td>'
            f"<td>{html.escape(printable(check['text']))}</td></tr>"
        )


def _foot(told: Mapping[str, Any]) -> str:
    terms, needed = told["terms"], told["needed_partnerships"]
    several = (
        f" A lift of this size takes about {needed:,.0f} partnerships to be told from chance."
        if needed is not None and math.isfinite(needed)
        else ""
    )
    return (
        '<p class="dim">Added sales are estimated from what the products sell day by day, with and without a post in '
        "its 14 days, held against other products of the category; nobody was left out at random. Profit is "
        f"{terms['margin_rate']:.0%} of added sales, less fees, samples and commission. All checks but the last look "
        f"at all campaigns together; an interval of one creator has not the doubt that all share.{several}</p>\n"
    )
