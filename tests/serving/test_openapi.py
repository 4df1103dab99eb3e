"""The OpenAPI page is true: schemathesis asks what it describes, over real sockets, and finds what it promises."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import checks

from serving.app.examples import ANSWERS, BODIES, ERRORS, PARAMETERS
from serving.app.openapi import openapi_page
from serving.app.routes import OPEN, ROUTES
from serving.schema import ErrorAnswer

PLAIN = {
    "creators", "request_id", "creator_id", "currency", "expected", "received", "look", "error", "unit", "event",
    "logged", "low", "high", "model_version", "username", "market",
}  # fmt: skip
"""Fields that say what they are."""

OPENED = {"/docs.json", "/docs", "/docs/{file}", "/healthz", "/readyz"}


def test_the_page_is_served_to_whoever_asks_and_says_what_is_refused(process: Any) -> None:
    page = httpx.get(f"{process.url}/docs.json").json()
    assert page == openapi_page()
    assert page["security"] == [{"key": []}, {"bearer": []}]
    assert page["components"]["securitySchemes"]["key"]["name"] == "X-API-Key"
    assert page["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert {(path, method.upper()) for path, methods in page["paths"].items() for method in methods} == {
        (route.pattern, route.method) for route in ROUTES
    }
    for route in ROUTES:
        told = page["paths"][route.pattern][route.method.lower()]
        assert (told.get("security") == []) == (route.scopes == OPEN)
        if route.takes is not None:
            assert told["requestBody"]["required"]
            assert {"200", "400", "401", "413", "415", "429"} <= set(told["responses"])
    assert {route.pattern for route in ROUTES if route.scopes == OPEN} >= OPENED


def test_the_page_keeps_to_what_generators_of_clients_take() -> None:
    page = openapi_page()
    assert '"oneOf"' not in json.dumps(page)
    names = [told["operationId"] for methods in page["paths"].values() for told in methods.values()]
    assert len(set(names)) == len(names)
    for name, schema in page["components"]["schemas"].items():
        assert "_" not in name
        for field, told in schema.get("properties", {}).items():
            assert told.get("description") or "$ref" in told or field in PLAIN, f"{name}.{field} is not described"


def test_every_error_on_the_page_is_of_the_described_shape() -> None:
    for error in ERRORS.values():
        ErrorAnswer.model_validate(error)


def test_every_answer_that_is_shown_new_is_of_the_described_shape() -> None:
    shown = [route for route in ROUTES if route.name in ANSWERS and route.asks is not None]
    assert len(shown) >= 6
    for route in shown:
        assert route.gives is not None
        for answer in ANSWERS[route.name].values():
            route.gives.model_validate(answer)


def test_swagger_ui_is_served_from_here_alone(process: Any) -> None:
    page = httpx.get(f"{process.url}/docs")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "http" not in page.text
    linked = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(linked) == 4
    for path in linked:
        assert httpx.get(process.url + path).status_code == 200, path
    script = httpx.get(f"{process.url}/docs/swagger-ui-bundle.js")
    assert script.headers["content-type"].startswith("text/javascript")
    assert b"SwaggerUIBundle" in script.content
    assert set(PARAMETERS["file"]["schema"]["enum"]) >= {
        path.removeprefix("/docs/") for path in linked if "/docs/" in path
    }
    for path in ("/docs/none.js", "/docs/swagger-initializer.js", "/docs/..%2Fserver.py", "/docs/"):
        answer = httpx.get(process.url + path, headers={"X-API-Key": process.key})
        assert answer.status_code == 404, path


@pytest.mark.parametrize(
    ("name", "example"), [(name, example) for name, examples in BODIES.items() for example in examples.items()]
)
def test_every_example_is_answered_as_it_stands(process: Any, name: str, example: tuple[str, dict[str, Any]]) -> None:
    route = next(route for route in ROUTES if route.name == name)
    body = dict(example[1])
    with httpx.Client(base_url=process.url, headers={"X-API-Key": process.key}, timeout=30) as client:
        if name == "feedback":
            ranked = client.post("/rank", json=BODIES["rank"]["a_brief"]).json()
            body |= {"request_id": ranked["request_id"], "creator_id": ranked["creators"][0]["creator_id"]}
        answer = client.post(route.pattern, json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json().get("warnings", []) == []
    if name == "rank":
        assert answer.json()["creators"]


def test_a_generated_client_ranks(process: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openapi_python_client", reason="openapi-python-client is not installed")
    (tmp_path / "docs.json").write_text(json.dumps(openapi_page()))
    (tmp_path / "config.yml").write_text("post_hooks: []\n")
    made = subprocess.run(
        [sys.executable, "-m", "openapi_python_client", "generate", "--path", "docs.json", "--meta", "none",
         "--output-path", "collabrank_client", "--config", "config.yml", "--fail-on-warning"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr
    monkeypatch.syspath_prepend(str(tmp_path))
    part = importlib.import_module
    for file in sorted((tmp_path / "collabrank_client").rglob("*.py")):
        part(".".join(file.relative_to(tmp_path).with_suffix("").parts).removesuffix(".__init__"))
    models = part("collabrank_client.models")
    rank = part("collabrank_client.api.ranking.rank")
    client = part("collabrank_client").AuthenticatedClient(
        base_url=process.url, token=process.key, prefix="", auth_header_name="X-API-Key"
    )
    brief = models.BriefBody(market="ID", category_id="beauty", commission_rate=0.12, price=18.0)
    found = rank.sync(client=client, body=models.RankRequest(brief=brief, top=3))
    assert [one.position for one in found.creators] == [1, 2, 3]
    assert found.creators[0].utility.currency == "USD"
    assert found.creators[0].reasons[0].text
    wrong = rank.sync(client=client, body=models.RankRequest(campaign_id="ca_none"))
    assert isinstance(wrong, models.ErrorAnswer)
    assert [one.field for one in wrong.problems] == ["campaign_id"]


PAGE = schemathesis.openapi.from_dict(openapi_page())

# What the page cannot say: which campaigns and products there are, that one weight must be above 0.
LEFT_OUT = [checks.positive_data_acceptance]


def left_out(case: Any) -> list[Any]:
    """Of a batch also: what is wrong with one of its requests is told in that one's item, with the whole answered."""
    return LEFT_OUT + ([checks.negative_data_rejection] if case.path == "/rank/batch" else [])


def ask(case: Any, process: Any) -> None:
    """Ask and check the answer: what is larger than its route takes is 413, unread, once a key opens the door."""
    way: dict[str, Any] = {"base_url": process.url, "headers": {"X-API-Key": process.key}}
    answer = case.call(**way)
    excluded = left_out(case)
    asked = (case.operation.path, case.method.upper())
    route = next((one for one in ROUTES if (one.pattern, one.method) == asked), None)
    if route is not None and len(answer.request.body or b"") > route.largest:
        assert answer.status_code in (401, 413)
        excluded = [*excluded, checks.negative_data_rejection]
    case.validate_response(answer, headers=way["headers"], excluded_checks=excluded, transport_kwargs=way)


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
    ask(case, process)


@pytest.mark.slow
@PAGE.parametrize()
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_service_keeps_it_for_long(case: Any, process: Any) -> None:
    ask(case, process)
