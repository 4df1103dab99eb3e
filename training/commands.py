"""The commands of training: train, tune, compare, evaluate, lift, off-policy, promote, rollback, score, rank, plan…"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from marketplace.options import AsJson, EngineOption, Folder, as_of_option, print_result

__all__ = [
    "app",
    "challenge",
    "challenger",
    "clear",
    "compare",
    "evaluate",
    "lift",
    "off_policy",
    "plan",
    "promote",
    "rank",
    "rollback",
    "score",
    "train",
    "tune",
    "ui",
]

app = typer.Typer()
challenger = typer.Typer(
    help="Set or clear the challenger that the service holds against the champion (docs/exploration.md).",
    no_args_is_help=True,
)
app.add_typer(challenger, name="challenger")


@app.command()
def train(
    directory: Folder,
    *,
    as_of: Annotated[
        str | None,
        as_of_option(
            "Cut-off: learn from what was known before this day, measure on the campaigns briefed from it on. "
            "Default: the day on which the last third of the campaigns begins."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random; the same seed gives the same bundle.")] = 7,
    hyperparameters: Annotated[
        Path | None,
        typer.Option(help="A JSON file with the hyperparameters of the heads, such as `tune` writes.", metavar="FILE"),
    ] = None,
    tuned: Annotated[
        bool,
        typer.Option("--tuned", help="The best hyperparameters that `tune` found on this data up to this cut-off."),
    ] = False,
    prior: Annotated[
        Path | None,
        typer.Option(
            help="A bundle trained on another marketplace, from which a marketplace with too few outcomes for heads of "
            "its own starts. Refused where its signals are others. Default: indices and shrunk rates.",
            metavar="BUNDLE",
        ),
    ] = None,
    machines: Annotated[
        str | None,
        typer.Option(
            help="Machines that fit the heads together, the same list on each; run the same command on all of them, in "
            "a private network (docs/rankers.md). The first tracks what comes out.",
            metavar="HOST:PORT,HOST:PORT",
        ),
    ] = None,
    machine: Annotated[int | None, typer.Option(help="Which of --machines this one is, from 1.")] = None,
    _engine: EngineOption = None,
    as_json: AsJson = False,
) -> None:
    """Fit both rankers on a marketplace, measure them on later campaigns, and register them in MLflow.

    With fewer than 100 labelled invitations or 30 deliveries one ranker of indices and shrunk rates takes their place.
    """
    from training.evaluation import print_comparison
    from training.heads import Machines
    from training.pipeline import help_train, versions_text
    from training.pipeline import train as run
    from training.tuning import chosen_hyperparameters

    if hyperparameters is not None and tuned:
        raise typer.BadParameter("one of --hyperparameters FILE and --tuned", param_hint="--tuned")
    together = None if machines is None and machine is None else Machines.of(machines or "", machine)
    chosen = chosen_hyperparameters(directory, as_of=as_of, file=hyperparameters, tuned=tuned)
    if together is not None and not together.first:
        from marketplace.progress import say

        fitted = help_train(directory, as_of=as_of, seed=seed, hyperparameters=chosen, machines=together)
        say(f"helped to fit on {fitted} invitations; machine 1 tracks and registers what came out")
        return
    result = run(directory, as_of=as_of, seed=seed, hyperparameters=chosen, prior=prior, machines=together)
    if as_json:
        print_result(result, as_json)
        return
    print_comparison(result.comparison)
    print(versions_text(result))


@app.command()
def evaluate(
    directory: Folder,
    *,
    scores: Annotated[
        Path | None,
        typer.Option(
            help="A Parquet or CSV file with campaign_id, creator_id, score (more is better) for every eligible "
            "creator of the held-out campaigns, to be measured beside the champion. Refused, with all that is wrong: "
            "unknown ids, scores that are no finite number, a pair twice, eligible creators without a row, missing "
            "columns. Rows of campaigns not held out and of creators not eligible are left out and counted.",
            metavar="FILE",
        ),
    ] = None,
    missing: Annotated[
        Literal["refuse", "last"],
        typer.Option(
            help="What becomes of eligible creators whom FILE leaves out: refuse the file, or rank them last (by "
            "creator_id among themselves). A held-out campaign without any row is refused either way.",
        ),
    ] = "refuse",
    ceiling: Annotated[
        bool,
        typer.Option(
            "--ceiling",
            help="Also fit the informed ceiling: the same signals and fitting code on the noise-free truth of the "
            "training campaigns' invited (simulated marketplaces alone; takes a fit).",
        ),
    ] = False,
    figures: Annotated[
        Path | None, typer.Option(help="Save the figures as PNG files in this folder.", metavar="FOLDER")
    ] = None,
    _engine: EngineOption = None,
    as_json: AsJson = False,
) -> None:
    """Measure the champion, and anybody's scores, on the campaigns held out from its training.

    Beside what brands sort by today and, on simulated marketplaces, the oracle: share of the possible gain, regret in
    USD, order, calibration of chances and money, coverage of the intervals, by slices, with intervals and tests.
    """
    from training.evaluation import evaluate_marketplace, print_evaluation, save_figures

    found = evaluate_marketplace(directory, scores=scores, missing=missing, ceiling=ceiling)
    if as_json:
        print_result(found, as_json)
    else:
        print_evaluation(found)
    if figures is not None:
        from marketplace.progress import say

        say(f"{len(save_figures(found, figures))} figures in {figures}")


@app.command()
def lift(
    directory: Folder,
    as_of: Annotated[
        str | None,
        as_of_option("Read only what was known before this day. Default: everything."),
    ] = None,
    figures: Annotated[
        Path | None, typer.Option(help="Save the figures as PNG files in this folder.", metavar="FOLDER")
    ] = None,
    _engine: EngineOption = None,
    as_json: AsJson = False,
) -> None:
    """Estimate what partnerships added to sales, by campaign and in all, beside attributed sales and checks.

    Placebo tests where nothing was posted, how much hidden confounding would explain the lift away, sibling products,
    sales missing afterwards, and synthetic difference-in-differences; what fails is flagged.
    """
    from training.lift import measure_lift, save_lift_figures

    found = measure_lift(directory, as_of=as_of)
    print_result(found, as_json)
    if figures is not None:
        from marketplace.progress import say

        say(f"{len(save_lift_figures(found.report, figures, found.truth))} figures in {figures}")


@app.command("off-policy")
def off_policy(
    directory: Folder,
    scores: Annotated[
        Path | None,
        typer.Option(
            help="A Parquet or CSV file with campaign_id, creator_id, score; more is better. Default: the champion, "
            "on the campaigns briefed from its cut-off on.",
            metavar="FILE",
        ),
    ] = None,
    top: Annotated[int, typer.Option(help="How many creators the policy invites a campaign.", min=1)] = 20,
    soften: Annotated[
        float,
        typer.Option(help="0: exactly the best. Above: also those further down, less likely; 1 is very soft.", min=0.0),
    ] = 0.0,
    _engine: EngineOption = None,
    as_json: AsJson = False,
) -> None:
    """Estimate what inviting by a score would have earned, from the impressions, invitations and outcomes alone."""
    from training.off_policy import evaluate_policy, off_policy_text

    report = evaluate_policy(directory, scores=scores, top=top, soften=soften)
    print(json.dumps(report.as_dict(), indent=2, sort_keys=True) if as_json else off_policy_text(report))


@app.command()
def promote(
    version: Annotated[int | None, typer.Option(help="Which version; the newest by default.", min=1)] = None,
    force: Annotated[bool, typer.Option(help="Promote even where the gate refuses; recorded.")] = False,
    reason: Annotated[
        str, typer.Option(help="Why: for a candidate that is not worse, or with --force; recorded.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Make the newest candidate the champion if it passes the gate, and write the served bundle."""
    from training.tracking import promote as run

    print_result(run(version, force=force, reason=reason), as_json)


