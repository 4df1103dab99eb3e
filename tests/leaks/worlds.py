"""Tiny marketplaces with their futures rewritten: what the guards against leaks look at.

A *world* is a marketplace, one campaign of it and the midnight before its brief (``cut``). Its *futures* are the
same marketplace with every row whose event or ``known_at`` is not before ``cut`` dropped, scrambled, or joined by
news of the past that come in late. The brief asked about stays as it is: that is what may be known of its campaign.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from features.signals.build import eligible_pairs
from marketplace.contract import TABLES
from marketplace.simulator import simulate
from marketplace.tables import Marketplace, open_marketplace, read_truth
from training.data.splits import Split, split_by_time

__all__ = ["FUTURES", "Frames", "World", "is_later", "make_world", "other_names", "rewritten", "world_of"]

Frames = dict[str, pd.DataFrame]

FUTURES = ("dropped", "added", "scrambled")
"""What is done to the rows that are not known before the cut."""

_MONEY = ("price", "gmv", "budget", "flat_fee", "commission", "shipping_cost", "usd_rate", "gmv_30d", "gmv_30d_max")
_NEWS = 60
_RETOLD = ("content_days", "product_days", "costs")
"""Tables of increments: what comes in late is more of the same."""


@dataclass
class World:
    """A marketplace, one campaign and the midnight before its brief.

    Attributes
    ----------
    frames : mapping of table to DataFrame
        Not to be changed; `World.having` gives another world.
    campaign_id : str
        The campaign that is asked about; the split's first held-out one.
    cut : Timestamp
        The midnight before its brief.
    split : Split
    folder : Path
        Where the tables and the truth lie.
    """

    frames: Frames
    campaign_id: str
    cut: pd.Timestamp
    split: Split
    folder: Path
    _markets: dict[str, Marketplace] = field(default_factory=dict)

    @property
    def day(self) -> int:
        """``cut`` as a day from 1970-01-01."""
        return (self.cut - pd.Timestamp(0, tz="UTC")).days

    @property
    def market(self) -> Marketplace:
        """The whole marketplace, opened from its folder where the frames are the folder's own."""
        return self.future("whole")

    def future(self, how: str) -> Marketplace:
        """The marketplace ``whole``, with a future of `FUTURES`, ``shuffled``, ``renamed`` or beside
        ``other_truth``; built once.
        """
        if how not in self._markets:
            frames = rewritten(self, how)
            market = Marketplace.from_frames(frames)
            market.path = self.folder if how != "other_truth" else _other_truth(self.folder)
            self._markets[how] = market
        return self._markets[how]

    def fresh(self) -> World:
        """The same world with nothing built yet: what a change of the code may have touched is built anew."""
        return World(self.frames, self.campaign_id, self.cut, self.split, self.folder)

    def having(self, **tables: pd.DataFrame) -> World:
        """Another world with other ``tables``, split anew."""
        return world_of(self.frames | tables, self.folder)

    def pairs(self, count: int = 12) -> pd.DataFrame:
        """Some eligible creators of the campaign, those with an invitation of it first."""
        pairs = eligible_pairs(self.market, [self.campaign_id])
        invitations = self.frames["invitations"]
        invited = invitations.loc[invitations["campaign_id"] == self.campaign_id, "creator_id"]
        place = np.argsort(~pairs["creator_id"].isin(invited).to_numpy(), kind="stable")
        return pairs.iloc[place[:count]].reset_index(drop=True)


def make_world(folder: Path, *, seed: int, creators: int = 100, campaigns: int = 24, days: int = 110) -> World:
    """Simulate a marketplace into ``folder``, and ask about the first campaign that is held out."""
    simulate(folder, creators=creators, campaigns=campaigns, days=days, seed=seed)
    market = open_marketplace(folder)
    return world_of({name: market.frame(name) for name in TABLES if name in market.present}, folder)


def world_of(frames: Frames, folder: Path) -> World:
    """The world of ``frames``: the default split, and its first held-out campaign."""
    split = split_by_time(frames["campaigns"][["campaign_id", "briefed_at"]])
    return World(frames, split.held_out[0], split.cutoff, split, folder)


def _other_truth(folder: Path) -> Path:
    """A folder beside ``folder`` with the same truth but for the values, each column of which is shuffled."""
    other = folder.with_name(f"{folder.name}_other_truth")
    rng = np.random.default_rng(0)
    for name in ("outcomes", "traits"):
        truth = read_truth(folder, name)
        assert truth is not None
        (other / "truth" / name).mkdir(parents=True, exist_ok=True)
        keys = ("campaign_id", "creator_id")
        told = {c: truth[c] if c in keys else truth[c].to_numpy()[rng.permutation(len(truth))] for c in truth}
        pd.DataFrame(told).to_parquet(other / "truth" / name / "part-0.parquet", index=False)
    return other


def other_names(frames: Frames) -> dict[str, str]:
    """Another id for each creator, in another order."""
    ids = np.sort(frames["creators"]["creator_id"].to_numpy(dtype=object))
    places = np.random.default_rng(1).permutation(len(ids))
    return dict(zip(ids, [f"cr_{place * 37 + 11:07d}" for place in places], strict=True))


