"""The log as tables of the contract, so that tomorrow's training reads what today's service showed.

- **campaigns**: a brief that came without a campaign_id is a campaign of its own, ``served_`` and a hash of what it
  says: the same brief asked again is the same campaign. Its money is in USD, as it was completed.
- **impressions**: who was shown, at which position, by which policy, with the chance of being shown. What was ranked
  unseen, and what `/explain` told, is no impression.
- **invitations**: one a campaign and creator, from the first event that tells of it. INVITED sends it, ACCEPTED and
  DECLINED decide it; a delivery without an ACCEPTED accepts it. Of an applicant the request was sent when the list was
  shown, INVITED approves it and DISMISSED turns it down.
- **deliveries**: DELIVERED, posted at the event's time.

``into`` a marketplace, they become a file ``served.parquet`` beside its own in a new folder; what does not fit it
(creators, brands and products that it does not know, invitations that it has already) is left out and counted.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from marketplace.contract import TABLES, arrow_schema
from marketplace.errors import ContractError, FileError
from marketplace.jsonable import json_text
from marketplace.state import replace_folder
from marketplace.tables import Marketplace, open_marketplace, require_replaceable, to_arrow
from serving.decisions.lines import Line
from serving.decisions.store import DecisionStore

__all__ = ["FILE", "Exported", "export_log", "served_tables"]

FILE = "served.parquet"
"""What the log's file is called among a table's others; one from an earlier export is left behind."""

EXPORTED = ("campaigns", "impressions", "invitations", "deliveries")

_KEY = ("campaign_id", "creator_id")


@dataclass(frozen=True)
class Exported:
    """What was written: the folder, rows by table, and what was left out, by reason."""

    folder: str
    rows: Mapping[str, int]
    left_out: Mapping[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"folder": self.folder, "rows": dict(self.rows), "left_out": dict(self.left_out)}

    def __str__(self) -> str:
        rows = ", ".join(f"{count:,} {name}" for name, count in self.rows.items())
        left = "".join(f"\nleft out: {count:,} {reason}" for reason, count in self.left_out.items())
        return f"{rows} in {self.folder}{left}"


def _campaign_id(brief: Mapping[str, Any]) -> str:
    """A brief's own campaign, or the one that it is a campaign by."""
    told = brief.get("campaign_id")
    return str(told) if told else f"served_{hashlib.sha256(json_text(dict(brief)).encode()).hexdigest()[:24]}"


def _campaign(brief: Mapping[str, Any], campaign_id: str, logged_at: datetime) -> Line:
    own = {name: brief.get(name) for name in TABLES["campaigns"].by_name if name in brief}
    briefed = pd.Timestamp(brief["briefed_at"])
    return own | {
        "campaign_id": campaign_id,
        "budget": brief.get("budget_usd"),
        "flat_fee": brief.get("flat_fee_usd") or 0.0,
        "currency": "USD",
        "briefed_at": briefed,
        "starts_at": pd.Timestamp(brief["starts_at"]),
        "ends_at": pd.Timestamp(brief["ends_at"]),
        "known_at": max(briefed, pd.Timestamp(logged_at)),
    }


def served_tables(requests: Iterable[Line], events: Iterable[Line]) -> dict[str, pd.DataFrame]:
    """The log's lines as frames of the contract's tables, by name: `EXPORTED`.

    Parameters
    ----------
    requests, events : iterable of lines
        As `serving.decisions.store.DecisionStore` gives them, in the order of logging.
    """
    campaigns: dict[str, Line] = {}
    impressions: list[Line] = []
    asked: dict[str, Line] = {}
    for line in requests:
        if line.get("shadow"):
            continue
        logged = datetime.fromisoformat(line["logged_at"])
        campaign_id = _campaign_id(line["brief"])
        asked[line["request_id"]] = {"campaign_id": campaign_id, "logged": logged, **_of_request(line)}
        if not line["brief"].get("campaign_id") and campaign_id not in campaigns:
            campaigns[campaign_id] = _campaign(line["brief"], campaign_id, logged)
        if line["kind"] != "rank":
            continue
        for one in line["creators"]:
            impressions.append(
                {
                    "request_id": line["request_id"],
                    "creator_id": one["creator_id"],
                    "campaign_id": campaign_id,
                    "shown_at": pd.Timestamp(logged),
                    "position": one["position"],
                    "policy": one.get("policy") or "champion",
                    "shown_propensity": one.get("propensity"),
                    "model_version": line["model_version"],
                    "known_at": pd.Timestamp(logged),
                }
            )
    told: dict[tuple[str, str], list[Line]] = {}
    for event in events:
        request = asked.get(event["request_id"])
        if request is not None:
            told.setdefault((request["campaign_id"], event["creator_id"]), []).append({**request, **event})
    invitations: list[Line] = []
    deliveries: list[Line] = []
    for (campaign_id, creator_id), rows in sorted(told.items()):
        invited, delivered = _invitation(campaign_id, creator_id, rows)
        invitations += invited
        deliveries += delivered
    found = {
        "campaigns": list(campaigns.values()),
        "impressions": impressions,
        "invitations": invitations,
        "deliveries": deliveries,
    }
    return {name: _frame(name, rows) for name, rows in found.items()}


