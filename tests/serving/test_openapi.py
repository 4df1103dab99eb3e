"""The OpenAPI page is true: schemathesis asks what it describes, over real sockets, and finds what it promises."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import checks

from serving.app.openapi import openapi_page
from serving.app.routes import ROUTES


def test_the_page_is_served_and_says_what_is_refused(process: Any) -> None:
    page = httpx.get(f"{process.url}/docs.json", headers={"X-API-Key": process.key}).json()
    assert page == openapi_page()
    assert page["security"] == [{"key": []}]
    assert page["components"]["securitySchemes"]["key"]["name"] == "X-API-Key"
    assert set(page["paths"]) | {"/"} == {route.pattern for route in ROUTES}
    for route in ROUTES.bodies():
        post = page["paths"][route]["post"]
        assert post["requestBody"]["required"]
        assert {"200", "400", "401", "413", "415"} <= set(post["responses"])
    for probe in ("/healthz", "/readyz", "/metrics"):
        assert page["paths"][probe]["get"]["security"] == []


PAGE = schemathesis.openapi.from_dict(openapi_page())

# What the page cannot say: which campaigns and products there are, that one weight must be above 0.
LEFT_OUT = [checks.positive_data_acceptance]


@PAGE.parametrize()
@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_the_service_keeps_what_the_page_promises(case: Any, process: Any) -> None:
    case.call_and_validate(base_url=process.url, headers={"X-API-Key": process.key}, excluded_checks=LEFT_OUT)


@pytest.mark.slow
@PAGE.parametrize()
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_service_keeps_it_for_long(case: Any, process: Any) -> None:
    case.call_and_validate(base_url=process.url, headers={"X-API-Key": process.key}, excluded_checks=LEFT_OUT)
