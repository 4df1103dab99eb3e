"""The commands about many runs: tune, compare."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["app", "compare", "tune"]

app = typer.Typer()

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")]


@app.command()
def tune(
    directory: Annotated[Path, typer.Argument(help="The marketplace's folder, one sub-folder a table.", metavar="DIR")],
    *,
    minutes: Annotated[float, typer.Option(help="Wall-clock budget; a study goes on where it stopped.")],
    seed: Annotated[
        int | None, typer.Option(help="Of draws and fits; a study keeps the one it began with.", show_default="7")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(help="Cut-off as in `train`: only campaigns before it are measured on.")
    ] = None,
    trials: Annotated[
        int | None, typer.Option(help="Stop once the study has so many finished trials, if that is sooner.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Search the shape of the heads on the training campaigns, and write the best one for `train --tuned`."""
    from training.tuning.result import result_json, tune_text
    from training.tuning.tune import tune as run

    result = run(directory, minutes=minutes, seed=seed, as_of=as_of, trials=trials)
    print(result_json(result) if as_json else tune_text(result), end="" if as_json else "\n")


@app.command()
def compare(
    runs: Annotated[
        list[str],
        typer.Argument(
            help="Two or more: a run's id or its first characters, a version's number, champion, challenger. "
            "The others are tested against the first.",
            metavar="RUN RUN…",
        ),
    ],
    metric: Annotated[
        str | None,
        typer.Option(help="Which metric, campaign by campaign.", show_default="oracle_gain_share_at_20 if all have it"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hold runs against each other on the campaigns that all of them measured, with tests, and say what differs."""
    from training.tracking.compare import compare_runs, compared_text

    found = compare_runs(runs, metric=metric)
    print(json.dumps(found.as_dict(), indent=2, sort_keys=True) if as_json else compared_text(found))
