"""What is asked for and kept exists in the published OpenAPI files, and stands in the documentation."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from marketplace.sources.tiktok_shop.endpoints import ENDPOINTS, Endpoint, prune

ROOT = Path(__file__).resolve().parents[4]


def leaves(kept: Any, above: str = "") -> list[str]:
    """The dotted paths of the kept fields."""
    return [
        path
        for name, below in kept.items()
        for path in ([f"{above}{name}"] if below is True else leaves(below, f"{above}{name}."))
    ]


def fields(schema: Any, above: str = "") -> set[str]:
    """Every dotted path in a schema, lists being what is in them."""
    if schema.get("type") == "array":
        return fields(schema.get("items", {}), above)
    found = set()
    for name, below in schema.get("properties", {}).items():
        found |= {f"{above}{name}"} | fields(below, f"{above}{name}.")
    return found


NEWER = {"affiliate_orders": {"skus.sku_id"}}
"""Fields of a newer version of an endpoint, which are kept where they are told."""


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=lambda one: one.name)
def test_every_field_is_in_the_published_schema(endpoint: Endpoint, openapi: Path) -> None:
    file = openapi / f"{endpoint.path.split('/')[1]}.json"
    paths = {re.sub(r"\{\w+\}", "{id}", path): one for path, one in json.loads(file.read_text())["paths"].items()}
    operation = paths[endpoint.path][endpoint.method.lower()]
    answer = operation["responses"]["200"]["content"]["application/json"]["schema"]
    known = fields(answer["properties"]["data"]["properties"][endpoint.items])
    asked = {*leaves(endpoint.kept), *endpoint.key, *endpoint.needs} - NEWER.get(endpoint.name, set())
    assert asked <= known
    parameters = {one["name"] for one in operation["parameters"]}
    assert (endpoint.page_size > 0) == ("page_token" in parameters)


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=lambda one: one.name)
def test_what_is_needed_is_kept(endpoint: Endpoint) -> None:
    kept = leaves(endpoint.kept)
    for name in (*endpoint.key, *endpoint.needs):
        assert any(one == name or one.startswith(f"{name}.") for one in kept), name


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=lambda one: one.name)
def test_every_field_that_is_kept_stands_in_the_documentation(endpoint: Endpoint) -> None:
    page = (ROOT / "docs" / "tiktok_shop.md").read_text(encoding="utf-8")
    told = set(re.findall(r"`([\w.]+)`", page))
    objects = {f"{one}.{part}" for one in told for part in ("amount", "currency", "minimum_amount", "maximum_amount")}
    assert endpoint.path in page
    assert set(leaves(endpoint.kept)) <= told | objects


def test_nothing_but_the_kept_fields_is_left() -> None:
    kept = {"id": True, "lines": {"sku": True}}
    record = {"id": 1, "buyer": "B", "lines": [{"sku": 2, "note": "n"}, "odd"], "none": None}
    assert prune(record, kept) == {"id": 1, "lines": [{"sku": 2}, None]}
    assert record["buyer"] == "B"
