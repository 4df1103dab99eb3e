"""MLflow's pages behind the guard: who is let in, what is closed, and a process of its own that ends when told to."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from marketplace.errors import AccessError
from marketplace.tables import Marketplace
from tests.training.test_artifacts import one_run
from training.tracking.compare import compare_runs
from training.tracking.first_page import CAUTION, GAIN, HEADLINES, VIEW, first_page
from training.tracking.pages import PASSWORD, FirstLook, Guard, read_password
from training.tracking.record import record_shares
from training.tracking.store import open_store

ROOT = Path(__file__).resolve().parents[3]
SECRET = "a long pass: word"
HEADS = """[...document.querySelectorAll('.ag-header-cell[col-id*="`"], .ag-header-cell[col-id^="runDate"]')]
    .sort((one, other) => one.getBoundingClientRect().left - other.getBoundingClientRect().left)
    .map(head => {
        const text = document.createRange();
        text.selectNodeContents([...head.querySelectorAll("*")].find(part => part.firstChild?.data?.trim()) ?? head);
        const [drawn, room] = [text.getBoundingClientRect(), head.getBoundingClientRect()];
        return [head.getAttribute("col-id"), drawn.width > 40 && drawn.right <= room.right];
    })"""


def client(password: str, auth: tuple[str, str] | None = None) -> TestClient:
    async def reached(_: Any) -> PlainTextResponse:
        return PlainTextResponse("reached")

    methods = ["GET", "POST", "PUT", "DELETE", "PATCH"]
    inside = Starlette(routes=[Route("/{path:path}", reached, methods=methods)])
    made = TestClient(Guard(inside, password))
    made.auth = auth
    return made


@pytest.mark.parametrize("path", ["/", "/ajax-api/2.0/mlflow/runs/search", "/api/2.0/mlflow-artifacts/artifacts/x"])
def test_the_password_opens_and_nothing_else_does(path):
    for wrong in (None, ("admin", ""), ("admin", SECRET[:-1]), (SECRET, "admin"), ("admin", SECRET + " ")):
        answer = client(SECRET, wrong).get(path)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic")
    assert client(SECRET, ("anyone", SECRET)).get(path).text == "reached"
    assert client(SECRET).get(path, headers={"Authorization": "Basic !!"}).status_code == 401
    assert client(SECRET).get("/health").text == "reached"
    assert client("").get(path).text == "reached"


@pytest.mark.parametrize(
    "path",
    [
        "/ajax-api/3.0/mlflow/assistant/message",
        "/AJAX-API//3.0/mlflow/assistant/message",
        "/gateway/mlflow/v1/chat",
        "/ajax-api/2.0/mlflow/runs/create-promptlab-run",
        "/ajax-api/3.0/%6aobs",
    ],
)
def test_what_runs_tools_or_calls_others_is_closed_with_the_password_too(path):
    inside = client(SECRET, ("a", SECRET))
    assert {inside.get(path).status_code, inside.post(path).status_code} == {403}


def test_of_a_gateway_there_is_nothing_to_tell_and_no_way_to_it():
    inside = client(SECRET, ("a", SECRET))
    path = "/ajax-api/2.0/mlflow/gateway-proxy"
    assert inside.get(path, params={"gateway_path": "api/2.0/endpoints/"}).json() == {"endpoints": []}
    assert inside.post(path).status_code == 403


def test_without_a_password_nothing_is_written_among_the_artifacts():
    for path in ("/api/2.0/mlflow-artifacts/artifacts/a", "/ajax-api/2.0/mlflow/upload-artifact"):
        for method in ("PUT", "POST", "DELETE", "PATCH"):
            assert client("").request(method, path).status_code == 403
            assert client(SECRET, ("a", SECRET)).request(method, path).status_code == 200
        assert client("").get(path).status_code == 200


def test_a_password_is_long_and_its_file_private(tmp_path, monkeypatch):
    monkeypatch.delenv(PASSWORD, raising=False)
    assert read_password() == ""
    file = tmp_path / "password"
    file.write_text(f"{SECRET}\nmore\n")
    file.chmod(0o644)
    with pytest.raises(AccessError, match="only its owner"):
        read_password(file)
    file.chmod(0o600)
    assert read_password(file) == SECRET
    monkeypatch.setenv(PASSWORD, "short")
    with pytest.raises(AccessError, match="12 characters") as refusal:
        read_password()
    assert "short" not in str(refusal.value)


def test_the_pages_show_a_moved_home_and_end_when_told_to(store, home, tmp_path_factory, monkeypatch):
    run_id = one_run(home)
    moved = tmp_path_factory.mktemp("pages") / "moved"
    os.rename(home / "var", moved.parent / "var")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "COLLABRANK_HOME": str(moved.parent), PASSWORD: SECRET}
    command = [
        sys.executable,
        "-m",
        "collabrank",
        "ui",
        "--port",
        str(port),
        "--allowed-hosts",
        f"pages.example,127.0.0.1:{port}",
    ]
    log = moved.parent / "log"
    with open(log, "wb") as out:
        running = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=out, stderr=out, start_new_session=True)
    try:
        names = {"Host": "pages.example"}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=names, timeout=30) as asking:
            for _ in range(600):
                try:
                    asking.get("/health")
                    break
                except httpx.HTTPError:
                    assert running.poll() is None, log.read_text()
                    time.sleep(0.1)
            assert asking.get("/").status_code == 401
            asking.auth = ("me", SECRET)
            assert asking.get("/").status_code == 200
            assert asking.get("/", headers={"Host": "rebound.example"}).status_code == 403
            listed = asking.get("/ajax-api/2.0/mlflow/artifacts/list", params={"run_id": run_id, "path": "notes"})
            assert [file["path"] for file in listed.json()["files"]] == ["notes/words.txt"]
            shown = asking.get("/get-artifact", params={"run_uuid": run_id, "path": "notes/words.txt"})
            assert shown.text == "said"
            put = f"/api/2.0/mlflow-artifacts/artifacts/{run_id}/artifacts/notes/more.txt"
            assert asking.put(put, content=b"more").status_code == 200
        assert (moved.parent / "var/mlflow/artifacts" / run_id / "artifacts/notes/more.txt").read_bytes() == b"more"
        assert not list(home.rglob("*.txt"))
        # Another machine's training tracks there, with the password; artifacts go to the server's home.
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", SECRET)
        shared = open_store(f"http://127.0.0.1:{port}")
        with shared.run("from elsewhere") as run:
            run.text("far", "notes/words.txt")
        assert shared.fetch(run.id, "notes/words.txt", moved.parent).read_text() == "far"
        kept = moved.parent / "var/mlflow/artifacts" / run.id / "artifacts/notes/words.txt"
        assert kept.read_text() == "far"
        running.send_signal(signal.SIGTERM)
        running.wait(timeout=30)
        # No process of its group is left: there is no child that could be.
        with pytest.raises(ProcessLookupError):
            os.killpg(running.pid, 0)
    finally:
        if running.poll() is None:
            running.kill()
            running.wait()


def looked(store, page: bytes, path: str = "/") -> httpx.Response:
    """What a browser gets of MLflow's ``page`` through the first look."""

    async def whole(_: Any) -> Response:
        return Response(page, media_type="text/html", headers={"etag": "old"})

    return TestClient(FirstLook(Starlette(routes=[Route("/{path:path}", whole)]), store)).get(path)


