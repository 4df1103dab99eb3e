"""The data contract: every table a marketplace hands over, declared once.

The declarations below serve the checks, the simulator's output, the reader and
the reference page (``docs/contract.md``). Two clocks run through them: a
table's *event* column says when a thing happened, ``known_at`` says when the
platform could have told us. Status changes are new rows with a later
``known_at``, never overwrites.

Source: names follow the TikTok Shop Open API where it has one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa

__all__ = [
    "ATTRIBUTION_DAYS",
    "CURRENCIES",
    "GRACE_DAYS",
    "MARKETS",
    "NOT_THE_CREATORS_FAULT",
    "REFUND_DAYS",
    "REPLY_DAYS",
    "REPORTING_CURRENCY",
    "SAMPLE_STATUSES",
    "TABLES",
    "Column",
    "ColumnType",
    "Table",
    "arrow_schema",
]

ColumnType = Literal["string", "instant", "day", "count", "measure", "flag", "ids"]

MARKETS = {
    "ID": "IDR",
    "MY": "MYR",
    "PH": "PHP",
    "SG": "SGD",
    "TH": "THB",
    "VN": "VND",
    "GB": "GBP",
    "US": "USD",
}
"""Market (ISO 3166 alpha-2) to the currency it sells in (ISO 4217)."""

CURRENCIES = (*MARKETS.values(), "EUR")
REPORTING_CURRENCY = "USD"

ATTRIBUTION_DAYS = 14
"""Days after posting in which a sale counts as the partnership's (attribution window)."""

REFUND_DAYS = 21
"""Days after an order in which it can still be refunded (refund window)."""

REPLY_DAYS = 7
"""Days after which an unanswered invitation has expired."""

GRACE_DAYS = 14
"""Days after the due date in which late content is still delivered (late), not failed."""

_ARROW: dict[str, pa.DataType] = {
    "string": pa.string(),
    "instant": pa.timestamp("us", tz="UTC"),
    "day": pa.date32(),
    "count": pa.int64(),
    "measure": pa.float64(),
    "flag": pa.bool_(),
    "ids": pa.list_(pa.string()),
}


@dataclass(frozen=True)
class Column:
    """One column: its name, type, meaning and bounds.

    Parameters
    ----------
    name, type, doc : str
        ``type`` is one of `ColumnType`; ``doc`` is one line.
    unit : str
        What one of it is: ``fraction``, ``own currency``, ``units``, ...
    nullable : bool
        Whether null is allowed (null is "not known", never zero).
    values : tuple of str
        The allowed values of an enum; empty where any string will do.
    minimum, maximum : float or None
        Inclusive bounds.
    refers_to : str
        ``"table.column"`` that must hold the value, or empty.
    """

    name: str
    type: ColumnType
    doc: str
    unit: str = ""
    nullable: bool = False
    values: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    refers_to: str = ""

    @property
    def arrow(self) -> pa.DataType:
        """The Arrow type a file of the contract has."""
        return _ARROW[self.type]


@dataclass(frozen=True)
class Table:
    """One table: what a row is, its key, its clocks and its columns.

    ``event`` names the column of the first clock (empty for plain dimensions,
    whose only clock is ``known_at``). ``required`` tables are indispensable;
    without another one, what depends on it is null.
    """

    name: str
    doc: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    event: str = ""
    required: bool = False
    by_name: dict[str, Column] = field(init=False, repr=False, compare=False, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {column.name: column for column in self.columns})


def _id(name: str, doc: str, refers_to: str = "", nullable: bool = False) -> Column:
    return Column(name, "string", doc, refers_to=refers_to, nullable=nullable)


def _money(name: str, doc: str, nullable: bool = False, signed: bool = False) -> Column:
    return Column(name, "measure", doc, unit="own currency", nullable=nullable, minimum=None if signed else 0.0)


def _rate(name: str, doc: str, nullable: bool = False) -> Column:
    return Column(name, "measure", doc, unit="fraction", nullable=nullable, minimum=0.0, maximum=1.0)


def _count(name: str, doc: str, unit: str, nullable: bool = False) -> Column:
    return Column(name, "count", doc, unit=unit, nullable=nullable, minimum=0)


def _instant(name: str, doc: str, nullable: bool = False) -> Column:
    return Column(name, "instant", doc, unit="UTC", nullable=nullable)


