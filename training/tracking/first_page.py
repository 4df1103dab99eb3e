"""What MLflow's pages show first of a marketplace's experiment: its description, the metric that matters, a view.

A view is what MLflow keeps where somebody shares how a page looks: columns, order and charts. Ours has the headline
metrics as columns, upper and lower runs open, and charts that begin with what was trained against its gain; it is in
the list *Views* of the experiment's page, and `training.tracking.pages` opens it where a browser has none of its own
yet.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from marketplace.tables import Marketplace
from training.stats import METRICS

__all__ = ["CAUTION", "GAIN", "HEADLINES", "VIEW", "first_page", "runs_page", "view"]

VIEW = "collabrank"
"""What the view is called in the address of a page that shows it."""

HEADLINES = (
    "oracle_gain_share_at_20",
    "profit_usd_at_20",
    "success_auc",
    "attributed_rank_correlation",
    "success_calibration_error",
    "validation_share",
)
"""Metrics that come first, in their order; a marketplace has those that its data can tell."""

GAIN = "mlflow.experiment.primaryMetric.name"
"""Tag of an experiment: the metric that counts, which the shape of the runs is drawn against."""

CAUTION = (
    "`ndcg_at_10` is of logged outcomes: it says how well those whom somebody chose to invite are put in order, and "
    "**not** how good the first ten of all creators would be, nor what they would add to sales."
)

_SHAPE = ("ranker", "cutoff", "seed", "learning_rate", "num_leaves", "max_rounds")
"""Parameters that say what was trained: those of one training are alike but for the ranker."""

_SHAPES, _BARS = "collabrank-shapes", "collabrank-headline"
_LETTER, _BESIDE = 5.8, 30
"""Pixels that a letter of a column's head takes, and what stands beside the letters."""


def first_page(market: Marketplace) -> dict[str, str]:
    """Tags of the experiment of ``market`` that say what it is and how it is shown."""
    from training.evaluation import has_truth  # heavy, and of no use to whoever opens the pages

    gain = HEADLINES[0] if has_truth(market) else HEADLINES[1]
    return {
        "mlflow.note.content": _note(market),
        "mlflow.experimentKind": "custom_model_development",
        GAIN: gain,
        "mlflow.experiment.primaryMetric.greaterIsBetter": "True",
        "marketplace": market.source,
        f"mlflow.sharedViewState.{VIEW}": json.dumps(view(gain=gain), sort_keys=True),
    }


def _note(market: Marketplace) -> str:
    told = "\n".join(f"- `{name}`: {METRICS[name].says}" for name in HEADLINES if name in METRICS)
    return (
        f"Rankers of creators for the marketplace `{market.source}`.\n\n"
        "An upper run is one `collabrank train` or `tune`; the rankers or trials lie beneath it. The upper run has the "
        "headline metrics of the ranker that became the challenger; the same name is the same number everywhere:\n\n"
        f"{told}\n\n{CAUTION}\n\n"
        "`collabrank compare RUN RUN` holds runs against each other campaign by campaign, with tests.\n"
    )


def runs_page(experiment_id: str, runs: Iterable[str] = ()) -> str:
    """What comes behind the address of MLflow's pages for an experiment's table, or for the charts of ``runs``."""
    page = f"#/experiments/{experiment_id}/runs"
    told = ",".join(f"'{run}'" for run in runs)
    return f"{page}?compareRunsMode=CHART&searchFilter={quote(f'attributes.run_id IN ({told})')}" if told else page


def view(expanded: Iterable[str] = (), *, gain: str = HEADLINES[0]) -> dict[str, Any]:
    """MLflow's own words for how the page of the runs looks.

    Parameters
    ----------
    expanded : iterable of str
        Ids of the runs beneath which the lower ones are shown.
    gain : str
        The metric that the shape of the runs is drawn against.
    """
    metrics = {f"metrics.`{name}`": _width(name) for name in HEADLINES}
    params = {f"params.`{name}`": 110 for name in ("ranker", "cutoff", "seed")}
    # MLflow lets no column stand before a run's name and day.
    widths = {"attributes.`Run Name`": 250, "runDateAndNestInfo": 140, **metrics, **params}
    widths |= {"attributes.`Models`": 160, "duration": 80}
    return {
        "searchFilter": "",
        "orderByKey": "attributes.start_time",
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": [*metrics, *params, "attributes.`Models`"],
        "columnOrder": list(widths),
        "columnWidths": widths,
        "runsExpanded": dict.fromkeys(expanded, True),
        "runsPinned": [],
        "runsHidden": [],
        "runsVisibilityMap": {},
        "runsHiddenMode": "FIRST_20_RUNS",
        "viewMaximized": False,
        "runListHidden": False,
        "isAccordionReordered": True,
        "useGroupedValuesInCharts": True,
        "hideEmptyCharts": True,
        "groupBy": None,
        "groupsExpanded": {},
        "autoRefreshEnabled": True,
        "globalLineChartConfig": {"xAxisKey": "step", "lineSmoothness": 0, "selectedXAxisMetricKey": ""},
        "compareRunSections": [
            _section(_SHAPES, "What was trained, and its gain", columns=1),
            _section(_BARS, "What matters", columns=3),
        ],
        "compareRunCharts": [_parallel(gain), *map(_bar, HEADLINES)],
    }


def _width(head: str) -> int:
    """Pixels of a column whose head is read whole."""
    return max(110, round(_BESIDE + _LETTER * len(head)))


def _section(uuid: str, name: str, *, columns: int) -> Mapping[str, Any]:
    return {
        "uuid": uuid,
        "name": name,
        "columns": columns,
        "display": True,
        "isReordered": True,
        "deleted": False,
        "isGenerated": False,
    }


def _bar(metric: str) -> Mapping[str, Any]:
    return {
        "uuid": f"collabrank-{metric}",
        "type": "BAR",
        "metricKey": metric,
        "runsCountToCompare": 20,
        "metricSectionId": _BARS,
        "deleted": False,
        "isGenerated": False,
    }


def _parallel(gain: str) -> Mapping[str, Any]:
    return {
        "uuid": "collabrank-shape",
        "type": "PARALLEL",
        "selectedParams": list(_SHAPE),
        "selectedMetrics": ["validation_share", gain],
        "runsCountToCompare": 20,
        "showAllRuns": True,
        "metricSectionId": _SHAPES,
        "deleted": False,
        "isGenerated": False,
    }
