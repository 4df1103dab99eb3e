"""A comparison and an evaluation in words and tables: a table on a terminal, aligned plain text elsewhere."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TextIO

from marketplace.display import text_of
from marketplace.text import TextTable, plain_text, show
from training.evaluation.baselines import SORTS
from training.evaluation.comparison import Comparison
from training.evaluation.evaluate import CEILING, CHAMPION, FILE, FOR_SCALE, ORACLE, SUCCESS, Evaluation
from training.evaluation.standings import WHOLE, Standing
from training.stats import METRICS, cluster_bootstrap, p_text

__all__ = ["comparison_text", "evaluation_text", "print_comparison", "print_evaluation"]

SHOWN_LEVEL = 0.8
MONEY_LEVEL = 0.9
EVIDENCE = {
    "truth": "truth",
    "realised": "realised truth",
    "logged": "logged outcomes",
}


def print_comparison(comparison: Comparison, *, file: TextIO | None = None) -> None:
    """Write ``comparison`` to ``file`` (standard output by default): one table a metric, best ranker first."""
    show(_comparison(comparison), file=file)


@text_of.register
def comparison_text(comparison: Comparison) -> str:
    """The same as plain text."""
    return plain_text(_comparison(comparison))


def print_evaluation(found: Evaluation, *, file: TextIO | None = None) -> None:
    """Write ``found`` to ``file`` (standard output by default)."""
    show(_evaluation(found), file=file)


@text_of.register
def evaluation_text(found: Evaluation) -> str:
    """The same as plain text: the rankers metric by metric, the slices, calibration, coverage, then the notes."""
    return plain_text(_evaluation(found))


def _comparison(comparison: Comparison) -> Iterator[TextTable | str]:
    yield from _spaced(_by_metric(comparison))
    if not comparison.metrics:
        yield f"{comparison.headline[:1].upper()}{comparison.headline[1:]}."
    else:
        yield from _tests(comparison)
        yield from _money(comparison)
        yield from _effects(comparison)
    yield _counts(comparison)
    for ranker, found in comparison.calibration.items():
        if found["rows"]:
            yield f"Calibration error of {ranker}'s success probability: {found['error']:.3f} ({found['rows']} rows)"


def _evaluation(found: Evaluation) -> Iterator[TextTable | str]:
    yield from _spaced(_by_metric(found.comparison))
    yield from _spaced(_slices(found))
    yield from _spaced(_quantities(found))
    yield from _notes(found)


def _spaced(tables: Iterable[TextTable]) -> Iterator[TextTable | str]:
    for table in tables:
        yield table
        yield ""


def _by_metric(comparison: Comparison) -> Iterator[TextTable]:
    for metric in comparison.metrics:
        rows = [row for row in comparison.rows if row.metric == metric]
        campaigns = max(row.campaigns for row in rows)
        yield TextTable(
            f"{metric} ({METRICS[metric].says}; {campaigns} campaigns)",
            ("ranker", "estimate", "95 % interval", "p", "p Holm", "win/tie/loss"),
            [_standing(row, comparison.champion) for row in rows],
            comparison.champion,
        )


def _quantities(found: Evaluation) -> Iterator[TextTable]:
    if found.readings:
        yield TextTable(
            f"Predicted against observed ({CHAMPION})",
            ("quantity", "against", "rows", "predicted", "observed", "bias", "95 % interval", "error of ten bins"),
            [
                (
                    f"{row.quantity}, {row.unit}",
                    EVIDENCE[row.against],
                    str(row.rows),
                    *(_figure(value, row.unit) for value in (row.predicted, row.observed, row.bias)),
                    f"{_figure(row.low, row.unit)} .. {_figure(row.high, row.unit)}",
                    _figure(row.error, row.unit),
                )
                for row in found.readings
                if row.slice == WHOLE
            ],
        )
    if found.coverages:
        yield TextTable(
            f"How often the interval holds the truth ({CHAMPION})",
            ("interval", "truth", "rows", "coverage", "95 % interval", "truth below", "above", "mean width, USD"),
            [
                (
                    f"{row.quantity} {row.level:.0%}",
                    "expected" if row.against == "truth" else "realised",
                    str(row.rows),
                    f"{row.coverage:.3f}",
                    f"{row.low:.3f} .. {row.high:.3f}",
                    f"{row.below:.3f}",
                    f"{row.above:.3f}",
                    f"{row.width:,.0f}",
                )
                for row in found.coverages
                if row.slice == WHOLE
            ],
        )


def _slices(found: Evaluation) -> Iterator[TextTable]:
    """The headline metric of the reference beside the best ranker of the others, and the champion's intervals."""
    headline = found.comparison.metrics[0]
    standings = found.comparison.slice_rows(headline)
    if not standings:
        return
    lift, utility = (
        {
            row.slice: f"{row.coverage:.2f}"
            for row in found.coverages
            if (row.quantity, row.level, row.against) == (quantity, SHOWN_LEVEL, "truth")
        }
        for quantity in ("lift", "utility")
    )
    success = {
        row.slice: _figure(row.bias, row.unit)
        for row in found.readings
        if row.quantity == "success" and row.against == ("truth" if found.coverages else "logged")
    }
    rows = []
    for part in dict.fromkeys(row.slice for row in standings):
        here = [row for row in standings if row.slice == part]
        mine = next((row for row in here if row.ranker == found.reference), None)
        other = next((row for row in here if row.ranker not in (found.reference, *FOR_SCALE)), None)
        if mine is None or other is None:
            continue
        rows.append(
            (
                part, str(mine.campaigns), _number(mine.estimate), f"{_number(mine.low)} .. {_number(mine.high)}",
                f"{other.ranker} {_number(other.estimate)}", p_text(other.p_holm), success.get(part, "-"),
                lift.get(part, "-"), utility.get(part, "-"),
            )
        )  # fmt: skip
    heads = (
        "slice", "campaigns", found.reference, "95 % interval", "best other", "p Holm", "success bias",
        "lift in 80 %", "utility in 80 %",
    )  # fmt: skip
    yield TextTable(f"{headline} by slice", heads, rows)


