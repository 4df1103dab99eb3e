"""What a brief says that may not be what was meant: names that nobody knows, amounts and dates that are unusual.

A doubt refuses nothing: the brief is ranked as it stands, and whoever wrote it is told. What cannot be ranked at all is
a problem, and `completed` names all of them at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from features.briefs.brief import Brief
from features.briefs.catalogue import Catalogue, meant
from features.briefs.names import Names
from marketplace.errors import BriefError, Problem

__all__ = ["Doubt", "Known", "completed", "doubts_of", "unknown_names"]

FAR = 3.0
"""A price or a fee is unusual beyond so many times the dearest that is known, or below the cheapest over it."""

NAMED = 5
"""Unknown names of one list that are told one by one."""

OLD_DAYS = 60.0
"""A brief that many days after the snapshot's day is ranked from old figures."""

AGO_DAYS = 30.0
"""A brief that many days before the snapshot's day is ranked by what its writer could not know."""

LONG_DAYS = 180.0
"""Days for content beyond which a campaign is unusually long, and before which it usually begins."""

HIGH_COMMISSION = 0.5
"""Up to this share of sales no commission is unusual."""

HIGH_MARGIN = 0.95
"""A gross margin that next to nothing has."""

_TYPED = "amounts are in whole units of `currency`, not in cents"


@dataclass(frozen=True)
class Doubt:
    """One thing that may not be meant.

    Parameters
    ----------
    field : str
        As the brief calls it.
    message : str
        What is odd about it, and what comes of it.
    closest : tuple of str
        Known names that may have been meant, the likeliest first.
    """

    field: str
    message: str
    closest: tuple[str, ...] = ()


@dataclass(frozen=True)
class Known:
    """What a snapshot knows by name, and what is usual there.

    Parameters
    ----------
    catalogue : Catalogue
    category_ids, brand_ids : sequence of str
        Those that signals are kept for.
    languages : iterable of str
        Spoken by the market's creators.
    campaigns : mapping of str to Brief
    private : bool
        Whether ``catalogue`` and ``campaigns`` are some brands' own: others' names are then not told.
    """

    catalogue: Catalogue
    category_ids: Sequence[str]
    brand_ids: Sequence[str]
    languages: Iterable[str]
    campaigns: Mapping[str, Brief]
    private: bool = False

    @cached_property
    def categories(self) -> Names:
        """Every category that has signals."""
        return Names(self.category_ids)

    @cached_property
    def brands(self) -> Names:
        """The brands that may be told: those that sell a product, and those with signals unless it is private."""
        selling = (one.brand_id for one in self.catalogue.products.values())
        return Names({*selling, *(() if self.private else self.brand_ids)})

    @cached_property
    def known_brands(self) -> frozenset[str]:
        """The brands with signals."""
        return frozenset(self.brand_ids)

    @cached_property
    def spoken(self) -> Names:
        """The languages."""
        return Names(one for one in self.languages if one)

    @cached_property
    def campaign_names(self) -> Names:
        """Every campaign's id."""
        return Names(self.campaigns)

    @cached_property
    def price_range(self) -> Mapping[str, tuple[float, float]]:
        """Cheapest and dearest product of each category, USD."""
        found: dict[str, tuple[float, float]] = {}
        for one in self.catalogue.products.values():
            if one.price_usd > 0:
                low, high = found.get(one.category_id, (one.price_usd, one.price_usd))
                found[one.category_id] = min(low, one.price_usd), max(high, one.price_usd)
        return found

    @cached_property
    def highest_fee(self) -> float:
        """The highest fee that a campaign has offered, USD; 0 where none has."""
        return max((one.flat_fee_usd for one in self.campaigns.values() if one.flat_fee_usd > 0), default=0.0)

    @cached_property
    def highest_commission(self) -> float:
        """The highest commission that a campaign has offered; 0 where none has."""
        return max((one.commission_rate for one in self.campaigns.values()), default=0.0)


def completed(said: Mapping[str, Any], known: Known) -> Brief:
    """What `features.briefs.catalogue.Catalogue.complete` makes of a brief that was written out.

    A brief that is refused has its names looked at, too: a misspelt category is what leaves it without a price. They
    come first among its problems.

    Raises
    ------
    BriefError
        All that is wrong with it, in its ``problems``.
    """
    try:
        return known.catalogue.complete(said)
    except BriefError as error:
        names = [one for one in _misnamed(said, known) if one.field not in {each.field for each in error.problems}]
        raise BriefError.of([*names, *error.problems], look=error.look) from None


def _misnamed(said: Mapping[str, Any], known: Known) -> Iterator[Problem]:
    """The names of ``said`` that nobody knows; of many products the first `NAMED`."""
    brand, products = said.get("brand_id"), said.get("product_ids") or ()
    selling = () if brand is None or brand in known.known_brands or brand in known.brands else (str(brand),)
    strange = [str(one) for one in dict.fromkeys(products) if one not in known.catalogue.products]
    category = said.get("category_id")
    for field, what, names, there in (
        ("brand_id", "a brand", selling, known.brands),
        ("category_id", "a category", () if category is None else (str(category),), known.categories),
        ("product_ids", "products", strange[:NAMED], known.catalogue.names if strange else Names(())),
    ):
        for name in names:
            if name not in there:
                closest = there.closest(name)
                yield Problem(field, f"{what} that the snapshot knows", f"{_quoted(name)}{meant(closest)}", closest)


