"""What serving gives back to training: ``python -m benchmarks.feedback``.

A simulated marketplace is served for four weeks, and tomorrow's model learns from the log of it:

1. A marketplace is drawn in which the older ranker makes every list, and a model is trained on what is known when the
   weeks begin.
2. Each week has its own snapshot, as of its first day. Every brief of the week is ranked by the service's own code
   (`serving.rank.rank_creators`) with that model, and a tenth of the places explore; the brand invites from that list.
   The marketplace is drawn again with those lists, so that the next week's snapshot knows what came of them.
3. Lists and what came of them (invited, accepted, declined, delivered) go into a decision log, and out of it by
   ``collabrank log export OUT --into MARKETPLACE``: the marketplace's own rows of these campaigns' lists, invitations,
   samples, reviews and deliveries are taken out first, so that the log alone tells of them.
4. A model is trained on OUT. `METRIC` of both, over the same campaigns of OUT held out from then on, says what the
   weeks gave. Beside them stands what the same weeks would have given with the older ranker's lists.

Seeds and what may be chosen on them stand in ``benchmarks/seeds.toml``. Between two draws the past stays as it was but
for how many watched and bought of the partnerships' posts: that is another draw of the same chances
(`marketplace.simulator.simulate`).

``--out FILE`` keeps one JSON line for each seed; started again with the same file it goes on from there.
"""

from __future__ import annotations

import hashlib
import math
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from benchmarks.marketplaces import METRIC, cells_of, measure_cells, options, size_of
from features.briefs import read_briefs
from features.snapshot import build_snapshot, load_snapshot, save_snapshot
from marketplace.errors import CollabrankError
from marketplace.progress import say
from marketplace.simulator import World, find_world, simulate
from marketplace.tables import Marketplace, open_marketplace
from models.bundle import Bundle, load_bundle, read_public_key, read_signer, save_bundle
from serving.arms import Settings, deal
from serving.decisions import DecisionLog, export_log
from serving.pair import Served
from serving.rank import rank_creators
from serving.schema import RankRequest
from training.data import build_training_data
from training.evaluation import compare_rankers, gather_held_out
from training.heads import fit_rankers
from training.stats import campaign_mean

__all__ = ["BEGIN", "WEEKS", "main", "measure", "summarise"]

WEEKS = 4
BEGIN, RETRAIN = 0.53, 0.78
"""Of the days: when the weeks begin, and when the model is trained again."""
LISTED = 2
"""Places of a list for every creator whom the brand wants."""
MODELS = ("before", "after", "older")
_OF_CAMPAIGN = ("impressions", "invitations", "deliveries")
_OF_INVITATION = ("samples", "reviews")

Offered = list[tuple[str, float]]


@dataclass
class _Weeks:
    """The four weeks as they go on: the model that serves, its log, and every list that was shown."""

    scratch: Path
    bundle: Bundle
    log: DecisionLog
    name: str
    shown: dict[str, Offered] = field(default_factory=dict)
    asked: dict[str, str] = field(default_factory=dict)
    explored: int = 0
    served: Served | None = None
    briefed: Mapping[str, pd.Timestamp] = field(default_factory=dict)

    def open(self, market: Marketplace, day: pd.Timestamp, campaigns: Sequence[str]) -> None:
        """Serve from the snapshot as of ``day``, in which the week's campaigns are known as they are briefed."""
        snapshot = build_snapshot(market, day)
        briefs = read_briefs(market, campaigns)
        folder = self.scratch / "snapshot"
        signer = read_signer(self.scratch / "keys")
        save_snapshot(replace(snapshot, campaigns={**snapshot.campaigns, **briefs}), folder, signer)
        loaded = load_snapshot(folder, read_public_key(self.scratch / "keys" / "public_key.pem")).read_all()
        self.served = Served(self.bundle, loaded).checked()
        rows = market.frame("campaigns", ["campaign_id", "briefed_at"]).drop_duplicates("campaign_id")
        rows = rows[rows["campaign_id"].isin(campaigns)]
        self.briefed = dict(zip(rows["campaign_id"], rows["briefed_at"], strict=True))

    def lists(self, campaign_id: str, wanted: int) -> Offered | None:
        """What is shown for a brief: again what was shown, or, in the week that is open, what is ranked now."""
        if campaign_id in self.shown:
            return self.shown[campaign_id]
        if self.served is None or campaign_id not in self.briefed:
            return None
        request_id = hashlib.sha256(f"{self.name}\0{campaign_id}".encode()).hexdigest()[:32]
        brand = self.served.snapshot.campaigns[campaign_id].brand_id
        plan = deal(Settings(), request_id=request_id, brand_id=brand)
        request = RankRequest(campaign_id=campaign_id, top=min(LISTED * wanted, 1000), explain=False)
        answer, line = rank_creators(self.served, request, request_id=request_id, plan=plan)
        at = self.briefed[campaign_id] + pd.Timedelta(minutes=10)
        if not self.log.keep({**line, "logged_at": at.to_pydatetime()}, seconds=60.0):
            raise RuntimeError("the decision log could not be kept")
        self.asked[campaign_id] = request_id
        self.explored += sum(one.slot == "explored" for one in answer.creators)
        self.shown[campaign_id] = [(one.creator_id, one.propensity) for one in answer.creators]
        return self.shown[campaign_id]

    def tell(self, market: Marketplace) -> int:
        """Put into the log what came of every list, when it happened and when it was known; how many events."""
        invitations = market.frame("invitations").sort_values(["known_at", "invitation_id"], kind="stable")
        deliveries = market.frame("deliveries").sort_values(["known_at", "delivery_id"], kind="stable")
        words = {"PENDING": ("INVITED", "sent_at"), "ACCEPT": ("ACCEPTED", "decided_at")}
        words["DECLINE"] = ("DECLINED", "decided_at")
        events = []
        for row in invitations[invitations["campaign_id"].isin(self.asked)].to_dict("records"):
            if row["decision"] in words:
                event, when = words[row["decision"]]
                events.append((row, event, row[when]))
        for row in deliveries[deliveries["campaign_id"].isin(self.asked)].to_dict("records"):
            events.append((row, "DELIVERED", row["posted_at"]))
        lines = [
            {
                "kind": "feedback",
                "request_id": self.asked[row["campaign_id"]],
                "creator_id": row["creator_id"],
                "event": event,
                "at": at.to_pydatetime(),
                "logged_at": row["known_at"].to_pydatetime(),
                "key_id": "",
            }
            for row, event, at in events
        ]
        for first in range(0, len(lines), 500):
            if not all(self.log.keep_all(lines[first : first + 500], seconds=60.0)):
                raise RuntimeError("the decision log could not be kept")
        return len(lines)


