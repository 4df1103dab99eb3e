"""The challenger on disk: taken, refused, gone, replaced, and never in the champion's way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from marketplace.errors import BundleError
from marketplace.signature import Signer, read_signer
from marketplace.state import state_folder
from models.bundle.disk import bundle_folder, challenger_folder, save_bundle
from serving.arms.challenger import Challenger
from serving.store import Served, load_served


@pytest.fixture
def champion(served_home: Path) -> Served:
    return load_served(bundle_folder(), state_folder("snapshot"))


def test_a_challenger_ranks_beside_the_champion_from_its_snapshot(
    champion: Served, bundles: Callable[..., Any]
) -> None:
    outcomes: Counter[str] = Counter()
    challenger = Challenger(on_load=lambda outcome: outcomes.update([outcome]))
    challenger.look()
    assert challenger.beside(champion) is None
    save_bundle(bundles("2", seed=9), challenger_folder(), read_signer())
    assert challenger.look()
    beside = challenger.beside(champion)
    assert beside is not None
    assert beside.bundle.model_version == "2"
    assert beside.snapshot is champion.snapshot
    assert challenger.beside(champion) is beside
    assert not challenger.look()
    # Altered: refused at once, and the older one does not go on.
    (challenger_folder() / "signature").write_text("none")
    assert challenger.look()
    assert challenger.beside(champion) is None
    assert isinstance(challenger.refused, BundleError)
    # Signed by somebody else.
    save_bundle(bundles("3", seed=9), challenger_folder(), Signer.new())
    assert challenger.look()
    assert challenger.beside(champion) is None
    save_bundle(bundles("4", seed=9), challenger_folder(), read_signer())
    assert challenger.look()
    assert challenger.beside(champion) is not None
    assert challenger.refused is None
    challenger_folder().rename(challenger_folder().with_name("elsewhere"))
    assert challenger.look()
    assert challenger.beside(champion) is None
    assert outcomes == {"taken": 2, "refused": 2, "gone": 1}


def test_the_champion_itself_is_no_challenger(champion: Served) -> None:
    save_bundle(replace(champion.bundle, fingerprint=""), challenger_folder(), read_signer())
    challenger = Challenger()
    challenger.look()
    assert challenger.beside(champion) is None
    assert challenger.refused is None


def test_one_that_does_not_fit_the_snapshot_takes_no_part(champion: Served, bundles: Callable[..., Any]) -> None:
    save_bundle(bundles("2", seed=9), challenger_folder(), read_signer())
    challenger = Challenger()
    challenger.look()

    class Other:
        signal_names = ("another",)

    other = Served(champion.bundle, Other())  # type: ignore[arg-type]
    assert challenger.beside(other) is None
    assert challenger.refused is not None
    assert challenger.beside(champion) is not None
