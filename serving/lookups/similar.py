"""Look-alikes of a creator: whose sales are in the same categories, whose audience is alike, whose viewers buy alike.

- ``category``: the shares of orders of the last 90 days by category, each held towards what all candidates sell by
  `WORTH` orders; the cosine of their square roots. Who sold nothing is like nobody.
- ``audience``: followers, views, growth and how viewers answer, each as a share of the candidates who have less; one
  less the mean distance over what is known of both. Another language counts as much as `FOREIGN` of it. Who the
  viewers are (age, gender) the snapshot does not know.
- ``taste``: what conversion (`features.conversion`) learned of whose products a creator's viewers buy: the cosine of
  what it expects over all brands, from -1..1 to 0..1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from features.conversion import TASTES
from features.signals import names_of
from features.snapshot import Snapshot
from marketplace.arrays import Floats
from serving.creators import creator_at_home
from serving.lookups.catalogue import known_number
from serving.lookups.columns import Market
from serving.pair import Served
from serving.queries import Query

__all__ = ["FOREIGN", "WORTH", "SimilarAnswer", "SimilarCreator", "SimilarQuery", "similar"]

WORTH = 10.0
"""Orders that the candidates' mix of categories weighs beside a creator's own."""

FOREIGN = 0.7
"""What the likeness of two audiences counts where their languages are known and differ."""

_FEWEST = 3  # numbers of an audience that must be known of both
_AUDIENCE = (
    ("follower_count_last", "followers", "{:,.0f}"),
    ("organic_views_per_post_90d", "views a post", "{:,.0f}"),
    ("views_per_follower_28d", "views a follower", "{:.2f}"),
    ("engagement_rate_90d", "engagement", "{:.1%}"),
    ("share_rate_90d", "shares a view", "{:.2%}"),
    ("click_rate_90d", "clicks a view", "{:.2%}"),
    ("follower_growth_28d", "growth in 28 days", "{:+.1%}"),
)
_CLOSE = 0.08  # of the candidates, within which a number is told as alike
_TOLD = 3

Told = Callable[[int], list[str]]


class SimilarQuery(Query):
    """In what, and where."""

    by: Literal["audience", "category", "taste"] = Field("category", description="In what they are alike.")
    market: Market | None = Field(None, description="Among creators of this market; left out: the creator's own.")
    top: Annotated[int, Field(ge=1, le=100)] = Field(12, description="How many to return.")

    def goes_over(self, served: Served) -> int:
        """The creators of the market; of a usual one where it is not told."""
        markets = served.snapshot.markets
        return len(served.snapshot) // len(markets) if self.market is None else served.snapshot.size_of(self.market)


class SimilarCreator(BaseModel):
    """One look-alike."""

    model_config = ConfigDict(extra="forbid")

    creator_id: str
    username: str = Field(description="Empty where not known.")
    market: str
    followers: int | None = Field(description="At the latest reading; null where not known.")
    similarity: float = Field(description="0..1; 1 is the same.")
    alike: list[str] = Field(description="In what, in words.")


class SimilarAnswer(BaseModel):
    """A creator's look-alikes, the most alike first."""

    model_config = ConfigDict(extra="forbid")

    creator_id: str
    by: str = Field(description="In what they are alike.")
    note: str | None = Field(description="Why there are none, where there are none; null otherwise.")
    similar: list[SimilarCreator] = Field(description="The most alike first; equal ones in the order of their ids.")


def similar(served: Served, query: SimilarQuery, creator_id: str) -> SimilarAnswer:
    """The creators who are most like ``creator_id``, an id or a username.

    Raises
    ------
    SnapshotError
        There is no such creator (404).
    BriefError
        Several creators have the username (409).
    """
    name, home = creator_at_home(served, creator_id)
    own, asked = served.snapshot.of_market(home), query.market or home
    if asked not in served.snapshot.markets:
        return SimilarAnswer(creator_id=name, by=query.by, note=f"{asked} has no creators", similar=[])
    there, row = served.snapshot.of_market(asked), own.rows_of[name]
    measure = {"audience": _by_audience, "category": _by_category, "taste": _by_taste}[query.by]
    likeness, tell, note = measure(own, row, there)
    likeness = likeness.copy()
    if own is there:
        likeness[row] = np.nan
    known = np.flatnonzero(np.isfinite(likeness))
    # Rows lie in the order of ids, so that a stable sort breaks ties as ids do.
    best = known[np.argsort(-likeness[known], kind="stable")][: query.top]
    return SimilarAnswer(
        creator_id=name,
        by=query.by,
        note=None if len(best) else note,
        similar=[_told(there, int(one), float(likeness[one]), tell(int(one))) for one in best],
    )


def _told(part: Snapshot, row: int, similarity: float, alike: list[str]) -> SimilarCreator:
    followers = known_number(float(part.followers[row]))
    return SimilarCreator(
        creator_id=str(part.creator_ids[row]),
        username=str(part.usernames[row]),
        market=str(part.arrays.markets[row]),
        followers=None if followers is None else int(followers),
        similarity=round(min(max(similarity, 0.0), 1.0), 6),
        alike=alike,
    )


