"""The commands of this package: simulate, ingest, contract, check, facts, cache."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from marketplace.errors import ContractError
from marketplace.fetching import tiktok_shop
from marketplace.options import AsJson, Folder, print_result

__all__ = [
    "app",
    "cache",
    "check",
    "clear",
    "contract",
    "facts",
    "ingest",
    "propose",
    "show",
    "simulate",
    "sources",
    "template",
]

app = typer.Typer()
cache = typer.Typer(
    help="Show what was built and is kept in var/cache, or clear it. COLLABRANK_CACHE=off keeps nothing, a size such "
    "as 10GB sets the limit (4GB); the answers are the same either way."
)
app.add_typer(cache, name="cache")


class _Sources(TyperGroup):
    """A group whose first word may also be a source's name: what is no command of its own is given to ``source``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "-h", "--help"):
            args = ["source", *args]
        return super().parse_args(ctx, args)


sources = typer.Typer(
    cls=_Sources,
    no_args_is_help=True,
    help="Make a marketplace of your files, `ingest FOLDER OUT`, or of a source that `--sources` lists; or:",
)
app.add_typer(sources, name="ingest")
sources.command("tiktok-shop")(tiktok_shop)
contract = typer.Typer(no_args_is_help=True, help="The data contract: files to fill in.")
app.add_typer(contract, name="contract")

Out = Annotated[
    Path, typer.Argument(help="The folder to write; an earlier marketplace in it is replaced.", metavar="OUT")
]


def _list_worlds(asked: bool) -> None:
    if asked:
        from marketplace.simulator import FAMILIES

        _listed({family.name: family.about for family in FAMILIES.values()})


def _list_sources(asked: bool) -> None:
    if asked:
        from marketplace.sources import sources as known

        _listed({source.name: source.about for source in known().values()})


def _listed(lines: Mapping[str, str]) -> None:
    """Print what each name is, and end."""
    width = max(map(len, lines))
    for name, about in lines.items():
        print(f"{name:<{width}}  {about}")
    raise typer.Exit


@app.command()
def simulate(
    out: Out,
    *,
    creators: Annotated[int, typer.Option(help="How many creators.", min=50)] = 3000,
    campaigns: Annotated[int, typer.Option(help="How many campaigns.", min=3)] = 180,
    days: Annotated[int, typer.Option(help="How many days.", min=60)] = 240,
    seed: Annotated[int, typer.Option(help="The same seed writes the same bytes.", min=0)] = 7,
    world: Annotated[str, typer.Option(help="Which world, of those that --worlds lists.")] = "baseline",
    _worlds: Annotated[
        bool, typer.Option("--worlds", callback=_list_worlds, is_eager=True, help="List the worlds and exit.")
    ] = False,
) -> None:
    """Draw a marketplace from a causal model, with the truth that real data never tell.

    Interrupted, the same command goes on where it was (what is done stands in .OUT.unfinished beside OUT).
    """
    from marketplace.simulator import find_world
    from marketplace.simulator import simulate as run
    from marketplace.tables import require_replaceable

    declared = find_world(world, seed=seed)
    require_replaceable(out)
    run(out, creators=creators, campaigns=campaigns, days=days, seed=seed, world=declared)


@sources.command("source", hidden=True)
def ingest(
    source: Annotated[
        str,
        typer.Argument(help="A folder of files, or a source's name, of those that --sources lists.", metavar="FOLDER"),
    ],
    out: Out,
    *,
    mapping: Annotated[
        Path | None,
        typer.Option(help="The mapping file. Default: mapping.toml in FOLDER, as `propose` writes it.", metavar="FILE"),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option("--from", help="Where a named source's files are, if it needs to be told.", metavar="DIR"),
    ] = None,
    as_json: AsJson = False,
    _sources: Annotated[
        bool, typer.Option("--sources", callback=_list_sources, is_eager=True, help="List the sources and exit.")
    ] = False,
) -> None:
    """Map a folder of files, or a named source, onto the data contract."""
    from marketplace.sources import files, sources
    from marketplace.sources import ingest as run
    from marketplace.tables import require_replaceable

    require_replaceable(out)
    if source in sources() and mapping is None:
        report = run(source, out, folder=folder)
    else:
        where = folder or (Path(source) if source != files.SOURCE.name else None)
        report = run(files.from_folder(mapping), out, folder=where)
    print_result(report, as_json)


