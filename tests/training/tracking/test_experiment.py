"""A marketplace's experiment in a real store: how it is called, found again, and told from another's."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from marketplace.errors import TrainingError
from marketplace.tables import Marketplace
from training.tracking.experiment import DATA, PLACE, of_marketplace
from training.tracking.store import Store, open_store


def shop(folder: Path | None, *, data: str = "a") -> Marketplace:
    """A marketplace that lies in ``folder`` and whose contents are told by ``data``."""
    market = Marketplace({}, path=folder)
    market.fingerprint = lambda: data * 64  # type: ignore[method-assign]
    return market


def name_of(store: Store) -> str:
    """Of the experiment that a run of ``store`` goes to."""
    with store.run("a run") as run:
        pass
    return str(store.client.get_experiment(store.client.get_run(run.id).info.experiment_id).name)


@pytest.fixture(autouse=True)
def _no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)


def test_it_is_called_as_the_folder_is_and_marketplaces_called_alike_have_one_each(store, home, tmp_path):
    one = store.of_marketplace(shop(home / "shop"))
    assert name_of(one) == "shop"
    other = store.of_marketplace(shop(tmp_path / "elsewhere" / "shop", data="b"))
    assert name_of(other) == "shop in elsewhere"
    third = store.of_marketplace(shop(tmp_path / "far" / "elsewhere" / "shop", data="c"))
    assert name_of(third) == "shop cccccccc"
    assert name_of(store.of_marketplace(shop(None, data="d"))) == "marketplace in memory"
    for again, market in ((one, shop(home / "shop")), (other, shop(tmp_path / "elsewhere" / "shop", data="b"))):
        assert store.of_marketplace(market).experiment_id == again.experiment_id


def test_one_that_grew_moved_or_was_renamed_goes_on_in_its_own(store, home):
    first = store.of_marketplace(shop(home / "shop"))
    number = first.experiment_id
    grown = store.of_marketplace(shop(home / "shop", data="b"))
    assert grown.experiment_id == number
    moved = store.of_marketplace(shop(home / "moved" / "store", data="b"))
    assert moved.experiment_id == number
    grown_there = store.of_marketplace(shop(home / "moved" / "store", data="c"))
    assert grown_there.experiment_id == number
    store.client.rename_experiment(number, "Our shop")
    assert name_of(store.of_marketplace(shop(home / "moved" / "store", data="d"))) == "Our shop"
    kept = store.client.get_experiment(number).tags
    assert kept[DATA] == "d" * 64
    assert len(kept[PLACE]) == 16


def test_one_that_was_deleted_stays_deleted_and_another_is_begun(store, home, monkeypatch):
    market = shop(home / "shop")
    gone = store.of_marketplace(market)
    store.client.delete_experiment(gone.experiment_id)
    fresh = store.of_marketplace(market)
    assert fresh.experiment.name != "shop"
    assert fresh.experiment.name.startswith("shop")
    assert fresh.experiment_id != gone.experiment_id
    assert store.of_marketplace(market).experiment_id == fresh.experiment_id
    # One that is named must be there, and is refused before any work.
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "shop")
    with pytest.raises(TrainingError, match="deleted"):
        store.of_marketplace(market)
    with pytest.raises(TrainingError, match="deleted"):
        _ = open_store(store.uri).experiment_id


def test_the_environment_names_one_for_all(store, home, monkeypatch):
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "mine")
    assert name_of(store.of_marketplace(shop(home / "shop"))) == "mine"
    assert name_of(store.of_marketplace(shop(home / "other", data="b"))) == "mine"
    assert open_store(store.uri).of_experiment("choices").experiment.name == "mine"


def test_two_homes_beside_one_store_do_not_mix_marketplaces_of_the_same_place(store, home, tmp_path, monkeypatch):
    mine = store.of_marketplace(shop(home / "shop"))
    number = mine.experiment_id
    monkeypatch.setenv("COLLABRANK_HOME", str(tmp_path / "second"))
    theirs = of_marketplace(store.client, shop(tmp_path / "second" / "shop", data="b"))
    assert theirs.id == ""
    assert theirs.name not in ("shop", "")
    assert of_marketplace(store.client, shop(tmp_path / "second" / "shop")).id == number  # the same contents


def test_one_of_an_earlier_version_is_taken_over_by_its_new_name(store, home):
    number = store.client.create_experiment("shop-aaaaaaaa")
    taken = store.of_marketplace(shop(home / "shop"))
    assert taken.experiment_id == number
    assert store.client.get_experiment(number).name == "shop"


def test_a_database_gives_its_name_and_no_password(store, tmp_path):
    market = Marketplace({}, path=tmp_path, source="postgres://reader@host/sales/shop")
    market.fingerprint = lambda: "e" * 64  # type: ignore[method-assign]
    assert store.of_marketplace(market).experiment.name == "sales.shop"


def test_real_tables_in_memory_find_their_own_again(store):
    rates = pd.DataFrame({"day": [pd.Timestamp("2025-01-01").date()], "currency": ["EUR"], "usd_rate": [1.1]})
    frame = rates.assign(known_at=pd.Timestamp("2025-01-02", tz="UTC"))
    one = Marketplace.from_frames({"fx_rates": frame})
    other = Marketplace.from_frames({"fx_rates": frame.assign(usd_rate=1.2)})
    number = store.of_marketplace(one).experiment_id
    assert store.of_marketplace(Marketplace.from_frames({"fx_rates": frame})).experiment_id == number
    assert store.of_marketplace(other).experiment_id != number