def measure(world: str, seed: int, *, creators: int, campaigns: int, days: int) -> dict[str, Any]:
    """One marketplace served for the weeks: the share of the possible gain of each of `MODELS`, and the counts."""
    with tempfile.TemporaryDirectory(prefix="collabrank-") as folder:
        scratch = Path(folder)
        law = find_world(world, seed=seed)
        size: dict[str, Any] = {"creators": creators, "campaigns": campaigns, "days": days}
        older = scratch / "older"
        simulate(older, **size, seed=seed, world=law)
        market = open_marketplace(older)
        begin, retrain = (_day(law, share * days) for share in (BEGIN, RETRAIN))
        known = _briefed(market)
        bundle = _trained(market, begin, seed=seed)
        save_bundle(bundle, scratch / "bundle", read_signer(scratch / "keys"))
        log = DecisionLog(scratch / "log", address=f"sqlite:///{scratch / 'log.db'}")
        try:
            weeks = _Weeks(
                scratch,
                load_bundle(scratch / "bundle", read_public_key(scratch / "keys" / "public_key.pem")),
                log,
                str(seed),
            )
            served = _served(weeks, market, begin, known, {**size, "seed": seed, "world": law})
            events = weeks.tell(served)
        finally:
            log.close()
        told = _exported(scratch, served, weeks)
        after = _trained(told, retrain, seed=seed)
        late = _trained(market, retrain, seed=seed)
        held_out = [one for one, at in known.items() if at >= retrain]
        shares = _shares(told, held_out, known, {"before": bundle, "after": after, "older": late}, seed=seed)
        return {
            "world": world, "seed": seed, **size, "lists": len(weeks.asked), "explored": weeks.explored,
            "shown": sum(len(one) for one in weeks.shown.values()), "events": events, "held_out": len(held_out),
            "shares": shares,
        }  # fmt: skip


def _day(world: World, day: float) -> pd.Timestamp:
    """A day of the simulation, 00:00 UTC."""
    start: pd.Timestamp = pd.Timestamp(world.start, tz="UTC") + pd.Timedelta(days=math.floor(day))
    return start


def _briefed(market: Marketplace) -> dict[str, pd.Timestamp]:
    """Every campaign's brief, in order of time."""
    rows = market.frame("campaigns", ["campaign_id", "briefed_at"]).drop_duplicates("campaign_id")
    rows = rows.sort_values(["briefed_at", "campaign_id"], kind="stable")
    return dict(zip(rows["campaign_id"].astype(str), rows["briefed_at"], strict=True))


def _trained(market: Marketplace, day: pd.Timestamp, *, seed: int) -> Bundle:
    """The preferred ranker of what was known before ``day``."""
    train = tuple(one for one, at in _briefed(market).items() if at < day)
    return fit_rankers(build_training_data(market, train, as_of=day), seed=seed)[-1].bundle


