"""Sources are found by being there; what they give is written whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest

from marketplace.errors import ContractError, SourceError
from marketplace.sources import Ingested, Source, find_source, ingest, registry, sources

BRANDS = pd.DataFrame({"brand_id": ["b2", "b1"], "known_at": pd.to_datetime(["2024-01-01", "2024-01-02"], utc=True)})


def only(monkeypatch: pytest.MonkeyPatch, tables: Mapping[str, pd.DataFrame]) -> list[Path | None]:
    """Make ``tables`` the one source there is, called ``given``; the folders that it is read from."""
    folders: list[Path | None] = []

    def read(folder: Path | None) -> Ingested:
        folders.append(folder)
        return Ingested(tables, ["of two brands"])

    monkeypatch.setattr(registry, "sources", lambda: {"given": Source("given", "given by hand", read)})
    return folders


def test_a_source_is_a_module_that_declares_one() -> None:
    assert set(sources()) >= {"complete-journey"}
    assert all(name == source.name and source.about for name, source in sources().items())


def test_an_unknown_source_names_those_there_are() -> None:
    with pytest.raises(SourceError, match=r"complete-journey.* received complete_journey"):
        find_source("complete_journey")


def test_what_is_read_is_written_with_what_it_lacks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folders = only(monkeypatch, {"brands": BRANDS})
    report = ingest("given", tmp_path / "out", folder=tmp_path)
    assert folders == [tmp_path]
    assert report.rows == {"brands": 2}
    assert report.notes == ["of two brands"]
    assert "orders" in report.missing
    assert "brands.market" in report.missing
    assert not {"brands", "brands.brand_id", "brands.known_at"} & set(report.missing)
    assert pd.read_parquet(tmp_path / "out" / "brands")["brand_id"].to_list() == ["b2", "b1"]


@pytest.mark.parametrize(
    ("tables", "error"),
    [
        ({"brand": BRANDS}, SourceError),  # no table of the contract
        ({"brands": BRANDS.assign(known_at="yesterday")}, ContractError),
    ],
)
def test_what_does_not_fit_leaves_what_was_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tables: dict[str, pd.DataFrame], error: type[Exception]
) -> None:
    only(monkeypatch, {"brands": BRANDS})
    ingest("given", tmp_path / "out")
    only(monkeypatch, tables)
    with pytest.raises(error):
        ingest("given", tmp_path / "out")
    assert len(pd.read_parquet(tmp_path / "out" / "brands")) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
