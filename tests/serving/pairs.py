"""Bundles and snapshots to take turns, and what each pair of them answers."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from features.snapshot import build_snapshot, load_snapshot, save_snapshot
from marketplace.signature import read_public_key, read_signer
from marketplace.state import replace_folder
from marketplace.tables import open_marketplace
from models.bundle import load_bundle, save_bundle
from serving.pair import Served
from serving.rank import rank_creators
from serving.schema import RankRequest
from tests.serving.conftest import tiny_bundle

Pair = tuple[str, str]
"""The model's version and the snapshot's day, as an answer tells them."""

Shown = list[tuple[str, float, float]]


def made_stages(market: Path, prepared: Path, folder: Path) -> Path:
    """Three bundles and two snapshots to take turns, signed by the prepared home's key."""
    signer = read_signer(prepared / "var" / "keys")
    for number in range(3):
        bundle = replace(tiny_bundle(seed=20 + number), model_version=str(20 + number))
        save_bundle(bundle, folder / f"bundle{number}", signer)
    opened = open_marketplace(market)
    last = opened.frame("campaigns")["briefed_at"].max()
    for number, back in enumerate((0, 20)):
        day = last.floor("D") - pd.Timedelta(days=back)
        save_snapshot(build_snapshot(opened, day), folder / f"snapshot{number}", signer)
    return folder


def asked_of_both(stages: Path, prepared: Path) -> RankRequest:
    """A request that both snapshots can answer."""
    key = read_public_key(prepared / "var" / "keys" / "public_key.pem")
    snapshots = [load_snapshot(stages / f"snapshot{number}", key) for number in range(2)]
    both = sorted(snapshots[0].campaigns.keys() & snapshots[1].campaigns.keys())
    return RankRequest(campaign_id=both[-1], top=5, explain=False)


def answers_by_pair(stages: Path, prepared: Path, asked: RankRequest) -> dict[Pair, Shown]:
    """What each pair answers, ranked in this process; no two answer the same."""
    key = read_public_key(prepared / "var" / "keys" / "public_key.pem")
    bundles = [prepared / "var" / "bundle", *(stages / f"bundle{number}" for number in range(3))]
    snapshots = [prepared / "var" / "snapshot", *(stages / f"snapshot{number}" for number in range(2))]
    found: dict[Pair, Shown] = {}
    for bundle in bundles:
        for snapshot in snapshots:
            pair = Served(load_bundle(bundle, key), load_snapshot(snapshot, key).read_all())
            reply = rank_creators(pair, asked, request_id="x")[0].model_dump(mode="json")
            found[reply["model_version"], reply["as_of"]] = shown(reply)
    assert len({str(answer) for answer in found.values()}) == len(found)
    return found


def shown(reply: dict[str, Any]) -> Shown:
    """Who is in an answer, with score and expected profit."""
    return [(one["creator_id"], one["score"], one["utility"]["expected"]) for one in reply["creators"]]


def copy_signed(source: Path, target: Path) -> None:
    """Put a copy of ``source`` in ``target``'s place, as `save_snapshot` does."""
    with replace_folder(target) as fresh:
        shutil.copytree(source, fresh, dirs_exist_ok=True)