def _enum(name: str, doc: str, *values: str, nullable: bool = False) -> Column:
    return Column(name, "string", doc, values=values, nullable=nullable)


_KNOWN = Column("known_at", "instant", "when the platform could have told us this row", unit="UTC")
_CURRENCY = Column("currency", "string", "ISO 4217 code of the row's money", values=CURRENCIES)
_CREATOR = _id("creator_id", "the creator", "creators.creator_id")
_PRODUCT = _id("product_id", "the product", "products.product_id")
_CAMPAIGN = _id("campaign_id", "the campaign (a brief)", "campaigns.campaign_id")
_INVITATION = _id("invitation_id", "the invitation", "invitations.invitation_id")

SAMPLE_STATUSES = (
    "PENDING",
    "AWAITING_SHIPMENT",
    "SHIPPED",
    "CONTENT_PENDING",
    "COMPLETED",
    "REJECT_CANCELLED",
    "OVERDUE_CANCELLED",
    "UNFULFILL_CANCELLED",
    "DEL_OPEN_COLLAB",
    "SELLER_NOT_SHIP_CANCELLED",
    "WITHDRAW_CANCELLED",
    "UNFULFILLABLE_CANCELLED",
    "OPS_CANCELLED",
    "OPS_FAILED",
    "OPS_COMPLETED",
)
"""TikTok Shop's sample application statuses."""

NOT_THE_CREATORS_FAULT = (
    "REJECT_CANCELLED",
    "OVERDUE_CANCELLED",
    "DEL_OPEN_COLLAB",
    "SELLER_NOT_SHIP_CANCELLED",
    "UNFULFILLABLE_CANCELLED",
    "OPS_CANCELLED",
    "OPS_FAILED",
    "OPS_COMPLETED",
)
"""Sample statuses that never count for or against the creator: the seller's or the platform's doing, or ambiguous."""

