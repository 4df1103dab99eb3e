"""The reference page is what the code says, and leaves nothing of the public face out."""

from __future__ import annotations

import re
from pathlib import Path

import typer

import collabrank as cr
from collabrank import cli, reference

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_current() -> None:
    assert (ROOT / reference.PAGE).read_text() == reference.render(), "make docs"


def test_every_public_name_is_on_the_page() -> None:
    page = (ROOT / reference.PAGE).read_text()
    named = set(re.findall(r"^### `cr\.(\w+)`", page, re.M))
    assert set(cr.__all__) - named == {"CollabrankError", "__version__"}
    assert "CollabrankError" in page
    assert "cr.__version__" in page
    for name in reference.result_types():
        assert f"### `{name}`" in page


def test_every_command_is_on_the_page() -> None:
    page = (ROOT / reference.PAGE).read_text()
    for name in typer.main.get_command(cli.app).commands:  # type: ignore[attr-defined]
        assert f"| `collabrank {name}" in page


def test_a_long_signature_has_an_argument_a_line() -> None:
    page = (ROOT / reference.PAGE).read_text()
    assert "cr.rank(\n    market: str | Path | Marketplace,\n    *,\n    campaign: str | None = None,\n" in page
    assert "cr.compare(*runs: str | int, metric: str | None = None) -> Compared" in page
