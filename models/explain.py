"""Why a creator stands where it stands: exact TreeSHAP, told in money and in words.

TreeSHAP splits each head's raw score, exactly, into one part for each signal
(they and the head's mean add up to the score). Parts of different heads are in
different units, so each is carried into the one unit that decides: with ``s``
the head's score and ``c`` a signal's part, its effect is
``utility(s) - utility(s - c)``, the USD of expected profit that would go if
this signal had said nothing. Where a signal also scales what a head is read
into (`models.calibration.scale.Scale`; of several heads, the one that counts
most), saying nothing is taking its usual value there too. What the last stage
(`models.stage`) makes of a signal is told in the USD by which it moves the
order. Signals are then listed together, each once, with the head on which it
acts most.

Source: Lundberg et al. (2020), From local explanations to global understanding with explainable AI for trees.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

import numpy as np

from marketplace.arrays import Flags, Floats, Many, as_floats
from models.bundle import Bundle, SignalWords
from models.economics import Economics, Terms
from models.predict import factors, funnel, money, raw_scores, thread_count
from models.scoring import share

__all__ = ["Reason", "explain", "shap_parts"]

MOST = 5
LEAST = 3
_SMALL = 0.1
"""A reason beyond the third must have at least this share of the strongest one's effect."""

_ASIDE = re.compile(r" \([^()]*\)$")
# What stands in brackets at the end of a description is for those who build signals.


@dataclass(frozen=True)
class Reason:
    """One signal's part in one creator's standing.

    Parameters
    ----------
    signal, unit : str
    value : float or None
        The signal's value; None where not known.
    head : str
        The head on which it acts most.
    contribution : float
        Effect on the expected profit, USD: above 0 speaks for the creator, below against.
    raw_contribution : float
        The exact TreeSHAP part of the head's raw score; of a signal that scales, ln(factor / usual factor) besides.
    text : str
        The same in plain words.
    words : str
        What ``text`` begins with: without the value and the effect, for who tells amounts in a currency of their own.
    """

    signal: str
    value: float | None
    unit: str
    head: str
    contribution: float
    raw_contribution: float
    text: str
    words: str = ""


def shap_parts(bundle: Bundle, X: Many) -> dict[str, Floats]:
    """Exact TreeSHAP of each head that the utility depends on: float64 (n, n_signals + 1); rows sum to its score.

    The last column is the head's mean.

    The cost grows with rows, trees and the square of depth: meant for the creators returned, not for all.
    """
    matrix = np.ascontiguousarray(X, dtype=np.float64)
    names = list(bundle.deciding)
    found: dict[str, Floats] = {}

    def one(place: int) -> None:
        # A head a thread, not a head by all threads: LightGBM's wait for each other longer than few rows take.
        found[names[place]] = as_floats(bundle.heads[names[place]].predict(matrix, pred_contrib=True, num_threads=1))

    share(one, range(len(names)), threads=thread_count())
    return {name: found[name] for name in names}


def explain(
    bundle: Bundle, X: Many, briefs: Terms | Economics, *, among: Flags | None = None, applied: bool = False
) -> list[list[Reason]]:
    """Three to five reasons for each row of ``X`` (k, n_signals), strongest first, both sides heard.

    Where one side fills the list and the other has a reason of at least a tenth of the strongest one's effect, that
    takes the last place. ``among`` (n_signals,) bool says which signals may be reasons (all when absent): what is
    the same for every candidate, such as the brief's price, says nothing of why one stands before another.
    ``applied``: as for `models.predict.predict`.
    """
    matrix = np.ascontiguousarray(X, dtype=np.float64)
    economics = briefs if isinstance(briefs, Economics) else Economics.of(briefs)
    heads = list(bundle.deciding)
    parts = shap_parts(bundle, matrix)
    effect = np.stack(_effects(bundle, matrix, parts, economics, applied=applied), axis=1)
    raw = np.stack([parts[name][:, :-1] for name in heads], axis=1)
    for name, calibration in bundle.calibration.items():
        if calibration.scale is not None and calibration.leading == name and name in heads:
            for term in calibration.scale.terms:
                place = bundle.signals.index(term.signal)
                raw[:, heads.index(name), place] += term.of(matrix[:, place]) - term.usual
    return [
        [
            _reason(
                bundle,
                heads[head],
                bundle.signals[signal],
                value=float(matrix[row, signal]),
                part=float(raw[row, head, signal]),
                dollars=float(effect[row, head, signal]),
            )
            for head, signal in chosen
        ]
        for row, chosen in enumerate(_chosen(effect, raw, among))
    ]


