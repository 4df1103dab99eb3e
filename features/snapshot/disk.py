"""A snapshot as what JSON takes and arrays by name, whole or in parts: how it gets to disk and into the cache.

On disk it is a folder: ``snapshot.json``, the manifest, ``signature``, Ed25519 over the manifest's bytes, and one file
a market (`features.snapshot.packed`) with what is told of its creators. The manifest holds what all markets share, and
each file's bytes and SHA-256, so that one signature stands for all of it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
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
from features.snapshot.packed import write_arrays
from marketplace.errors import SnapshotError
from marketplace.jsonable import jsonable
from marketplace.signature import SIGNATURE, SNAPSHOT, Signer, read_signer
from marketplace.state import replace_folder

__all__ = [
    "FORMAT",
    "LARGEST_MANIFEST",
    "MANIFEST",
    "damaged",
    "of_parts",
    "of_shared",
    "parts_of",
    "require_sizes",
    "save_parts",
    "save_snapshot",
    "shared_as_json",
    "told_by",
]

FORMAT = 5
"""Raised whenever the files change their meaning. 4: signed. 5: what components were shrunk from."""

MANIFEST = "snapshot.json"

LARGEST_MANIFEST = 512 * 2**20
"""Bytes that it may have: more is neither written nor read."""

WRITERS = 2
"""Parts that are written at a time, while the next one is made: what bounds the memory."""

_FRAME = (
    "days", "value", "low", "high", "confidence", "peer_average", "peer_rank", "peer_count", "change_28d",
    "component_value", "component_percentile", "component_n", "component_own", "component_expected",
    "component_strength", "component_more", "capped", "saturated",
)  # fmt: skip
_INSTANTS = ("briefed_at", "starts_at", "ends_at")


def save_snapshot(snapshot: Snapshot, folder: str | Path, signer: Signer | None = None) -> None:
    """Write the snapshot to ``folder`` in one part a market, signed, whole or not at all.

    ``signer`` is that of the home's keys where it is left out.

    Raises
    ------
    BundleError
        There is no key to sign with that can be used.
    """
    names = np.unique(snapshot.arrays.markets).tolist()
    save_parts(folder, _shared_of(snapshot), ((name, snapshot.only(name)) for name in names), signer)


def save_parts(
    folder: str | Path,
    shared: Mapping[str, Any],
    parts: Iterable[tuple[str, Snapshot]],
    signer: Signer | None = None,
) -> None:
    """Write ``parts`` (each market and its snapshot, all with what is ``shared``) to ``folder``, as `save_snapshot`.

    `WRITERS` are written at a time, while the next is asked for.
    """
    signer = read_signer() if signer is None else signer
    with replace_folder(Path(folder)) as fresh:
        written: dict[str, dict[str, Any]] = {}
        with _writers() as submit:
            for number, (name, part) in enumerate(parts):
                submit(_save_part, fresh / f"part_{number:04}.bin", name, part, written)
        manifest = json.dumps({**shared, "parts": dict(sorted(written.items()))}, allow_nan=False).encode()
        if len(manifest) > LARGEST_MANIFEST:
            raise SnapshotError(
                f"campaigns and products that fill at most {LARGEST_MANIFEST:,} bytes",
                received=f"{len(manifest):,}",
                look="the tables campaigns and products",
            )
        (fresh / MANIFEST).write_bytes(manifest)
        (fresh / SIGNATURE).write_bytes(signer.sign(manifest, SNAPSHOT))


def _save_part(file: Path, name: str, part: Snapshot, written: dict[str, dict[str, Any]]) -> None:
    said, arrays = _own(part)
    size, digest = write_arrays(file, arrays, said)
    written[name] = {"file": file.name, "creators": len(part), "bytes": size, "sha256": digest}


@contextmanager
def _writers() -> Iterator[Callable[..., None]]:
    """Runs what it is given in `WRITERS` threads, and waits where all are busy; the first error ends it."""
    with ThreadPoolExecutor(WRITERS) as pool:
        running: list[Future[None]] = []

        def submit(work: Callable[..., None], *arguments: Any) -> None:
            while len(running) >= WRITERS:
                running.pop(0).result()
            running.append(pool.submit(work, *arguments))

        yield submit
        for one in running:
            one.result()


def _shared_of(snapshot: Snapshot) -> dict[str, Any]:
    """What the parts of a snapshot share, as JSON takes it."""
    return shared_as_json(
        snapshot.as_of, snapshot.category_ids, snapshot.brand_ids, snapshot.catalogue, snapshot.campaigns
    )


def shared_as_json(
    as_of: datetime,
    category_ids: Sequence[str],
    brand_ids: Sequence[str],
    catalogue: Catalogue,
    campaigns: Mapping[str, Brief],
) -> dict[str, Any]:
    """What the parts of a snapshot share, as JSON takes it, from what a snapshot has of it."""
    return {
        "format": FORMAT,
        "as_of": as_of.isoformat(),
        "signals": list(SIGNALS),
        "category_ids": list(category_ids),
        "brand_ids": list(brand_ids),
        "catalogue": {
            "products": {name: jsonable(product) for name, product in catalogue.products.items()},
            "usd_rates": dict(catalogue.usd_rates),
            "margins": dict(catalogue.margins),
            "prices": dict(catalogue.prices),
            "shipping": dict(catalogue.shipping),
        },
        "campaigns": [jsonable(brief.as_dict()) for brief in campaigns.values()],
        "index_names": list(INDEX_NAMES),
    }


def _own(snapshot: Snapshot) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """What a part has of its own, beside `shared_as_json`: as JSON takes it, and arrays by name."""
    said: dict[str, Any] = {
        "creators": len(snapshot),
        "elsewhere": snapshot.elsewhere,
        "product_ids": snapshot.product_ids,
        "peers": sorted({*snapshot.general.peers, *snapshot.influence.peers}),
        "conversion": snapshot.conversion is not None,
    }
    arrays = {one.name: getattr(snapshot.arrays, one.name) for one in fields(SnapshotArrays)}
    if snapshot.conversion is not None:
        arrays |= {f"conversion_{name}": values for name, values in snapshot.conversion.arrays().items()}
    words = pd.Index(said["peers"], dtype="str")
    for prefix, frame in (("general", snapshot.general), ("influence", snapshot.influence)):
        arrays |= {f"{prefix}_{name}": getattr(frame, name) for name in _FRAME}
        codes = words.get_indexer(pd.Index(frame.peers, dtype="str")).astype(np.int32)
        arrays[f"{prefix}_peers"] = codes
    return said, arrays


def parts_of(snapshot: Snapshot) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """The snapshot as what JSON takes, and arrays by name: all that `of_parts` needs."""
    said, arrays = _own(snapshot)
    return _shared_of(snapshot) | said, arrays


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
    return of_shared(meta, *told_by(meta), read)


def told_by(meta: Mapping[str, Any]) -> tuple[Catalogue, dict[str, Brief]]:
    """The catalogue and the campaigns of `shared_as_json`."""
    said = meta["catalogue"]
    products = {name: Product(**_measures(product)) for name, product in said["products"].items()}
    rest = {name: said[name] for name in ("usd_rates", "margins", "prices", "shipping")}
    briefs = [_brief(one) for one in meta["campaigns"]]
    as_of = pd.Timestamp(datetime.fromisoformat(meta["as_of"]).astimezone(UTC))
    return Catalogue(as_of=as_of, products=products, **rest), {str(brief.campaign_id): brief for brief in briefs}


def of_shared(
    meta: dict[str, Any],
    catalogue: Catalogue,
    campaigns: Mapping[str, Brief],
    read: Callable[[str], npt.NDArray[Any]],
) -> Snapshot:
    """`of_parts`, with what `told_by` gave: shared, and not made anew for each part."""
    arrays = SnapshotArrays(**{one.name: read(one.name) for one in fields(SnapshotArrays)})
    return Snapshot(
        as_of=datetime.fromisoformat(meta["as_of"]).astimezone(UTC),
        arrays=arrays,
        category_ids=tuple(meta["category_ids"]),
        brand_ids=tuple(meta["brand_ids"]),
        product_ids=tuple(meta["product_ids"]),
        catalogue=catalogue,
        campaigns=campaigns,
        general=_frame(meta, read, "general", arrays.creator_ids),
        influence=_frame(meta, read, "influence", arrays.creator_ids),
        conversion=Conversion.of_arrays({one.name: read(f"conversion_{one.name}") for one in fields(Conversion)})
        if meta["conversion"]
        else None,
        elsewhere=int(meta["elsewhere"]),
    )


def require_sizes(snapshot: Snapshot, where: Path) -> None:
    """The arrays agree on how many creators, categories, brands and products there are.

    Raises
    ------
    SnapshotError
        They do not.
    """
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
        raise damaged(where, f"sizes that do not agree: {', '.join(wrong)}")


def _measures(values: dict[str, Any]) -> dict[str, Any]:
    return {name: math.nan if value is None else value for name, value in values.items()}


def _brief(values: dict[str, Any]) -> Brief:
    instants = {name: pd.Timestamp(values[name]) for name in _INSTANTS}
    brief = Brief.of_dict({**_measures(values), **instants, "product_ids": tuple(values["product_ids"])})
    return replace(brief, campaign_id=values["campaign_id"])


def damaged(where: Path, what: str) -> SnapshotError:
    """The error of a snapshot at ``where`` that cannot be used, and why."""
    return SnapshotError(
        "a whole snapshot of this version of collabrank",
        received=f"{where}: {what}",
        look="`collabrank snapshot DIR` makes a new one",
    )
