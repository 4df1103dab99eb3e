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
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.briefs import Brief, Catalogue, Product
from features.contacts import Contacts
from features.conversion import Conversion
from features.indices import CATEGORY_INDEX, CREATOR_INDEX_NAMES, INDEX_NAMES, INDICES, IndexFrame
from features.signals import SIGNALS
from features.snapshot.behind import Behind
from features.snapshot.model import TEXTS, Snapshot, SnapshotArrays
from features.snapshot.packed import write_arrays
from features.snapshot.sound import FRAME
from features.snapshot.text import Chosen, Spread, TextColumn
from features.snapshot.weeks import Weeks
from marketplace.errors import SnapshotError
from marketplace.jsonable import jsonable
from marketplace.signature import SIGNATURE, SNAPSHOT, Signer, read_signer
from marketplace.state import replace_folder

__all__ = [
    "FORMAT",
    "LARGEST_MANIFEST",
    "MANIFEST",
    "of_parts",
    "of_shared",
    "parts_of",
    "save_parts",
    "save_snapshot",
    "shared_as_json",
    "shared_of",
    "told_by",
]

FORMAT = 5
"""Raised whenever the files change their meaning. 4: signed; text once, as UTF-8. 5: components unshrunk."""

MANIFEST = "snapshot.json"

LARGEST_MANIFEST = 512 * 2**20
"""Bytes that it may have: more is neither written nor read."""

WRITERS = 2
"""Parts that are written at a time, while the next one is made: what bounds the memory."""

_NAMES = tuple(one.name for one in fields(SnapshotArrays))
_INSTANTS = ("briefed_at", "starts_at", "ends_at")


def save_snapshot(snapshot: Snapshot, folder: str | Path, signer: Signer | None = None) -> None:
    """Write the snapshot to ``folder`` in one part a market, signed, whole or not at all.

    ``signer`` is that of the home's keys where it is left out.

    Raises
    ------
    BundleError
        There is no key to sign with that can be used.
    """
    names = snapshot.arrays.markets.distinct()[0]
    save_parts(folder, shared_of(snapshot), ((name, snapshot.only(name)) for name in names), signer)


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


def shared_of(snapshot: Snapshot) -> dict[str, Any]:
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
            "brand_names": dict(catalogue.brand_names),
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
        "peers": sorted({*np.asarray(snapshot.general.peers), *np.asarray(snapshot.influence.peers)}),
        "conversion": snapshot.conversion is not None,
        "weeks": snapshot.weeks is not None,
        "behind": snapshot.behind is not None,
        "contact_brands": None if snapshot.contacts is None else list(snapshot.contacts.brand_ids),
    }
    arrays: dict[str, npt.NDArray[Any]] = {}
    for one in fields(SnapshotArrays):
        arrays |= _laid_out(one.name, getattr(snapshot.arrays, one.name))
    if snapshot.conversion is not None:
        for name, values in snapshot.conversion.arrays().items():
            arrays |= _laid_out(f"conversion_{name}", values)
    if snapshot.weeks is not None:
        arrays |= {f"weeks_{one.name}": getattr(snapshot.weeks, one.name) for one in fields(Weeks)}
    if snapshot.behind is not None:
        for name, column in snapshot.behind.arrays().items():
            arrays |= _laid_out(f"behind_{name}", column)
    if snapshot.contacts is not None:
        arrays |= {f"contacts_{name}": values for name, values in snapshot.contacts.arrays.items()}
    words = pd.Index(said["peers"], dtype="str")
    for prefix, frame in (("general", snapshot.general), ("influence", snapshot.influence)):
        arrays |= {f"{prefix}_{name}": getattr(frame, name) for name in FRAME}
        codes = words.get_indexer(pd.Index(np.asarray(frame.peers), dtype="str")).astype(np.int32)
        arrays[f"{prefix}_peers"] = codes
    return said, arrays


