"""What the service foretold of campaigns' creators, made again from the decision log.

The numbers are made again from the exact vectors by the very bundle (`serving.decisions.kept_bundle`), so they are
those that the answer told, under the terms of the brief as it was asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from marketplace.databases import file_of
from marketplace.errors import BundleError
from marketplace.progress import say
from marketplace.state import state_folder
from models.bundle import Bundle, load_champion
from models.economics import Economics
from models.foretold import FORETOLD, PREDICTED, TERMS
from models.predict import predict
from serving.decisions import default_address, kept_bundle, requests_about
from serving.replay import logged_brief

__all__ = ["logged_predictions"]


def logged_predictions(campaigns: Sequence[str]) -> pd.DataFrame:
    """What was foretold of the creators of ``campaigns``, one row an answer and creator.

    Lists ranked unseen, and answers whose bundle is not kept or reads other signals than today's, are left out; the
    latter are counted and said. A home without a log has none, and is not given one.

    Returns
    -------
    DataFrame
        ``campaign_id``, ``creator_id``; ``source`` (``log``), ``model_version``, ``trained_until`` and ``as_of`` (days
        of the model and the snapshot, ISO), ``logged_at``, ``request_id``, ``position``; chances and USD as
        `models.predict.Predictions` has them; and the terms of the brief as it was asked.

    Raises
    ------
    LogError
        The log cannot be opened.
    """
    file = file_of(default_address())
    ahead = state_folder("decisions") / "ahead"
    if not campaigns or (file is not None and not file.exists() and not ahead.exists()):
        return pd.DataFrame(columns=list(FORETOLD))
    opened: dict[str, Bundle | None] = {}
    rows: list[dict[str, Any]] = []
    lost = 0
    for line in requests_about(campaigns):
        if line.get("shadow"):
            continue
        shown = [one for one in line["creators"] if one.get("vector") is not None]
        sha = str(line["bundle_sha256"])
        if sha not in opened:
            opened[sha] = _opened(sha)
        bundle = opened[sha]
        if bundle is None:
            lost += 1
        elif shown:
            rows += _rows(bundle, line, shown)
    if lost:
        say(f"{lost} logged answers are left out: the bundles that gave them are gone, or read other signals")
    return pd.DataFrame(rows, columns=list(FORETOLD))


def _opened(sha: str) -> Bundle | None:
    kept = kept_bundle(sha)
    for folder in (kept, state_folder("bundle"), state_folder("challenger")):
        if folder is None:
            continue
        try:
            found = load_champion(folder)
        except BundleError:
            continue
        if found.fingerprint == sha:
            return found
    return None


def _rows(bundle: Bundle, line: dict[str, Any], shown: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    economics = Economics.of(logged_brief(line["brief"]))
    matrix = np.vstack([one["vector"] for one in shown])
    told = predict(bundle, matrix, economics, applied=line.get("candidates") == "applicants")
    for place, one in enumerate(shown):
        yield {
            "campaign_id": line["brief"]["campaign_id"],
            "creator_id": one["creator_id"],
            "source": "log",
            "model_version": str(line["model_version"]),
            "trained_until": bundle.as_of,
            "as_of": str(line["as_of"]),
            "logged_at": line["logged_at"],
            "request_id": line["request_id"],
            "position": one["position"],
            "success": float(told.success_probability[place]),
            **{name: float(getattr(told, name)[place]) for name in PREDICTED},
            **{name: float(getattr(economics, name)) for name in TERMS},
        }