def is_later(frame: pd.DataFrame, table: str, cut: pd.Timestamp) -> np.ndarray:
    """Rows whose event or ``known_at`` is not before ``cut``, bool (n,)."""
    event = TABLES[table].event
    happened = pd.to_datetime(frame[event], utc=True) if event else frame["known_at"]
    return ((happened >= cut) | (frame["known_at"] >= cut)).to_numpy(copy=True)


def rewritten(world: World, how: str) -> Frames:
    """The tables with their future changed; the brief asked about and its own products stay.

    Or, for ``shuffled`` and ``renamed``, with all rows in another order, and with other creator ids.
    """
    if how in ("whole", "other_truth"):
        return world.frames
    if how == "shuffled":
        return {name: frame.sample(frac=1.0, random_state=5) for name, frame in world.frames.items()}
    if how == "renamed":
        names = other_names(world.frames)
        return {
            name: frame.assign(creator_id=frame["creator_id"].map(names)) if "creator_id" in frame else frame
            for name, frame in world.frames.items()
        }
    rng = np.random.default_rng(FUTURES.index(how))
    brief = world.frames["campaigns"].set_index("campaign_id").loc[world.campaign_id]
    out: Frames = {}
    for table, frame in world.frames.items():
        later = is_later(frame, table, world.cut)
        if table == "campaigns":
            later &= (frame["campaign_id"] != world.campaign_id).to_numpy()
        if table == "products":
            later &= ~frame["product_id"].isin(list(brief["product_ids"])).to_numpy()
        past, future = frame[~later], frame[later]
        if how == "dropped":
            out[table] = past
        elif how == "scrambled":
            out[table] = pd.concat([past, _scrambled(future, rng)], ignore_index=True)
        else:
            known = past if table != "campaigns" else past[past["campaign_id"] != world.campaign_id]
            parts = [_news(known, table, cut=world.cut, rng=rng), frame]
            if table == "orders":
                parts.append(_sales_of_the_campaign(past, world, rng))
            out[table] = pd.concat(parts, ignore_index=True)
    return out


def _scrambled(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The same rows with other contents: values of other rows, money and counts multiplied."""
    out = frame.copy()
    for name in frame.columns:
        if name in ("known_at", "day", "currency") or str(frame[name].dtype).startswith("datetime"):
            continue
        out[name] = frame[name].to_numpy()[rng.permutation(len(frame))]
        if name in _MONEY or frame[name].dtype == "int64":
            out[name] = out[name] * rng.integers(2, 9, len(frame))
    return out


def _sales_of_the_campaign(past: pd.DataFrame, world: World, rng: np.random.Generator) -> pd.DataFrame:
    """Orders that the campaign asked about will bring, by the creators asked about."""
    sold = past.iloc[rng.integers(0, len(past), 2 * _NEWS)].copy()
    sold["order_id"] = [f"new_{i}" for i in range(len(sold))]
    sold["campaign_id"] = world.campaign_id
    sold["creator_id"] = rng.choice(world.pairs()["creator_id"].to_numpy(dtype=object), len(sold))
    after = pd.to_timedelta(rng.uniform(1, 20, len(sold)), unit="D")
    for column in ("ordered_at", "known_at"):
        sold[column] = (world.cut + after).astype(past[column].dtype)
    return sold


def _news(frame: pd.DataFrame, table: str, *, cut: pd.Timestamp, rng: np.random.Generator) -> pd.DataFrame:
    """Rows of the past told anew after ``cut``: another state of the same thing, or a thing that came in late."""
    news = frame.iloc[rng.integers(0, len(frame), min(len(frame), _NEWS))].copy()
    news["known_at"] = cut + pd.to_timedelta(rng.uniform(0, 20, len(news)), unit="D")
    news["known_at"] = news["known_at"].astype(frame["known_at"].dtype)
    key = TABLES[table].key
    if table in _RETOLD:
        return news
    if "known_at" in key:
        if table == "orders":
            news["status"], news["refunded_quantity"] = "CANCELLED", news["quantity"]
        if table == "invitations":
            news["decision"], news["replied_at"] = "ACCEPT", news["known_at"]
        if table == "contents":
            news["deleted_at"] = news["known_at"]
        if table in ("creators", "products"):
            # Every second one is a thing of its own; the others have changed.
            news.iloc[::2, news.columns.get_loc(key[0])] = [f"{one}_new{i}" for i, one in enumerate(news[key[0]][::2])]
        if table == "creators":
            managed = news["agency_status"] == "AGENCY_MANAGED"
            news["agency_status"] = np.where(managed, "INDEPENDENT", "AGENCY_MANAGED")
        if table == "products":
            news["price"] = 2 * news["price"]
        if table == "samples":
            news["delivered_at"], news["fulfillment_status"] = news["requested_at"], "SUCCEED"
        return news
    if key[0] not in ("currency", "creator_id"):
        news[key[0]] = [f"{value}_new{i}" for i, value in enumerate(news[key[0]])]
        return news
    # Readings and rates at other times of the past.
    event = str(TABLES[table].event)
    news[event] = news[event] - (pd.Timedelta(hours=1) if table == "creator_snapshots" else pd.Timedelta(days=400))
    return news