@app.command()
def rollback(as_json: AsJson = False) -> None:
    """Make the champion before this one the champion again, and write its bundle."""
    from training.tracking import rollback as run

    print_result(run(), as_json)


@challenger.command("set")
def challenge(
    version: Annotated[int | None, typer.Option(help="Which version; by default the newest candidate.", min=1)] = None,
    as_json: AsJson = False,
) -> None:
    """Put a version beside the champion, signed; var/exploration.toml says what it answers or ranks unseen."""
    from training.tracking import set_challenger

    print_result(set_challenger(version), as_json)


@challenger.command()
def clear(as_json: AsJson = False) -> None:
    """Take the challenger away; a running service goes on without it."""
    from training.tracking import clear_challenger

    print_result(clear_challenger(), as_json)


@app.command()
def score(
    directory: Folder,
    out: Annotated[
        Path,
        typer.Argument(
            help="The file to write, replaced whole: Parquet or CSV, as its name ends.", metavar="OUT.parquet|OUT.csv"
        ),
    ],
    _engine: EngineOption = None,
    as_json: AsJson = False,
) -> None:
    """Score every eligible creator of every campaign, each as of that campaign's brief.

    Interrupted, the same command goes on where it was (what is done stands in .OUT.unfinished beside OUT).
    """
    from training.scoring import score_marketplace

    print_result(score_marketplace(directory, out), as_json)


