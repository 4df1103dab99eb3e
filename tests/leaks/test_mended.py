"""Leaks that were found in the project itself, and mended."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

import training.pipeline
from features.indices.build import CATEGORY_INDEX, cards
from marketplace.tables import Marketplace


@pytest.mark.parametrize(("learned_until", "measured"), [("2025-03-01", True), ("2025-03-02", False)])
def test_a_champion_is_not_measured_on_campaigns_that_it_learned_from(learned_until, measured, monkeypatch):
    bundle = SimpleNamespace(model_version="4", as_of=learned_until)
    monkeypatch.setattr(training.pipeline, "champion_of", lambda _store, _ledger: SimpleNamespace(number=4))
    monkeypatch.setattr(training.pipeline, "load_champion", lambda: bundle)
    found = training.pipeline._current_champion(None, cutoff=pd.Timestamp("2025-03-01", tz="UTC"))
    assert found == ({4: bundle} if measured else {})


@pytest.mark.slow
def test_a_score_card_names_no_category_that_was_not_known_yet(world):
    products = world.frames["products"]
    newcomer = products.iloc[[0]].assign(product_id="p_new", category_id="category_of_tomorrow", known_at=world.cut)
    frames = world.frames | {"products": pd.concat([products, newcomer], ignore_index=True)}
    creator = world.pairs(1)["creator_id"].iloc[0]
    card = cards(Marketplace.from_frames(frames), world.cut, [creator])[creator]
    assert "category_of_tomorrow" not in card[CATEGORY_INDEX]
    assert card[CATEGORY_INDEX]
