"""What is asked of the Open API: one declaration an endpoint, with the fields that are kept of its answer.

Nothing else is kept: the order endpoint also tells buyers' names, addresses and telephone numbers, which never reach
the disk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["ENDPOINTS", "Endpoint", "prune", "value_at"]

Kept = Mapping[str, Any]
"""Field to True, or to what is kept of the object or the objects in it."""


@dataclass(frozen=True)
class Endpoint:
    """One endpoint that is read.

    Parameters
    ----------
    name : str
        What its records are called here.
    method, path : str
        As the API has them; ``{id}`` is filled in.
    items : str
        The field of ``data`` that holds the records (a list), or the one record (an object).
    key : tuple of str
        Fields that together name a record among those of one request's subject; dotted within objects.
    needs : tuple of str
        Fields without which a record cannot be used; dotted.
    kept : Kept
        The fields that are kept.
    page_size : int
        Records a page; 0 where there are no pages.
    """

    name: str
    method: str
    path: str
    items: str
    key: tuple[str, ...]
    needs: tuple[str, ...]
    kept: Kept
    page_size: int = 0


def _tree(*paths: str) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path in paths:
        *above, last = path.split(".")
        node = tree
        for name in above:
            node = node.setdefault(name, {})
        node[last] = True
    return tree


def _amounts(*names: str) -> Iterator[str]:
    for name in names:
        yield from (f"{name}.amount", f"{name}.currency")


def _ranges(*names: str) -> Iterator[str]:
    for name in names:
        yield from (f"{name}.minimum_amount", f"{name}.maximum_amount", f"{name}.currency")


ENDPOINTS: Mapping[str, Endpoint] = {
    one.name: one
    for one in (
        Endpoint(
            "creators",
            "POST",
            "/affiliate_seller/202508/marketplace_creators/search",
            "creators",
            ("creator_open_id",),
            ("creator_open_id", "username"),
            _tree(
                "creator_open_id", "username", "selection_region", "follower_count", "category_ids",
                *_amounts("gmv"), *_ranges("gmv_range"), "top_follower_demographics.age_ranges",
                "top_follower_demographics.major_gender.gender",
            ),
            page_size=20,
        ),
        Endpoint(
            "profiles",
            "GET",
            "/affiliate_seller/202508/marketplace_creators/{id}",
            "creator",
            (),
            (),
            _tree(
                "username", "avg_commission_rate", "brand_collaboration_count", "category_gmv_distribution.category_id",
                "category_gmv_distribution.value", "content_gmv_distribution.content_type",
                "content_gmv_distribution.value", *_amounts("video_gpm", "live_gpm"),
                *_ranges("video_gpm_range", "live_gpm_range"), "post_rate",
            ),
        ),
        Endpoint(
            "orders",
            "POST",
            "/order/202309/orders/search",
            "orders",
            ("id",),
            ("id", "create_time", "update_time", "line_items"),
            _tree(
                "id", "status", "create_time", "update_time", "rts_time", "delivery_time",
                "is_sample_order", "payment.currency", "line_items.id", "line_items.sku_id", "line_items.product_id",
                "line_items.sale_price", "line_items.original_price", "line_items.currency",
                "line_items.display_status", "line_items.is_gift",
            ),
            page_size=100,
        ),
        Endpoint(
            "affiliate_orders",
            "POST",
            "/affiliate_seller/202410/orders/search",
            "orders",
            ("id",),
            ("id", "skus"),
            _tree(
                "id", "status", "skus.sku_id", "skus.product_id", "skus.creator_username", "skus.content_id",
                "skus.content_type", "skus.target_collaboration_id", "skus.commission_model",
                *_amounts("skus.price", "skus.estimated_paid_commission", "skus.actual_paid_commission",
                          "skus.estimated_paid_shop_ads_commission", "skus.actual_paid_shop_ads_commission"),
            ),
            page_size=100,
        ),
        Endpoint(
            "returns",
            "POST",
            "/return_refund/202309/returns/search",
            "return_orders",
            ("return_id",),
            ("return_id", "order_id", "return_status", "update_time"),
            _tree(
                "return_id", "order_id", "return_status", "update_time", "return_line_items.sku_id",
                "return_line_items.order_line_item_id",
            ),
            page_size=50,
        ),
        Endpoint(
            "collaborations",
            "POST",
            "/affiliate_seller/202508/target_collaborations/search",
            "target_collaborations",
            ("id",),
            ("id",),
            _tree("id", "end_time"),
            page_size=100,
        ),
        Endpoint(
            "collaboration_details",
            "GET",
            "/affiliate_seller/202508/target_collaborations/{id}",
            "target_collaboration",
            (),
            ("id", "start_time", "end_time"),
            _tree(
                "id", "start_time", "end_time", "free_sample_rule.has_free_sample", "creators.creator_open_id",
                "creators.username", "creators.selection_region", "creators.collaboration_status",
                "creators.showcase_product_count", "creators.content_product_count", "products.id",
                "products.commission.rate", *(f"products.{one}" for one in _ranges("original_price")),
            ),
        ),
        Endpoint(
            "open_collaborations",
            "POST",
            "/affiliate_seller/202412/open_collaborations/search",
            "open_collaborations",
            ("product.id",),
            ("product.id",),
            _tree("id", "product.id", "current_commission.rate", *_ranges("product.original_price")),
            page_size=100,
        ),
        Endpoint(
            "samples",
            "POST",
            "/affiliate_seller/202508/sample_applications/search",
            "sample_applications",
            ("id",),
            ("id", "status", "creator.creator_open_id", "product.id"),
            _tree(
                "id", "status", "fulfillment_status", "order_id", "commission_rate", "product.id",
                "creator.creator_open_id", "creator.username", "creator.fulfillment_percentage",
            ),
            page_size=50,
        ),
        Endpoint(
            "sample_collaborations",
            "POST",
            "/affiliate_seller/202508/sample_applications/search",
            "sample_applications",
            ("id",),
            ("id",),
            _tree("id"),
            page_size=50,
        ),
        Endpoint(
            "fulfillments",
            "POST",
            "/affiliate_seller/202409/sample_applications/{id}/fulfillments/search",
            "fulfillments",
            ("content.id",),
            ("content.id", "content.create_time"),
            _tree("content.id", "content.create_time", "content.format", "content.live_end_time", "product.id"),
        ),
        Endpoint(
            "products",
            "GET",
            "/analytics/202509/shop_products/performance",
            "products",
            ("id",),
            ("id",),
            _tree("id"),
            page_size=100,
        ),
        Endpoint(
            "product_days",
            "GET",
            "/analytics/202509/shop_products/{id}/performance",
            "performance",
            (),
            ("intervals",),
            _tree(
                "intervals.start_date", "intervals.sales.items_sold", *_amounts("intervals.sales.gmv"),
                "intervals.cancel_and_refunds.canceled", "intervals.cancel_and_refunds.refunded",
                "intervals.cancel_and_refunds.returned",
            ),
        ),
        Endpoint(
            "videos",
            "GET",
            "/analytics/202509/shop_videos/performance",
            "videos",
            ("id",),
            ("id", "username", "video_post_time"),
            _tree("id", "username", "video_post_time", "products.id"),
            page_size=100,
        ),
        Endpoint(
            "video_days",
            "GET",
            "/analytics/202509/shop_videos/{id}/performance",
            "performance",
            (),
            ("intervals",),
            _tree(
                "intervals.start_date", "intervals.traffic.views", "intervals.traffic.likes",
                "intervals.traffic.comments", "intervals.traffic.shares", "intervals.sales.overall.product_clicks",
            ),
        ),
        Endpoint(
            "lives",
            "GET",
            "/analytics/202509/shop_lives/performance",
            "live_stream_sessions",
            ("id",),
            ("id", "username", "start_time"),
            _tree("id", "username", "start_time", "end_time"),
            page_size=100,
        ),
    )
}  # fmt: skip
"""Every endpoint that is read, by name."""


def prune(record: Any, kept: Any) -> Any:
    """What of ``record`` is kept."""
    if kept is True:
        return record
    if isinstance(record, list):
        return [prune(one, kept) for one in record]
    if not isinstance(record, dict):
        return None
    return {name: prune(record[name], below) for name, below in kept.items() if record.get(name) is not None}


def value_at(record: Any, path: str) -> Any:
    """The value at dotted ``path``, or None."""
    for name in path.split("."):
        if not isinstance(record, dict):
            return None
        record = record.get(name)
    return record