def _by_category(own: Snapshot, row: int, there: Snapshot) -> tuple[Floats, Told, str]:
    place, kinds = names_of("creator_category").index("category_orders_sum_90d"), len(there.category_ids)
    orders = np.nan_to_num(np.asarray(there.arrays.category)[:, :kinds, place])
    mine = np.nan_to_num(np.asarray(own.arrays.category)[row, :kinds, place])
    total = orders.sum(axis=1)
    usual = (orders.sum(axis=0) + 1.0) / (orders.sum() + kinds)
    shares = (orders + WORTH * usual) / (total + WORTH)[:, None]
    share = (mine + WORTH * usual) / (mine.sum() + WORTH)
    # The square roots of shares have length 1: their product is their cosine.
    likeness = np.where(total > 0, np.sqrt(shares) @ np.sqrt(share), np.nan)
    if mine.sum() <= 0:
        likeness = np.full(len(there), np.nan)
    told = mine / max(mine.sum(), 1.0)

    def tell(other: int) -> list[str]:
        theirs = orders[other] / total[other]
        both = np.minimum(told, theirs)
        largest = [one for one in np.argsort(-both, kind="stable")[:_TOLD].tolist() if both[one] >= 0.05]
        return [
            f"{there.category_ids[one]}: {told[one]:.0%} of this creator's orders and {theirs[one]:.0%} of theirs"
            for one in largest
        ]

    return likeness, tell, "nothing sold in the last 90 days, by this creator or by any there"


def _by_audience(own: Snapshot, row: int, there: Snapshot) -> tuple[Floats, Told, str]:
    places = [names_of("creator").index(name) for name, *_ in _AUDIENCE]
    theirs, mine = np.asarray(there.arrays.creator)[:, places], np.asarray(own.arrays.creator)[row, places]
    stands, own_stand = _standings(theirs, mine)
    apart = np.abs(stands - own_stand)
    known = np.isfinite(apart)
    counted = known.sum(axis=1)
    with np.errstate(invalid="ignore"):
        likeness = np.where(counted >= _FEWEST, 1.0 - np.nansum(apart, axis=1) / np.maximum(counted, 1), np.nan)
    language, languages = str(own.arrays.languages[row]), np.asarray(there.arrays.languages).astype(str)
    foreign = (languages != "") & (languages != language) if language else np.zeros(len(there), dtype=bool)
    likeness = np.where(foreign, FOREIGN * likeness, likeness)

    def tell(other: int) -> list[str]:
        said = [f"both in {language}"] if language and languages[other] == language else []
        order = np.argsort(np.where(known[other], apart[other], np.inf), kind="stable").tolist()
        close = [one for one in order if known[other, one] and apart[other, one] <= _CLOSE]
        for one in close[:_TOLD]:
            _, words, form = _AUDIENCE[one]
            said.append(f"{words}: {form.format(mine[one])} and {form.format(theirs[other, one])}")
        return said

    return likeness, tell, "too little is known of this creator's audience, or of any there"


def _standings(values: Floats, own: Floats) -> tuple[Floats, Floats]:
    """Shares of the known values of each column that are below each value, and below ``own``; ties count half."""
    out, mine = np.full(values.shape, np.nan), np.full(len(own), np.nan)
    for column in range(values.shape[1]):
        known = np.isfinite(values[:, column])
        ordered = np.sort(values[known, column])
        if not len(ordered):
            continue

        def share(asked: Floats, ordered: Floats = ordered) -> Floats:
            below = np.searchsorted(ordered, asked, "left") + np.searchsorted(ordered, asked, "right")
            return np.asarray(below / (2.0 * len(ordered)))

        out[known, column] = share(values[known, column])
        if np.isfinite(own[column]):
            mine[column] = float(share(own[column : column + 1])[0])
    return out, mine


def _by_taste(own: Snapshot, row: int, there: Snapshot) -> tuple[Floats, Told, str]:
    nobody = np.full(len(there), np.nan)
    if own.conversion is None or there.conversion is None:
        return nobody, _silent, "this marketplace tells too little to learn what creators' viewers buy"
    mine, at_home = own.conversion, int(own.conversion.rows_of([str(own.creator_ids[row])])[0])
    theirs, rows = there.conversion, there.conversion.rows_of(np.asarray(there.creator_ids))
    if at_home >= len(mine.creator_ids):
        return nobody, _silent, "too little was sold through this creator to learn what their viewers buy"
    taste, tastes = mine.mean[-TASTES - 1 : -1, at_home], theirs.mean[-TASTES - 1 : -1][:, rows]
    alike = mine.brands[:-1].T @ mine.brands[:-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        length = np.sqrt(np.einsum("kn,kj,jn->n", tastes, alike, tastes) * (taste @ alike @ taste))
        likeness = np.where(length > 0, 0.5 + 0.5 * (taste @ alike @ tastes) / length, np.nan)
    likeness[rows >= len(theirs.creator_ids)] = np.nan

    def tell(other: int) -> list[str]:
        said = ["their viewers buy from the same kind of brands"] if likeness[other] >= 0.75 else []
        for words, a, b, close in (
            ("price of what they sell against its category", np.expm1(mine.usual_price[at_home]),
             np.expm1(theirs.usual_price[rows[other]]), 0.15),
            ("sold by lives", mine.live_share[at_home], theirs.live_share[rows[other]], 0.15),
        ):  # fmt: skip
            form = "{:+.0%}" if words.startswith("price") else "{:.0%}"
            if abs(a - b) <= close:
                said.append(f"{words}: {form.format(a)} and {form.format(b)}")
        return said

    return likeness, tell, "too little was sold there to learn what creators' viewers buy"


def _silent(_: int) -> list[str]:
    return []