def kept_in(text: str) -> dict[str, str]:
    """What the script of the first look keeps in a browser."""
    (told,) = re.findall(r"Object\.entries\((.*?)\)\) if \(localStorage", text)
    return dict(json.loads(told))


def test_a_new_browser_begins_with_model_training_and_the_view_of_each_experiment(store, home):
    market = Marketplace({}, path=home / "<shop>")
    market.fingerprint = lambda: "a" * 64  # type: ignore[method-assign]
    own = store.of_marketplace(market)
    with own.run("upper") as upper, own.run("lower", parent=upper):
        pass
    answer = looked(store, b"<html><head><title>MLflow</title></head></html>")
    assert answer.text.endswith("<title>MLflow</title></head></html>")
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers
    assert answer.text.count("</script>") == 1
    kept = kept_in(answer.text)
    assert kept["mlflow.workflowType_v1"] == '"machine_learning"'
    assert kept["mlflow.assistant.panelOpen_v1"] == "false"
    views = [json.loads(value) for name, value in kept.items() if "ExperimentPage" in name]
    assert len(views) == 1  # MLflow's own experiment has none
    assert views[0]["runsExpanded"] == {upper.id: True}
    assert views[0]["selectedColumns"][: len(HEADLINES)] == [f"metrics.`{name}`" for name in HEADLINES]
    (shape,) = (chart for chart in views[0]["compareRunCharts"] if chart["type"] == "PARALLEL")
    assert shape["selectedMetrics"][-1] == "profit_usd_at_20"  # nobody knows the truth of this shop
    assert {chart["metricKey"] for chart in views[0]["compareRunCharts"] if chart["type"] == "BAR"} == set(HEADLINES)
    assert looked(store, b"<head></head>", "/static-files/x.js").text == "<head></head>"


