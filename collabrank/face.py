"""The public functions: names, convenient arguments, and the same results that the command line prints.

Nothing is decided here. Each function opens the marketplace where a path is
given, and calls the one function beneath that its command calls too. A
*market* is a folder's path or what `open_marketplace` gave; a date is text in
ISO form (``2025-02-01``), a date, a datetime or a pandas Timestamp.

They stand in the order in which a notebook comes to need them, and so do their
examples: each begins where the one before it ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd

    from features.indices import IndexFrame, ScoreCard
    from features.snapshot import SnapshotParts
    from marketplace.checks import Report
    from marketplace.sources import IngestReport
    from marketplace.sources.files import Proposal
    from marketplace.tables import Marketplace
    from models.planning import Plan
    from serving.beside import Beside
    from training.data import TrainingData
    from training.evaluation import Evaluation
    from training.heads import Hyperparameters
    from training.lift import LiftResult
    from training.pipeline import TrainResult
    from training.results import Reports
    from training.scoring import Ranking, Scores
    from training.tracking import ComparedRuns, Promotion

__all__ = [
    "candidates",
    "card",
    "check",
    "compare",
    "evaluate",
    "indices",
    "ingest",
    "lift",
    "open_marketplace",
    "open_mlflow",
    "plan",
    "promote",
    "propose",
    "rank",
    "report",
    "rollback",
    "score",
    "serve",
    "signals",
    "simulate",
    "snapshot",
    "train",
    "training_data",
]


def open_marketplace(path: str | Path | Marketplace, *, engine: str | None = None) -> Marketplace:
    """Open the marketplace in the folder ``path``: one sub-folder of Parquet files a table.

    Parameters
    ----------
    engine : str, optional
        Where what is asked of it is worked out: ``"duckdb"``, ``"spark"`` or a Spark URL (docs/engines.md). By default
        what the environment variable ``COLLABRANK_ENGINE`` says, else DuckDB inside this process.

    Returns
    -------
    Marketplace
        ``.frame("creators")`` is a table as pandas, ``.check()`` holds all of them against the data contract.

    Raises
    ------
    ContractError
        There is no such folder, or it lacks an indispensable table.
    EngineError
        There is no such engine, or it cannot be opened.

    Examples
    --------
    >>> market = cr.open_marketplace("market")
    >>> market.to_frame().loc["creators", "rows"]
    np.int64(600)
    >>> market.frame("creators")["market"].nunique() > 1
    True
    """
    from marketplace.tables import open_marketplace as run

    return run(path, engine=engine)


def check(market: str | Path | Marketplace) -> Report:
    """Hold a marketplace against the data contract and report every problem at once.

    A folder that `open_marketplace` refuses can be checked too. ``market.check()`` is the same.

    Raises
    ------
    ContractError
        The path is no folder.

    Examples
    --------
    >>> report = cr.check("market")
    >>> report.ok
    True
    >>> report.to_frame().problem.any()  # notes are no problems
    np.False_
    """
    from marketplace.checks import check as run

    return run(market)


def simulate(
    out: str | Path,
    *,
    creators: int = 3000,
    campaigns: int = 180,
    days: int = 240,
    seed: int = 7,
    world: str = "baseline",
) -> Marketplace:
    """Draw a marketplace from a causal model, with the truth that real data never tell, and open it.

    Parameters
    ----------
    out : path
        The folder to write; an earlier marketplace in it is replaced, anything else is not.
    creators, campaigns, days : int
        At least 50, 3 and 60.
    seed : int
        The same seed writes the same bytes.
    world : str
        ``baseline``, a departure from it (``collabrank simulate --worlds`` lists them), or ``wild``, whose laws the
        seed draws.

    Raises
    ------
    ContractError
        An argument is out of range, there is no such world, or ``out`` holds something else.

    Examples
    --------
    >>> tiny = cr.simulate("tiny", creators=50, campaigns=3, days=60)
    >>> len(tiny.frame("creators"))
    50
    """
    from marketplace.simulator import find_world
    from marketplace.simulator import simulate as run
    from marketplace.tables import require_replaceable

    declared = find_world(world, seed=seed)
    require_replaceable(out)
    run(Path(out), creators=creators, campaigns=campaigns, days=days, seed=seed, world=declared)
    return open_marketplace(out)


def propose(folder: str | Path, *, out: str | Path | None = None, replace: bool = False) -> Proposal:
    """Look at exported files (CSV, Excel, JSON lines, Parquet) and write the mapping that they suggest, to be edited.

    Parameters
    ----------
    folder : path
        The files as they were exported.
    out : path, optional
        The mapping file; by default ``mapping.toml`` in the folder.
    replace : bool
        Write over a mapping that is there already.

    Returns
    -------
    Proposal
        ``.to_frame()`` has one row a column with how sure it is, ``.decisions`` what a person has to look at.

    Raises
    ------
    SourceError
        There are no files that can be read, or a mapping is there already.

    Examples
    --------
    >>> from pathlib import Path
    >>> Path("exports").mkdir()
    >>> for name in ["creators", "products", "campaigns", "invitations", "orders", "fx_rates"]:
    ...     tiny.frame(name).to_csv(f"exports/{name}.csv", index=False)
    >>> proposal = cr.propose("exports")
    >>> proposal.to_frame()["table"].nunique()
    7
    """
    from marketplace.sources import files

    found = files.propose(Path(folder))
    files.write_proposal(found, Path(folder) / files.MAPPING if out is None else Path(out), replace=replace)
    return found


def ingest(folder: str | Path, out: str | Path, *, mapping: str | Path | None = None) -> IngestReport:
    """Write a marketplace from a folder of exported files, by a mapping such as `propose` writes, or of a named source.

    Parameters
    ----------
    folder : path
        The files, or the name of a source, of those that ``collabrank ingest --sources`` lists: ``"complete-journey"``.
    out : path
        The folder to write; an earlier marketplace in it is replaced as a whole, anything else is not.
    mapping : path, optional
        The mapping file; by default ``mapping.toml`` in the folder of the files.

    Returns
    -------
    IngestReport
        What was written, what the files lack, and what to know of them.

    Raises
    ------
    SourceError
        The files do not read as the mapping says (everything that is wrong, by file, row and column), or something is
        left to decide.
    ContractError
        ``out`` holds something else.

    Examples
    --------
    >>> cr.ingest("exports", "mine").to_frame().loc["creators", "rows"]
    np.int64(50)
    >>> report = cr.ingest("exports", "mine", mapping="exports/mapping.toml")
    >>> len(cr.open_marketplace("mine").frame("creators"))
    50
    """
    from marketplace.sources import files, sources
    from marketplace.sources import ingest as run
    from marketplace.tables import require_replaceable

    require_replaceable(out)
    if mapping is None and str(folder) in sources():
        return run(str(folder), Path(out))
    return run(files.from_folder(None if mapping is None else Path(mapping)), Path(out), folder=Path(folder))


def signals(
    market: str | Path | Marketplace,
    *,
    as_of: str | date | None = None,
    creators: Sequence[str] | None = None,
    campaigns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """What is known of creators as of a day, in numbers: every signal, NaN where it is not known.

    Parameters
    ----------
    market : path or Marketplace
    as_of : date, optional
        Only what happened and was known before it is read. By default the day after the last order, invitation or
        brief.
    creators : sequence of str, optional
        These alone; by default all who were known then.
    campaigns : sequence of str, optional
        The signals that rankers see instead: every eligible creator of each of these campaigns, as of its brief.

    Returns
    -------
    DataFrame, float64
        The index is creator_id (with ``campaigns``: campaign_id and creator_id); ``.attrs["units"]`` names the
        unit of each column. docs/signals.md says what each tells.

    Raises
    ------
    DateError, SignalError, BriefError
        The date is not in ISO form; both ``campaigns`` and ``as_of`` are given; there is no such campaign.

    Examples
    --------
    >>> now = cr.signals(market, as_of="2025-06-01")
    >>> now["follower_count_last"].median() > 1000
    np.True_
    >>> now.attrs["units"]["net_gmv_sum_28d"]
    'USD'
    """
    import pandas as pd

    from features.signals import SIGNALS, build_creator, build_matrix, eligible_pairs
    from features.time import as_of_day, as_of_days, default_as_of, known_creators
    from marketplace.errors import SignalError

    market = open_marketplace(market)
    if campaigns is not None:
        if as_of is not None or creators is not None:
            raise SignalError(
                "campaigns, or a day and creators",
                received="both: the signals of a campaign's creators are as of its brief",
                look="help(cr.signals)",
            )
        pairs = eligible_pairs(market, campaigns)
        found = build_matrix(market, pairs).set_index(["campaign_id", "creator_id"])
    else:
        day = default_as_of(market) if as_of is None else as_of_day(as_of)
        asked = known_creators(market, int(as_of_days([day])[0])) if creators is None else list(creators)
        index = pd.Index(asked, name="creator_id", dtype="str")
        found = build_creator(market, pd.DataFrame({"creator_id": index, "as_of": day})).set_axis(index)
    found.attrs["units"] = {name: SIGNALS[str(name)].unit for name in found}
    return found


def indices(
    market: str | Path | Marketplace,
    *,
    as_of: str | date | None = None,
    creators: Sequence[str] | None = None,
    categories: bool = False,
) -> IndexFrame:
    """The handcrafted indices of creators as of a day, 0 to 100, each with an interval and a confidence.

    Parameters
    ----------
    market, as_of, creators
        As `signals` takes them.
    categories : bool
        ``category_influence`` of each creator in each category, instead of the seven that no category enters.

    Returns
    -------
    IndexFrame
        ``.to_frame()`` has the values, ``.to_frame("confidence")`` (or ``"low"``, ``"high"``, ``"peer_rank"``, …) the
        rest.

    Raises
    ------
    DateError
        The date is not in ISO form.

    Examples
    --------
    >>> found = cr.indices(market, as_of="2025-06-01")
    >>> found.to_frame().max().max() <= 100
    np.True_
    >>> found.to_frame("confidence").shape == found.to_frame().shape
    True
    """
    import pandas as pd

    from features.indices import build_category_influence, build_indices
    from features.time import as_of_day, as_of_days, default_as_of, known_creators, known_ids

    market = open_marketplace(market)
    day = default_as_of(market) if as_of is None else as_of_day(as_of)
    asked = known_creators(market, int(as_of_days([day])[0])) if creators is None else list(creators)
    rows = pd.DataFrame({"creator_id": pd.Series(asked, dtype="str"), "as_of": day})
    if not categories:
        return build_indices(market, rows)
    names = pd.DataFrame({"category_id": known_ids(market, "category_id", day)})
    return build_category_influence(market, rows.merge(names, how="cross"))


def training_data(market: str | Path | Marketplace, *, as_of: str | date | None = None) -> TrainingData:
    """What `train` learns from: one row an invitation, its signals as of the brief, and what came of it.

    Parameters
    ----------
    market : path or Marketplace
    as_of : date, optional
        The cut-off, as `train` takes it: outcomes known before it of campaigns briefed before it.

    Raises
    ------
    DateError, TrainingError
        The date is not in ISO form; the marketplace holds too little to learn from.

    Examples
    --------
    Rows, targets and groups, for scikit-learn's own tools:

    >>> data = cr.training_data(market)
    >>> rows = data.to_frame().dropna(subset=["grade"])
    >>> X, y, campaigns = rows[list(data.signals)], rows["grade"], rows["campaign_id"]
    >>> len(X) == len(y) == len(campaigns) > 100
    True
    >>> model = cr.CampaignRanker(n_estimators=20, num_leaves=7).fit(X, y, groups=campaigns)
    >>> 0.5 < model.score(X, y, groups=campaigns) <= 1.0
    True
    """
    from training.data import build_training_data, split_of

    market = open_marketplace(market)
    split = split_of(market, as_of)
    return build_training_data(market, split.train, as_of=split.cutoff)


def train(
    market: str | Path | Marketplace,
    *,
    as_of: str | date | None = None,
    seed: int = 7,
    hyperparameters: Hyperparameters | str | Path | None = None,
    tuned: bool = False,
    prior: str | Path | None = None,
) -> TrainResult:
    """Fit both rankers on a marketplace, measure them on later campaigns, and register them in MLflow.

    With fewer than 100 labelled invitations or 30 deliveries one ranker of indices and shrunk rates takes their place,
    and says so.

    Parameters
    ----------
    market : path or Marketplace
    as_of : date, optional
        The cut-off: learn from what was known before that day, measure on the campaigns briefed from it on. By
        default the day on which the last third of the campaigns begins.
    seed : int
        Of everything random; the same seed gives the same bundle, byte for byte.
    hyperparameters : Hyperparameters or path, optional
        Of the heads, or a JSON file with them.
    tuned : bool
        Take the best that ``collabrank tune`` found on this data up to this cut-off.
    prior : path, optional
        The folder of a bundle trained on another marketplace, from which such a small one starts instead.

    Raises
    ------
    DateError, TrainingError, ContractError
        The date is not in ISO form; there are fewer than two campaigns; the tables cannot be read.
    BundleError
        ``prior`` does not verify, or was trained on other signals.

    Examples
    --------
    >>> result = cr.train(market)
    >>> [ranker.version for ranker in result.rankers]
    [1, 2]
    >>> result.to_frame().loc["ndcg_at_10", "estimate"].idxmax() in result.comparison.rankers
    True
    """
    from training.pipeline import train as run
    from training.tuning import chosen_hyperparameters

    market = open_marketplace(market)
    if hyperparameters is None or isinstance(hyperparameters, str | Path):
        hyperparameters = chosen_hyperparameters(market, as_of=as_of, file=hyperparameters, tuned=tuned)
    return run(market, as_of=as_of, seed=seed, hyperparameters=hyperparameters, prior=prior)


def compare(*runs: str | int, metric: str | None = None) -> ComparedRuns:
    """Hold runs against each other on the campaigns that all of them measured, with tests, and say what differs.

    Parameters
    ----------
    *runs : str or int
        Two or more: a run's id or its first characters, a version's number, ``"champion"``, ``"challenger"``. The
        others are tested against the first.
    metric : str, optional
        By default ``oracle_gain_share_at_20`` where all have it.

    Raises
    ------
    TrainingError
        Fewer than two, unknown, or on different data.

    Examples
    --------
    >>> cr.compare(1, 2).to_frame()["mean"].between(-1, 1).all()
    np.True_
    """
    from training.tracking import compare_runs

    return compare_runs([str(run) for run in runs], metric=metric)


def promote(version: int | None = None, *, force: bool = False, reason: str = "") -> Promotion:
    """Make a candidate the champion if it passes the gate, and write the bundle that is served.

    Parameters
    ----------
    version : int, optional
        The newest by default.
    force : bool
        Promote even where the gate refuses; recorded, with the ``reason``, which it needs.
    reason : str
        With ``force``: why. Without: what speaks for a candidate that is not worse than the champion; one that learned
        from newer outcomes needs none.

    Raises
    ------
    GateError, BundleError
        The gate refuses; the candidate's bundle does not verify.

    Examples
    --------
    >>> done = cr.promote(1, force=True, reason="an example")
    >>> done.version
    1
    """
    from training.tracking import promote as run

    return run(version, force=force, reason=reason)


def rollback() -> Promotion:
    """Make the champion before this one the champion again, and write its bundle.

    Raises
    ------
    GateError
        There is no champion, or none before it.

    Examples
    --------
    >>> cr.promote(2, force=True, reason="another").version
    2
    >>> cr.rollback().version
    1
    """
    from training.tracking import rollback as run

    return run()


def evaluate(
    market: str | Path | Marketplace,
    *,
    scores: str | Path | None = None,
    missing: Literal["refuse", "last"] = "refuse",
    ceiling: bool = False,
) -> Evaluation:
    """Measure the champion, and anybody's scores, on the campaigns held out from its training.

    Beside what brands sort by today and, on simulated marketplaces, the oracle.

    Parameters
    ----------
    market : path or Marketplace
    scores : path, optional
        A Parquet or CSV file with ``campaign_id``, ``creator_id``, ``score`` (more is better) for every eligible
        creator of the held-out campaigns.
    missing : {"refuse", "last"}
        What becomes of eligible creators whom the file leaves out.
    ceiling : bool
        Fit the informed ceiling too (simulated marketplaces alone).

    Raises
    ------
    BundleError, ContractError, TrainingError
        There is no champion and no file; the file is refused; nothing is known of the held-out campaigns.

    Examples
    --------
    >>> found = cr.evaluate(market)
    >>> found.to_frame().loc[("all", "oracle_gain_share_at_20", "oracle"), "estimate"]
    np.float64(1.0)
    """
    from training.evaluation import evaluate_marketplace

    return evaluate_marketplace(open_marketplace(market), scores=scores, missing=missing, ceiling=ceiling)


def lift(market: str | Path | Marketplace, *, as_of: str | date | None = None, sample: int = 200) -> LiftResult:
    """What partnerships added to sales (uplift), by campaign and in all, beside attributed sales and checks.

    Parameters
    ----------
    market : path or Marketplace
    as_of : date, optional
        Read only what was known before that day. By default everything.
    sample : int
        Partnerships that the check by synthetic difference-in-differences looks at, at most.

    Returns
    -------
    LiftResult
        ``.to_frame()`` by campaign, ``.partnerships`` one by one, ``.figures()``, ``.flags`` for what failed.

    Raises
    ------
    DateError, TrainingError
        The date is not in ISO form; no partnership is ripe.

    Examples
    --------
    >>> found = cr.lift(market, sample=20)
    >>> found.overall.low < found.overall.estimate < found.overall.high
    True
    >>> (found.to_frame()["attributed_usd"] >= 0).all()
    np.True_
    """
    from training.lift import measure_lift

    return measure_lift(open_marketplace(market), as_of=as_of, sample=sample)


def report(
    market: str | Path | Marketplace,
    *,
    campaign: str | None = None,
    every: bool = False,
    as_of: str | date | None = None,
) -> Reports:
    """What came of past campaigns, held against what was foretold of them; kept in ``var/reports`` too.

    Sales that a campaign added (lift) with their interval beside attributed sales, profit, by creator, what the checks
    say, and what to do next. What was foretold is what the decision log holds, where it was logged before the
    invitation, else what the champion says as of the brief.

    Parameters
    ----------
    market : path or Marketplace
    campaign : str, optional
        One campaign.
    every : bool
        All campaigns that had invited by then. Neither: the newest that is over and of which lift is told.
    as_of : date, optional
        Read only what was known before that day. By default everything.

    Returns
    -------
    Reports
        One row a campaign by ``.to_frame()``; ``reports["ca_1"]`` is that campaign's: ``.to_frame()`` by creator,
        ``.to_html()`` two pages to print.

    Raises
    ------
    DateError, ContractError, TrainingError
        The date is not in ISO form; the tables cannot be read; nobody had been invited by then.
    BriefError
        Both ``campaign`` and ``every``; no such campaign, or its money cannot be told.
    LogError, HomeError
        The decision log cannot be opened; the reports cannot be kept.

    Examples
    --------
    >>> reports = cr.report(market)
    >>> one = next(iter(reports))
    >>> one.lift.low <= one.lift.estimate <= one.lift.high
    True
    >>> one.to_html().startswith("<!DOCTYPE html>")
    True
    """
    from serving.foretold import logged_predictions
    from training.results import report_campaigns, shelve

    found = report_campaigns(
        open_marketplace(market), campaign=campaign, every=every, as_of=as_of, logged=logged_predictions
    )
    shelve(found)
    return found


def snapshot(market: str | Path | Marketplace, *, as_of: str | date | None = None) -> SnapshotParts:
    """Take the snapshot of all creators that the service ranks from, and keep it in ``var/snapshot``.

    Parameters
    ----------
    market : path or Marketplace
    as_of : date, optional
        By default the day after the last order, invitation or brief.

    Raises
    ------
    DateError, SnapshotError
        The date is not in ISO form; no creator was known by then.

    Examples
    --------
    >>> taken = cr.snapshot(market, as_of="2025-06-01")
    >>> taken.to_frame().index.equals(now.index)
    True
    """
    from features.snapshot import take_snapshot

    return take_snapshot(open_marketplace(market), as_of)


def rank(
    market: str | Path | Marketplace,
    *,
    campaign: str | None = None,
    brief: str | Path | Mapping[str, Any] | None = None,
    top: int = 20,
    applicants: str | Path | Sequence[str] | None = None,
) -> Ranking:
    """Rank the creators for one brief with the champion, and say why.

    Parameters
    ----------
    market : path or Marketplace
    campaign : str
        A campaign of the marketplace, as of its brief; or
    brief : mapping or path
        a brief written out, as ``POST /rank`` takes it, or a JSON file with one.
    top : int
        How many creators.
    applicants : sequence of str or path, optional
        Who asked for a sample (creator_ids, or a CSV or Parquet file with them): they alone are ranked, by the expected
        profit of sending each one, with the chance that nothing is posted.

    Raises
    ------
    ContractError
        ``applicants`` cannot be read, or names somebody unknown.
    BriefError, BundleError
        Neither or both, no such campaign, or a brief that cannot be completed; there is no champion.

    Examples
    --------
    >>> last = market.frame("campaigns").sort_values("briefed_at")["campaign_id"].iloc[-1]
    >>> ranking = cr.rank(market, campaign=last, top=5)
    >>> ranking.to_frame()["position"].to_list()
    [1, 2, 3, 4, 5]
    >>> products = market.frame("products")
    >>> brief = {"market": "US", "category_id": products["category_id"].iloc[0], "commission_rate": 0.15}
    >>> len(cr.rank(market, brief=brief, top=3).creators)
    3
    """
    from training.scoring import rank_brief

    return rank_brief(open_marketplace(market), campaign=campaign, brief=brief, top=top, applicants=applicants)


def plan(
    market: str | Path | Marketplace,
    *,
    campaign: str | None = None,
    brief: str | Path | Mapping[str, Any] | None = None,
    budget: float | None = None,
    samples: int | None = None,
    invitations: int | None = None,
    per_creator: int | None = None,
    per_brand: int | None = None,
    goal: Literal["profit", "sales", "content"] = "profit",
    spend: Literal["expected", "worst"] = "expected",
    terms: Sequence[tuple[float, float]] | None = None,
    lift: float | None = None,
) -> Plan:
    """Whom to invite with this money, these samples and these invitations: the choice that is proven best.

    Parameters
    ----------
    market, campaign, brief
        As `rank` takes them.
    budget : float, optional
        USD for fees and samples; commission is paid out of sales. By default the brief's own.
    samples, invitations : int, optional
        That can be sent; any number by default.
    per_creator, per_brand : int, optional
        Invitations of 30 days that one creator may get from all brands, and that the brand may send.
    goal : {"profit", "sales", "content"}
        What the plan is to bring the most of.
    spend : {"expected", "worst"}
        Whether money and samples are counted as expected, or as if everybody accepted and delivered.
    terms : sequence of (flat fee in USD, commission rate), optional
        Other terms to try; by default a few about the brief's own.
    lift : float, optional
        The mean lift a partnership, USD, that is to be told from noise; by default the one that the plan expects.

    Returns
    -------
    Plan
        ``.to_frame()`` has whom to invite, ``.outlook`` what may come of it, ``.curve_frame()`` what other budgets
        bring.

    Raises
    ------
    BriefError, BundleError
        As `rank` raises them; a limit below 0.

    Examples
    --------
    >>> plan = cr.plan(market, campaign=last, budget=500, invitations=20)
    >>> plan.proven, plan.outlook.spend.expected <= 500
    (True, True)
    >>> plan.curve_frame()["profit"].is_monotonic_increasing
    True
    """
    from training.planning import plan_brief

    return plan_brief(
        open_marketplace(market),
        campaign=campaign,
        brief=brief,
        budget=budget,
        samples=samples,
        invitations=invitations,
        per_creator=per_creator,
        per_brand=per_brand,
        goal=goal,
        spend=spend,
        terms=terms,
        lift=lift,
    )


def card(
    market: str | Path | Marketplace, creator: str, *, as_of: str | date | None = None, history: bool = False
) -> ScoreCard:
    """A creator's score card, as creator and brand both see it: the eight indices, intervals, peers, components.

    Parameters
    ----------
    market : path or Marketplace
    creator : str
        The creator's id or username.
    as_of : date, optional
        By default the day after the last order, invitation or brief.
    history : bool
        Also the events that count, those left out and why, and 26 weeks of the indices.

    Returns
    -------
    ScoreCard
        A dict, as JSON has it; ``.to_frame()`` is the table, ``.to_html()`` a page that prints. ``basis`` says what the
        champion of this home stands on
        where it has no heads of its own; the indices need no model.

    Raises
    ------
    DateError, SignalError
        The date is not in ISO form; nobody who was known by then is called so, or several are.

    Examples
    --------
    >>> shown = cr.card(market, ranking.creators[0].creator_id)
    >>> 0 <= shown["indices"]["cooperation"]["value"] <= 100
    True
    """
    from features.indices import with_history
    from features.snapshot import score_card_of
    from models.bundle import champion_basis

    market = open_marketplace(market)
    found = score_card_of(market, creator, as_of).beside(champion_basis())
    return with_history(market, found) if history else found


def serve() -> Beside:
    """Start the service in a process of its own, on a free port of this machine, with a client and a key to ask it.

    It ranks from this home's champion and snapshot, as ``collabrank serve`` does, until ``.stop()``, the end of the
    ``with`` block, or of this Python.

    Returns
    -------
    Beside
        ``.client`` is a `Client`, ``.url`` where it answers, ``.log`` what it writes.

    Raises
    ------
    HomeError
        It does not become ready, such as without a champion or a snapshot; with the last words of its log.

    Examples
    --------
    >>> with cr.serve() as service:
    ...     answer = service.client.rank(brief=brief, top=3)
    >>> len(answer.creators)
    3
    """
    from serving.beside import serve_beside

    return serve_beside()


def candidates(market: str | Path | Marketplace, *, campaigns: Sequence[str]) -> pd.DataFrame:
    """Every eligible creator of some campaigns, each as of the brief, with all that the champion reads of them.

    Parameters
    ----------
    market : path or Marketplace
    campaigns : sequence of str

    Returns
    -------
    DataFrame
        What a logged model's ``predict`` takes (`open_mlflow`): ``campaign_id``, ``creator_id``, the brief's terms, the
        indices and the signals, one row a candidate.

    Raises
    ------
    BundleError, ContractError
        There is no champion; there is no such campaign.

    Examples
    --------
    >>> frame = cr.candidates(market, campaigns=[last])
    >>> frame["creator_id"].is_unique
    True
    """
    from training.scoring import candidates_of

    return candidates_of(open_marketplace(market), list(campaigns))


def open_mlflow() -> ModuleType:
    """MLflow, bound to this home's store: its runs, and the registered model to load.

    Returns
    -------
    module
        ``mlflow``, with the tracking and registry address of this home and without telemetry.

    Raises
    ------
    TrainingError
        The store cannot be opened.

    Examples
    --------
    The champion as MLflow's own model, with the scores of the service:

    >>> mlflow = cr.open_mlflow()
    >>> model = mlflow.pyfunc.load_model("models:/collabrank@champion")
    >>> told = model.predict(frame).sort_values("rank")
    >>> list(told["creator_id"][:5]) == list(ranking.to_frame().index)
    True
    """
    from training.tracking import open_mlflow as run

    return run()


def score(
    market: str | Path | Marketplace, out: str | Path | None = None, *, campaigns: Sequence[str] | None = None
) -> Scores:
    """Score every eligible creator of every campaign, each as of that campaign's brief.

    Parameters
    ----------
    market : path or Marketplace
    out : path, optional
        The file to write, ``.parquet`` or ``.csv``. Left out: the rows stay in memory.
    campaigns : sequence of str, optional
        These alone.

    Raises
    ------
    FileError, BundleError, ContractError
        ``out`` has another ending; there is no champion; there is no such campaign.

    Examples
    --------
    >>> scores = cr.score(market, "scores.csv", campaigns=[last])
    >>> list(scores.to_frame()["creator_id"][:5]) == list(ranking.to_frame().index)
    True
    """
    from training.scoring import score_marketplace

    return score_marketplace(open_marketplace(market), out, campaigns=campaigns)
