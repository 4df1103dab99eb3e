"""Every modelling choice of the champion, measured and judged: ``python -m benchmarks.choices``.

For every world and seed one marketplace is drawn and its training data built once; each variant of
`benchmarks.variants` is fitted on them, and ``oracle_gain_share_at_20`` of its order is measured on the held-out third
of the campaigns. A variant is judged by its differences from ``default`` (``classic_gain``: from ``lambdarank``) on the
same marketplaces (`benchmarks.verdicts`). See docs/choices.md.

Each marketplace is a run of the MLflow experiment ``choices``, with a run a variant beneath it (``--no-track``: none).
``--out FILE`` keeps the results; started again with the same file it measures only what is not there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.marketplaces import METRIC, SIZE, cells_of, draw, gain_shares, measure_cells, options, size_of
from benchmarks.variants import VARIANTS, Fits, Order, available
from benchmarks.verdicts import cell_shares, judge, world_means
from marketplace.errors import CollabrankError, TrainingError
from marketplace.progress import say
from training.tracking import Store, open_store

__all__ = ["EXPERIMENT", "main", "measure"]

EXPERIMENT = "choices"

Row = dict[str, Any]


def measure(world: str, seed: int, variants: Sequence[str], *, creators: int, campaigns: int, days: int) -> Row:
    """One marketplace: its facts, and of each variant ``share``, ``ranker``, ``validation`` and ``seconds``.

    A share is None where it is not defined or the variant cannot be fitted there; the latter is said.

    Raises
    ------
    ContractError, TrainingError
        No such world, or too little to fit ``default`` on.
    """
    orders: dict[str, Order] = {}
    with draw(world, seed, creators=creators, campaigns=campaigns, days=days) as drawn:
        fits = Fits(drawn)
        for name in variants:
            try:
                orders[name] = fits.order(name)
            except TrainingError as reason:
                if name == "default":
                    raise
                say(f"{world} seed {seed}: {name} cannot be fitted: {reason}")
        shares = gain_shares(drawn, {name: one.scores for name, one in orders.items()}) if orders else {}
        found: dict[str, Row] = {name: {"share": None} for name in variants}
        for name, one in orders.items():
            found[name] = {
                "share": shares[name],
                "ranker": one.ranker,
                "validation": one.validation,
                "seconds": round(one.seconds, 1),
            }
        return {**drawn.facts, "cores": os.cpu_count(), "variants": found}


def _print(rows: Sequence[Mapping[str, Any]], variants: Sequence[str]) -> None:
    first, means = rows[0], world_means(rows, variants)
    worlds = list(dict.fromkeys(str(row["world"]) for row in rows))
    seeds = len({row["seed"] for row in rows})
    size = f"{first['creators']:,} creators, {first['campaigns']} campaigns, {first['days']} days"
    print(f"{METRIC}, means over seeds; {len(cell_shares(rows))} marketplaces of {seeds} seeds; {size}\n")
    print(f"{'':<19}" + "".join(f"{world:>14}" for world in worlds))
    for name in variants:
        values = (f"{means[name][world]:>14.3f}" if world in means[name] else f"{'':>14}" for world in worlds)
        print(f"{name:<19}" + "".join(values))
    print(f"\n{'':<19}{'against':<12}{'difference':>11}{'error':>8}{'p':>8}{'p Holm':>8}{'win/tie/loss':>14}  verdict")
    for one in judge(rows, {name: VARIANTS[name].against for name in variants if name != "default"}):
        counts = f"{one.wins}/{one.ties}/{one.losses}"
        numbers = f"{one.difference:>+11.4f}{one.error:>8.4f}{one.p:>8.4f}{one.corrected:>8.4f}{counts:>14}"
        print(f"{one.variant:<19}{one.against:<12}{numbers}  {one.word}")


def _track(store: Store, row: Mapping[str, Any]) -> None:
    facts = {name: row[name] for name in ("world", "seed", *SIZE, "held_out", "invitations", "lifts")}
    with store.run(f"{row['world']} seed {row['seed']}", command="benchmarks.choices") as parent:
        parent.params(facts)
        for name, one in row["variants"].items():
            with store.run(name, parent=parent, command="benchmarks.choices") as run:
                hyperparameters = VARIANTS[name].hyperparameters.as_dict() if one.get("ranker") else {}
                run.params({**facts, **hyperparameters, "variant": name, "ranker": one.get("ranker", "")})
                run.tags({"about": VARIANTS[name].about})
                values = {
                    METRIC: one["share"],
                    "validation_share": one.get("validation"),
                    "seconds": one.get("seconds"),
                }
                run.metrics({metric: value for metric, value in values.items() if value is not None})


def _asked(text: str) -> list[str]:
    """Names of ``text``, ``all`` by default, with what they are held against, in the order of `VARIANTS`."""
    names = list(VARIANTS) if text == "all" else [name.strip() for name in text.split(",")]
    unknown = [name for name in names if name not in VARIANTS]
    if unknown:
        raise ValueError(f"expected variants among {', '.join(VARIANTS)}; received {', '.join(unknown)}")
    wanted = {"default", *names, *(VARIANTS[name].against for name in names)}
    missing = [name for name in VARIANTS if name in wanted and name not in available()]
    if missing:
        say(f"left out, for their library is not installed: {', '.join(missing)}")
    return [name for name in VARIANTS if name in wanted and name not in missing]


def main(arguments: list[str] | None = None) -> int:
    """Measure what is not in the file yet, and print means and verdicts; returns the exit code."""
    parser = options("Measure modelling choices over worlds and seeds.")
    parser.add_argument("--variants", default="all", help=f"of {', '.join(VARIANTS)} (default all)")
    parser.add_argument("--deal", action="store_true", help="each seed for one world alone, in turn")
    parser.add_argument("--no-track", action="store_true", help="leave MLflow alone")
    chosen = parser.parse_args(arguments)

    def missing(world: str, seed: int, kept: Sequence[Row]) -> Row | None:
        there = {name for row in kept for name in row["variants"]}
        wanted = [name for name in variants if name not in there]
        try:
            return measure(world, seed, wanted, **size_of(chosen)) if wanted else None
        except TrainingError as reason:
            # One marketplace with too little in it must not end a night's work.
            say(f"{world} seed {seed} is left out: {reason}")
            return None

    def tell(row: Row) -> None:
        shares = {name: one["share"] for name, one in row["variants"].items() if one["share"] is not None}
        say(f"{row['world']} seed {row['seed']}: " + ", ".join(f"{name} {value:.3f}" for name, value in shares.items()))
        if store is not None:
            _track(store, row)

    try:
        # A store that cannot be opened is better known before hours of fitting than after.
        store = None if chosen.no_track else open_store().of_experiment(EXPERIMENT)
        variants = _asked(chosen.variants)
        rows = measure_cells(chosen, cells_of(chosen, deal=chosen.deal), missing, tell)
    except (CollabrankError, ValueError) as wrong:
        print(wrong, file=sys.stderr)
        return 2
    if not rows:
        print("expected a marketplace with enough to fit default on; received none", file=sys.stderr)
        return 2
    _print(rows, variants)
    return 0


if __name__ == "__main__":
    sys.exit(main())
