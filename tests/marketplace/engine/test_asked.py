"""Which engine is opened, and the plain words where it cannot be."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from collabrank.cli import main
from marketplace.engine import ENGINE_VARIABLE, asked_engine, open_engine
from marketplace.engine.base import without_token
from marketplace.errors import EngineError
from marketplace.tables import Marketplace, open_marketplace


def test_what_is_said_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENGINE_VARIABLE, raising=False)
    assert asked_engine(None) == "duckdb"
    monkeypatch.setenv(ENGINE_VARIABLE, "sc://spark.example:15002")
    assert asked_engine(None) == "sc://spark.example:15002"
    assert asked_engine("duckdb") == "duckdb"
    monkeypatch.setenv(ENGINE_VARIABLE, " ")
    assert asked_engine(None) == "duckdb"


@pytest.mark.parametrize("url", ["spark", "local", "local[4]", "spark://a:7077", "sc://a", "k8s://a", "yarn"])
def test_sparks_urls_are_known(url: str) -> None:
    assert asked_engine(url) == url


@pytest.mark.parametrize("name", ["", "flink", "Spark", "http://a", "postgres://a/b"])
def test_another_engine_is_refused_by_name(name: str) -> None:
    with pytest.raises(EngineError, match="COLLABRANK_ENGINE") as refused:
        asked_engine(name)
    assert refused.value.received == name


def test_a_token_is_never_said() -> None:
    with pytest.raises(EngineError) as refused:
        asked_engine("cs://spark.example:443/;use_ssl=true;token=abc123")
    assert "abc123" not in str(refused.value)
    assert without_token("sc://a/;token=abc123;user_id=u 'x'") == "sc://a/;token=…;user_id=u 'x'"


def test_without_pyspark_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(EngineError, match=r"collabrank\[spark\]"):
        open_engine("local[2]")


@pytest.mark.parametrize("scheme", ["spark", "sc"])
def test_where_nothing_answers_is_said_at_once(scheme: str) -> None:
    pytest.importorskip("pyspark")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(EngineError, match=rf"127\.0\.0\.1:{port}.*refused"):
        open_engine(f"{scheme}://127.0.0.1:{port}")
    with pytest.raises(EngineError, match="nowhere"):
        open_engine(f"{scheme}://nowhere:port")


def test_the_command_line_ends_with_three_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(ENGINE_VARIABLE, "duckdb")
    monkeypatch.setattr(sys, "argv", ["collabrank", "card", "market", "cr_1", "--engine", "flink"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 3
    assert said[0].startswith("EngineError: expected duckdb, spark, or a Spark URL")
    assert said[1].split() == ["received", "flink"]


def test_the_environment_reaches_every_way_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(ENGINE_VARIABLE, "flink")
    with pytest.raises(EngineError):
        open_marketplace(tmp_path)
    assert Marketplace({"orders": pa.table({})}).engine.name == "duckdb"  # frames in memory say their own


def test_what_one_engine_gave_is_not_the_others_answer(tmp_path: Path) -> None:
    class Other:
        name = "other"

    file = tmp_path / "orders.parquet"
    file.touch()

    class Files:
        files = (str(file),)

        @staticmethod
        def told_by_folders(_file: str) -> str:
            return ""

    ours, others = (
        Marketplace({"orders": Files()}, path=tmp_path, **options).kept_as()  # type: ignore[arg-type]
        for options in ({}, {"engine": Other()})
    )
    assert others == f"{ours}-other"
