"""What MLflow's pages show first of a marketplace's experiment: its description, the metric that matters, a view.

A view is what MLflow keeps where somebody shares how a page looks: columns, order and charts. Ours has the headline
metrics as columns, upper and lower runs open, and charts of what is worth a chart; it is in the list *Views* of the
experiment's page, and `training.tracking.pages` opens it where a browser has none of its own yet.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from marketplace.tables import Marketplace
from training.stats import METRICS

__all__ = ["CAUTION", "HEADLINES", "VIEW", "first_page", "view"]

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

CAUTION = (
    "`ndcg_at_10` is of logged outcomes: it says how well those whom somebody chose to invite are put in order, and "
    "**not** how good the first ten of all creators would be, nor what they would add to sales."
)

_SHAPE = ("ranker", "cutoff", "seed", "learning_rate", "num_leaves", "max_rounds")
_SECTION = "collabrank-headline"


def first_page(market: Marketplace) -> dict[str, str]:
    """Tags of the experiment of ``market`` that say what it is and how it is shown."""
    return {
        "mlflow.note.content": _note(market),
        "mlflow.experimentKind": "custom_model_development",
        "mlflow.experiment.primaryMetric.name": HEADLINES[0],
        "mlflow.experiment.primaryMetric.greaterIsBetter": "True",
        "marketplace": market.source,
        f"mlflow.sharedViewState.{VIEW}": json.dumps(view(), sort_keys=True),
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


def view(expanded: Iterable[str] = ()) -> dict[str, Any]:
    """MLflow's own words for how the page of the runs looks; the runs under those of the ids ``expanded`` are shown."""
    metrics = [f"metrics.`{name}`" for name in HEADLINES]
    params = [f"params.`{name}`" for name in ("ranker", "cutoff", "seed")]
    return {
        "searchFilter": "",
        "orderByKey": "attributes.start_time",
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": [*metrics, *params, "attributes.`Models`"],
        "columnOrder": [],
        "columnWidths": {},
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
            {"uuid": _SECTION, "name": "What matters", "display": True, "isReordered": True, "deleted": False}
        ],
        "compareRunCharts": [*map(_bar, HEADLINES), _parallel()],
    }


def _bar(metric: str) -> Mapping[str, Any]:
    return {
        "uuid": f"collabrank-{metric}",
        "type": "BAR",
        "metricKey": metric,
        "runsCountToCompare": 20,
        "metricSectionId": _SECTION,
        "deleted": False,
        "isGenerated": False,
    }


def _parallel() -> Mapping[str, Any]:
    return {
        "uuid": "collabrank-shape",
        "type": "PARALLEL",
        "selectedParams": list(_SHAPE),
        "selectedMetrics": [HEADLINES[0], "validation_share"],
        "runsCountToCompare": 20,
        "showAllRuns": True,
        "metricSectionId": _SECTION,
        "deleted": False,
        "isGenerated": False,
    }