def test_where_there_is_truth_runs_are_drawn_against_the_gain(tmp_path):
    (tmp_path / "truth" / "outcomes").mkdir(parents=True)
    (tmp_path / "truth" / "outcomes" / "part.parquet").touch()
    for path, gain in ((tmp_path, "oracle_gain_share_at_20"), (tmp_path / "truth", "profit_usd_at_20")):
        tags = first_page(Marketplace({}, path=path))
        (shape,) = (
            one
            for one in json.loads(tags[f"mlflow.sharedViewState.{VIEW}"])["compareRunCharts"]
            if one["type"] == "PARALLEL"
        )
        assert tags[GAIN] == shape["selectedMetrics"][-1] == gain


def led_to(text: str) -> list[str]:
    """Where the script of the first look leads the bare address."""
    return re.findall(r"includes\(location\.hash\)\) location\.replace\((.*?)\);", text)


def test_the_bare_address_leads_to_the_marketplace_last_trained_and_without_one_to_the_welcome(store, home):
    page = b"<html><head></head></html>"
    assert led_to(looked(store, page).text) == []
    shops = [Marketplace({}, path=home / name) for name in ("one", "two")]
    for number, market in enumerate(shops):
        market.fingerprint = lambda number=number: f"{number}" * 64  # type: ignore[method-assign]
    one, two = map(store.of_marketplace, shops)
    assert one.experiment_id != two.experiment_id
    assert led_to(looked(store, page).text) == []  # nothing was trained yet
    with two.run("first"):
        pass
    with store.run("of no marketplace"):
        pass
    assert led_to(looked(store, page).text) == [f'"#/experiments/{two.experiment_id}/runs"']
    time.sleep(0.002)  # MLflow counts milliseconds
    with one.run("later"):
        pass
    assert led_to(looked(store, page).text) == [f'"#/experiments/{one.experiment_id}/runs"']


