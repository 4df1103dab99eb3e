"""One call: fetch what is new, and write the marketplace anew."""

from __future__ import annotations

from pathlib import Path

from marketplace.errors import SourceError
from marketplace.sources.base import Ingested, IngestReport
from marketplace.sources.registry import write_ingested
from marketplace.sources.tiktok_shop.client import AUTH_HOST, HOST, Client, Patience
from marketplace.sources.tiktok_shop.credentials import Credentials
from marketplace.sources.tiktok_shop.harvest import Harvest
from marketplace.sources.tiktok_shop.mapping import map_store
from marketplace.sources.tiktok_shop.store import Store

__all__ = ["ingest_shop", "store_file"]


def store_file(out: Path) -> Path:
    """Where what was fetched for ``out`` is kept: beside it, so that replacing ``out`` leaves it."""
    return out.parent / f".{out.name}.fetched.sqlite"


def ingest_shop(
    out: Path,
    credentials: Credentials,
    *,
    since: int,
    until: int,
    brand: str = "shop",
    market: str | None = None,
    host: str = HOST,
    auth_host: str = AUTH_HOST,
    patience: Patience | None = None,
) -> IngestReport:
    """Fetch the shop's window and write folder ``out`` of all that was ever fetched for it.

    Parameters
    ----------
    since, until : int
        Seconds since 1970. A later call begins where the last ended; an interrupted one goes on, to its own end.
    brand, market : str
        As `marketplace.sources.tiktok_shop.mapping.map_store` takes them.

    Raises
    ------
    SourceError
        The API refuses, gives no whole answer, or tells no product, creator, campaign or order at all.
    """
    with (
        Store(store_file(out), host=host) as store,
        Client(credentials, host=host, auth_host=auth_host, patience=patience) as client,
    ):
        harvest = Harvest(client, store, store.open_run(since, until))
        harvest.fetch()
        read = map_store(store, brand=brand, market=market)
    if "orders" not in read.tables or "creators" not in read.tables:
        raise SourceError("a shop with creators and orders", received="none", look="--since")
    notes = list(read.notes)
    notes += [f"{count} {name} lacked what they need and are left out" for name, count in harvest.incomplete.items()]
    notes += [f"{count} {name} were refused by the API and are left out" for name, count in harvest.refused.items()]
    notes.append(f"{client.requests:,} requests, {client.repeated:,} of them again; {client.renewed} renewed tokens")
    return write_ingested("tiktok-shop", Ingested(read.tables, notes), out)
