"""What a bundle says that it stands on."""

from __future__ import annotations

import pytest

from marketplace.errors import BundleError
from models.bundle.basis import Basis


def test_it_counts_what_there_is_and_what_is_missing():
    assert Basis(37, 9, 100, 30).text == (
        "of indices and shrunk rates: 37 of 100 labelled invitations, 9 of 30 deliveries; 63 and 21 more for the next "
        "stage, heads of its own"
    )
    assert "; 0 and 5 more for" in Basis(340, 25, 100, 30).text
    assert Basis(340, 45, 100, 30).text.endswith("heads cannot be fitted on them yet")
    assert Basis(1, 0, 100, 30, "a friend's bundle").text.startswith("of the heads of a friend's bundle, recalibrated:")


def test_it_comes_back_from_json_and_refuses_what_is_none():
    one = Basis(37, 9, 100, 30, "a friend's bundle")
    assert Basis.from_dict(one.as_dict()) == one
    for wrong in ({"labelled": 1}, one.as_dict() | {"more": 1}, one.as_dict() | {"delivered": -1}):
        with pytest.raises(BundleError):
            Basis.from_dict(wrong)
