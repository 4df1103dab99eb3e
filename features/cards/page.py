"""The creator's card as a page: HTML that prints, runs no script and fetches nothing.

Everything that came from a marketplace is escaped, and stands in a ``bdi`` of its own, so that a name written from
right to left turns nothing about it. What steers the reading direction within a name is spelt out.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from features.cards.behind import tables_behind
from features.cards.formula import amount_words, component_formula, gains, index_formula, is_guess
from marketplace.text import printable

__all__ = ["card_fragment", "card_page"]

_STYLE = """
:root{--ink:#1b1f24;--dim:#57606a;--line:#d0d7de;--bar:#0b6e99;--band:#b9dcec;--back:#fff}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:62rem;margin:0 auto;padding:1.25rem}
h1{font-size:1.6rem;line-height:1.2;margin:0 0 .25rem}
bdi{overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:0 0 .25rem}
h3{font-size:.95rem;margin:1rem 0 .25rem}
p{margin:.25rem 0}
.dim{color:var(--dim);font-size:.9rem}
section{border-top:1px solid var(--line);padding:1rem 0;break-inside:avoid-page}
table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:left;padding:.3rem .5rem .3rem 0;vertical-align:top;border-bottom:1px solid var(--line)}
tr.first td{border-bottom:0;padding-bottom:0}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.wide{overflow-x:auto}
svg{display:block;max-width:100%}
.formula{font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.note{border-left:4px solid #9a6700;padding-left:.6rem}
.bars td{padding-top:.15rem;padding-bottom:.15rem}
.within td:first-child{padding-left:1rem}
.guess b{font-weight:400}
.axis{font-size:10px;fill:var(--dim)}
ul{margin:.25rem 0;padding-left:1.2rem}
@media (max-width:40rem){main{padding:.75rem}.hide{display:none}th.n{white-space:normal}td.n{padding-right:0}
.bars svg{width:8rem}.bars th,.bars td{font-size:.85rem;padding-right:.35rem}}
@media print{body{font-size:11px}main{max-width:none;padding:0}section{padding:.5rem 0}.wide{overflow:visible}}
"""

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_ENTRIES = 60

Rows = Sequence[tuple[str, str, Mapping[str, Any]]]


def card_page(card: Mapping[str, Any], headline: str, rows: Rows) -> str:
    """The whole page of a score card (`features.indices.cards.ScoreCard`): its headline, and its rows of indices."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Score card: {_safe(headline)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{_head(card)}{_overview(rows)}{_unknown(rows)}{_sections(card, rows)}{_behind(card)}"
        f"{_foot(card)}</main>\n</body>\n</html>\n"
    )


def card_fragment(headline: str, rows: Rows) -> str:
    """What a notebook shows: the overview, in the notebook's own style."""
    return f"<p>{_name(headline)}</p>\n{_overview(rows)}"


def _safe(text: object) -> str:
    return html.escape(printable(str(text)))


def _first_up(text: str) -> str:
    """``text`` with its first letter large, the others as they are."""
    return _safe(text[:1].upper() + text[1:])


def _name(text: object) -> str:
    return f"<bdi>{_safe(text)}</bdi>"


def _head(card: Mapping[str, Any]) -> str:
    name = _name(card["username"] or card["creator_id"])
    known = {
        "Creator": _name(card["creator_id"]),
        "Market": _name(card["market"]),
        "Followers": "unknown" if card["follower_count"] is None else f"{card['follower_count']:,}",
        "Language": _name(card["language"] or "unknown"),
        "Represented": _name(str(card["agency_status"] or "unknown").lower().replace("_", " ")),
        "Joined": _safe(card["joined_on"]),
    }
    facts = " · ".join(f"{key} {value}" for key, value in known.items())
    return (
        f"<header>\n<h1>{name}</h1>\n<p>{facts}</p>\n"
        f'<p class="dim">As of {_safe(str(card["as_of"])[:10])}, from what was known before that day. Brand and '
        "creator see the same card.</p>\n</header>\n"
    )


def _label(name: str, category: str) -> str:
    plain = _safe(name.replace("_", " ").capitalize())
    return f"{plain}: {_name(category)}" if category else plain


def _overview(rows: Rows) -> str:
    lines = [
        '<tr><th>Index</th><th>0 to 100</th><th class="n">Value</th>'
        '<th class="n hide">80 % interval</th><th class="n hide">Confidence</th><th class="n">Among peers</th></tr>'
    ]
    for place, (name, category, index) in enumerate(rows):
        if category and (not place or not rows[place - 1][1]):
            lines.append(f'<tr class="first"><td colspan="6">{_label(name, "")}</td></tr>')
        kinds = " ".join(kind for kind, so in (("within", category), ("guess", is_guess(index))) if so)
        lines.append(
            f'<tr class="{kinds}"><td>{_name(category) if category else _label(name, "")}</td>'
            f'<td>{_bar(index)}</td><td class="n"><b>{index["value"]:.0f}</b></td>'
            f'<td class="n hide">{index["low"]:.0f} to {index["high"]:.0f}</td>'
            f'<td class="n hide">{index["confidence"]:.0f}</td>'
            f'<td class="n">{index["peer_rank"]} of {index["peer_count"]}</td></tr>'
        )
    body = "\n".join(lines)
    return (
        f'<section>\n<h2>The indices</h2>\n<div class="wide"><table class="bars">\n{body}\n</table></div>\n'
        '<p class="dim">Dark: the value. Light: where it lies in 8 cases of 10. The line: the peers\' average. Hollow: '
        "confidence is 0, nothing of the creator's own is known, and the value is what peers lead one to expect.</p>\n"
        "</section>\n"
    )


def _bar(index: Mapping[str, Any]) -> str:
    low, high, value = index["low"], index["high"], index["value"]
    average = index["peer_average"]
    line = "" if average is None else f'<rect x="{2 * average:.1f}" y="0" width="1.5" height="16" fill="#1b1f24"/>'
    said = f"{value:.0f}, interval {low:.0f} to {high:.0f}" + (", from peers alone" if is_guess(index) else "")
    fill = 'fill="#fff" stroke="#0b6e99"' if is_guess(index) else 'fill="#0b6e99"'
    return (
        f'<svg role="img" aria-label="{said}" width="204" height="16" viewBox="0 0 204 16">'
        '<rect x="0" y="7" width="202" height="2" fill="#d0d7de"/>'
        f'<rect x="{2 * low:.1f}" y="3" width="{max(2.0, 2 * (high - low)):.1f}" height="10" fill="#b9dcec"/>'
        f'<rect x="{max(0.0, 2 * value - 1.5):.1f}" y="1" width="4" height="14" {fill}/>{line}</svg>'
    )


def _sections(card: Mapping[str, Any], rows: Rows) -> str:
    history = card.get("history") or {"days": [], "indices": {}}
    return "".join(
        _section(name, category, index, history["days"], history["indices"].get(name, ()) if not category else ())
        for name, category, index in rows
    )


def _section(
    name: str, category: str, index: Mapping[str, Any], days: Sequence[str], past: Sequence[float | None]
) -> str:
    change = index["change_28d"]
    moved = "not known 28 days ago" if change is None else f"{change:+.1f} in 28 days"
    lines = [
        f"<section>\n<h2>{_label(name, category)} {index['value']:.0f}{_of_peers(index)}</h2>",
        f"<p>{_first_up(index['says'])}. Interval {index['low']:.0f} to {index['high']:.0f}, confidence "
        f"{index['confidence']:.0f}, {moved}; rank {index['peer_rank']} of {index['peer_count']} among "
        f"{_name(index['peers'])}{_average(index)}.</p>",
    ]
    if index.get("note"):
        lines.append(f'<p class="note">{_first_up(index["note"])}.</p>')
    lines.append(_line(days, past))
    lines.append(f'<p class="formula">{_safe(index_formula(index))}</p>')
    lines.append('<div class="wide"><table>\n<tr><th>Component</th><th>Amount</th><th class="n hide">Weight</th>'
                 '<th class="n hide">Place</th><th class="n">Points</th></tr>')  # fmt: skip
    for part in index["components"]:
        points = part["weight"] * part["percentile"]
        lines.append(
            f'<tr class="first"><td>{_first_up(part["text"])}</td><td>{_safe(amount_words(part))}</td>'
            f'<td class="n hide">{part["weight"]:.2f}</td><td class="n hide">{part["percentile"]:.1f}</td>'
            f'<td class="n">{points:.1f}</td></tr>'
            f'<tr><td colspan="5" class="dim">{_safe(component_formula(part))}</td></tr>'
        )
    lines.append("</table></div>")
    would = "".join(f"<li>{_first_up(text)}: +{points:.1f}</li>" for text, points in gains(index))
    if would:
        lines.append(
            f'<h3>What would raise it</h3>\n<ul>{would}</ul>\n<p class="dim">Points, each with everything else as it '
            "is, for an event of today; its weight halves every 45 days, and one brand counts for three at most.</p>"
        )
    lines.append("</section>\n")
    return "\n".join(line for line in lines if line)


def _of_peers(index: Mapping[str, Any]) -> str:
    return ' <span class="dim">expected from peers alone</span>' if is_guess(index) else ""


def _average(index: Mapping[str, Any]) -> str:
    return "" if index["peer_average"] is None else f", whose average is {index['peer_average']:.0f}"


def _line(days: Sequence[str], past: Sequence[float | None]) -> str:
    """The weeks as a line from 0 to 100; it begins where the creator was first known."""
    known = [(place, value) for place, value in enumerate(past) if value is not None]
    if len(known) < 2:
        return ""
    step = 380.0 / (len(past) - 1)
    points = " ".join(f"{24 + step * place:.1f},{58 - value / 2:.1f}" for place, value in known)
    (first, start), (last, end) = known[0], known[-1]
    said = f"From {start:.0f} on {days[first]} to {end:.0f} on {days[last]}"
    marks = "".join(
        f'<line x1="24" y1="{58 - mark / 2:.0f}" x2="404" y2="{58 - mark / 2:.0f}" stroke="#d0d7de"/>'
        f'<text x="19" y="{61.5 - mark / 2:.1f}" text-anchor="end" class="axis">{mark}</text>'
        for mark in (0, 50, 100)
    )
    return (
        f'<svg role="img" aria-label="{_safe(said)}" width="408" height="66" viewBox="0 0 408 66">{marks}'
        f'<polyline points="{points}" fill="none" stroke="#0b6e99" stroke-width="2"/></svg>\n'
        f'<p class="dim">{_safe(said)}, week by week.</p>'
    )


def _unknown(rows: Rows) -> str:
    """What the creator's own events say nothing of, index by index."""
    found: dict[tuple[str, str], list[str]] = {}
    for name, category, index in rows:
        parts = "; ".join(_safe(part["text"]) for part in index["components"] if part["own"] is None)
        if parts:
            found.setdefault((name, parts), []).extend([_name(category)] if category else [])
    told = [
        f"<li>{_label(name, '')}{': ' if within else ''}{', '.join(within)}: {parts}</li>"
        for (name, parts), within in found.items()
    ]
    body = f"<ul>{''.join(told)}</ul>" if told else "<p>Something of the creator's own is known of every component.</p>"
    return f"<section>\n<h2>What is not known</h2>\n{body}\n</section>\n"


def _behind(card: Mapping[str, Any]) -> str:
    return "".join(
        _table(one.title, one.heads, one.rows, one.nothing, f'<p class="dim">{one.foot}</p>\n' if one.foot else "")
        for one in tables_behind(card)
    )


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], empty: str, foot: str = "") -> str:
    if not rows:
        nothing = f"<p>{empty}</p>\n" if empty else ""
        return f"<section>\n<h2>{title}</h2>\n{nothing}{foot}</section>\n"
    head = "".join(f"<th>{one}</th>" for one in heads)
    body = "\n".join(f"<tr>{''.join(f'<td>{_name(cell)}</td>' for cell in row)}</tr>" for row in rows[:_ENTRIES])
    more = f'<p class="dim">and {len(rows) - _ENTRIES} older ones</p>' if len(rows) > _ENTRIES else ""
    return (
        f'<section>\n<h2>{title}</h2>\n<div class="wide"><table>\n<tr>{head}</tr>\n{body}\n</table></div>\n{more}{foot}'
        "</section>\n"
    )


def _foot(card: Mapping[str, Any]) -> str:
    basis = f" Rankings beside this card are {_safe(card['basis'])}" if card.get("basis") else ""
    return (
        '<p class="dim">A place is the share of peers, as they were last frozen, that stand lower. An index is the '
        f"weighted sum of its components' places; a component that is not known counts 50.{basis}</p>\n"
    )