@app.command()
def rank(
    directory: Folder,
    *,
    campaign: Annotated[str | None, typer.Option(help="A campaign of the marketplace, as of its brief.")] = None,
    brief: Annotated[
        Path | None, typer.Option(help="A JSON file with an inline brief, as POST /rank takes it.")
    ] = None,
    top: Annotated[int, typer.Option(help="How many creators.", min=1, max=1000)] = 20,
    applicants: Annotated[
        Path | None,
        typer.Option(
            help="A CSV or Parquet file with a column creator_id: who asked for a sample. They alone are ranked, by "
            "the expected profit of sending each one, with the chance that nothing is posted.",
            metavar="FILE",
        ),
    ] = None,
    _engine: EngineOption = None,
    as_json: AsJson = False,
) -> None:
    """Rank the creators for one brief with the champion, and say why."""
    from training.scoring import rank_brief

    found = rank_brief(directory, campaign=campaign, brief=brief, top=top, applicants=applicants)
    print_result(found, as_json)


@app.command()
def plan(
    directory: Folder,
    *,
    campaign: Annotated[str | None, typer.Option(help="A campaign of the marketplace, as of its brief.")] = None,
    brief: Annotated[
        Path | None, typer.Option(help="A JSON file with an inline brief, as POST /rank takes it.")
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(
            help="USD for fees and samples; commission is paid out of sales. Default: the brief's own budget.", min=0
        ),
    ] = None,
    samples: Annotated[int | None, typer.Option(help="Samples that can be sent. Default: any number.", min=0)] = None,
    invitations: Annotated[
        int | None, typer.Option(help="Invitations that can be sent. Default: any number.", min=0)
    ] = None,
    per_creator: Annotated[
        int | None,
        typer.Option(help="Invitations that one creator may get in 30 days, from all brands together.", min=0),
    ] = None,
    per_brand: Annotated[
        int | None, typer.Option(help="Invitations that the brand may send in 30 days, for all its briefs.", min=0)
    ] = None,
    goal: Annotated[
        Literal["profit", "sales", "content"], typer.Option(help="What the plan is to bring the most of.")
    ] = "profit",
    spend: Annotated[
        Literal["expected", "worst"],
        typer.Option(help="Count money and samples as expected, or as if everybody accepted and delivered."),
    ] = "expected",
    terms: Annotated[
        list[str] | None,
        typer.Option(
            help="Other terms to try: a flat fee in USD and a commission rate. Repeatable. Default: a few about the "
            "brief's own.",
            metavar="FEE:RATE",
        ),
    ] = None,
    lift: Annotated[
        float | None,
        typer.Option(
            help="Say how many partnerships it takes to tell so large a mean lift (USD a partnership) from noise. "
            "Default: the one that the plan expects.",
        ),
    ] = None,
    _engine: EngineOption = None,
    as_json: AsJson = False,
) -> None:
    """Choose whom to invite with this money, these samples and these invitations, and say what that may come to.

    The choice is proven best for what is expected; beside it stand the 10 % case, a curve over budgets, other terms,
    and how many partnerships would tell the lift from noise.
    """
    from training.planning import plan_brief, read_terms

    print_result(
        plan_brief(
            directory,
            campaign=campaign,
            brief=brief,
            budget=budget,
            samples=samples,
            invitations=invitations,
            per_creator=per_creator,
            per_brand=per_brand,
            goal=goal,
            spend=spend,
            terms=None if terms is None else [read_terms(one) for one in terms],
            lift=lift,
        ),
        as_json,
    )


@app.command()
def ui(
    *,
    host: Annotated[
        str, typer.Option(help="Address to listen on; one that is reached from elsewhere takes a password.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 5000,
    password_file: Annotated[
        Path | None,
        typer.Option(
            help="A file whose first line is the password that the pages ask for (default: COLLABRANK_UI_PASSWORD). "
            "Without one nothing is written among the artifacts.",
            metavar="FILE",
        ),
    ] = None,
    allowed_hosts: Annotated[
        str,
        typer.Option(
            help="Names under which browsers may ask for the pages, such as one behind a proxy; this machine's own by "
            "default.",
            metavar="HOST,HOST",
        ),
    ] = "",
) -> None:
    """Open MLflow's pages on this machine: runs, figures, the registered model."""
    from training.tracking import read_password, serve_pages

    serve_pages(host=host, port=port, allowed_hosts=allowed_hosts, password=read_password(password_file))


@app.command()
def tune(
    directory: Folder,
    *,
    minutes: Annotated[float, typer.Option(help="Wall-clock budget; a study goes on where it stopped.")],
    seed: Annotated[
        int | None, typer.Option(help="Of draws and fits; a study keeps the one it began with.", show_default="7")
    ] = None,
    as_of: Annotated[
        str | None, as_of_option("Cut-off as in `train`: only campaigns before it are measured on.")
    ] = None,
    trials: Annotated[
        int | None, typer.Option(help="Stop once the study has so many finished trials, if that is sooner.")
    ] = None,
    _engine: EngineOption = None,
    as_json: AsJson = False,
) -> None:
    """Search the hyperparameters of the heads on the training campaigns, and write the best one for `train --tuned`."""
    from training.tuning import result_json, tune_text
    from training.tuning import tune as run

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
    from training.tracking import compare_runs

    print_result(compare_runs(runs, metric=metric), as_json)
