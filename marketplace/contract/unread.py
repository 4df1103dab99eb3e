"""The columns of the contract that nothing judges by, with the reason, and their page ``docs/unread_columns.md``.

``python -m marketplace.contract.unread`` writes the page. A test reads the source of ``features/``, ``models/`` and
``training/`` for what is read, and fails where a column is neither read nor told of here, and where one that is told
of here is read after all.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from marketplace.contract.tables import TABLES
from marketplace.state import write_whole

__all__ = ["PAGE", "SHOWN", "UNREAD", "main", "render"]

PAGE = Path("docs/unread_columns.md")
"""Where the page lives, from the repository's root."""

UNREAD: Mapping[str, str] = MappingProxyType(
    {
        "products.subcategory_id": (
            "peers, signals and conversion compare within level-1 categories; a finer cut leaves fewer in each"
        ),
        "products.launched_at": "a plan; a product's days in the shop say from when on it really sold",
        "product_days.ad_spend": (
            "spending follows demand and foreseen partnerships alike, so it is no control; ads that run a creator's "
            "post are told by the orders' is_paid_traffic and by paid_view_count"
        ),
        "creator_snapshots.top_follower_age": (
            "one band, without the share of followers in it; what an audience buys is read from orders"
        ),
        "creator_snapshots.top_follower_gender": "as the age band; it would also rank creators by their followers' sex",
        "creator_snapshots.brand_collaboration_count": "counts brands since the account began, not since a day",
        "creator_snapshots.avg_commission_rate": "what others pay it; the brief has the rate that is offered here",
        "creator_snapshots.sample_post_rate": (
            "a projection of the platform's, of unknown making; whether samples led to content is read from samples"
        ),
        "creator_snapshots.video_gpm": "what a view sells is estimated by conversion, from content and orders",
        "creator_snapshots.live_gpm": "as video_gpm",
        "creator_snapshots.video_gmv_share": "told by the orders' content_type for sales of this marketplace",
        "creator_snapshots.live_gmv_share": "as video_gmv_share",
        "creator_snapshots.showcase_gmv_share": "as video_gmv_share",
        "creator_snapshots.top_category_id": "what a creator sells by category is read from orders",
        "creator_snapshots.top_category_gmv_share": "as top_category_id",
        "orders.commission_model": "the commission itself is read, whichever way it was set",
        "impressions.request_id": "names a list; off-policy estimates go by campaign and creator",
        "impressions.position": "a place is the old ranker's opinion; propensity tells what it made of the chance",
        "impressions.shown_propensity": "whom of those shown a brand invites is its choice, at a chance nobody knows",
        "impressions.model_version": "which ranker it was is told by policy, and its chances by propensity",
        "impressions.known_at": "off-policy estimates look back at matured campaigns; no score is made of the table",
    }
)
"""``table.column`` to why no signal, index, label, check or estimate reads it."""

SHOWN: Mapping[str, str] = MappingProxyType(
    {
        "creators.username": "on cards and in answers; nothing is made of a handle",
        "creators.language": "on cards and in answers; whom a creator reaches is told by the market and by sales",
    }
)
"""``table.column`` that people are shown and nothing judges by."""

OPENING = """\
# Columns that nothing judges by

<!-- Written by `make docs` from marketplace/contract/unread.py. Change that, not this page. -->

Columns of [the contract](contract.md) that no signal, index, label, check or estimate reads, and why. A marketplace
loses nothing by leaving them out, where the contract lets it; `collabrank check` holds them against the contract all
the same. A test reads the source for what is read: a new column must be read, or stand here.
"""


def render() -> str:
    """The whole page as Markdown."""
    total = sum(len(table.columns) for table in TABLES.values())
    lines = [OPENING, f"{total - len(UNREAD) - len(SHOWN)} of {total} columns are read."]
    for title, columns in (("Not read", UNREAD), ("Shown to people, and nothing else", SHOWN)):
        lines += [f"\n## {title}\n", "| column | what it is | why |", "|---|---|---|"]
        lines += [f"| `{name}` | {_doc(name)} | {why} |" for name, why in columns.items()]
    return "\n".join(lines) + "\n"


def _doc(name: str) -> str:
    table, column = name.split(".")
    return next(one.doc for one in TABLES[table].columns if one.name == column)


def main() -> None:
    """Write the page."""
    write_whole(PAGE, render().encode())


if __name__ == "__main__":
    main()