def _standing(row: Standing, reference: str) -> tuple[str, ...]:
    span = f"{_number(row.low)} .. {_number(row.high)}"
    if row.ranker == reference:
        return (row.ranker, _number(row.estimate), span, "", "", "")
    # Seen from the reference: how often it did better than this ranker.
    return (
        row.ranker,
        _number(row.estimate),
        span,
        p_text(row.p),
        p_text(row.p_holm),
        f"{row.losses}/{row.ties}/{row.wins}",
    )


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}" if abs(value) < 10 else f"{value:,.0f}"


def _figure(value: float, unit: str) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}" if unit == "probability" else f"{value:,.2f}"


def _tests(comparison: Comparison) -> Iterator[str]:
    yield (
        f"p and win/tie/loss: {comparison.champion} against the ranker of the row, campaign by campaign (paired "
        "randomisation test, two-sided); p Holm: corrected for the rankers of the same metric and slice."
    )
    less = [metric for metric in comparison.metrics if METRICS[metric].less_is_better]
    if less:
        yield f"{', '.join(less)}: less is better; a win is a campaign with less of it."


def _money(comparison: Comparison) -> Iterator[str]:
    """What the log tells of the reference's first 20, and how far they are ahead of the simple sorts and of chance."""
    values = comparison.values.get("profit_usd_at_20", {})
    if comparison.champion not in values:
        return
    mine = values[comparison.champion]
    known = {
        "": cluster_bootstrap(mine, level=MONEY_LEVEL, seed=comparison.seed),
        **{
            f"ahead of {name} by ": cluster_bootstrap(mine - values[name], level=MONEY_LEVEL, seed=comparison.seed)
            for name in (*SORTS, "random")
            if name in values
        },
    }
    told = ", ".join(f"{words}{_number(one.estimate)} ({_range(one.low, one.high)})" for words, one in known.items())
    yield (
        f"Profit of {comparison.champion}'s first 20 by the log, USD a campaign with {MONEY_LEVEL:.0%} intervals over "
        f"campaigns: {told}."
    )


def _effects(comparison: Comparison) -> Iterator[str]:
    for ranker, one in comparison.effects.items():
        if math.isnan(one.slope):
            continue
        groups = ", ".join(f"{group.predicted:.2f} came as {group.observed:.2f}" for group in one.groups)
        yield (
            f"Lift of {ranker} on {one.rows} deliveries of {one.campaigns} campaigns: a predicted difference of 1 "
            f"within a campaign came as {one.slope:.2f} (90 % {_range(one.low, one.high)}; p of no order "
            f"{p_text(one.p_zero)}, of full size {p_text(one.p_one)})"
            + (f"; by quarters, in the campaign's mean: {groups} (p of no gap {p_text(one.p)})." if groups else ".")
        )


def _range(low: float, high: float) -> str:
    return f"{_number(low)} to {_number(high)}"


def _counts(comparison: Comparison) -> str:
    return "Evidence: " + ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in comparison.counts.items())


def _notes(found: Evaluation) -> Iterator[str]:
    yield from _tests(found.comparison)
    yield from _money(found.comparison)
    yield from _effects(found.comparison)
    names = set(found.comparison.rankers)
    if CEILING in names:
        yield (
            f"{CEILING}: the same signals and fitting code, taught the noise-free truth of the training campaigns' "
            f"invited. From {found.reference} to it: noise and bias of the outcomes. From it to the oracle: what the "
            "signals do not tell, and how few and chosen the invited are."
        )
    if ORACLE in names:
        yield f"{ORACLE}: sorts by the true expected profit; the best that can be."
    if SUCCESS in names:
        yield (
            f"{SUCCESS}: the same creators in the order of the champion's success probability alone. Who delivers is "
            "not who brings most: the champion orders by expected profit, and so does the oracle."
        )
    if found.coverages:
        yield "Intervals speak of realised lift, luck included; expected lift and profit lie in them more often."
    if found.firsts:
        held = sum(one.low <= one.truth <= one.high for one in found.firsts)
        known = any(math.isfinite(one.truth) for one in found.firsts)
        yield (
            f"Mean lift of the {CHAMPION}'s first 20: its 90 % interval holds zero in "
            f"{sum(one.holds_zero for one in found.firsts)} of {len(found.firsts)} campaigns, lies above it in "
            f"{sum(one.claims for one in found.firsts)}" + (f", holds the true mean in {held}." if known else ".")
        )
    if found.file is not None:
        file = found.file
        yield (
            f"{FILE}: {file.rows} rows read; left out {file.not_held_out} of campaigns not held out and "
            f"{file.not_eligible} of creators not eligible; {file.ranked_last} eligible creators without a row ranked "
            "last."
        )
    yield _counts(found.comparison)
