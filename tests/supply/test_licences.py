"""No dependency's licence is outside those taken, and the page is what is installed."""

from __future__ import annotations

from importlib.metadata import files

import pytest

from tests.supply.licences import LOOKED_UP, PAGE, licence_of, licences_page, refused
from tests.supply.packages import read_lock

LOCKED = [one for one in read_lock("requirements.lock").values() if one.here]


@pytest.mark.parametrize("one", LOCKED, ids=lambda one: one.name)
def test_its_licence_is_taken(one):
    assert one.told is not None, f"{one.name} is locked and not installed: make install"
    assert refused(licence_of(one)) == [], f"{one.name}: {licence_of(one)!r}"


@pytest.mark.parametrize("name", LOOKED_UP)
def test_what_was_looked_up_stands_in_the_licence_file(name):
    texts = [file.read_text() for file in files(name) or () if "LICENSE" in file.name.upper()]
    assert any("Permission is hereby granted, free of charge" in text for text in texts)
    assert read_lock("requirements.lock")[name].licence == ""


@pytest.mark.parametrize(
    ("expression", "outside"),
    [
        ("MIT", []),
        ("Apache-2.0 OR GPL-3.0-only", []),
        ("(MIT) AND (Apache-2.0 OR BSD-2-Clause)", []),
        ("Apache-2.0 WITH LLVM-exception", []),
        ("MIT AND GPL-3.0-only", ["GPL-3.0-only"]),
        ("AGPL-3.0-or-later OR SSPL-1.0", ["AGPL-3.0-or-later", "SSPL-1.0"]),
        ("", ["none declared"]),
        ("see the file", ["see the file"]),
    ],
)
def test_what_is_refused(expression, outside):
    assert refused(expression) == outside


def test_the_page_is_current():
    assert PAGE.read_text(encoding="utf-8") == licences_page(), "make docs"
