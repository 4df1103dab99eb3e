"""The OpenAPI 3.1 page, made from the service's own models.

BentoML's page leaves out the key, the refusals and the mounted routes, and says
that no body is required; this one is served in its place at ``/docs.json``.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from serving.app.routes import ROUTES
from serving.schema import ErrorAnswer

__all__ = ["openapi_page"]

_POSTS: dict[str, tuple[type[BaseModel], type[BaseModel], str, tuple[int, ...]]] = {
    route.pattern: (route.takes, route.gives, route.does, route.also)
    for route in ROUTES
    if route.takes is not None and route.gives is not None
}

_REFUSALS = {
    400: "The body is not what this route describes.",
    401: "No key, or one that is unknown, revoked or expired.",
    404: "There is nothing of this name.",
    408: "The body did not come in time.",
    413: "The body is larger than 256 KiB.",
    415: "The body is not JSON, or is compressed.",
    429: "Too many requests at a time.",
    503: "Nothing to rank with yet, or the decision log's store does not answer.",
    507: "The decision log cannot be kept.",
}

_FAULT = {
    "description": "A fault of the service; its log has more under this id.",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["error", "request_id"],
                "properties": {"error": {"const": "InternalError"}, "request_id": {"type": "string"}},
            }
        }
    },
}


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _json(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _refusals(*statuses: int) -> dict[str, Any]:
    return {str(s): _json(_REFUSALS[s], _reference(ErrorAnswer)) for s in sorted(statuses)} | {"500": _FAULT}


def _post(route: str) -> dict[str, Any]:
    takes, gives, does, also = _POSTS[route]
    return {
        "operationId": route.strip("/"),
        "summary": does,
        "requestBody": {"required": True, "content": {"application/json": {"schema": _reference(takes)}}},
        "responses": {
            "200": _json(gives.__doc__ or "", _reference(gives)),
            **_refusals(400, 401, 408, 413, 415, 429, *also),
        },
    }


def _probe(name: str, does: str, content: dict[str, Any], *statuses: int) -> dict[str, Any]:
    return {
        "get": {
            "operationId": name,
            "summary": does,
            "security": [],
            "responses": {str(status): {"description": does, "content": content} for status in statuses},
        }
    }


def openapi_page() -> dict[str, Any]:
    """The whole document as plain data."""
    models: set[type[BaseModel]] = {m for takes, gives, _, _ in _POSTS.values() for m in (takes, gives)} | {ErrorAnswer}
    wanted: list[tuple[Any, Literal["validation", "serialization"]]] = [
        (model, "validation" if model in ROUTES.bodies().values() else "serialization")
        for model in sorted(models, key=lambda model: model.__name__)
    ]
    _, schemas = models_json_schema(wanted, ref_template="#/components/schemas/{model}")
    for name in ("RankRequest", "ExplainRequest"):
        schemas["$defs"][name]["oneOf"] = [
            {"required": ["campaign_id"], "properties": {"campaign_id": {"type": "string"}, "brief": {"type": "null"}}},
            {"required": ["brief"], "properties": {"brief": {"type": "object"}, "campaign_id": {"type": "null"}}},
        ]
    an_object = {"application/json": {"schema": {"type": "object"}}}
    try:
        release = version("collabrank")
    except PackageNotFoundError:
        release = "0"
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "collabrank",
            "version": release,
            "description": "Which creators to invite for a brief, what each would bring, and why.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {
                "key": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "X-API-Key",
                    "description": "Made by `collabrank keys create NAME`.",
                }
            },
        },
        "paths": {
            **{route: {"post": _post(route)} for route in _POSTS},
            "/creators/{creator_id}/card": {
                "get": {
                    "operationId": "card",
                    "summary": "A creator's score card: the same that the creator sees.",
                    "parameters": [
                        {
                            "name": "creator_id",
                            "in": "path",
                            "required": True,
                            "schema": {"type": "string", "minLength": 1, "maxLength": 128},
                        }
                    ],
                    "responses": {
                        "200": _json(
                            "Eight indices with intervals, peers and components; `basis` says what the model stands on "
                            "that ranks beside them, null where it has heads of its own.",
                            {"type": "object"},
                        ),
                        **_refusals(401, 404, 503),
                    },
                }
            },
            "/docs.json": {
                "get": {
                    "operationId": "docs",
                    "summary": "This page.",
                    "responses": {"200": _json("OpenAPI 3.1", {"type": "object"}), **_refusals(401)},
                }
            },
            "/healthz": _probe("healthz", "Whether the process is alive.", an_object, 200),
            "/readyz": _probe("readyz", "Whether there is something to rank with.", an_object, 200, 503),
            "/metrics": _probe("metrics", "Figures in Prometheus text format.", {"text/plain": {}}, 200),
        },
    }