def _laid_out(name: str, values: Any) -> dict[str, npt.NDArray[Any]]:
    """An array under its name; text as the arrays of a `TextColumn`."""
    if isinstance(values, TextColumn) or values.dtype.kind in "UO":
        return {f"{name}_{part}": array for part, array in TextColumn.of(values).arrays().items()}
    return {name: values}


def _text(read: Callable[[str], npt.NDArray[Any]], name: str) -> TextColumn:
    return TextColumn.of_arrays({part: read(f"{name}_{part}") for part in ("content", "starts", "codes")})


def parts_of(snapshot: Snapshot) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """The snapshot as what JSON takes, and arrays by name: all that `of_parts` needs."""
    said, arrays = _own(snapshot)
    return shared_of(snapshot) | said, arrays


def _frame(meta: dict[str, Any], read: Callable[[str], npt.NDArray[Any]], prefix: str, creator_ids: Any) -> IndexFrame:
    """One of the two index frames."""
    numbers = {name: read(f"{prefix}_{name}") for name in FRAME}
    codes, words = read(f"{prefix}_peers"), np.array(meta["peers"], dtype=object)
    if codes.dtype != np.int32 or codes.ndim != 1 or (len(codes) and not 0 <= codes.min() <= codes.max() < len(words)):
        raise ValueError("peers without words")
    by_category = prefix == "influence"
    categories = np.array(meta["category_ids"], dtype=object)
    repeat = len(categories) if by_category else 1
    names = (CATEGORY_INDEX,) if by_category else CREATOR_INDEX_NAMES
    return IndexFrame(
        names=names,
        components=tuple(component for name in names for component in INDICES[name].components),
        # Picked when they are asked for: a million creators in twenty categories have no twenty million objects.
        creator_ids=cast(Any, Spread(creator_ids, each=repeat, count=len(creator_ids) * repeat)),
        categories=cast(Any, Spread(categories, each=1, count=len(creator_ids) * repeat)) if by_category else None,
        peers=cast(Any, Chosen(words, codes)),
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
    rest["brand_names"] = said.get("brand_names", {})  # not in what older versions wrote
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
    arrays = SnapshotArrays(
        **{name: _text(read, name) if name in TEXTS else read(name) for name in _NAMES}  # type: ignore[arg-type]
    )
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
        conversion=_conversion(read) if meta["conversion"] else None,
        elsewhere=int(meta["elsewhere"]),
        # Not in what older versions wrote.
        weeks=Weeks(*(read(f"weeks_{one.name}") for one in fields(Weeks))) if meta.get("weeks") else None,
        behind=_behind(read) if meta.get("behind") else None,
        contacts=_contacts(meta.get("contact_brands"), read),
    )


def _contacts(brand_ids: Any, read: Callable[[str], npt.NDArray[Any]]) -> Contacts | None:
    if brand_ids is None:  # an older version's, which kept the counts of one day or none
        return None
    return Contacts.of_arrays(brand_ids, {name: read(f"contacts_{name}") for name in Contacts.names()})


def _behind(read: Callable[[str], npt.NDArray[Any]]) -> Behind:
    return Behind.of_arrays(lambda name: read(f"behind_{name}"), lambda name: _text(read, f"behind_{name}"))


def _conversion(read: Callable[[str], npt.NDArray[Any]]) -> Conversion:
    texts = ("creator_ids", "brand_ids", "category_ids")
    return Conversion.of_arrays(
        {
            name: np.asarray(_text(read, f"conversion_{name}")) if name in texts else read(f"conversion_{name}")
            for name in (one.name for one in fields(Conversion))
        }
    )


def _measures(values: dict[str, Any]) -> dict[str, Any]:
    return {name: math.nan if value is None else value for name, value in values.items()}


def _brief(values: dict[str, Any]) -> Brief:
    instants = {name: pd.Timestamp(values[name]) for name in _INSTANTS}
    brief = Brief.of_dict({**_measures(values), **instants, "product_ids": tuple(values["product_ids"])})
    return replace(brief, campaign_id=values["campaign_id"])
