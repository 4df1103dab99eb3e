"""collabrank in one import: everything a notebook needs, from a marketplace's tables to a ranking and its reasons.

    import collabrank as cr

    market = cr.open_marketplace("market")
    result = cr.train(market)
    cr.promote()
    cr.rank(market, campaign="ca_1").to_frame()

The functions are those of the command line, and give back what it prints:
``print(x)`` the whole text, ``x.to_frame()`` the table as pandas, and a
notebook shows it. Nothing heavy is imported before it is used. Every name is
explained in docs/reference.md.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from collabrank.neighbours import refuse_foreign

if TYPE_CHECKING:
    from collabrank.face import (
        candidates,
        card,
        check,
        compare,
        evaluate,
        indices,
        ingest,
        lift,
        open_marketplace,
        open_mlflow,
        plan,
        promote,
        propose,
        rank,
        report,
        rollback,
        score,
        serve,
        signals,
        simulate,
        snapshot,
        train,
        training_data,
    )
    from marketplace.errors import CollabrankError
    from serving.client import AsyncClient, Client
    from training.heads import CampaignClassifier, CampaignRanker, CampaignRegressor, by_campaign

    __version__: str

__all__ = [
    "AsyncClient",
    "CampaignClassifier",
    "CampaignRanker",
    "CampaignRegressor",
    "Client",
    "CollabrankError",
    "__version__",
    "by_campaign",
    "candidates",
    "card",
    "check",
    "compare",
    "evaluate",
    "indices",
    "ingest",
    "lift",
    "open_marketplace",
    "open_mlflow",
    "plan",
    "promote",
    "propose",
    "rank",
    "report",
    "rollback",
    "score",
    "serve",
    "signals",
    "simulate",
    "snapshot",
    "train",
    "training_data",
]

# A name that is not in this table is a function of the face.
_ELSEWHERE = {
    "AsyncClient": "serving.client",
    "CampaignClassifier": "training.heads",
    "CampaignRanker": "training.heads",
    "CampaignRegressor": "training.heads",
    "Client": "serving.client",
    "CollabrankError": "marketplace.errors",
    "by_campaign": "training.heads",
}

refuse_foreign()

# The libraries underneath are imported by the functions that need them: their telemetry is off before that.
for _name, _value in {
    "BENTOML_DO_NOT_TRACK": "True",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
}.items():
    os.environ.setdefault(_name, _value)


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'collabrank' has no attribute {name!r}")
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("collabrank")
    else:
        refuse_foreign()  # what is on sys.path may have changed since the import
        value = getattr(import_module(_ELSEWHERE.get(name, "collabrank.face")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