_TABLES = (
    Table(
        "brands",
        "A seller.",
        ("brand_id",),
        (
            _id("brand_id", "the brand"),
            _enum("market", "where it sells", *MARKETS),
            Column("name", "string", "its public name", nullable=True),
            _KNOWN,
        ),
    ),
    Table(
        "products",
        "A product.",
        ("product_id",),
        (
            _id("product_id", "the product"),
            _id("brand_id", "the brand that sells it", "brands.brand_id"),
            _id("category_id", "its level-1 category"),
            _id("subcategory_id", "its level-2 category", nullable=True),
            _money("price", "list price of one unit"),
            _CURRENCY,
            _rate("gross_margin_rate", "margin before commission, as a share of net sales", nullable=True),
            _instant("launched_at", "when it went on sale", nullable=True),
            _KNOWN,
        ),
        required=True,
    ),
    Table(
        "product_days",
        "A product's day in the shop, all traffic.",
        ("product_id", "day"),
        (
            _PRODUCT,
            Column("day", "day", "the UTC date", unit="UTC"),
            _count("units_sold", "units sold", "units"),
            _money("gmv", "net sales of the day, refunds taken out when they are known"),
            _CURRENCY,
            _money("ad_spend", "what the brand spent on ads for it", nullable=True),
            _rate("discount_rate", "average discount on the list price", nullable=True),
            _KNOWN,
        ),
        event="day",
    ),
    Table(
        "creators",
        "A creator.",
        ("creator_id",),
        (
            _id("creator_id", "the creator"),
            Column("username", "string", "the public handle", nullable=True),
            _enum("market", "where the creator may sell", *MARKETS),
            Column("language", "string", "BCP 47 language of the content", nullable=True),
            _enum("agency_status", "who manages the creator", "AGENCY_MANAGED", "INDEPENDENT", nullable=True),
            _instant("joined_at", "when the creator joined the marketplace"),
            _KNOWN,
        ),
        event="joined_at",
        required=True,
    ),
    Table(
        "creator_snapshots",
        "A creator's profile as read at one time.",
        ("creator_id", "snapshot_at"),
        (
            _CREATOR,
            _instant("snapshot_at", "when the profile was read"),
            _count("follower_count", "followers", "followers", nullable=True),
            Column("creator_health_rating", "measure", "TikTok's health rating", unit="points", nullable=True,
                   minimum=0.0, maximum=1000.0),
            Column("top_follower_age", "string", "the followers' largest age band", nullable=True),
            Column("top_follower_gender", "string", "the followers' larger gender", nullable=True),
            _money("gmv_30d", "GMV of the last 30 days", nullable=True),
            _money("gmv_30d_min", "lower end of the range where GMV is not exact", nullable=True),
            _money("gmv_30d_max", "upper end of the range where GMV is not exact", nullable=True),
            _CURRENCY,
            _enum("precision", "how well GMV is known", "exact", "range", "projected", "estimated"),
            _KNOWN,
        ),
        event="snapshot_at",
    ),
    Table(
        "contents",
        "A state of one video or live.",
        ("content_id", "known_at"),
        (
            _id("content_id", "the content"),
            _CREATOR,
            _enum("format", "video or live", "VIDEO", "LIVE"),
            _instant("published_at", "when it was published"),
            _instant("live_end_at", "when the live ended; null for a video", nullable=True),
            Column("product_ids", "ids", "products it promotes", nullable=True, refers_to="products.product_id"),
            Column("is_shoppable", "flag", "whether a product can be bought from it"),
            Column("is_ad_authorized", "flag", "whether the brand may run it as an ad", nullable=True),
            Column("is_disclosed", "flag", "whether it is marked as advertising", nullable=True),
            _instant("deleted_at", "when it was deleted", nullable=True),
            _KNOWN,
        ),
        event="published_at",
    ),
    Table(
        "content_days",
        "A content's day, increments.",
        ("content_id", "day"),
        (
            _id("content_id", "the content", "contents.content_id"),
            Column("day", "day", "the UTC date", unit="UTC"),
            _CREATOR,
            _count("view_count", "views, paid ones included", "views"),
            _count("like_count", "likes", "likes"),
            _count("comment_count", "comments", "comments"),
            _count("share_count", "shares", "shares"),
            _count("product_clicks", "clicks on its products", "clicks", nullable=True),
            _count("paid_view_count", "views bought with ads", "views", nullable=True),
            _KNOWN,
        ),
        event="day",
    ),
    Table(
        "orders",
        "A state of one order line.",
        ("order_id", "sku_id", "known_at"),
        (
            _id("order_id", "the order"),
            _id("sku_id", "the line within it"),
            _PRODUCT,
            _id("creator_id", "the creator it is attributed to; null for the shop's own traffic",
                "creators.creator_id", nullable=True),
            _id("content_id", "the content it is attributed to", "contents.content_id", nullable=True),
            _enum("content_type", "where it was bought", "VIDEO", "LIVE", "SHOWCASE", "SHOP"),
            _id("campaign_id", "the campaign it belongs to; null outside one", "campaigns.campaign_id", nullable=True),
            _instant("ordered_at", "when it was ordered"),
            _enum("status", "the order's state", "PROCESSING", "COMPLETED", "CANCELLED", "FROZEN", "DEDUCTED"),
            _count("quantity", "units ordered", "units"),
            _count("refunded_quantity", "units refunded so far", "units"),
            _money("price", "price paid for one unit"),
            _CURRENCY,
            _money("commission", "commission owed on the line", nullable=True),
            Column("is_paid_traffic", "flag", "whether an ad led to it", nullable=True),
            _KNOWN,
        ),
        event="ordered_at",
        required=True,
    ),
    Table(
        "campaigns",
        "A brief.",
        ("campaign_id",),
        (
            _id("campaign_id", "the campaign"),
            _id("brand_id", "the brand that asks", "brands.brand_id"),
            _enum("market", "where it sells", *MARKETS),
            _id("category_id", "level-1 category of its products"),
            Column("product_ids", "ids", "products to promote", refers_to="products.product_id"),
            _enum("objective", "what it is for", "SALES", "LAUNCH", "AWARENESS"),
            _enum("collaboration", "by invitation or open to all", "TARGET", "OPEN"),
            _money("budget", "what may be spent in all", nullable=True),
            _CURRENCY,
            _rate("commission_rate", "share of attributed net sales paid to the creator"),
            _money("flat_fee", "fee for one delivered partnership", nullable=True),
            Column("has_free_sample", "flag", "whether creators get a free sample"),
            _instant("briefed_at", "when the brief was written"),
            _instant("starts_at", "when content may begin"),
            _instant("ends_at", "when content is due"),
            _KNOWN,
        ),
        event="briefed_at",
        required=True,
    ),
    Table(
        "impressions",
        "A creator shown to a brand for a brief.",
        ("request_id", "creator_id"),
        (
            _id("request_id", "the list that was shown"),
            _CREATOR,
            _CAMPAIGN,
            _instant("shown_at", "when it was shown"),
            Column("position", "count", "place in the list, from 1", unit="places", minimum=1),
            Column("policy", "string", "which ranker made the list"),
            _rate("propensity", "chance of being invited under that policy; null when unknown", nullable=True),
            Column("model_version", "string", "the ranker's version", nullable=True),
            _KNOWN,
        ),
        event="shown_at",
    ),
    Table(
        "invitations",
        "A state of one invitation.",
        ("invitation_id", "known_at"),
        (
            _id("invitation_id", "the invitation"),
            _CAMPAIGN,
            _CREATOR,
            _instant("sent_at", "when it was sent"),
            _instant("replied_at", "when the creator replied", nullable=True),
            _enum("decision", "what became of it", "PENDING", "ACCEPT", "DECLINE", "EXPIRED", "WITHDRAWN_BY_SELLER"),
            _instant("decided_at", "when that was decided", nullable=True),
            _rate("commission_rate", "commission offered", nullable=True),
            _KNOWN,
        ),
        event="sent_at",
        required=True,
    ),
    Table(
        "samples",
        "A state of one free sample.",
        ("sample_id", "known_at"),
        (
            _id("sample_id", "the sample"),
            _INVITATION,
            _CREATOR,
            _PRODUCT,
            _enum("status", "the sample's state", *SAMPLE_STATUSES),
            _enum("fulfillment_status", "the content owed for it", "PENDING", "ONGOING", "SUCCEED", "FAILED",
                  "OVERDUE", "SUSPEND", "CANCELLED", "EXEMPTED"),
            _instant("requested_at", "when it was asked for"),
            _instant("shipped_at", "when it was shipped", nullable=True),
            _instant("delivered_at", "when it arrived", nullable=True),
            _instant("content_due_at", "when the content is due", nullable=True),
            _KNOWN,
        ),
        event="requested_at",
    ),
    Table(
        "deliveries",
        "A piece of content delivered for an invitation.",
        ("delivery_id",),
        (
            _id("delivery_id", "the delivery"),
            _INVITATION,
            _CREATOR,
            _CAMPAIGN,
            _id("content_id", "the content", "contents.content_id", nullable=True),
            _instant("posted_at", "when it was posted"),
            _instant("due_at", "when it was due", nullable=True),
            Column("revision_count", "count", "revisions the brand asked for", unit="revisions", nullable=True,
                   minimum=0),
            _rate("brief_compliance", "how far it followed the brief at first pass", nullable=True),
            _KNOWN,
        ),
        event="posted_at",
    ),
    Table(
        "reviews",
        "A review of one side by the other.",
        ("review_id",),
        (
            _id("review_id", "the review"),
            _INVITATION,
            _enum("direction", "who reviews whom", "BRAND_OF_CREATOR", "CREATOR_OF_BRAND"),
            Column("stars", "count", "1 (worst) to 5", unit="stars", minimum=1, maximum=5),
            _instant("reviewed_at", "when it was written"),
            _KNOWN,
        ),
        event="reviewed_at",
    ),
    Table(
        "costs",
        "What the brand paid for one partnership.",
        ("campaign_id", "creator_id"),
        (
            _CAMPAIGN,
            _CREATOR,
            _money("flat_fee", "fee paid"),
            _money("sample_cost", "cost of the sample's goods"),
            _money("shipping_cost", "cost of shipping it"),
            _CURRENCY,
            _instant("paid_at", "when it was booked"),
            _KNOWN,
        ),
        event="paid_at",
    ),
    Table(
        "fx_rates",
        "A currency's day.",
        ("currency", "day"),
        (
            _CURRENCY,
            Column("day", "day", "the UTC date", unit="UTC"),
            Column("usd_rate", "measure", "USD for one unit of the currency", unit="USD", minimum=0.0),
            _KNOWN,
        ),
        event="day",
    ),
)

TABLES: dict[str, Table] = {table.name: table for table in _TABLES}
"""Every table of the contract by name."""


def arrow_schema(table: str) -> pa.Schema:
    """The Arrow schema that the files of ``table`` have, columns in the declared order."""
    return pa.schema([pa.field(column.name, column.arrow) for column in TABLES[table].columns])
