"""The command that fetches a marketplace from an API: `collabrank ingest tiktok-shop`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from marketplace.instants import read_instant
from marketplace.options import AsJson, print_result

__all__ = ["tiktok_shop"]


def tiktok_shop(
    out: Annotated[
        Path, typer.Argument(help="The folder to write; an earlier marketplace in it is replaced.", metavar="OUT")
    ],
    *,
    since: Annotated[str, typer.Option(help="The first day to fetch.", metavar="YYYY-MM-DD")],
    until: Annotated[
        str | None, typer.Option(help="The day to stop before. Default: now.", metavar="YYYY-MM-DD")
    ] = None,
    keys: Annotated[
        Path | None,
        typer.Option(help="A key file of mode 600. Default: the TIKTOK_SHOP_ environment variables.", metavar="FILE"),
    ] = None,
    brand: Annotated[str, typer.Option(help="What the shop is called as a brand.")] = "shop",
    market: Annotated[
        str | None, typer.Option(help="Where the shop sells. Default: where most of its creators are.")
    ] = None,
    host: Annotated[
        str | None, typer.Option(envvar="TIKTOK_SHOP_HOST", help="The API's address. Default: TikTok Shop's own.")
    ] = None,
    auth_host: Annotated[
        str | None, typer.Option(envvar="TIKTOK_SHOP_AUTH_HOST", help="The address that renews tokens.")
    ] = None,
    per_second: Annotated[float, typer.Option(help="Requests a second at most.", min=0.1, max=10_000.0)] = 20.0,
    as_json: AsJson = False,
) -> None:
    """Fetch a shop from TikTok Shop's Open API and map it onto the data contract.

    Interrupted, the same command goes on where it was; run again later, it fetches what is new. What was fetched
    stands in .OUT.fetched.sqlite beside OUT.
    """
    from marketplace.contract import MARKETS
    from marketplace.errors import SourceError
    from marketplace.sources.tiktok_shop import AUTH_HOST, HOST, Patience, ingest_shop, read_credentials
    from marketplace.tables import require_replaceable

    require_replaceable(out)
    if market is not None and market not in MARKETS:
        raise SourceError(f"a market: {', '.join(MARKETS)}", received=market, look="--market")
    begin = int(read_instant(since, "--since").timestamp())
    end = int(time.time()) if until is None else int(read_instant(until, "--until").timestamp())
    if begin >= end:
        raise SourceError("--since before --until", received=f"{since} and {until or 'now'}", look="--since")
    report = ingest_shop(
        out,
        read_credentials(keys),
        since=begin,
        until=end,
        brand=brand,
        market=market,
        host=host or HOST,
        auth_host=auth_host or AUTH_HOST,
        patience=Patience(per_second=per_second),
    )
    print_result(report, as_json)
