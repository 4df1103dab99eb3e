"""A stand-in for TikTok Shop's Open API: a real HTTP server on this machine, held to the published OpenAPI files.

``python -m tests.marketplace.sources.tiktok_shop.mock MARKET OPENAPI READY`` serves the marketplace in folder MARKET
and writes its port to READY. Every request is checked (signature, clock, token, parameters, body), every answer is
validated against its schema, with no field that the schema does not know; ``--faults`` puts in what goes wrong.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import json
import random
import socket
import time
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import jsonschema_rs
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.marketplace.sources.tiktok_shop.shop import Json, Shop

FILES = ("affiliate_seller", "analytics", "order", "return_refund")
SECRETS = {
    "app_key": "key-6b57ikn775gaj",
    "app_secret": "secret-5361235029d1412225",
    "access_token": "access-0-9f1f0c2e",
    "refresh_token": "refresh-0-77aa31bc",
    "shop_cipher": "cipher-Mfxq0QAAAADY9j",
}
NEEDED = {"creators": "username", "orders": "line_items", "videos": "username", "sample_applications": "product"}
"""List to the field that is left out of one of its records now and then."""


def strict(schema: Any) -> Any:
    """``schema`` with no fields but those it knows."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: strict(one) for name, one in schema.items() if name not in ("example", "description")}
    if schema.get("type") == "object" and isinstance(schema.get("properties"), dict):
        # A field may be called description, too.
        found["properties"] = {name: strict(one) for name, one in schema["properties"].items()}
        found["additionalProperties"] = False
    return found


