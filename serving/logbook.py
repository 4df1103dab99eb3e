"""``collabrank log``, ``replay`` and ``audit``: what is in the logs, out of them, and made once more from them."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from marketplace.errors import LogError
from marketplace.instants import read_instant
from marketplace.options import AsJson, print_result
from marketplace.progress import say

__all__ = [
    "app",
    "audit",
    "audit_purge",
    "audit_status",
    "erase",
    "export",
    "log",
    "migrate",
    "purge",
    "replay_request",
    "status",
]

app = typer.Typer()
log = typer.Typer(help="Look at, export, purge and mend the decision log.", no_args_is_help=True)
app.add_typer(log, name="log")
audit = typer.Typer(help="Look at the audit log, and remove its old days.", no_args_is_help=True)
app.add_typer(audit, name="audit")

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]B)", re.IGNORECASE)
_UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def _instant(text: str | None, option: str) -> datetime | None:
    return None if text is None else read_instant(text, option)


@log.command()
def status(as_json: AsJson = False) -> None:
    """Say what the log holds, how large it is, and what waits to be stored."""
    from serving.decisions import ahead_bytes, daily_files, limit_bytes, opened_log

    with opened_log() as store:
        told = {
            "store": store.told,
            **store.counts(),
            "bytes": store.size(),
            "limit": limit_bytes(),
            "ahead_bytes": ahead_bytes(),
            "older_files": len(daily_files()),
        }
    if as_json:
        print(json.dumps(told, indent=2))
        return
    print(f"{told['store']}: {told['bytes']:,} of {told['limit']:,} bytes")
    print(f"{told['requests']:,} requests with {told['shown']:,} creators, {told['unseen']:,} ranked unseen")
    print(f"{told['events']:,} events" + (f"; {told['first']} to {told['last']}" if told["first"] else ""))
    print(f"{told['ahead_bytes']:,} bytes written ahead")
    if told["older_files"]:
        say(f"{told['older_files']} files of an older version: `collabrank log migrate` takes them in")


@log.command()
def export(
    out: Annotated[Path, typer.Argument(help="The folder to write.", metavar="OUT")],
    into: Annotated[
        str | None,
        typer.Option(help="A marketplace: OUT becomes a copy of it with the log's rows in it.", metavar="DIR"),
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Only what was logged from this day on (UTC).", metavar="YYYY-MM-DD")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write campaigns, impressions, invitations and deliveries as the contract has them, to train on."""
    from serving.decisions import export_log, opened_log

    with opened_log() as store:
        print_result(export_log(store, out, into=into, since=_instant(since, "--since")), as_json)


@log.command()
def purge(
    before: Annotated[
        str | None, typer.Option(help="Remove what was logged before this day (UTC).", metavar="YYYY-MM-DD")
    ] = None,
    to: Annotated[
        str | None, typer.Option(help="Remove the oldest until the store takes no more than this.", metavar="SIZE")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Remove old requests, with who was shown and what came of them, and the bundles that none is left of."""
    from serving.decisions import drop_bundles, opened_log

    if (before is None) == (to is None):
        raise LogError("exactly one of --before DATE and --to SIZE", received="both or neither", look="--help")
    day, size = _instant(before, "--before"), None if to is None else _size(to)
    with opened_log() as store:
        gone, events = store.purge(day) if day is not None else store.shrink(size or 0)
        bundles = drop_bundles(store.bundles())
        told = {"requests": gone, "events": events, "bundles": bundles, "bytes": store.size()}
    if as_json:
        print(json.dumps(told))
        return
    print(f"removed {gone:,} requests, {events:,} events and {bundles} bundles; {told['bytes']:,} bytes are left")


def _size(text: str) -> int:
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise LogError("a size such as 500MB or 10GB", received=text, look="--to")
    return int(float(found[1]) * _UNITS[found[2].upper()])


@log.command()
def erase(
    creator: Annotated[str, typer.Argument(help="The creator's id.", metavar="CREATOR")], as_json: AsJson = False
) -> None:
    """Remove every row of one creator, and the id from every request; what is on its way is left out, too."""
    from serving.decisions import files_naming, opened_log

    with opened_log() as store:
        shown, events = store.erase(creator)
    files = [str(path) for path in files_naming(creator)]
    if as_json:
        print(json.dumps({"shown": shown, "events": events, "files": files}))
        return
    print(f"removed {shown:,} places in answers and {events:,} events of {creator}")
    if files:
        say(f"still named in {', '.join(files)}: take older files in with `collabrank log migrate`, then remove them")


@log.command()
def migrate(as_json: AsJson = False) -> None:
    """Take in the daily files that older versions wrote; each is then in var/decisions/taken."""
    from serving.decisions import migrate_daily_files, opened_log

    with opened_log() as store:
        files, lines = migrate_daily_files(store)
    print(json.dumps({"files": files, "lines": lines}) if as_json else f"{lines:,} lines of {files} files taken in")


@app.command("replay")
def replay_request(
    request_id: Annotated[str, typer.Argument(help="As the answer had it.", metavar="REQUEST_ID")],
    bundle: Annotated[Path | None, typer.Option(help="A folder with the bundle that answered.")] = None,
    snapshot: Annotated[Path | None, typer.Option(help="A folder with the snapshot that answered.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a logged ranking once more, and compare it bit for bit; exit 1 where it comes out otherwise."""
    from serving.replay import replay

    made = replay(request_id, bundle=bundle, snapshot=snapshot)
    print_result(made, as_json)
    if not made.identical:
        raise typer.Exit(1)


@audit.command("status")
def audit_status(as_json: AsJson = False) -> None:
    """Say which days the audit log has, how large they are, and how many are kept."""
    from serving.audit import audit_files, days_kept

    files, kept = audit_files(), days_kept()
    days = [day.isoformat() for day in files]
    told = {
        "days": len(days),
        "first": days[0] if days else None,
        "last": days[-1] if days else None,
        "bytes": sum(path.stat().st_size for path in files.values()),
        "days_kept": kept,
    }
    if as_json:
        print(json.dumps(told))
        return
    span = f", {days[0]} to {days[-1]}" if days else ""
    print(f"{told['days']} days{span}; {told['bytes']:,} bytes")
    print("all are kept" if kept is None else f"{kept} days are kept")


@audit.command("purge")
def audit_purge(
    before: Annotated[str, typer.Option(help="Remove the days before this one (UTC).", metavar="YYYY-MM-DD")],
    as_json: AsJson = False,
) -> None:
    """Remove old days of the audit log; that they were removed, and by whom, is a line of it."""
    from serving.audit import purge_audit

    gone = purge_audit(read_instant(before, "--before").date())
    print(json.dumps({"files": gone}) if as_json else f"removed {len(gone)} days")
