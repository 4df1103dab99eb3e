"""``collabrank report``: gather what came of campaigns, and what was foretold of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from features.briefs import Brief, read_briefs, told_campaigns
from features.time import as_of_day, known_until
from marketplace.errors import BriefError, TrainingError
from marketplace.progress import say
from marketplace.tables import Marketplace, open_marketplace
from models.bundle import Bundle
from models.foretold import FORETOLD
from models.planning import Noise, needed
from training.lift import Estimate, LiftReport, Z, lift_report
from training.outcomes import build_outcomes
from training.planning import lift_noise
from training.results.came import booked_costs, came_of, told_from
from training.results.foretold import (
    LoggedPredictions,
    champion,
    foretold_of,
    from_champion,
    outlook_of,
)
from training.results.report import FORETOLD_OF_CREATORS, CampaignReport, Reports, Source
from training.results.words import Profit, checks_of, next_steps, verdict_of

__all__ = ["report_campaigns"]


def report_campaigns(
    market: str | Path | Marketplace,
    *,
    campaign: str | None = None,
    every: bool = False,
    as_of: str | date | None = None,
    logged: LoggedPredictions | None = None,
    sample: int = 200,
) -> Reports:
    """What came of past campaigns, by creator and in all, against what was foretold of them.

    Parameters
    ----------
    market : path or Marketplace
    campaign : str, optional
        One campaign.
    every : bool
        All campaigns that had invited by then. Neither: the newest one that is over and of which lift is told, else
        the newest.
    as_of : date, optional
        Only what was known before that day is read. By default everything.
    logged : callable, optional
        `training.results.foretold.LoggedPredictions` of this home. Left out: the champion alone foretells.
    sample : int
        Partnerships that the check by synthetic difference-in-differences looks at, at most.

    Raises
    ------
    DateError, ContractError
        ``as_of`` is no date in ISO form; the tables cannot be read.
    BriefError
        Both ``campaign`` and ``every``; there is no such campaign, or its money cannot be told.
    TrainingError
        Nobody had been invited by then.
    """
    if campaign is not None and every:
        raise BriefError("one campaign, or all of them", received="both", look="`collabrank report --help`")
    market = open_marketplace(market)
    day = known_until(market) if as_of is None else as_of_day(as_of)
    outcomes = build_outcomes(market, day)
    if campaign is not None:
        read_briefs(market, [campaign])
        outcomes = outcomes[outcomes["campaign_id"] == campaign]
    if outcomes.empty:
        raise TrainingError(
            "invitations that were sent and known",
            received=f"none by {day:%Y-%m-%d}" + ("" if campaign is None else f" of {campaign}"),
            look="a later --as-of, or the table invitations",
        )
    lift, unknown = _lift(market, day, sample)
    newest = outcomes.sort_values(["briefed_at", "campaign_id"], ascending=False)["campaign_id"].unique().tolist()
    ids = newest if every or campaign is not None else [_newest_told(newest, outcomes, lift)]
    ids = told_campaigns(market, ids)
    briefs = read_briefs(market, ids)
    costs, names = booked_costs(market, day), _names(market, day)
    partnerships = _NO_PARTNERSHIPS if lift is None else lift.partnerships
    came = {
        name: came_of(outcomes[outcomes["campaign_id"] == name], partnerships, costs, briefs[name], day=day)
        for name in ids
    }
    bundle = champion()
    scored = _scored(bundle, market, came, briefs)
    told = pd.DataFrame(columns=list(FORETOLD)) if logged is None else logged(ids)
    reports = [
        _report(
            briefs[name],
            came[name],
            lift,
            names,
            day=day,
            unknown=unknown,
            bundle=bundle,
            logged=told[told["campaign_id"] == name],
            scored=scored[scored["campaign_id"] == name],
        )
        for name in ids
    ]
    undecided = [one.verdict == "not told apart" for one in reports]
    if any(undecided):
        noise = lift_noise(market, day)
        reports = [
            replace(one, needed=_needed(one, noise)) if ask else one
            for one, ask in zip(reports, undecided, strict=True)
        ]
    return Reports(tuple(replace(one, next_steps=tuple(next_steps(one))) for one in reports), day)


_NO_PARTNERSHIPS = pd.DataFrame(
    {"invitation_id": pd.Series(dtype="str")}
    | {name: pd.Series(dtype=np.float64) for name in ("attributed_usd", "lift_usd", "lift_se_usd")}
)


def _lift(market: Marketplace, day: pd.Timestamp, sample: int) -> tuple[LiftReport | None, str]:
    try:
        return lift_report(market, day, sample=sample), ""
    except TrainingError as reason:
        say(f"no lift can be told: expected {reason.expected}, received {reason.received}")
        return None, f"Lift takes {reason.expected}; there are {reason.received}."


def _newest_told(newest: Sequence[str], outcomes: pd.DataFrame, lift: LiftReport | None) -> str:
    known = set() if lift is None else {one.name for one in lift.campaigns}
    open_yet = set(outcomes.loc[(outcomes["outcome"] == "open") | _ripening(outcomes), "campaign_id"])
    return next((name for name in newest if name in known and name not in open_yet), newest[0])


def _ripening(outcomes: pd.DataFrame) -> pd.Series:
    return (
        (outcomes["delivered"] != 0.0)
        & outcomes["posted_at"].notna()
        & ~outcomes["ripe"]
        & (outcomes["status"] != "excluded")
    )


def _names(market: Marketplace, day: pd.Timestamp) -> dict[str, dict[str, str]]:
    """Creators' and brands' names as known before ``day``."""
    found = {}
    for table, key, name in (("creators", "creator_id", "username"), ("brands", "brand_id", "name")):
        rows = market.frame(table, [key, name, "known_at"])
        rows = rows[rows["known_at"] < day].sort_values("known_at", kind="stable").drop_duplicates(key, keep="last")
        found[table] = {
            str(one): "" if pd.isna(text) else str(text) for one, text in zip(rows[key], rows[name], strict=True)
        }
    return found


def _scored(
    bundle: Bundle | None, market: Marketplace, came: Mapping[str, pd.DataFrame], briefs: Mapping[str, Brief]
) -> pd.DataFrame:
    if bundle is None:
        return pd.DataFrame(columns=list(FORETOLD))
    rows = [frame[["creator_id", "applied"]].assign(campaign_id=name) for name, frame in came.items()]
    invited = pd.concat(rows, ignore_index=True).drop_duplicates(["campaign_id", "creator_id"])
    return from_champion(bundle, market, invited, briefs)


def _report(
    brief: Brief,
    came: pd.DataFrame,
    lift: LiftReport | None,
    names: Mapping[str, Mapping[str, str]],
    *,
    day: pd.Timestamp,
    unknown: str,
    bundle: Bundle | None,
    logged: pd.DataFrame,
    scored: pd.DataFrame,
) -> CampaignReport:
    estimate = None if lift is None else next((one for one in lift.campaigns if one.name == brief.campaign_id), None)
    until = told_from(came, brief)
    foretold = foretold_of(came, logged, scored)
    told = (came["state"] == "over") & ~came["left_out"]
    of = told if until is None else ~came["left_out"]
    outlook, known = outlook_of(foretold[of.to_numpy()], bundle, brief.brand_id)
    everyone = outlook_of(foretold, bundle, brief.brand_id)[1]
    profits = everyone["profit"] if "profit" in everyone else pd.Series(dtype=np.float64)
    creators = came.assign(
        username=came["creator_id"].map(names["creators"]).fillna(""),
        low_usd=came["lift_usd"] - Z * came["lift_se_usd"],
        high_usd=came["lift_usd"] + Z * came["lift_se_usd"],
        **{f"foretold_{name}": foretold[name].to_numpy() for name in FORETOLD_OF_CREATORS if name != "profit"},
        foretold_profit=profits.reindex(foretold.index).to_numpy(dtype=np.float64),
    )
    creators["name"] = creators["username"].where(creators["username"] != "", creators["creator_id"])
    invited = ~came["left_out"]
    counts = {
        "invited": int(invited.sum()),
        "accepted": int((came["accepted"] & invited).sum()),
        "posted": int((came["posted"] & invited).sum()),
        "counted": 0 if estimate is None else estimate.partnerships,
        **{state: int(((came["state"] == state) & invited).sum()) for state in ("counting", "waiting", "untold")},
        "left_out": int(came["left_out"].sum()),
    }
    costs = {
        "fees": float(came.loc[told, "fee_usd"].sum()),
        "samples": float(came.loc[told, "sample_usd"].sum()),
        "commission": float(came.loc[told, "commission_usd"].sum()),
    }
    report = CampaignReport(
        brief=brief,
        brand_name=names["brands"].get(brief.brand_id, ""),
        as_of=day,
        counts=counts,
        lift=estimate,
        profit=_profit(brief, estimate, costs, any_over=bool(told.any()), known=until is None and not counts["posted"]),
        costs=costs,
        foretold=outlook,
        source=_source(foretold[invited.to_numpy()], known, brief),
        creators=creators,
        checks=tuple(checks_of(lift, None if estimate is None else estimate.read)),
        told_from=until,
        unknown=unknown,
    )
    verdict, why = verdict_of(report)
    return replace(report, verdict=verdict, why=why)


def _profit(
    brief: Brief, lift: Estimate | None, costs: Mapping[str, float], *, any_over: bool, known: bool
) -> Profit | None:
    """``margin x lift - costs``; costs alone where nothing came, as is ``known``; None where lift is not told."""
    spent = sum(costs.values())
    if not any_over or (lift is None and not known):
        return None
    mean, half = (0.0, 0.0) if lift is None else (lift.estimate, Z * lift.se)
    middle = brief.margin_rate * mean - spent
    return Profit(middle, middle - brief.margin_rate * half, middle + brief.margin_rate * half)


def _source(foretold: pd.DataFrame, known: pd.DataFrame, brief: Brief) -> Source:
    by_log, by_champion = int((foretold["source"] == "log").sum()), int((foretold["source"] == "champion").sum())
    without = len(foretold) - by_log - by_champion
    champions = foretold[foretold["source"] == "champion"]
    # The cut-off is the day before which outcomes were known that it learned from.
    seen = bool((champions["trained_until"].astype(str).str[:10] > f"{brief.briefed_at:%Y-%m-%d}").any())
    versions = tuple(sorted({str(one) for one in known["model_version"]}))
    said = []
    if by_log:
        said.append(f"{by_log} of {len(foretold)} predictions are those that the service gave before the invitation.")
    if by_champion:
        whose = (
            "All predictions are"
            if by_champion == len(foretold)
            else f"{by_champion} of {len(foretold)} predictions are"
        )
        said.append(
            f"{whose} made afterwards by today's model (version {champions['model_version'].iloc[0]}), "
            "from what was known when the brief was written."
        )
    if seen:
        said.append(
            "That model has learned from campaigns of this time, this one perhaps among them: it is no test of it."
        )
    elif by_champion:
        said.append("It had learned from earlier campaigns only.")
    if without:
        said.append(f"Of {without} invitations nothing was foretold.")
    return Source(by_log, by_champion, without, versions, seen, " ".join(said))


def _needed(report: CampaignReport, noise: Noise | None) -> float | None:
    if noise is None or report.lift is None or not report.lift.partnerships:
        return None
    each = report.lift.estimate / report.lift.partnerships
    return float(needed(each, noise, per_campaign=report.lift.partnerships).partnerships)