def _served(
    weeks: _Weeks,
    market: Marketplace,
    begin: pd.Timestamp,
    briefed: Mapping[str, pd.Timestamp],
    size: Mapping[str, Any],
) -> Marketplace:
    """The marketplace once the weeks were served, each week's snapshot of the one before it."""
    for week in range(WEEKS):
        first = begin + pd.Timedelta(days=7 * week)
        inside = [one for one, at in briefed.items() if first <= at < first + pd.Timedelta(days=7)]
        weeks.open(market, first, inside)
        folder = weeks.scratch / f"week-{week}"
        simulate(folder, **size, lists=weeks.lists)
        market = open_marketplace(folder)
    return market


def _exported(scratch: Path, served: Marketplace, weeks: _Weeks) -> Marketplace:
    """The marketplace whose served campaigns the log alone tells of."""
    assert served.path is not None
    shown = list(weeks.asked)
    gone = served.frame("invitations", ["invitation_id", "campaign_id"])
    gone_ids = sorted(set(gone.loc[gone["campaign_id"].isin(shown), "invitation_id"]))
    for table in (*_OF_CAMPAIGN, *_OF_INVITATION):
        column, values = ("campaign_id", shown) if table in _OF_CAMPAIGN else ("invitation_id", gone_ids)
        for file in sorted((served.path / table).glob("*.parquet")):
            rows = ds.dataset(file).to_table()
            kept = rows.filter(pc.invert(pc.is_in(rows[column].cast("string"), value_set=_strings(values))))
            pq.write_table(kept, file)
    from serving.decisions.store import open_store

    store = open_store(f"sqlite:///{scratch / 'log.db'}")
    try:
        done = export_log(store, scratch / "told", into=str(served.path))
    finally:
        store.close()
    say(str(done))
    return open_marketplace(scratch / "told")


def _strings(values: Sequence[str]) -> Any:
    import pyarrow as pa

    return pa.array(values, pa.string())


def _shares(
    market: Marketplace,
    held_out: Sequence[str],
    briefed: Mapping[str, pd.Timestamp],
    bundles: Mapping[str, Bundle],
    *,
    seed: int,
) -> dict[str, float]:
    measured = gather_held_out(market, held_out, train_campaigns=[one for one in briefed if one not in set(held_out)])
    scores = {name: measured.score(bundle)[0]["score"].to_numpy(dtype=np.float64) for name, bundle in bundles.items()}
    found = compare_rankers(scores, measured.pairs, truth=measured.truth, seed=seed)
    return {name: float(campaign_mean(found.values[METRIC][name])) for name in bundles}


def summarise(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Over the seeds: mean share of each of `MODELS`, and each difference from ``before`` with its standard error.

    The error is ``sd / sqrt(n)`` of the n seeds' own differences, sd with ``n - 1``; NaN of one seed.
    """
    shares = {name: np.array([row["shares"][name] for row in rows]) for name in MODELS}
    out: dict[str, dict[str, float]] = {}
    for name, values in shares.items():
        more = values - shares["before"]
        error = float(more.std(ddof=1) / math.sqrt(len(more))) if len(more) > 1 else math.nan
        out[name] = {"share": float(values.mean()), "more": float(more.mean()), "error": error}
    return out


def _print(rows: Sequence[Mapping[str, Any]]) -> None:
    first = rows[0]
    lists = sum(row["lists"] for row in rows) / len(rows)
    print(
        f"{METRIC} over {len(rows)} marketplaces of {first['creators']:,} creators and {first['campaigns']} campaigns; "
        f"{WEEKS} weeks served, {lists:.0f} lists each"
    )
    said = {
        "before": "trained when the weeks began",
        "after": "trained again on the exported log",
        "older": "trained again, the older ranker's lists in those weeks",
    }
    for name, one in summarise(rows).items():
        more = "" if name == "before" else f"  {one['more']:+.3f} (standard error {one['error']:.3f})"
        print(f"  {said[name]:<56} {one['share']:.3f}{more}")


def main(arguments: list[str] | None = None) -> int:
    """Measure every seed that is not in the file yet, and print."""
    parser = options("Serve four simulated weeks and learn from the log.", size=(1_000, 180, 300))
    parser.set_defaults(worlds="baseline", seeds="511-512")
    chosen = parser.parse_args(arguments)

    def missing(world: str, seed: int, kept: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
        return None if kept else measure(world, seed, **size_of(chosen))

    def tell(row: Mapping[str, Any]) -> None:
        shares = ", ".join(f"{name} {share:.3f}" for name, share in row["shares"].items())
        say(f"{row['world']} seed {row['seed']}: {shares}")

    try:
        rows = measure_cells(chosen, cells_of(chosen), missing, tell)
    except (CollabrankError, ValueError) as wrong:
        print(wrong, file=sys.stderr)
        return 2
    if rows:
        _print(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