@sources.command()
def propose(
    folder: Annotated[Path, typer.Argument(help="The folder of files as they were exported.", metavar="FOLDER")],
    *,
    out: Annotated[
        Path | None, typer.Option(help="The mapping file to write. Default: mapping.toml in FOLDER.", metavar="FILE")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Write over a mapping that is there already.")] = False,
    as_json: AsJson = False,
) -> None:
    """Look at exported files and write the mapping that they suggest, to be edited: what is sure, what to decide."""
    from marketplace.progress import say
    from marketplace.sources import files

    target = out or folder / files.MAPPING
    proposal = files.propose(folder)
    files.write_proposal(proposal, target, replace=replace)
    print_result(proposal, as_json)
    say(f"mapping: {target}")


@contract.command()
def template(
    out: Annotated[Path, typer.Argument(help="The new folder to write.", metavar="OUT")],
    as_json: AsJson = False,
) -> None:
    """Write one CSV a table of the contract, with its columns and one example row; `ingest OUT MARKET` reads them."""
    from marketplace.sources import files

    names = files.write_template(out)
    if as_json:
        print(json.dumps({"folder": str(out), "files": names}))
        return
    print(*(f"{out / name}" for name in names), sep="\n")


@app.command()
def check(
    directory: Folder,
    as_json: AsJson = False,
) -> None:
    """Hold a marketplace against the data contract and name every problem at once (exit 2 if there is one)."""
    from marketplace.checks import check as run
    from marketplace.warehouse import redacted

    report = run(directory)
    print_result(report, as_json)
    if not report.ok:
        raise ContractError(
            f"{redacted(directory)} to keep the data contract",
            received=f"{len(report.problems)} problems: {report.counts}",
            look="the list above and docs/contract.md",
        )


@app.command()
def facts(
    directory: Folder,
    *,
    world: Annotated[
        str, typer.Option(help="The world it was simulated as: what that breaks on purpose is said so, not failed.")
    ] = "baseline",
    figure: Annotated[
        Path | None, typer.Option(help="The PNG to write. Default: var/facts/NAME.png.", metavar="FILE")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hold a marketplace, simulated or real, against what is published about such; print it and save one figure."""
    from marketplace.progress import say
    from marketplace.state import ending_of, state_folder, write_whole
    from marketplace.stylised import facts_figure, measure_facts
    from marketplace.warehouse import is_address, name_of

    if figure is not None:
        ending_of(figure, (".png",))
    report, evidence = measure_facts(directory, world=world)
    name = name_of(directory) if is_address(directory) else Path(directory).resolve().name
    file = figure or state_folder("facts", f"{name}.png")
    write_whole(file, facts_figure(report, evidence, title=f"{name} against the stylised facts"))
    say(f"figure: {file}")
    if as_json:
        print(json.dumps({**report.as_dict(), "figure": str(file)}, indent=2))
        return
    for one in report.facts:
        value = "-" if one.value is None else f"{one.value:.3f}"
        off = f", {one.distance:.3f} outside" if one.distance else ""
        print(f"{one.state:<17} {one.fact.key:<17} {value:>8}  band {one.fact.low:g} to {one.fact.high:g}{off}")
        print(f"{'':<17} {one.fact.says}{f' ({one.why})' if one.why else ''}")
        print(f"{'':<17} published: {one.fact.published}; {one.fact.source}")
    states = [one.state for one in report.facts]
    print("\n" + ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states)))


@cache.callback(invoke_without_command=True)
def show(context: typer.Context, as_json: AsJson = False) -> None:
    """Show what is kept: how many entries of each kind, and how large they are."""
    from marketplace.cache import cache_folder, entries, limit_bytes

    if context.invoked_subcommand is not None:
        return
    kept, limit = entries(), limit_bytes()
    kinds = {what: [one.bytes for one in kept if one.what == what] for what in sorted({one.what for one in kept})}
    total = sum(one.bytes for one in kept)
    if as_json:
        sizes = {what: {"entries": len(each), "bytes": sum(each)} for what, each in kinds.items()}
        print(json.dumps({"folder": str(cache_folder()), "limit_bytes": limit, "bytes": total, "kinds": sizes}))
        return
    for what, each in kinds.items():
        print(f"{what:<12} {len(each):>6,} entries  {sum(each) / 1e6:>9,.1f} MB")
    of = "off: nothing is read or kept" if limit is None else f"of {limit / 1e6:,.1f} MB"
    print(f"{total / 1e6:,.1f} MB in {len(kept):,} entries, {of}; {cache_folder()}")


@cache.command()
def clear(as_json: AsJson = False) -> None:
    """Remove all that is kept; it is built again when it is next asked for."""
    from marketplace.cache import clear as run

    gone = run()
    total = sum(one.bytes for one in gone)
    if as_json:
        print(json.dumps({"entries": len(gone), "bytes": total}))
        return
    print(f"{len(gone):,} entries removed, {total / 1e6:,.1f} MB")
