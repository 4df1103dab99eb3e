"""What is told of the models: the bundle's own figures, and a promotion that this home signed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from marketplace.signature import read_signer
from serving.lookups import models
from serving.lookups.models import promotion_of
from serving.pair import Served
from training.tracking.ledger import PROMOTED, REGISTERED, Event, Ledger


def test_the_champion_is_told_with_what_its_bundle_holds(pair: Served, home: Path) -> None:
    told = models(pair, None, {})
    assert (told.champion.version, told.champion.ranker) == (pair.bundle.model_version, pair.bundle.ranker)
    assert told.champion.signals == len(pair.bundle.signals)
    assert {one.name: one.value for one in told.champion.metrics} == dict(pair.bundle.metrics)
    assert (told.champion.verdict, told.challenger, told.drift, told.mlflow_url) == (None, None, [], None)
    assert models(pair, pair, {}).challenger == told.champion


def test_a_promotion_is_told_where_this_home_signed_it(pair: Served, home: Path) -> None:
    read_signer()
    ledger = Ledger()
    mine = "a", pair.bundle.model_version
    number, when = int(mine[1]), "2026-01-02T03:04:05+00:00"
    ledger.append(Event(kind=REGISTERED, version=number, run_id="a", bundle_sha256="e" * 64))
    assert promotion_of(*mine) is None
    ledger.append(Event(kind=PROMOTED, version=number, run_id="a", bundle_sha256="e" * 64, at=when))
    ledger.append(Event(kind=PROMOTED, version=9, run_id="b", bundle_sha256="f" * 64, forced=True, reason="a trial"))
    told = models(Served(replace(pair.bundle, run_id="a"), pair.snapshot), None, {}).champion
    assert told.verdict == "promoted through the gate"
    assert told.promoted_at == when
    assert promotion_of("b", "9")["reason"] == "a trial"  # type: ignore[index]
    text = ledger.path.read_text().replace("2026-01-02", "2020-01-02")
    ledger.path.write_text(text)
    assert promotion_of(*mine) is None


def test_where_people_open_mlflow_is_an_address_or_nothing(pair: Served, home: Path, monkeypatch: object) -> None:
    for text, told in (("http://127.0.0.1:5000", "http://127.0.0.1:5000"), ("javascript:alert(1)", None)):
        monkeypatch.setenv("COLLABRANK_MLFLOW_URL", text)  # type: ignore[attr-defined]
        assert models(pair, None, {}).mlflow_url == told