def doubts_of(said: Mapping[str, Any], brief: Brief, known: Known) -> list[Doubt]:
    """What may not be meant of a brief that was written out, in the order of its fields.

    Parameters
    ----------
    said : mapping
        As it was written; None counts as left out.
    brief : Brief
        What `features.briefs.catalogue.Catalogue.complete` made of it.
    """
    told = {name for name, value in said.items() if value is not None}
    return [*_names(told, brief, known), *_money(told, brief, known), *_dates(told, brief, known)]


def unknown_names(field: str, names: Iterable[str], known: Names, what: str) -> list[Doubt]:
    """One doubt for each of ``names`` that is not ``known``; beyond the first `NAMED` their number alone."""
    missing = [name for name in dict.fromkeys(names) if name not in known]
    found = [Doubt(field, f"{what} {_quoted(name)}", known.closest(name)) for name in missing[:NAMED]]
    if len(missing) > NAMED:
        found.append(Doubt(field, f"{len(missing) - NAMED} more that the snapshot does not know"))
    return found


def _names(told: set[str], brief: Brief, known: Known) -> Iterator[Doubt]:
    products = known.catalogue.products
    if brief.category_id not in known.categories:
        yield Doubt(
            "category_id",
            f"the snapshot knows no category {_quoted(brief.category_id)}: creators are ranked as for a category in "
            "which nobody has sold",
            known.categories.closest(brief.category_id),
        )
    if "brand_id" in told and brief.brand_id not in known.known_brands and brief.brand_id not in known.brands:
        yield Doubt(
            "brand_id",
            f"the snapshot knows no brand {_quoted(brief.brand_id)}: what creators did for the brand counts for nobody",
            known.brands.closest(brief.brand_id),
        )
    if not all(name in products for name in brief.product_ids):
        names = known.catalogue.names
        yield from unknown_names("product_ids", brief.product_ids, names, "the snapshot knows no product")
    there = [products[name] for name in brief.product_ids if name in products]
    for field, own, theirs in (
        ("category_id", brief.category_id, {one.category_id for one in there}),
        ("brand_id", brief.brand_id, {one.brand_id for one in there}),
    ):
        if field in told and theirs and own not in theirs:
            yield Doubt(field, f"the products are of {', '.join(sorted(theirs))}, not of {_quoted(own)}")


def _money(told: set[str], brief: Brief, known: Known) -> Iterator[Doubt]:
    low, high = known.price_range.get(brief.category_id, (0.0, math.inf))
    if "price" in told and not low / FAR <= brief.price_usd <= high * FAR:
        yield Doubt(
            "price",
            f"{brief.price_usd:,.2f} USD, where known products of {brief.category_id} cost {low:,.2f} to {high:,.2f} "
            f"USD; {_TYPED}",
        )
    fee = brief.flat_fee_usd
    if known.highest_fee and fee > FAR * known.highest_fee:
        yield Doubt(
            "flat_fee",
            f"{fee:,.2f} USD for each creator, where no known campaign offered more than {known.highest_fee:,.2f} USD; "
            f"{_TYPED}",
        )
    each = fee + brief.sample_cost_usd
    if "budget" in told and brief.budget_usd < each:
        yield Doubt(
            "budget", f"{brief.budget_usd:,.2f} USD do not pay for one creator: fee and sample cost {each:,.2f}"
        )
    highest = known.highest_commission
    if brief.commission_rate > max(HIGH_COMMISSION, FAR * highest):
        usual = f", where no known campaign offered more than {highest:.0%}" if highest else ""
        yield Doubt("commission_rate", f"{brief.commission_rate:.0%} of sales{usual}")
    elif brief.commission_rate > brief.margin_rate:
        yield Doubt(
            "commission_rate",
            f"{brief.commission_rate:.0%} of sales is more than the gross margin of {brief.margin_rate:.0%}: every "
            "further sale costs money",
        )
    if "margin_rate" in told and not 0 < brief.margin_rate <= HIGH_MARGIN:
        yield Doubt("margin_rate", f"a gross margin of {brief.margin_rate:.0%} is next to unheard of")


def _dates(told: set[str], brief: Brief, known: Known) -> Iterator[Doubt]:
    as_of = known.catalogue.as_of
    late = _days(as_of, brief.briefed_at)
    if late > OLD_DAYS:
        yield Doubt("briefed_at", f"{late:,.0f} days after the snapshot's day {as_of:%Y-%m-%d}: what happened since is "
                    "not in the figures; `collabrank snapshot DIR` makes a newer one")  # fmt: skip
    elif late < -AGO_DAYS:
        yield Doubt("briefed_at", f"{-late:,.0f} days before the snapshot's day {as_of:%Y-%m-%d}: the figures know "
                    "what came later")  # fmt: skip
    ahead, long = _days(brief.briefed_at, brief.starts_at), _days(brief.starts_at, brief.ends_at)
    if "starts_at" in told and not -1.0 <= ahead <= LONG_DAYS:
        yield Doubt("starts_at", f"{abs(ahead):,.0f} days {'before' if ahead < 0 else 'after'} the brief")
    if "ends_at" in told and not 1.0 <= long <= LONG_DAYS:
        yield Doubt("ends_at", f"{long:,.1f} days for content, counted from starts_at")


def _days(start: pd.Timestamp, end: pd.Timestamp) -> float:
    return float((end - start).total_seconds()) / 86_400.0


def _quoted(name: str) -> str:
    return f"'{name}'" if len(name) <= 64 else f"'{name[:64]}…'"