def test_an_experiment_says_what_it_is_and_what_ndcg_is_not_and_keeps_what_somebody_wrote(store, home):
    market = Marketplace({}, path=home / "shop")
    market.fingerprint = lambda: "a" * 64  # type: ignore[method-assign]
    number = store.of_marketplace(market).experiment_id
    told = store.client.get_experiment(number).tags
    assert told["mlflow.experimentKind"] == "custom_model_development"
    assert CAUTION in told["mlflow.note.content"]
    store.client.set_experiment_tag(number, "mlflow.note.content", "Ask Ana.")
    _ = store.of_marketplace(market).experiment_id
    assert store.client.get_experiment(number).tags["mlflow.note.content"] == "Ask Ana."


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium on PATH")
def test_a_real_browser_sees_metrics_charts_and_no_assistant(store, home, tmp_path):
    from playwright.sync_api import sync_playwright

    market = Marketplace({}, path=home / "shop")
    market.fingerprint = lambda: "a" * 64  # type: ignore[method-assign]
    own = store.of_marketplace(market)
    rankers = ("expected_value", "lambdarank", "another")
    with own.run("train") as upper:
        upper.metrics(dict.fromkeys(HEADLINES, 0.625))
    lower = []
    for number, ranker in enumerate(rankers, start=1):
        with own.run(f"{ranker} v{number}", parent=upper) as run:
            run.metrics({**dict.fromkeys(HEADLINES, 0.625), "effects/slope": 1.0})
            run.params({"ranker": ranker, "learning_rate": 0.05, "seed": number, "trees.lift.rounds": number})
            run.params({"cutoff": "2025-05-26", "num_leaves": 6, "max_rounds": 240})
            record_shares(run, {"profit_usd_at_20": {"ca_01": float(number)}})
        lower.append(run.id)
    charts = compare_runs(lower[:2], store=own).page
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [sys.executable, "-m", "collabrank", "ui", "--port", str(port)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLLABRANK_HOME": str(home)}
    with open(tmp_path / "log", "wb") as log:
        server = subprocess.Popen(words, env=environment, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                httpx.get(f"{address}/health", timeout=2).raise_for_status()
                break
            except httpx.HTTPError:
                assert server.poll() is None, (tmp_path / "log").read_text()
                time.sleep(0.2)
        with sync_playwright() as browsers:
            flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
            browser = browsers.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
            page = browser.new_page(viewport={"width": 1600, "height": 1000})
            page.set_default_timeout(60_000)
            page.goto(address)
            page.get_by_text("expected_value v1").first.wait_for()
            assert page.url.startswith(f"{address}/#/experiments/{own.experiment_id}/runs")
            page.get_by_text("0.625").first.wait_for()
            about = page.get_by_text("Rankers of creators for the marketplace")
            about.first.wait_for()
            assert about.count() == 1
            assert page.get_by_text("Welcome to MLflow Assistant").count() == 0
            assert page.locator("[data-assistant-ui]:visible").count() == 0
            # The metrics in their order, each name read whole.
            heads = page.evaluate(HEADS)
            assert [name for name, _ in heads][:2] == ["attributes.`Run Name`", "runDateAndNestInfo"]
            shown = [name for name, _ in heads if name.startswith("metrics.")]
            assert shown == [f"metrics.`{name}`" for name in HEADLINES][: len(shown)]
            assert len(shown) > 3
            assert all(whole for name, whole in heads if name.startswith("metrics."))
            page.goto(f"{address}/#/experiments/{own.experiment_id}/runs?compareRunsMode=CHART")
            page.get_by_text("What was trained, and its gain").first.wait_for()
            page.get_by_text("What matters").first.wait_for()
            assert page.get_by_text("closed here").count() == 0
            # The charts of the runs that are compared, and of what they lie beneath; and MLflow's own page of the same.
            page.goto(f"{address}/{charts}")
            page.reload()
            page.get_by_text("lambdarank v2").first.wait_for()
            page.locator("svg .axis text.label").first.wait_for()
            axes = page.locator("svg .axis text.label").all_text_contents()
            assert axes[:3] == ["ranker", "cutoff", "seed"]
            assert axes[-1] == "profit_usd_at_20"
            assert page.get_by_text("another v3").count() == 0
            asked = f"runs={json.dumps(lower)}&experiments={json.dumps([own.experiment_id])}"
            page.goto(f"{address}/#/compare-runs?{asked}")
            page.locator(".pcp-plot .axis-title").first.wait_for()
            axes = page.locator(".pcp-plot .axis-title").all_text_contents()
            assert axes == ["ranker", "seed", "trees.lift.rounds", HEADLINES[0]]
            page.goto(f"{address}/#/models")  # who asks for another page gets it, and the welcome is a click away
            page.reload()
            page.get_by_text("Registered Models").first.wait_for()
            page.locator("a[href='#/']").first.click()
            page.get_by_text("Welcome to MLflow").first.wait_for()
            browser.close()
    finally:
        server.terminate()
        server.wait(20)
