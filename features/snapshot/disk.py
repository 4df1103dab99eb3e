"""A snapshot on disk: ``snapshot.json`` and one ``.npy`` file an array, memory-mapped and never pickled."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.briefs import Brief, Catalogue, Product
from features.conversion import Conversion
from features.indices import CATEGORY_INDEX, CREATOR_INDEX_NAMES, INDEX_NAMES, INDICES, IndexFrame
from features.signals import SIGNALS
from features.snapshot.model import Snapshot, SnapshotArrays
from marketplace.errors import SnapshotError
from marketplace.jsonable import jsonable
from marketplace.state import replace_folder

__all__ = ["FORMAT", "load_snapshot", "of_parts", "parts_of", "save_snapshot"]

FORMAT = 3
"""Raised whenever the files change their meaning."""

_FRAME = (
    "days", "value", "low", "high", "confidence", "peer_average", "peer_rank", "peer_count", "change_28d",
    "component_value", "component_percentile", "component_n", "capped", "saturated",
)  # fmt: skip
_INSTANTS = ("briefed_at", "starts_at", "ends_at")


def save_snapshot(snapshot: Snapshot, folder: str | Path) -> None:
    """Write the snapshot to ``folder``, whole or not at all."""
    meta, arrays = parts_of(snapshot)
    with replace_folder(Path(folder)) as fresh:
        for name, values in arrays.items():
            np.save(fresh / f"{name}.npy", values, allow_pickle=False)
        (fresh / "snapshot.json").write_text(json.dumps(meta, allow_nan=False), encoding="utf-8")


def parts_of(snapshot: Snapshot) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """The snapshot as what JSON takes, and arrays by name: all that `of_parts` needs."""
    catalogue = snapshot.catalogue
    meta: dict[str, Any] = {
        "format": FORMAT,
        "as_of": snapshot.as_of.isoformat(),
        "signals": list(SIGNALS),
        "creators": len(snapshot),
        "category_ids": snapshot.category_ids,
        "brand_ids": snapshot.brand_ids,
        "product_ids": snapshot.product_ids,
        "catalogue": {
            "products": {name: jsonable(product) for name, product in catalogue.products.items()},
            "usd_rates": dict(catalogue.usd_rates),
            "margins": dict(catalogue.margins),
            "prices": dict(catalogue.prices),
            "shipping": dict(catalogue.shipping),
        },
        "campaigns": [jsonable(brief.as_dict()) for brief in snapshot.campaigns.values()],
        "index_names": list(INDEX_NAMES),
        "peers": sorted({*snapshot.general.peers, *snapshot.influence.peers}),
        "conversion": snapshot.conversion is not None,
    }
    arrays = {one.name: getattr(snapshot.arrays, one.name) for one in fields(SnapshotArrays)}
    if snapshot.conversion is not None:
        arrays |= {f"conversion_{name}": values for name, values in snapshot.conversion.arrays().items()}
    words = pd.Index(meta["peers"], dtype="str")
    for prefix, frame in (("general", snapshot.general), ("influence", snapshot.influence)):
        arrays |= {f"{prefix}_{name}": getattr(frame, name) for name in _FRAME}
        codes = words.get_indexer(pd.Index(frame.peers, dtype="str")).astype(np.int32)
        arrays[f"{prefix}_peers"] = codes
    return meta, arrays


def load_snapshot(folder: str | Path) -> Snapshot:
    """The snapshot in ``folder``; arrays are memory-mapped, not read.

    Raises
    ------
    SnapshotError
        There is none, its files are damaged, or it was made for other signals.
    """
    folder = Path(folder)
    try:
        meta = json.loads((folder / "snapshot.json").read_text(encoding="utf-8"))
        if meta["format"] != FORMAT:
            raise _damaged(folder, f"format {meta['format']}, not {FORMAT}")
        if meta["signals"] != list(SIGNALS) or meta["index_names"] != list(INDEX_NAMES):
            raise _damaged(folder, "signals or indices of another version of collabrank")
        snapshot = of_parts(meta, lambda name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError, KeyError, TypeError, EOFError) as reason:
        raise _damaged(folder, f"{type(reason).__name__}: {reason}") from reason
    _check(snapshot, folder)
    return snapshot


def _frame(meta: dict[str, Any], read: Callable[[str], npt.NDArray[Any]], prefix: str, creator_ids: Any) -> IndexFrame:
    """One of the two index frames."""
    numbers = {name: read(f"{prefix}_{name}") for name in _FRAME}
    codes = read(f"{prefix}_peers")
    by_category = prefix == "influence"
    categories = np.array(meta["category_ids"], dtype=object)
    repeat = len(categories) if by_category else 1
    names = (CATEGORY_INDEX,) if by_category else CREATOR_INDEX_NAMES
    return IndexFrame(
        names=names,
        components=tuple(component for name in names for component in INDICES[name].components),
        creator_ids=np.repeat(np.asarray(creator_ids).astype(object), repeat),
        categories=np.tile(categories, len(creator_ids)) if by_category else None,
        peers=np.array(meta["peers"], dtype=object)[codes],
        **numbers,
    )


def of_parts(meta: dict[str, Any], read: Callable[[str], npt.NDArray[Any]]) -> Snapshot:
    """The snapshot of `parts_of`; ``read`` gives an array by its name."""
    arrays = SnapshotArrays(**{one.name: read(one.name) for one in fields(SnapshotArrays)})
    as_of = datetime.fromisoformat(meta["as_of"]).astimezone(UTC)
    said = meta["catalogue"]
    products = {name: Product(**_measures(product)) for name, product in said["products"].items()}
    rest = {name: said[name] for name in ("usd_rates", "margins", "prices", "shipping")}
    briefs = [_brief(one) for one in meta["campaigns"]]
    return Snapshot(
        as_of=as_of,
        arrays=arrays,
        category_ids=tuple(meta["category_ids"]),
        brand_ids=tuple(meta["brand_ids"]),
        product_ids=tuple(meta["product_ids"]),
        catalogue=Catalogue(as_of=pd.Timestamp(as_of), products=products, **rest),
        campaigns={str(brief.campaign_id): brief for brief in briefs},
        general=_frame(meta, read, "general", arrays.creator_ids),
        influence=_frame(meta, read, "influence", arrays.creator_ids),
        conversion=Conversion.of_arrays({one.name: read(f"conversion_{one.name}") for one in fields(Conversion)})
        if meta["conversion"]
        else None,
    )


def _check(snapshot: Snapshot, folder: Path) -> None:
    """The arrays agree on how many creators, categories, brands and products there are."""
    arrays, n = snapshot.arrays, len(snapshot)
    counts = {
        **{name: len(getattr(arrays, name)) == n for name in ("usernames", "markets", "languages", "agency_status")},
        **{name: len(getattr(arrays, name)) == n for name in ("creator", "category")},
        **{f"general_{name}": len(getattr(snapshot.general, name)) == n for name in _FRAME},
        **{
            f"influence_{name}": len(getattr(snapshot.influence, name)) == n * len(snapshot.category_ids)
            for name in _FRAME
        },
        "category_ids": arrays.category.shape[1] == len(snapshot.category_ids) + 1,
        "brand_starts": len(arrays.brand_starts) == len(snapshot.brand_ids) + 1,
        "brand_rows": int(arrays.brand_starts[-1]) == len(arrays.brand_rows) == len(arrays.brand_values),
        **({} if snapshot.conversion is None else {"conversion": snapshot.conversion.fits()}),
        "product_starts": len(arrays.product_starts) == len(snapshot.product_ids) + 1,
        "product_rows": int(arrays.product_starts[-1]) == len(arrays.product_rows) == len(arrays.product_values),
    }
    wrong = [name for name, right in counts.items() if not right]
    if wrong:
        raise _damaged(folder, f"sizes that do not agree: {', '.join(wrong)}")


def _measures(values: dict[str, Any]) -> dict[str, Any]:
    return {name: math.nan if value is None else value for name, value in values.items()}


def _brief(values: dict[str, Any]) -> Brief:
    instants = {name: pd.Timestamp(values[name]) for name in _INSTANTS}
    brief = Brief.of_dict({**_measures(values), **instants, "product_ids": tuple(values["product_ids"])})
    return replace(brief, campaign_id=values["campaign_id"])


def _damaged(folder: Path, what: str) -> SnapshotError:
    return SnapshotError(
        "a whole snapshot of this version of collabrank",
        received=f"{folder}: {what}",
        look="`collabrank snapshot DIR` makes a new one",
    )