class RefusalError(Exception):
    """An answer that is no: HTTP status, the API's code, its words."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class Mock:
    """The API's state: the shop, the valid tokens, what went wrong so far."""

    def __init__(self, shop: Shop, openapi: Path, *, faults: float, token_life: int, seed: int) -> None:
        self.shop, self.faults, self.token_life = shop, faults, token_life
        self.chance = random.Random(seed)
        self.secrets = dict(SECRETS)
        self.refresh_tokens = {SECRETS["refresh_token"]}
        self.owed = {"429", "500", "503", "cut", "short", "repeat", "loop", "absent"}
        self.before: dict[tuple[str, str], list[Json]] = {}
        self.used = self.generation = 0
        self.stats: Counter[str] = Counter()
        self.log: list[str] = []
        self.operations: dict[tuple[str, str], Json] = {}
        for name in FILES:
            for path, methods in json.loads((openapi / f"{name}.json").read_text())["paths"].items():
                for method, operation in methods.items():
                    self.operations[method.upper(), path] = operation
        self.validators: dict[tuple[str, str, str], Any] = {}

    def validate(self, method: str, path: str, which: str, value: Any) -> None:
        key = (method, path, which)
        if key not in self.validators:
            operation = self.operations[method, path]
            body = operation["requestBody"] if which == "request" else operation["responses"]["200"]
            schema = strict(body["content"]["application/json"]["schema"])
            self.validators[key] = jsonschema_rs.Draft7Validator(schema)
        self.validators[key].validate(value)

    # What a request must be.

    def admit(self, request: Request, path: str, query: Json, body: bytes) -> None:
        secret = self.secrets["app_secret"]
        if query.get("app_key") != self.secrets["app_key"]:
            raise RefusalError(401, 106002, "app_key is invalid")
        told = query.get("sign", "")
        names = sorted(name for name in query if name not in ("sign", "access_token"))
        text = secret + request.url.path + "".join(name + query[name] for name in names) + body.decode() + secret
        right = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(told, right):
            self.stats["bad signatures"] += 1
            raise RefusalError(401, 106001, f"The 'sign' query parameter is invalid: {told} of {secret}")
        if abs(int(query["timestamp"]) - time.time()) > 300:
            raise RefusalError(401, 106003, "timestamp is over")
        if query.get("shop_cipher") != self.secrets["shop_cipher"]:
            raise RefusalError(403, 106011, "shop_cipher is invalid")
        if request.headers.get("content-type") != "application/json":
            raise RefusalError(400, 36009001, "Content-Type must be application/json")
        token = request.headers.get("x-tts-access-token")
        if token != self.secrets["access_token"] or self.used >= self.token_life:
            self.stats["expired tokens"] += 1
            raise RefusalError(401, 105002, f"Expired credentials: {token}")
        self.used += 1
        parameters = {one["name"]: one for one in self.operations[request.method, path]["parameters"]}
        for name in query:
            if name not in parameters and name not in ("app_key", "timestamp", "sign"):
                raise RefusalError(400, 36009004, f"no parameter {name}")
        for name, one in parameters.items():
            if one["in"] == "query" and one.get("required") and name not in query:
                raise RefusalError(400, 36009004, f"parameter {name} is missing")
        if request.method == "POST":
            try:
                self.validate("POST", path, "request", json.loads(body))
            except (ValueError, jsonschema_rs.ValidationError) as reason:
                raise RefusalError(400, 36009004, f"body: {reason}") from reason

    # What goes wrong.

    def fault(self, query: Json, data: Json, path: str) -> Response | None:
        """A fault's answer, or None; or ``data`` has been spoilt in place."""
        lists = [name for name, one in data.items() if isinstance(one, list) and one]
        fits = {"429", "500", "503", "cut", "short"}
        if query.get("page_token") and lists:
            fits |= {"repeat", "loop"}
        if any(name in NEEDED for name in lists):
            fits.add("absent")
        # Every kind comes once for certain, as soon as it can; more by chance.
        owed = sorted(fits & self.owed) if self.faults else []
        if owed and self.chance.random() < 0.3:
            kind = owed[0]
            self.owed.remove(kind)
        elif self.chance.random() < self.faults:
            kind = self.chance.choice(sorted(fits))
        else:
            return None
        if kind == "429":
            self.stats["429"] += 1
            return JSONResponse({"code": 36009002, "message": "too many requests"}, 429, {"Retry-After": "0"})
        if kind in ("500", "503"):
            self.stats["5xx"] += 1
            return JSONResponse({"code": 36009003, "message": "internal error"}, int(kind), {"Retry-After": "0"})
        content = json.dumps({"code": 0, "message": "Success", "request_id": "r", "data": data}).encode()
        if kind == "cut":
            self.stats["truncated"] += 1
            return Response(content[: len(content) // 2], media_type="application/json")
        if kind == "short":
            self.stats["truncated"] += 1

            async def half() -> Any:
                yield content[: len(content) // 2]

            return StreamingResponse(half(), headers={"Content-Length": str(len(content)), "Connection": "close"})
        if kind in ("repeat", "loop"):
            self.stats["repeated pages"] += 1
            before = self.before.get((path, query["page_token"]))
            if before is not None:
                data[lists[0]] = before
                if kind == "loop":
                    data["next_page_token"] = query["page_token"]
        for name in lists:
            if kind == "absent" and name in NEEDED:
                self.stats["absent fields"] += 1
                data[name] = deepcopy(data[name])
                data[name][self.chance.randrange(len(data[name]))].pop(NEEDED[name], None)
        return None

    # The endpoints.

    def pages(self, path: str, query: Json, rows: list[Json], name: str, **more: Any) -> Json:
        size = int(query["page_size"])
        token = query.get("page_token", "")
        begin = int(token.partition("-")[2]) if token else 0
        page = rows[begin : begin + size]
        following = f"t-{begin + size}" if begin + size < len(rows) else ""
        if following:
            self.before[path, following] = page
        self.stats[f"records of {path}"] += len(page)
        return {name: page, "next_page_token": following, **more}

    def answer(self, path: str, query: Json, body: Json, subject: str) -> Json:
        shop = self.shop
        analytics = {"latest_available_date": f"{datetime.fromtimestamp(shop.now.timestamp() - 86_400, UTC):%Y-%m-%d}"}
        days = (query.get("start_date_ge", ""), query.get("end_date_lt", ""))
        updated = (body.get("update_time_ge"), body.get("update_time_lt"))
        created = (body.get("create_time_ge"), body.get("create_time_lt"))

        def pages(rows: list[Json], name: str, **more: Any) -> Json:
            return self.pages(path, query, rows, name, **more)

        def search() -> Json:
            agency = body.get("affiliate_data", {}).get("creator_agency_staus", "INDEPENDENT")
            key = hashlib.sha256(agency.encode()).hexdigest()[:16]
            if query.get("page_token") and body.get("search_key") != key:
                raise RefusalError(400, 36009004, "search_key of another search")
            if int(query["page_size"]) not in (12, 20):
                raise RefusalError(400, 36009004, "page_size must be 12 or 20")
            return pages(shop.searched[agency], "creators", search_key=key)

        def profile() -> Json:
            if subject not in shop.profiles:
                raise RefusalError(400, 16005001, "no such creator")
            return {"creator": shop.profiles[subject]}

        def samples() -> Json:
            wanted = body.get("target_collabration_id")
            rows = [one for campaign, one in shop.samples if wanted is None or campaign == wanted]
            return pages(rows, "sample_applications", total_count=len(rows))

        handlers: dict[str, Callable[[], Json]] = {
            "/affiliate_seller/202508/marketplace_creators/search": search,
            "/affiliate_seller/202508/marketplace_creators/{creator_user_id}": profile,
            "/order/202309/orders/search": lambda: pages(shop.between(shop.orders, *updated), "orders"),
            "/affiliate_seller/202410/orders/search": lambda: pages(
                shop.between(shop.affiliate_orders, *created), "orders"
            ),
            "/return_refund/202309/returns/search": lambda: pages(
                shop.between(shop.returns, *updated), "return_orders"
            ),
            "/affiliate_seller/202508/target_collaborations/search": lambda: pages(
                shop.collaborations, "target_collaborations"
            ),
            "/affiliate_seller/202508/target_collaborations/{target_collaboration_id}": lambda: {
                "target_collaboration": shop.details[subject]
            },
            "/affiliate_seller/202412/open_collaborations/search": lambda: pages(
                shop.open_collaborations(body["top_level_category_id"]), "open_collaborations"
            ),
            "/affiliate_seller/202508/sample_applications/search": samples,
            "/affiliate_seller/202409/sample_applications/{application_id}/fulfillments/search": lambda: {
                "fulfillments": shop.fulfillments[subject]
            },
            "/analytics/202509/shop_products/performance": lambda: pages(shop.products(), "products", **analytics),
            "/analytics/202509/shop_products/{product_id}/performance": lambda: {
                "performance": {"intervals": shop.product_days(subject, *days)},
                **analytics,
            },
            "/analytics/202509/shop_videos/performance": lambda: pages(shop.videos(*days), "videos", **analytics),
            "/analytics/202509/shop_videos/{video_id}/performance": lambda: {
                "performance": {"intervals": shop.video_days(subject, *days)},
                **analytics,
            },
            "/analytics/202509/shop_lives/performance": lambda: pages(
                shop.lives(*days), "live_stream_sessions", **analytics
            ),
        }
        return handlers[path]()

    def template(self, method: str, path: str) -> tuple[str, str]:
        """The operation's path, and what stands in its braces."""
        parts = path.split("/")
        for known_method, known in self.operations:
            names = known.split("/")
            if known_method == method and len(names) == len(parts):
                held = [own for own, name in zip(parts, names, strict=True) if name.startswith("{")]
                if all(own == name or name.startswith("{") for own, name in zip(parts, names, strict=True)):
                    if (method, path) in self.operations and known != path:
                        continue
                    return known, held[0] if held else ""
        raise RefusalError(404, 36009009, f"no path {path}")

    async def call(self, request: Request) -> Response:
        answer = await self.reply(request)
        answer.headers["Date"] = format_datetime(self.shop.now, usegmt=True)
        return answer

    async def reply(self, request: Request) -> Response:
        self.stats["requests"] += 1
        body = await request.body()
        query = dict(parse_qsl(request.url.query, keep_blank_values=True))
        try:
            path, subject = self.template(request.method, request.url.path)
            self.admit(request, path, query, body)
            data = self.answer(path, query, json.loads(body) if body else {}, subject)
        except RefusalError as reason:
            return JSONResponse({"code": reason.code, "message": str(reason), "request_id": "r"}, reason.status)
        self.log.append(path)
        spoilt = self.fault(query, data, path)
        if spoilt is not None:
            return spoilt
        answer = {"code": 0, "message": "Success", "request_id": "r", "data": data}
        try:
            self.validate(request.method, path, "response", answer)
        except jsonschema_rs.ValidationError as reason:
            self.stats["invalid answers"] += 1
            return JSONResponse({"code": 1, "message": f"the stand-in's own answer: {reason}"[:400]}, 400)
        return JSONResponse(answer)

    async def refresh(self, request: Request) -> Response:
        query = request.query_params
        wanted = (self.secrets["app_key"], self.secrets["app_secret"], "refresh_token")
        told = (query.get("app_key"), query.get("app_secret"), query.get("grant_type"))
        if told != wanted or query.get("refresh_token") not in self.refresh_tokens:
            return JSONResponse({"code": 36004004, "message": f"refresh_token {query.get('refresh_token')}"}, 200)
        self.generation += 1
        self.used = 0
        self.stats["renewed tokens"] += 1
        fresh = {f"{one}_token": f"{one}-{self.generation}-9f1f0c2e" for one in ("access", "refresh")}
        self.secrets |= fresh
        self.refresh_tokens.add(fresh["refresh_token"])
        return JSONResponse({"code": 0, "message": "success", "data": {**fresh, "access_token_expire_in": 1}})

    async def control(self, request: Request) -> Response:
        """Not the API's: the test's hand. GET tells what was counted, POST moves the clock."""
        if request.method == "POST":
            self.shop.move(datetime.fromisoformat((await request.json())["now"]))
            self.before.clear()
            self.stats.clear()
            self.log.clear()
        return JSONResponse({"stats": self.stats, "paths": Counter(self.log)})


def serve() -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("market", type=Path)
    parser.add_argument("openapi", type=Path)
    parser.add_argument("ready", type=Path)
    parser.add_argument("--faults", type=float, default=0.0)
    parser.add_argument("--token-life", type=int, default=10**9)
    parser.add_argument("--max-orders", type=int)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    shop = Shop(asked.market, max_orders=asked.max_orders)
    mock = Mock(shop, asked.openapi, faults=asked.faults, token_life=asked.token_life, seed=asked.seed)
    app = Starlette(
        routes=[
            Route("/control", mock.control, methods=["GET", "POST"]),
            Route("/api/v2/token/refresh", mock.refresh),
            Route("/{rest:path}", mock.call, methods=["GET", "POST"]),
        ]
    )
    listening = socket.create_server(("127.0.0.1", 0))
    partial = asked.ready.with_suffix(".partial")
    partial.write_text(str(listening.getsockname()[1]))
    partial.rename(asked.ready)
    uvicorn.Server(uvicorn.Config(app, log_level="critical", access_log=False, date_header=False)).run(
        sockets=[listening]
    )


if __name__ == "__main__":
    serve()
