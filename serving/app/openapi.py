"""The OpenAPI 3.1 page, made from the table of routes and the service's own models.

BentoML's page leaves out the key, the refusals and the mounted routes, and says
that no body is required; this one is served in its place at ``/docs.json``, and
to be read and tried at ``/docs``. It keeps to what generators of clients take:
no ``oneOf``, every operation named, every answer a model with a name.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from serving.app.examples import ANSWERS, BODIES, ERRORS, PARAMETERS
from serving.app.routes import OPEN, ROUTES, Route
from serving.schema import ErrorAnswer, FaultAnswer

__all__ = ["openapi_page"]

_REFUSALS = {
    400: "The request is not what this route describes; `problems` has all that is wrong with it.",
    401: "No key, or one that is unknown, revoked or expired.",
    403: "The key is of another scope, or for other brands or another creator.",
    404: "There is nothing of this name.",
    408: "The body did not come in time.",
    409: "The username is that of several creators; ask by creator_id.",
    410: "The cursor is of another model, snapshot or request; begin anew without one.",
    413: "The body is larger than this route takes.",
    415: "The body is not JSON, or is compressed.",
    429: "Too many requests at a time, or more work than the key may ask for; `Retry-After` says when to come back.",
    431: "Too many headers, or too long ones.",
    503: "Nothing to rank with yet, no answer in time, or a store of the decision log that does not answer.",
    507: "The decision log cannot be kept.",
}

_TITLES = {
    "rank": "The creators, best first.",
    "docs": "OpenAPI 3.1",
    "page": "HTML",
    "asset": "A script or a style of the page.",
    "metrics": "Prometheus text format",
}

_OF_EVERY_KEY = (401, 403, 429, 431)
_OF_EVERY_BODY = (400, 408, 413, 415)

_HEADERS = {
    "X-Request-ID": {"description": "Names this request in the service's logs.", "schema": {"type": "string"}},
}
_LOGGED = {
    "X-Decision-Logged": {
        "description": "`yes` once the decision log has the answer on disk, else `no`; `no` of a preview.",
        "schema": {"type": "string", "enum": ["yes", "no"]},
    },
}
_RETRY = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}

_ABOUT = """\
Which creators to invite for a brief, what each would bring, and why.

Send a brief to `POST /rank`: a `campaign_id` that the snapshot knows, or the `brief` itself. The key goes into
`X-API-Key`, or after `Bearer` into `Authorization`; `collabrank keys create NAME` makes one. Money is in the currency
that stands beside it, shares and chances are 0..1, instants are ISO 8601 with an offset. A reply's `warnings` name what
the snapshot does not know; an error says what was expected, what was received and where to look, and its `problems`
have every field that is wrong.
"""


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _named(examples: dict[str, Any]) -> dict[str, Any]:
    return {name: {"summary": name.replace("_", " "), "value": value} for name, value in examples.items()}


def _content(schema: dict[str, Any], kind: str = "application/json", examples: dict[str, Any] | None = None) -> Any:
    return {kind: {"schema": schema, **({"examples": _named(examples)} if examples else {})}}


def _refusals(*statuses: int) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for status in sorted(set(statuses)):
        examples = {"example": ERRORS[status]} if status in ERRORS else None
        told[str(status)] = {
            "description": _REFUSALS[status],
            "headers": _HEADERS | (_RETRY if status in (429, 503) else {}),
            "content": _content(_reference(ErrorAnswer), examples=examples),
        }
    told["500"] = {
        "description": "A fault of the service; its log has more under this id.",
        "headers": _HEADERS,
        "content": _content(_reference(FaultAnswer)),
    }
    return told


def _answer(route: Route) -> dict[str, Any]:
    kinds = {
        "metrics": "text/plain", "page": "text/html", "report_page": "text/html", "asset": "text/javascript"
    }  # fmt: skip
    kind = kinds.get(route.name, "application/json")
    if route.gives is None:
        schema: dict[str, Any] = (
            {"type": "object", "additionalProperties": True} if "json" in kind else {"type": "string"}
        )
        about = _TITLES.get(route.name, route.does)
    else:
        schema, about = _reference(route.gives), _TITLES.get(route.name, route.gives.__doc__ or route.does)
    content = _content(schema, kind, ANSWERS.get(route.name))
    if route.name == "asset":
        content |= _content(schema, "text/css")
    headers = _HEADERS | (_LOGGED if route.logs else {})
    return {"description": about, "headers": headers, "content": content}


def _parameters(route: Route) -> Iterator[dict[str, Any]]:
    for name in (part.strip("{}") for part in route.pattern.split("/") if part.startswith("{")):
        told = {"schema": {"type": "string", "minLength": 1, "maxLength": 128}, **PARAMETERS.get(name, {})}
        yield {"name": name, "in": "path", "required": True, **told}
    asked = {} if route.asks is None else route.asks.model_json_schema()
    for name, schema in asked.get("properties", {}).items():
        about = {part: schema.pop(part) for part in ("description", "example") if part in schema}
        yield {"name": name, "in": "query", "required": name in asked.get("required", ()), **about, "schema": schema}


def _operation(route: Route) -> dict[str, Any]:
    refused: tuple[int, ...] = route.also
    if route.scopes != OPEN:
        refused += _OF_EVERY_KEY
    if route.takes is not None:
        refused += _OF_EVERY_BODY
    told: dict[str, Any] = {"operationId": route.name, "summary": route.does, "tags": [_tag(route)]}
    if route.scopes == OPEN:
        told["security"] = []
    elif route.name == "metrics":  # open, but where a setting asks for a key
        told["security"] = [{}, {"key": []}, {"bearer": []}]
    parameters = list(_parameters(route))
    if parameters:
        told["parameters"] = parameters
    if route.takes is not None:
        content = _content(_reference(route.takes), examples=BODIES.get(route.name))
        told["requestBody"] = {"required": True, "content": content}
    told["responses"] = {"200": _answer(route), **(_refusals(*refused) if not route.probe else {})}
    if route.name == "readyz":
        told["responses"]["503"] = _answer(route)
    return told


def _tag(route: Route) -> str:
    if route.probe:
        return "operation"
    if route.takes is not None:
        return "ranking"
    if route.pattern.startswith("/creators"):
        return "creators"
    return "pages" if route.asks is None else "looking up"


def openapi_page() -> dict[str, Any]:
    """The whole document as plain data."""
    taken = set(ROUTES.bodies().values())
    given = {route.gives for route in ROUTES if route.gives is not None} | {ErrorAnswer, FaultAnswer}
    wanted: list[tuple[Any, Literal["validation", "serialization"]]] = [
        (model, "validation" if model in taken else "serialization")
        for model in sorted(taken | given, key=lambda model: model.__name__)
    ]
    _, schemas = models_json_schema(wanted, ref_template="#/components/schemas/{model}")
    try:
        release = version("collabrank")
    except PackageNotFoundError:
        release = "0"
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.pattern, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "collabrank",
            "version": release,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [
            {"name": "ranking", "description": "Briefs, and what came of them."},
            {"name": "creators", "description": "Who they are, and what their score cards say."},
            {"name": "looking up", "description": "What a brief can name, and what is known without ranking."},
            {"name": "operation", "description": "For whoever keeps the service running."},
            {"name": "pages", "description": "This page."},
        ],
        "security": [{"key": []}, {"bearer": []}],
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {
                "key": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "X-API-Key",
                    "description": "Made by `collabrank keys create NAME`.",
                },
                "bearer": {"type": "http", "scheme": "bearer", "description": "The same key, after `Bearer`."},
            },
        },
        "paths": paths,
    }
