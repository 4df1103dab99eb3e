"""Print a lift report: aligned plain text, and its figures."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from features.lift import AFTER_DAYS
from marketplace.canvas import INK, QUIET, SECOND, axes_of
from marketplace.text import TextTable, plain_text
from training.lift.report import LEVEL, Estimate, LiftReport
from training.lift.truth import LiftTruth

__all__ = ["campaign_figure", "lift_figures", "lift_text", "placebo_figure", "save_lift_figures", "truth_figure"]


def lift_text(report: LiftReport, truth: LiftTruth | None = None) -> str:
    """The report in words and tables, USD; with the truth and the error where it is known."""
    return plain_text(
        [_campaigns(report, truth), "", *_overall(report, truth), "", *_checks(report), "", *_flags(report)]
    )


def _campaigns(report: LiftReport, truth: LiftTruth | None) -> TextTable:
    heads = ["campaign", "partnerships", "attributed", "incremental", f"{LEVEL:.0%} interval", "ratio"]
    rows = [_cells(one) for one in report.campaigns]
    title = f"Incremental net sales by campaign, USD, as of {report.as_of:%Y-%m-%d}; ratio: attributed over incremental"
    if any(one.read < 1.0 - 1e-9 for one in report.campaigns):
        heads.append("read")
        rows = [[*row, f"{one.read:.0%}"] for row, one in zip(rows, report.campaigns, strict=True)]
        title += "; read: share of usual sales outside sales days"
    if truth is not None:
        heads += ["true", "error"]
        true = [truth.campaigns[one.name] for one in report.campaigns]
        rows = [
            [*row, _usd(told), _usd(one.estimate - told)]
            for row, one, told in zip(rows, report.campaigns, true, strict=True)
        ]
    return TextTable(title, heads, rows)


def _cells(one: Estimate) -> list[str]:
    span = f"{_usd(one.low)} .. {_usd(one.high)}"
    ratio = "-" if math.isnan(one.ratio) else f"{one.ratio:.2f}"
    return [one.name, str(one.partnerships), _usd(one.attributed), _usd(one.estimate), span, ratio]


def _overall(report: LiftReport, truth: LiftTruth | None) -> Iterator[str]:
    best, n = report.overall, report.overall.partnerships
    yield (
        f"All {n} partnerships: attributed {_usd(best.attributed)} USD, incremental {_usd(best.estimate)} USD "
        f"({LEVEL:.0%}: {_usd(best.low)} to {_usd(best.high)}), {_ratio(best)}; a partnership "
        f"{_usd(best.estimate / n)} USD ({_usd(best.low / n)} to {_usd(best.high / n)})"
    )
    if not math.isnan(report.misled):
        learned = report.learned
        yield (
            f"  of which {1.0 - report.misled:.0%} is what rankers learn from, {_usd(learned.estimate)} USD "
            f"({_usd(learned.low)} to {_usd(learned.high)}), and {report.misled:.0%}, the chance that attributed sales "
            f"mislead, sales beyond the imputed path net of the {AFTER_DAYS} days after"
        )
    if truth is not None:
        error = "" if math.isnan(truth.error) else f", error {truth.error:+.1%}"
        yield (
            f"  truth {_usd(truth.overall)} USD{error}; the interval {'holds' if truth.held else 'misses'} it; "
            f"intervals hold the truth of {truth.coverage:.1%} of campaigns and {truth.partnership_coverage:.1%} of "
            "partnerships"
        )


def _ratio(one: Estimate) -> str:
    return "no ratio" if math.isnan(one.ratio) else f"ratio {one.ratio:.2f}"


def _checks(report: LiftReport) -> Iterator[str]:
    imputed = report.imputation
    if imputed is not None and len(imputed.rows):
        n = len(imputed.rows)
        parts = {"in the windows": imputed.window, f"{AFTER_DAYS} days after": imputed.after, "net": imputed.net}
        words = ", ".join(f"{name} {_usd(a / n)} (se {_usd(b / n)})" for name, (a, b) in parts.items())
        yield f"Sales beyond the imputed path, USD a partnership ({n} whose days after are over): {words}"
        yield f"  in the windows, against what is learned of the same partnerships: z {report.disagreement:+.2f}"
    yield "Placebo, where nothing was posted; the answer must be 0"
    for test in report.placebos:
        yield (
            f"  {test.name:<12}  {test.windows} windows of {test.campaigns} campaigns: mean {_usd(test.usd)} USD "
            f"(se {_usd(test.se_usd)}, z {test.z:+.2f}), {test.share:+.1%} of sales; {test.excluded:.0%} of campaigns' "
            f"intervals leave out 0; sd between campaigns beyond noise {test.spread:.1%} of sales"
        )
    if not report.placebos:
        yield "  none possible: no campaign has clear days before it"
    found = report.sensitivity
    yield (
        f"Sensitivity: lift is {found.share:.1%} of what the products would have sold in the windows. A hidden common "
        f"shock of {found.explains_away:.1%} of sales while campaigns run would take its interval to 0"
        + (
            ""
            if math.isnan(found.breakdown)
            else f": {found.breakdown:.1f} times the largest placebo ({found.worst:.1%})"
        )
    )
    if not math.isnan(found.worst):
        yield (
            f"  {found.campaigns_above} of {len(report.campaigns)} campaigns' intervals are above 0; "
            f"{found.campaigns_robust} still were after a shock as large as the largest placebo"
        )
    if report.siblings is not None:
        one = report.siblings
        yield (
            f"Siblings: {one.siblings} products of a brand and category sell {one.share:+.3f} USD (se {one.se:.3f}, "
            f"z {one.z:+.2f}) for 1 USD of lift of another"
        )
    if report.synthetic is not None:
        same = report.synthetic
        yield (
            f"Synthetic difference-in-differences, {same.windows} windows drawn: {_usd(same.synthetic)} USD a "
            f"partnership, this estimate {_usd(same.ours)}; difference {_usd(same.synthetic - same.ours)} "
            f"(se {_usd(same.se)}, z {same.z:+.2f})"
        )


def _flags(report: LiftReport) -> Iterator[str]:
    possible = report.placebos or report.imputation or report.siblings or report.synthetic
    if not report.flags:
        yield "No check failed." if possible else "No check was possible: nothing speaks for or against the estimate."
    for name, words in report.flags.items():
        yield f"FLAG {name}: {words}"


def _usd(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:,.0f}"


def lift_figures(report: LiftReport, truth: LiftTruth | None = None) -> dict[str, Any]:
    """The figures by name: ``lift_by_campaign``, ``lift_placebo``, and ``lift_against_truth`` where it is known."""
    figures = {"lift_by_campaign": campaign_figure(report, truth), "lift_placebo": placebo_figure(report)}
    if truth is not None:
        figures["lift_against_truth"] = truth_figure(truth)
    return figures


def save_lift_figures(report: LiftReport, folder: str | Path, truth: LiftTruth | None = None) -> list[Path]:
    """Save the figures as PNG in ``folder`` (made where it is missing); the files, in order."""
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    files = []
    for name, figure in lift_figures(report, truth).items():
        files.append(out / f"{name}.png")
        figure.savefig(files[-1], dpi=130)
    return files


def campaign_figure(report: LiftReport, truth: LiftTruth | None = None, *, most: int = 40) -> Any:
    """Incremental sales of campaigns with intervals, beside attributed sales, and the truth where known."""
    shown = sorted(report.campaigns, key=lambda one: (-one.attributed, one.name))[:most]
    figure, axes = axes_of("Campaigns: attributed and incremental sales", height=1.6 + 0.2 * len(shown))
    place = np.arange(len(shown))
    axes.hlines(place, [one.low for one in shown], [one.high for one in shown], color=QUIET, linewidth=2)
    axes.scatter([one.estimate for one in shown], place, color=INK, s=18, zorder=3, label="incremental, estimated")
    axes.scatter([one.attributed for one in shown], place, color=SECOND, marker="|", s=60, label="attributed")
    if truth is not None:
        true = [truth.campaigns[one.name] for one in shown]
        axes.scatter(true, place, color="black", marker="x", s=18, zorder=4, label="incremental, true")
    axes.axvline(0.0, color=QUIET, linewidth=1)
    axes.set_yticks(place, [one.name for one in shown], fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel(f"USD, {LEVEL:.0%} intervals")
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    return figure


def placebo_figure(report: LiftReport) -> Any:
    """Overall share of sales in the placebo windows, beside that of the windows themselves."""
    from training.lift.report import Z

    bars = [(test.name, test.share, Z * test.se_share) for test in report.placebos]
    best = report.overall
    if best.expected > 0:
        bars.append(("partnerships", best.estimate / best.expected, Z * best.se / best.expected))
    figure, axes = axes_of("Sales beyond what was expected: placebo windows and partnerships", height=2.8)
    for place, (name, share, half) in enumerate(bars):
        colour = INK if name == "partnerships" else SECOND
        axes.errorbar([100 * share], [place], xerr=[100 * half], fmt="o", color=colour, capsize=3)
    axes.axvline(0.0, color=QUIET, linewidth=1, linestyle="--")
    axes.set_yticks(range(len(bars)), [name for name, _, _ in bars])
    axes.set_ylim(-0.6, len(bars) - 0.4)
    axes.set_xlabel(f"% of what the products would have sold, {LEVEL:.0%} intervals")
    return figure


def truth_figure(truth: LiftTruth) -> Any:
    """Each partnership's attributed sales and estimated lift against its true lift; symmetric logarithmic axes."""
    from training.lift.report import Z

    figure, axes = axes_of("Partnerships: attributed sales and estimated lift against the truth", height=5.2)
    rows = truth.partnerships
    true, estimate = rows["truth_usd"], rows["lift_usd"]
    axes.scatter(true, rows["attributed_usd"], color=SECOND, s=10, alpha=0.6, label="attributed")
    half = Z * rows["lift_se_usd"]
    axes.errorbar(
        true, estimate, yerr=half, fmt="o", color=INK, ecolor=QUIET, markersize=3, elinewidth=0.6, alpha=0.8,
        label=f"estimated lift, {LEVEL:.0%} interval",
    )  # fmt: skip
    ends = np.array([min(0.0, float(true.min())), max(10.0, float(true.max()))])
    line = np.linspace(ends[0], ends[1], 400)
    axes.plot(line, line, color="black", linewidth=1, linestyle="--", label="right")
    for scale in (axes.set_xscale, axes.set_yscale):
        scale("symlog", linthresh=100.0)
    axes.set_xlabel("true incremental sales, USD")
    axes.set_ylabel("USD")
    axes.legend(frameon=False, fontsize=8)
    return figure
