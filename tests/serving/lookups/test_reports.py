"""Reports on disk: of the key's own brands alone, and nothing outside their folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from marketplace.errors import BriefError
from serving.keys import ApiKey
from serving.lookups import report, report_page, reports

ALL = ApiKey("1", "n", "s", "0" * 64, "2026-01-01T00:00:00+00:00")
MINE = ApiKey("2", "n", "s", "0" * 64, "2026-01-01T00:00:00+00:00", brands=("br_1",))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = []
    for campaign, brand, stem in (("ca_1", "br_1", "ca_1"), ("ca/2", "br_2", "ca%2F2"), ("ca_3", "", "ca_3")):
        rows.append({"campaign_id": campaign, "brand_id": brand, "file": stem, "lift": 12.5, "more": "than is known"})
        (tmp_path / f"{stem}.json").write_text(json.dumps({"campaign_id": campaign}))
        (tmp_path / f"{stem}.html").write_text(f"<p>{campaign}</p>")
    (tmp_path / "index.json").write_text(json.dumps({"reports": rows}))
    return tmp_path


def test_a_key_sees_its_own_brands_reports(folder: Path) -> None:
    assert [one.campaign_id for one in reports(ALL, folder).reports] == ["ca_1", "ca/2", "ca_3"]
    assert [one.campaign_id for one in reports(MINE, folder).reports] == ["ca_1"]
    assert report(ALL, "ca/2", folder) == {"campaign_id": "ca/2"}
    assert report_page(MINE, "ca_1", folder) == b"<p>ca_1</p>"
    said = []
    for name in ("ca/2", "ca_3", "ca_nowhere"):
        for ask in (report, report_page):
            with pytest.raises(BriefError) as refused:
                ask(MINE, name, folder)
            assert refused.value.status == 404
            said.append(str(refused.value).replace(name, "NAME"))
    assert len(set(said)) == 1


def test_without_any_there_are_none(tmp_path: Path) -> None:
    assert reports(ALL, tmp_path / "nowhere").reports == []


@pytest.mark.parametrize("stem", ["../secret", "a/b", "/etc/passwd", ".hidden", "a\0b"])
def test_a_list_that_names_files_elsewhere_is_no_list(tmp_path: Path, stem: str) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "secret.html").write_text("secret")
    entry = {"campaign_id": "ca_1", "brand_id": "br_1", "file": stem}
    (tmp_path / "reports" / "index.json").write_text(json.dumps({"reports": [entry]}))
    with pytest.raises(BriefError) as refused:
        report_page(ALL, "ca_1", tmp_path / "reports")
    assert refused.value.status == 503
    assert "secret" not in str(refused.value)
    (tmp_path / "reports" / "index.json").write_text("{")
    with pytest.raises(BriefError):
        reports(ALL, tmp_path / "reports")


def test_a_link_out_of_the_folder_is_not_followed(folder: Path) -> None:
    (folder.parent / "secret").write_text("secret")
    (folder / "ca_1.html").unlink()
    (folder / "ca_1.html").symlink_to(folder.parent / "secret")
    with pytest.raises(BriefError) as refused:
        report_page(ALL, "ca_1", folder)
    assert refused.value.status == 503
