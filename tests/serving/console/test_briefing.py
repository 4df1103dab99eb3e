"""A brief in the form and as the service takes it, and the file of applicants."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from marketplace.errors import FileError
from serving.console.briefing import as_brief, as_fields, faults_of, read_applicants, still_needed
from serving.schema import BriefBody

BRIEFS = st.fixed_dictionaries(
    {"market": st.sampled_from(["US", "ID"]), "commission_rate": st.integers(0, 1000).map(lambda n: n / 1000)},
    optional={
        "brand_id": st.just("br_001"),
        "category_id": st.just("beauty"),
        "product_ids": st.lists(st.sampled_from(["pr_1", "pr_2"]), min_size=1, unique=True),
        "price": st.floats(0, 1e6),
        "flat_fee": st.floats(0, 1e6),
        "budget": st.integers(0, 10**9),
        "has_free_sample": st.booleans(),
        "currency": st.sampled_from(["USD", "IDR"]),
        "starts_at": st.just("2026-01-02T00:00:00Z"),
        "ends_at": st.just("2026-02-02T00:00:00Z"),
    },
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(BRIEFS)
def test_a_brief_comes_back_from_the_form_as_it_went_in_and_the_service_takes_it(brief: dict[str, Any]) -> None:
    assert as_brief(as_fields(brief)) == brief
    BriefBody.model_validate_json(json.dumps(as_brief(as_fields(brief))))
    assert faults_of(brief) == {}


def test_percent_days_and_blanks() -> None:
    fields = {
        "market": " us ",
        "commission_rate": 12,
        "category_id": " beauty ",
        "starts_at": "2026-01-02",
        "price": None,
    }
    assert as_brief(fields) == {
        "market": "US", "category_id": "beauty", "commission_rate": 0.12, "starts_at": "2026-01-02T00:00:00Z",
    }  # fmt: skip
    assert still_needed({}) == {
        "market": "a market", "category_id": "a category or a product", "commission_rate": "a commission",
    }  # fmt: skip
    assert still_needed({"market": "US", "product_ids": ["x"], "commission_rate": 0.0}) == {}
    assert set(faults_of({"commission_rate": 1.2})) == {"commission_rate"}
    assert set(faults_of({"starts_at": "2026-02-02T00:00:00Z", "ends_at": "2026-02-01T00:00:00Z"})) == {"ends_at"}


def workbook(*rows: list[str]) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b"creator_id\ncr_1\ncr_2\n"),
        ("a.CSV", "\ufeffName;Creator ID\r\nx;cr_1\r\ny;cr_2\r\nz;cr_1\r\n".encode()),
        ("a.tsv", b"x\tUsername\n\tcr_1\n\n\tcr_2\n\t \n"),
        ("a.txt", b"cr_1\ncr_2"),
        ("a.csv", "username\ncr_1\ncr_2".encode("utf-16")),
        ("a.xlsx", workbook(["nick", "creator_id"], ["x", "cr_1"], ["y", "cr_2"], ["", ""])),
    ],
)
def test_applicants_are_found(name: str, content: bytes) -> None:
    assert read_applicants(name, content) == ["cr_1", "cr_2"]


def bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/sharedStrings.xml", b"0" * (65 * 2**20))
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.pdf", b"x", "ends in .csv or .xlsx"),
        ("a.csv", b"", "at least one"),
        ("a.csv", b"creator_id\n\n", "at least one"),
        ("a.csv", b"\xff\xfa\x80", "UTF-8"),
        ("a.xlsx", b"no workbook", "an Excel workbook"),
        ("a.csv", "\n".join(f"cr_{n}" for n in range(20_001)).encode(), "at most 20,000"),
    ],
)
def test_what_is_no_file_of_applicants_is_refused(name: str, content: bytes, says: str) -> None:
    with pytest.raises(FileError) as refused:
        read_applicants(name, content)
    assert says in refused.value.expected


def test_a_workbook_that_unpacks_to_too_much_is_not_unpacked() -> None:
    with pytest.raises(FileError, match="64 MB"):
        read_applicants("a.xlsx", bomb())