def _of_request(line: Line) -> Line:
    return {
        "applied": line.get("candidates") == "applicants",
        "commission_rate": line["brief"].get("commission_rate"),
        "ends_at": pd.Timestamp(line["brief"]["ends_at"]),
    }


def _frame(name: str, rows: list[Line]) -> pd.DataFrame:
    frame: pd.DataFrame = pa.Table.from_pylist(rows, schema=arrow_schema(name)).to_pandas()
    return frame


def _first(rows: Iterable[Line], *events: str) -> tuple[pd.Timestamp, pd.Timestamp] | None:
    """When the first of ``events`` happened, and when it was known."""
    found = [
        (pd.Timestamp(row["at"] or row["logged_at"]), pd.Timestamp(row["logged_at"]))
        for row in rows
        if row["event"] in events
    ]
    if not found:
        return None
    at, logged = min(found)
    return at, max(at, logged)


def _invitation(campaign_id: str, creator_id: str, rows: list[Line]) -> tuple[list[Line], list[Line]]:
    """The states of one invitation, and its delivery, from all that was told of a campaign and creator."""
    applied = rows[0]["applied"]
    sent, delivered = _first(rows, "INVITED"), _first(rows, "DELIVERED")
    accepted = _first(rows, *(("INVITED", "ACCEPTED") if applied else ("ACCEPTED",)))
    declined = _first(rows, *(("DISMISSED", "DECLINED") if applied else ("DECLINED",)))
    if sent is None and accepted is None and declined is None and delivered is None:
        return [], []
    shown = (pd.Timestamp(rows[0]["logged"]),) * 2
    begun = shown if applied else sent or min(one for one in (accepted, declined, delivered) if one is not None)
    # What came later than an acceptance is no answer to the invitation any more.
    decided = min(
        ((one, word) for one, word in ((accepted, "ACCEPT"), (declined, "DECLINE")) if one is not None), default=None
    )
    if delivered is not None and (decided is None or decided[1] == "DECLINE"):
        decided = (delivered, "ACCEPT")
    digest = hashlib.sha256(f"{campaign_id}\0{creator_id}".encode()).hexdigest()[:24]
    known = max(begun)
    own = {
        "invitation_id": f"served_{digest}",
        "campaign_id": campaign_id,
        "creator_id": creator_id,
        "origin": "REQUESTED" if applied else "INVITED",
        "sent_at": begun[0],
        "commission_rate": rows[0]["commission_rate"],
    }
    states = [{**own, "decision": "PENDING", "known_at": known}]
    if decided is not None:
        at = max(decided[0][0], begun[0])
        # Two states of one key would be one row told twice; the decision is the later one.
        later = max(decided[0][1], at, known + pd.Timedelta(microseconds=1))
        states.append({**own, "replied_at": at, "decision": decided[1], "decided_at": at, "known_at": later})
    if delivered is None:
        return states, []
    posted = max(delivered[0], begun[0])
    delivery = {
        "delivery_id": f"served_{digest}",
        "invitation_id": own["invitation_id"],
        "creator_id": creator_id,
        "campaign_id": campaign_id,
        "posted_at": posted,
        "due_at": rows[0]["ends_at"],
        "known_at": max(delivered[1], posted),
    }
    return states, [delivery]


