"""What was said of a campaign's invitations before they were sent: by the decision log, else by the champion.

A logged answer counts where its snapshot and its model are of a day no later than the invitation: what was made
afterwards may have seen what came. Where there is none the champion scores the invitation as of its brief, from what
was known then; whether the champion itself has learned from the campaign is said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from features.briefs import Brief
from features.signals import build_matrix
from marketplace.errors import BundleError
from marketplace.progress import say
from marketplace.tables import Marketplace
from models.bundle import Bundle, load_champion
from models.economics import Economics
from models.foretold import FORETOLD, PREDICTED, TERMS
from models.planning import INDEPENDENT, Dependence, Offers, Outlook, look_ahead
from models.predict import predict

__all__ = ["LoggedPredictions", "champion", "foretold_of", "from_champion", "outlook_of"]

LoggedPredictions = Callable[[Sequence[str]], pd.DataFrame]
"""Gives what the decision log foretold for campaigns, the columns of `models.foretold.FORETOLD`; one row an answer and
creator."""

_KEYS = ["campaign_id", "creator_id"]


def champion() -> Bundle | None:
    """The champion of this home; None, and said, where there is none that can be opened."""
    try:
        return load_champion()
    except BundleError as reason:
        say(f"nothing is foretold by a champion: expected {reason.expected}, received {reason.received}")
        return None


def from_champion(
    bundle: Bundle, market: Marketplace, invited: pd.DataFrame, briefs: Mapping[str, Brief]
) -> pd.DataFrame:
    """What ``bundle`` says of invitations, each as of its brief: the columns of `models.foretold.FORETOLD`.

    Parameters
    ----------
    invited : DataFrame[campaign_id, creator_id, applied]
        Each pair once. ``applied``: the creator asked, so that P(accept) is 1.
    briefs : mapping of campaign_id to Brief
        Of all these campaigns.
    """
    parts = [pd.DataFrame(columns=list(FORETOLD))]
    for applied in (False, True):
        pairs = invited.loc[invited["applied"] == applied, _KEYS].reset_index(drop=True)
        if pairs.empty:
            continue
        matrix = build_matrix(market, pairs)[list(bundle.signals)].to_numpy(dtype=np.float64)
        economics = Economics.of_many(briefs, pairs["campaign_id"].to_numpy(dtype=object))
        told = predict(bundle, matrix, economics, applied=applied)
        parts.append(
            pairs.assign(
                source="champion",
                model_version=bundle.model_version,
                trained_until=bundle.as_of,
                as_of=[f"{briefs[name].briefed_at:%Y-%m-%d}" for name in pairs["campaign_id"]],
                logged_at=None,
                request_id=None,
                position=np.nan,
                success=told.success_probability,
                **{name: getattr(told, name) for name in PREDICTED},
                **{name: getattr(economics, name) for name in TERMS},
            )[list(FORETOLD)]
        )
    return pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)


def foretold_of(rows: pd.DataFrame, logged: pd.DataFrame, scored: pd.DataFrame) -> pd.DataFrame:
    """The one prediction that counts for each invitation of one campaign, in the order of ``rows``.

    Parameters
    ----------
    rows : DataFrame
        As `training.results.came.came_of` gives them.
    logged, scored : DataFrame
        The campaign's rows of `models.foretold.FORETOLD`; of ``logged`` any number a creator.

    Returns
    -------
    DataFrame
        The columns of `models.foretold.FORETOLD`; all null where nothing was foretold. The newest answer that was
        logged counts whose snapshot and model are of a day no later than the invitation's.
    """
    sent = rows[["creator_id", "sent_at"]].assign(row=np.arange(len(rows)))
    told = logged.merge(sent, on="creator_id", how="inner")
    day = told["sent_at"].dt.strftime("%Y-%m-%d")
    told = told[(told["as_of"].str[:10] <= day) & (told["trained_until"].str[:10] <= day)]
    told = told.sort_values(["logged_at", "request_id"], kind="stable").drop_duplicates("row", keep="last")
    by_log = told.set_index("row")[list(FORETOLD)].reindex(sent["row"])
    by_champion = scored.drop_duplicates("creator_id").set_index("creator_id", drop=False)[list(FORETOLD)]
    by_champion = by_champion.reindex(rows["creator_id"]).set_axis(sent["row"])
    said = by_log["source"].notna()
    both: pd.DataFrame = by_log.astype(object).where(said, by_champion.astype(object), axis=0)
    return both.infer_objects().reset_index(drop=True)


def outlook_of(foretold: pd.DataFrame, bundle: Bundle | None, brand_id: str) -> tuple[Outlook | None, pd.DataFrame]:
    """What the invitations of ``foretold`` were expected to come to together, and the rows that were foretold.

    What they have in common is as the champion was calibrated to; nothing without one (`models.planning.Dependence`).
    """
    known = foretold[foretold["source"].notna()]
    if known.empty:
        return None, known
    numbers = {name: known[name].to_numpy(dtype=np.float64) for name in ("success", *PREDICTED, *TERMS)}
    offers = Offers(
        creator_ids=known["creator_id"].to_numpy(dtype=object),
        brand_ids=np.full(len(known), brand_id, dtype=object),
        samples=(numbers["sample_cost_usd"] > 0).astype(np.float64),
        **numbers,
    )
    dependence = INDEPENDENT if bundle is None else Dependence.of(bundle.calibration, offers)
    outlook = look_ahead(offers, [np.arange(len(known), dtype=np.int64)], dependence=dependence)[0]
    return outlook, known.assign(profit=offers.profit)
