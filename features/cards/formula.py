"""The formula of an index in words, with one creator's numbers in it, from what a score card holds.

A number that peers lead one to expect is told as theirs; what nothing of the creator's own speaks for is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["amount", "amount_words", "component_formula", "gains", "index_formula", "is_guess"]

_SCALES = {
    "expm1": "averaged as logarithms",
    "sinh": "averaged with large amounts counting less",
    "sqrt": "averaged as squares",
}
_LEAST = 0.05  # points of an index below which one more event is not worth telling


def amount(value: float, unit: str) -> str:
    """``value`` with its unit, in as many digits as say something: ``62 %``, ``1,234 USD``, ``0.31 USD per USD``."""
    if unit == "fraction":
        return f"{100 * value:.3g} %"
    digits = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{'0' if digits in ('-0', '0') else digits} {unit}"


def amount_words(part: Mapping[str, Any]) -> str:
    """A component's amount: the creator's as it counts, or that it is unknown and what peers lead one to expect."""
    if part["value"] is not None:
        return amount(part["value"], part["unit"])
    if part["expected"] is None:
        return "unknown"
    return f"unknown (expected from {part['expected_from']}: {amount(part['expected'], part['unit'])})"


def component_formula(part: Mapping[str, Any]) -> str:
    """How a component's ``P`` comes about, a sentence or two."""
    place = part["percentile"]
    order = "lower is better" if part["less_is_better"] else "higher is better"
    standing = f"better than {place:.0f} % of the peers as they were last frozen ({order})"
    if part["expected"] is None and part["value"] is None:
        return "Nothing is known of it here; it counts as the middle, 50."
    if part["value"] is None:
        expected = amount(part["expected"], part["unit"])
        return (
            f"Unknown: nothing of the creator's own is counted. In its place stands what {part['expected_from']} lead "
            f"one to expect, {expected}, which is {standing}."
        )
    own, value = amount(part["own"], part["unit"]), amount(part["value"], part["unit"])
    if part["expected"] is None or not part["expected_n"]:
        return f"{own} by the creator's own events, {standing}."
    share = part["n"] / (part["n"] + part["expected_n"])
    scale = f", {_SCALES[part['scale']]}" if part["scale"] in _SCALES else ""
    return (
        f"Own events say {own} and count {share:.0%}; what {part['expected_from']} lead one to expect, "
        f"{amount(part['expected'], part['unit'])}, counts {1 - share:.0%}{scale}. Together: {value}, {standing}."
    )


def is_guess(index: Mapping[str, Any]) -> bool:
    """Whether nothing of the creator's own stands behind the index: it is what peers lead one to expect."""
    return all(part["own"] is None for part in index["components"])


def index_formula(index: Mapping[str, Any]) -> str:
    """The index as the sum of its components: ``48.2 = 0.20 x 55.1 + …``; where it is held at a cap, that too."""
    parts = [f"{part['weight']:.2f} x {part['percentile']:.1f}" for part in index["components"]]
    total = sum(part["weight"] * part["percentile"] for part in index["components"])
    sum_text = f"{total:.1f} = {' + '.join(parts)}"
    return sum_text if abs(total - index["value"]) < 0.05 else f"{sum_text}; held at {index['value']:.1f}"


def gains(index: Mapping[str, Any]) -> list[tuple[str, float]]:
    """What one more good event would do, and the points of the index that it adds; most first.

    Each with everything else as it is. An index that is held at a cap gains nothing until its sum falls below it.
    """
    parts = index["components"]
    total = sum(part["weight"] * part["percentile"] for part in parts)
    over = max(0.0, total - index["value"]) if index.get("note") else 0.0
    found: dict[str, float] = {}
    for part in parts:
        if part["more"] is not None and not over:
            text = part["more"]["text"]
            found[text] = found.get(text, 0.0) + part["more"]["points"]
    told = [(text, points) for text, points in found.items() if points >= _LEAST]
    return sorted(told, key=lambda one: (-one[1], one[0]))