def _effects(
    bundle: Bundle, matrix: Floats, parts: dict[str, Floats], economics: Economics, *, applied: bool
) -> list[Floats]:
    """For each head (k, n_signals): utility as it is minus utility without the signal's part."""
    n, k = len(bundle.signals), len(matrix)
    raw = raw_scores(bundle, matrix)
    # Row i repeated for every signal, that signal's part taken out of one head.
    repeated = np.repeat(np.arange(k), n)
    factor = {name: values[repeated] for name, values in factors(bundle, matrix).items()}
    terms = economics.take(repeated)

    def utility(scores: dict[str, Floats], factor: dict[str, Floats]) -> Floats:
        accept, deliver, success = funnel(bundle, scores, factor)
        if applied:
            accept, success = np.ones_like(deliver), deliver
        return terms.utility(accept, success, *money(bundle, scores, factor))

    whole = {name: score[repeated] for name, score in raw.items()}
    as_is = utility(whole, factor)
    effects = []
    for name in bundle.deciding:
        without = whole | {name: whole[name] - parts[name][:, :-1].reshape(-1)}
        if bundle.stage is not None and name == bundle.stage.head:
            if applied:
                effects.append(np.zeros((k, n)))
                continue
            order = bundle.stage.order
            effects.append((order(as_is, whole[name]) - order(as_is, without[name])).reshape(k, n))
            continue
        effects.append((as_is - utility(without, _unscaled(bundle, matrix, name, factor))).reshape(k, n))
    return effects


def _unscaled(bundle: Bundle, matrix: Floats, head: str, factor: dict[str, Floats]) -> dict[str, Floats]:
    """``factor`` (rows x signals,) with each signal's usual part in the place of its own in what ``head`` leads."""
    out = dict(factor)
    for quantity, calibration in bundle.calibration.items():
        if calibration.scale is not None and calibration.leading == head:
            values = out[quantity].reshape(len(matrix), -1).copy()
            for term in calibration.scale.terms:
                place = bundle.signals.index(term.signal)
                values[:, place] *= np.exp(term.usual - term.of(matrix[:, place]))
            out[quantity] = values.reshape(-1)
    return out


def _chosen(effect: Floats, raw: Floats, among: Flags | None) -> list[list[tuple[int, int]]]:
    """(head, signal) places for each row, from effects and raw parts (k, n_heads, n_signals)."""
    if among is not None:
        effect, raw = np.where(among, effect, 0.0), np.where(among, raw, 0.0)
    # Raw parts break ties where a flat step of a curve hides the effect, and name the head when there is none.
    share_of_head = np.abs(raw) / np.maximum(np.abs(raw).sum(axis=2, keepdims=True), 1e-300)
    size = np.abs(effect)
    most = np.maximum(size.max(axis=(1, 2), initial=0.0), 1e-9)
    strength = size + (1e-9 * most)[:, None, None] * share_of_head
    head = np.argmax(strength, axis=1)
    rows, signals = np.arange(len(effect))[:, None], np.arange(effect.shape[2])
    best, sign = strength[rows, head, signals], np.sign(effect[rows, head, signals])
    ranked = np.argsort(-best, axis=1, kind="stable")
    speaks = raw[rows, head[rows, ranked], ranked] != 0
    return [
        [(int(head[row, place]), place) for place in _taken(order[speaking].tolist(), best[row], sign[row])]
        for row, (order, speaking) in enumerate(zip(ranked, speaks, strict=True))
    ]


def _taken(order: list[int], best: Floats, sign: Floats) -> list[int]:
    """The signals that are told of one row, of those that speak, the strongest first."""
    taken = [place for rank, place in enumerate(order[:MOST]) if rank < LEAST or best[place] >= _SMALL * best[order[0]]]
    sides = {float(sign[place]) for place in taken}
    if len(sides) == 1:
        against = -sign[taken[0]]
        other = [place for place in order if against != 0 and sign[place] == against][:1]
        if other and best[other[0]] >= _SMALL * best[order[0]]:
            taken = [*taken[: MOST - 1], other[0]]
    return taken


def _reason(bundle: Bundle, head: str, signal: str, *, value: float, part: float, dollars: float) -> Reason:
    words = bundle.words.get(signal, SignalWords(unit="", doc=signal.replace("_", " ")))
    known = None if np.isnan(value) else value
    verb = "Raises" if part > 0 else "Lowers"
    doc = _shortened(words.doc)
    told = bundle.head_words.get(head, head.replace("_", " "))
    said = f"{verb} {told}. {doc[:1].upper()}{doc[1:]}"
    text = f"{said}: {_spoken(known, words.unit)} ({_money(dollars)})"
    return Reason(signal, known, words.unit, head, dollars, part, text, said)


@cache
def _shortened(doc: str) -> str:
    """A signal's words without what stands beside the matter."""
    return _ASIDE.sub("", doc)


def _money(dollars: float) -> str:
    cents = round(dollars, 2) + 0.0
    return f"{cents:+,.2f} USD of expected profit"


def _spoken(value: float | None, unit: str) -> str:
    if value is None:
        return "not known"
    if unit == "fraction":
        return f"{100 * value:.1f} %"
    if unit == "flag":
        return "yes" if value > 0.5 else "no"
    number = f"{value:,.0f}" if abs(value) >= 1000 or value == round(value) else f"{value:.3g}"
    return number if unit.endswith("ratio") else f"{number} {unit}".strip()