def export_log(store: DecisionStore, out: Path, *, into: str | None = None, since: datetime | None = None) -> Exported:
    """Write the log's tables to the new folder ``out``: alone, or as a marketplace ``into`` which they were put.

    Raises
    ------
    ContractError
        The marketplace breaks the contract, with the log's rows or without, or ``out`` holds something else.
    FileError
        ``out`` is the marketplace itself.
    """
    require_replaceable(out)
    tables = served_tables(store.requests(since, vectors=False), store.events(since))
    if into is None:
        with replace_folder(out) as fresh:
            _write(tables, fresh)
        return Exported(str(out), {name: len(frame) for name, frame in tables.items()})
    market = open_marketplace(into)
    if market.path is None or out.resolve() == market.path.resolve():
        raise FileError("another folder than the marketplace's own", received=str(out), look="OUT")
    fitting, left_out = _fitting(tables, market)
    with replace_folder(out) as fresh:
        _copy(market.path, fresh)
        _write(fitting, fresh)
        report = open_marketplace(fresh, unchecked=True).check()
        if not report.ok:
            raise ContractError(
                "a log whose rows keep the contract in this marketplace",
                received=str(report).splitlines()[0],
                look="`collabrank log export OUT` without --into, and `collabrank check DIR`",
            )
    return Exported(str(out), {name: len(frame) for name, frame in fitting.items()}, dict(left_out))


def _write(tables: Mapping[str, pd.DataFrame], folder: Path) -> None:
    for name, frame in tables.items():
        if len(frame) or not (folder / name).is_dir():
            (folder / name).mkdir(exist_ok=True)
            pq.write_table(to_arrow(frame, name), folder / name / FILE)


def _copy(source: Path, target: Path) -> None:
    """The marketplace's files under their names, linked where the file system lets it; an earlier export's are not."""
    for path in sorted(source.rglob("*")):
        to = target / path.relative_to(source)
        if path.is_dir():
            to.mkdir(exist_ok=True)
        elif path.name != FILE:
            try:
                os.link(path.resolve(), to)
            except OSError:
                shutil.copyfile(path, to)


def _fitting(tables: Mapping[str, pd.DataFrame], market: Marketplace) -> tuple[dict[str, pd.DataFrame], Counter[str]]:
    """The rows that the marketplace has a place for, and how many have none, by reason."""
    left: Counter[str] = Counter()
    own = {name: set(market.frame(table, [name])[name]) for name, table in _PARENTS.items() if table in market.present}
    earlier = _earlier(market)
    campaigns = tables["campaigns"]
    known = campaigns["brand_id"].isin(list(own.get("brand_id", ())))
    left["briefs of brands that it does not know"] += int((~known).sum())
    products = own.get("product_id", set())
    sold = campaigns["product_ids"].map(lambda ids: set(ids) <= products).astype(bool)
    left["briefs of products that it does not know"] += int((known & ~sold).sum())
    campaigns = campaigns[known & sold]
    placed = (own["campaign_id"] - earlier["campaigns"]) | set(campaigns["campaign_id"])
    kept = {"campaigns": campaigns}
    theirs = _pairs(market.frame("invitations", [*_KEY, "invitation_id"]), earlier["invitations"])
    for name in ("impressions", "invitations", "deliveries"):
        frame = tables[name]
        here = frame["campaign_id"].isin(list(placed))
        left[f"{name} of campaigns that it does not know"] += int((~here).sum())
        met = frame["creator_id"].isin(list(own["creator_id"]))
        left[f"{name} of creators that it does not know"] += int((here & ~met).sum())
        fits = here & met
        if name != "impressions":
            pairs = list(zip(frame["campaign_id"], frame["creator_id"], strict=True))
            told = pd.Series([pair in theirs for pair in pairs], index=frame.index, dtype=bool)
            left[f"{name} that it tells of itself"] += int((fits & told).sum())
            fits = fits & ~told
        kept[name] = frame[fits]
    return kept, +left


_PARENTS = {
    "brand_id": "brands",
    "product_id": "products",
    "campaign_id": "campaigns",
    "creator_id": "creators",
}


def _earlier(market: Marketplace) -> dict[str, set[str]]:
    """Campaigns and invitations that an earlier export put there: they come anew."""
    return {
        name: {one for one in market.frame(name, [key])[key] if str(one).startswith("served_")}
        for name, key in (("campaigns", "campaign_id"), ("invitations", "invitation_id"))
    }


def _pairs(invitations: pd.DataFrame, without: set[str]) -> set[tuple[str, str]]:
    own = invitations[~invitations["invitation_id"].isin(list(without))]
    return set(zip(own["campaign_id"], own["creator_id"], strict=True))
