"""A simulated marketplace, told as TikTok Shop's Open API would tell it at one moment.

The whole marketplace is one shop here, whatever its brands and markets: the API knows one seller. What the API does
not tell (who declined, when a creator accepted, lives day by day) is not told; what it tells of buyers is made up, so
that a test can look for it where it must not be.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd

from marketplace.contract import MARKETS

BUYER = "buyer-of-things@example.invalid"
Json = dict[str, Any]


def seconds(when: Any) -> int:
    return int(pd.Timestamp(when).timestamp())


def money(value: float, currency: str) -> Json:
    return {"amount": repr(float(value)), "currency": currency}


def ten_thousandth(share: float) -> str:
    return str(round(share * 10_000))


class Shop:
    """What each endpoint tells at ``now``; `move` goes to another moment."""

    def __init__(self, folder: Path, *, max_orders: int | None = None) -> None:
        def read(table: str) -> pd.DataFrame:
            return pd.read_parquet(folder / table)

        self.creators_table, self.snapshots = read("creators"), read("creator_snapshots")
        self.username = dict(zip(self.creators_table["creator_id"], self.creators_table["username"], strict=True))
        self.products_table = read("products").drop_duplicates("product_id")
        self.price = dict(zip(self.products_table["product_id"], self.products_table["price"], strict=True))
        self.currency = dict(zip(self.products_table["product_id"], self.products_table["currency"], strict=True))
        self.category = dict(zip(self.products_table["product_id"], self.products_table["category_id"], strict=True))
        orders = read("orders")
        if max_orders is not None:
            first = orders.drop_duplicates("order_id").sort_values(["ordered_at", "order_id"])["order_id"]
            orders = orders[orders["order_id"].isin(first.head(max_orders))]
        rows = orders.sort_values(["order_id", "known_at"]).to_dict("records")
        self.order_states = [list(states) for _, states in groupby(rows, key=lambda one: one["order_id"])]
        campaigns = read("campaigns").drop_duplicates("campaign_id")
        self.campaigns_table = campaigns[campaigns["collaboration"] == "TARGET"].to_dict("records")
        self.targeted = {one["campaign_id"] for one in self.campaigns_table}
        self.invitations_table = read("invitations").sort_values("known_at")
        self.samples_table = read("samples").sort_values("known_at")
        self.deliveries_table = read("deliveries")
        contents = read("contents").sort_values("known_at").drop_duplicates("content_id", keep="last")
        contents = contents[contents["product_ids"].notna()]
        self.contents_table = contents.to_dict("records")
        self.content = {one["content_id"]: one for one in self.contents_table}
        days = read("content_days")
        self.video_day_rows: dict[str, list[Json]] = defaultdict(list)
        videos = {one["content_id"] for one in self.contents_table if one["format"] == "VIDEO"}
        for row in days[days["content_id"].isin(videos)].sort_values(["content_id", "day"]).to_dict("records"):
            self.video_day_rows[row["content_id"]].append(row)
        self.product_day_rows: dict[str, list[Json]] = defaultdict(list)
        for row in read("product_days").sort_values(["product_id", "day"]).to_dict("records"):
            self.product_day_rows[row["product_id"]].append(row)
        self.move(datetime.now(UTC))

    def move(self, now: datetime) -> None:
        """Tell everything as of ``now``."""
        self.now = now
        self._listed: dict[tuple[str, str], list[Json]] = {}
        self._between: tuple[Any, list[Json]] = (None, [])
        self._move_orders()
        self._move_partnerships()
        self._move_creators()

    def _move_orders(self) -> None:
        told: list[tuple[int, Json]] = []
        affiliates: list[tuple[int, Json]] = []
        returns: list[tuple[int, Json]] = []
        self.back: Counter[tuple[str, str]] = Counter()
        for states in self.order_states:
            first = states[0]
            if first["ordered_at"] > self.now:
                continue
            seen = [one for one in states if one["known_at"] <= self.now] or [first]
            last = seen[-1]
            created = seconds(first["ordered_at"])
            updated = max(seconds(last["known_at"]), created) if last["known_at"] <= self.now else created
            told.append((updated, self._order(first, last, created, updated)))
            affiliates.append((created, self._affiliate(first, last, created)))
            before = 0
            for place, one in enumerate(seen):
                units = int(one["refunded_quantity"]) - before
                if units > 0:
                    when = max(seconds(one["known_at"]), created)
                    returns.append((when, self._return(one, place, before, units, when)))
                    before += units
        for sample in self._samples_now():
            if sample["status"] not in ("PENDING", "REJECT_CANCELLED"):
                order = self._sample_order(sample)
                told.append((order["update_time"], order))
        # By time and then by name, as a list that new ones are appended to would be.
        self.orders = sorted(told, key=lambda one: (one[0], one[1]["id"]))
        self.affiliate_orders = sorted(affiliates, key=lambda one: (one[0], one[1]["id"]))
        self.returns = sorted(returns, key=lambda one: (one[0], one[1]["return_id"]))

    def _order(self, first: Json, last: Json, created: int, updated: int) -> Json:
        status = {
            "COMPLETED": "COMPLETED",
            "DEDUCTED": "COMPLETED",
            "CANCELLED": "CANCELLED",
            "FROZEN": "DELIVERED",
        }.get(last["status"], "IN_TRANSIT")
        line = {
            "sku_id": first["sku_id"],
            "product_id": first["product_id"],
            "sale_price": repr(float(first["price"])),
            "original_price": repr(float(self.price[first["product_id"]])),
            "currency": first["currency"],
            "display_status": status,
            "is_gift": False,
        }
        lines = [{**line, "id": f"{first['order_id']}-{unit}"} for unit in range(int(first["quantity"]))]
        order = {
            "id": first["order_id"],
            "status": status,
            "create_time": created,
            "update_time": updated,
            "is_sample_order": False,
            "payment": {"currency": first["currency"]},
            "buyer_email": BUYER,
            "recipient_address": {"name": "Jane Buyer", "phone_number": "+15550100"},
            "line_items": lines,
        }
        if status == "CANCELLED":
            order["cancel_time"] = updated
        return order

    def _affiliate(self, first: Json, last: Json, created: int) -> Json:
        currency, paid = first["currency"], bool(first["is_paid_traffic"])
        mine, other = ("shop_ads_commission", "commission") if paid else ("commission", "shop_ads_commission")
        kind = "SHOP" if first["content_type"] == "SHOWCASE" else first["content_type"]
        sku: Json = {
            "product_id": first["product_id"],
            "creator_username": self.username[first["creator_id"]],
            "content_type": kind,
            "quantity": int(first["quantity"]),
            "price": money(first["price"], currency),
            "commission_model": "Fixed commission",
            f"estimated_paid_{mine}": money(first["commission"], currency),
            f"estimated_paid_{other}": money(0.0, currency),
        }
        if isinstance(first["content_id"], str):
            sku["content_id"] = first["content_id"]
        if isinstance(first["campaign_id"], str):
            targeted = first["campaign_id"] in self.targeted
            sku["target_collaboration_id" if targeted else "open_collaboration_id"] = first["campaign_id"]
        if last["status"] != "PROCESSING":
            sku[f"actual_paid_{mine}"] = money(last["commission"], currency)
        return {"id": first["order_id"], "create_time": created, "status": last["status"], "skus": [sku]}

    def _return(self, row: Json, place: int, before: int, units: int, when: int) -> Json:
        self.back[row["product_id"], f"{row['ordered_at']:%Y-%m-%d}"] += units
        return {
            "return_id": f"rt_{row['order_id']}_{place}",
            "order_id": row["order_id"],
            "return_status": "RETURN_OR_REFUND_REQUEST_COMPLETE",
            "return_type": "REFUND",
            "create_time": when,
            "update_time": when,
            "return_line_items": [
                {"order_line_item_id": f"{row['order_id']}-{before + unit}", "sku_id": row["sku_id"]}
                for unit in range(units)
            ],
        }

    def _samples_now(self) -> list[Json]:
        rows = self.samples_table[self.samples_table["known_at"] <= self.now]
        return rows.drop_duplicates("sample_id", keep="last").sort_values("sample_id").to_dict("records")

    def _sample_order(self, sample: Json) -> Json:
        asked = seconds(sample["requested_at"])
        times = {
            name: seconds(sample[column])
            for name, column in (("rts_time", "shipped_at"), ("delivery_time", "delivered_at"))
            if not pd.isna(sample[column])
        }
        currency = self.currency[sample["product_id"]]
        line = {"id": f"so_{sample['sample_id']}-0", "sku_id": "sample", "product_id": sample["product_id"]}
        line |= {
            "sale_price": "0",
            "original_price": repr(float(self.price[sample["product_id"]])),
            "currency": currency,
        }
        return {
            "id": f"so_{sample['sample_id']}",
            "status": "IN_TRANSIT",
            "create_time": asked,
            "update_time": max([asked, *times.values()]),
            "is_sample_order": True,
            "payment": {"currency": currency},
            "line_items": [line],
            **times,
        }

    def _move_partnerships(self) -> None:
        rows = self.invitations_table[self.invitations_table["known_at"] <= self.now]
        invitations = rows.drop_duplicates("invitation_id", keep="last")
        of = {one["invitation_id"]: one for one in invitations.to_dict("records")}
        posted = self.deliveries_table[self.deliveries_table["posted_at"] <= self.now]
        delivered = set(posted["invitation_id"])
        listed: dict[str, list[Json]] = defaultdict(list)
        for one in of.values():
            accepted = one["decision"] == "ACCEPT"
            listed[one["campaign_id"]].append(
                {
                    "creator_open_id": one["creator_id"],
                    "username": self.username[one["creator_id"]],
                    "collaboration_status": "DELETED" if one["decision"] == "WITHDRAWN_BY_SELLER" else "NORMAL",
                    "showcase_product_count": int(accepted),
                    "content_product_count": int(one["invitation_id"] in delivered),
                }
            )
        self.details: dict[str, Json] = {}
        for one in self.campaigns_table:
            if one["briefed_at"] > self.now:
                continue
            products = [
                {
                    "id": product,
                    "commission": {"rate": round(one["commission_rate"] * 10_000), "currency": self.currency[product]},
                    "original_price": self._span(product),
                }
                for product in one["product_ids"]
            ]
            self.details[one["campaign_id"]] = {
                "id": one["campaign_id"],
                "start_time": seconds(one["briefed_at"]),
                "end_time": seconds(one["ends_at"]),
                "free_sample_rule": {"has_free_sample": bool(one["has_free_sample"])},
                "creators": sorted(listed[one["campaign_id"]], key=lambda creator: creator["creator_open_id"]),
                "products": products,
                "seller_contact_info": {"email": "seller@example.invalid"},
            }
        self.collaborations = [
            {"id": one["id"], "start_time": one["start_time"], "end_time": one["end_time"]}
            for _, one in sorted(self.details.items())
        ]
        self.samples: list[tuple[str, Json]] = []
        self.fulfillments: dict[str, list[Json]] = defaultdict(list)
        sample_of: dict[str, str] = {}
        for sample in self._samples_now():
            campaign = of[sample["invitation_id"]]["campaign_id"] if sample["invitation_id"] in of else ""
            sample_of.setdefault(sample["invitation_id"], sample["sample_id"])
            record: Json = {
                "id": sample["sample_id"],
                "status": sample["status"],
                "fulfillment_status": sample["fulfillment_status"],
                "product": {"id": sample["product_id"]},
                "creator": {
                    "creator_open_id": sample["creator_id"],
                    "username": self.username[sample["creator_id"]],
                    "fulfillment_percentage": "60.85%",
                },
            }
            if sample["status"] not in ("PENDING", "REJECT_CANCELLED"):
                record["order_id"] = f"so_{sample['sample_id']}"
            self.samples.append((campaign if campaign in self.targeted else "", record))
        for one in posted.sort_values("delivery_id").to_dict("records"):
            content = self.content.get(one["content_id"])
            if one["invitation_id"] in sample_of and content is not None:
                made: Json = {
                    "id": one["content_id"], "format": content["format"], "create_time": seconds(one["posted_at"]),
                }  # fmt: skip
                if not pd.isna(content["live_end_at"]):
                    made["live_end_time"] = seconds(content["live_end_at"])
                product = {"id": content["product_ids"][0]}
                self.fulfillments[sample_of[one["invitation_id"]]].append({"content": made, "product": product})

    def _span(self, product: str) -> Json:
        price = repr(float(self.price[product]))
        return {"minimum_amount": price, "maximum_amount": price, "currency": self.currency[product]}

    def _move_creators(self) -> None:
        rows = self.snapshots[self.snapshots["known_at"] <= self.now].sort_values("snapshot_at")
        last = {one["creator_id"]: one for one in rows.drop_duplicates("creator_id", keep="last").to_dict("records")}
        sold: dict[str, Counter[str]] = defaultdict(Counter)
        for states in self.order_states:
            one = states[0]
            if one["ordered_at"] <= self.now:
                sold[one["creator_id"]][self.category[one["product_id"]]] += int(one["quantity"])
                sold[one["creator_id"]][f"format:{one['content_type']}"] += int(one["quantity"])
        self.searched: dict[str, list[Json]] = {"AGENCY_MANAGED": [], "INDEPENDENT": []}
        self.profiles: dict[str, Json] = {}
        known = self.creators_table[self.creators_table["known_at"] <= self.now].sort_values("creator_id")
        for creator in known.to_dict("records"):
            name = creator["creator_id"]
            agency = creator["agency_status"] if isinstance(creator["agency_status"], str) else "INDEPENDENT"
            record: Json = {"creator_open_id": name, "username": creator["username"], "nickname": "a nickname"}
            record["selection_region"] = creator["market"]
            reading = last.get(name)
            if reading is not None:
                record |= self._reading(reading, creator["market"])
            self.searched[agency].append(record)
            self.profiles[name] = self._profile(creator["username"], MARKETS[creator["market"]].currency, sold[name])

    def _reading(self, reading: Json, market: str) -> Json:
        told: Json = {}
        if not pd.isna(reading["follower_count"]):
            told["follower_count"] = int(reading["follower_count"])
        demographics: Json = {}
        if isinstance(reading["top_follower_age"], str):
            demographics["age_ranges"] = ["AGE_RANGE_" + reading["top_follower_age"].replace("-", "_")]
        if isinstance(reading["top_follower_gender"], str):
            demographics["major_gender"] = {"gender": reading["top_follower_gender"], "percentage": 6524}
        if demographics:
            told["top_follower_demographics"] = demographics
        if reading["precision"] == "exact" and not pd.isna(reading["gmv_30d"]):
            told["gmv"] = money(reading["gmv_30d"], reading["currency"])
        elif market == "US" and not pd.isna(reading["gmv_30d_min"]):
            # Ranges are told in the US alone; elsewhere who has not agreed is simply not told of.
            told["gmv_range"] = {"minimum_amount": repr(float(reading["gmv_30d_min"])), "currency": reading["currency"]}
            if not pd.isna(reading["gmv_30d_max"]):
                told["gmv_range"]["maximum_amount"] = repr(float(reading["gmv_30d_max"]))
        return told

    def _profile(self, username: str, currency: str, sold: Counter[str]) -> Json:
        formats = {kind: sold[f"format:{kind}"] for kind in ("VIDEO", "LIVE", "SHOWCASE")}
        categories = {one: units for one, units in sold.items() if not one.startswith("format:")}
        total = sum(categories.values())
        profile: Json = {
            "username": username,
            "video_gpm": money(12.5, currency),
            "live_gpm_range": {"minimum_amount": "10", "maximum_amount": "30", "currency": currency},
            "post_rate": "3000",
            "brand_collaboration_count": 3,
            "avg_commission_rate": 1250,
        }
        if total:
            profile["category_gmv_distribution"] = [
                {"category_id": one, "value": ten_thousandth(units / total)}
                for one, units in sorted(categories.items())
            ]
            profile["content_gmv_distribution"] = [
                {"content_type": kind, "value": ten_thousandth(units / total)} for kind, units in formats.items()
            ]
        return profile

    # What one request's filters leave.

    def between(self, rows: list[tuple[int, Json]], low: int | None, high: int | None) -> list[Json]:
        asked = (id(rows), low, high)
        # Each page of a list asks for the whole of it.
        if self._between[0] != asked:
            begin = 0 if low is None else bisect_left(rows, low, key=lambda one: one[0])
            end = len(rows) if high is None else bisect_left(rows, high, key=lambda one: one[0])
            self._between = (asked, [one for _, one in rows[begin:end]])
        return self._between[1]

    def products(self) -> list[Json]:
        return [{"id": one} for one in sorted(self.product_day_rows)]

    def open_collaborations(self, category: str) -> list[Json]:
        return [
            {
                "id": f"oc_{one}",
                "product": {"id": one, "original_price": self._span(one)},
                "current_commission": {"rate": 1500},
            }
            for one in sorted(self.price)
            if self.category[one] == category
        ]

    def product_days(self, product: str, start: str, end: str) -> list[Json]:
        found = []
        for row in self.product_day_rows.get(product, ()):
            day = f"{row['day']:%Y-%m-%d}"
            if start <= day < end and day < f"{self.now:%Y-%m-%d}":
                units, back = int(row["units_sold"]), self.back[product, day]
                # The API tells gross sales and the units undone; the table has net sales.
                undone = min(back, max(units - 1, 0))
                gross = row["gmv"] / (1.0 - undone / units) if units else row["gmv"]
                found.append(
                    {
                        "start_date": day,
                        "sales": {"items_sold": units, "gmv": money(gross, row["currency"])},
                        "cancel_and_refunds": {"canceled": 0, "refunded": undone, "returned": 0, "replacements": 0},
                    }
                )
        return found

    def videos(self, start: str, end: str) -> list[Json]:
        if (start, end) not in self._listed:
            self._listed[start, end] = self._videos(start, end)
        return self._listed[start, end]

    def _videos(self, start: str, end: str) -> list[Json]:
        found = []
        for one in self.contents_table:
            if one["format"] != "VIDEO" or one["published_at"] > self.now or f"{one['published_at']:%Y-%m-%d}" >= end:
                continue
            days = self.video_day_rows.get(one["content_id"])
            if f"{days[-1]['day'] if days else one['published_at']:%Y-%m-%d}" >= start:
                found.append(
                    {
                        "id": one["content_id"],
                        "username": self.username[one["creator_id"]],
                        "video_post_time": f"{one['published_at']:%Y-%m-%d %H:%M:%S}",
                        "products": [{"id": product} for product in one["product_ids"]],
                    }
                )
        return found

    def video_days(self, video: str, start: str, end: str) -> list[Json]:
        found = []
        for row in self.video_day_rows.get(video, ()):
            day = f"{row['day']:%Y-%m-%d}"
            if start <= day < end and day < f"{self.now:%Y-%m-%d}":
                counts = {f"{one}s": int(row[f"{one}_count"]) for one in ("view", "like", "comment", "share")}
                clicks = {} if pd.isna(row["product_clicks"]) else {"product_clicks": int(row["product_clicks"])}
                found.append({"start_date": day, "traffic": counts, "sales": {"overall": clicks}})
        return found

    def lives(self, start: str, end: str) -> list[Json]:
        if (start, f"lives {end}") not in self._listed:
            self._listed[start, f"lives {end}"] = self._lives(start, end)
        return self._listed[start, f"lives {end}"]

    def _lives(self, start: str, end: str) -> list[Json]:
        return [
            {
                "id": one["content_id"],
                "username": self.username[one["creator_id"]],
                "start_time": str(seconds(one["published_at"])),
                "end_time": str(seconds(one["live_end_at"])),
            }
            for one in self.contents_table
            if one["format"] == "LIVE"
            and one["published_at"] <= self.now
            and start <= f"{one['published_at']:%Y-%m-%d}" < end
        ]
