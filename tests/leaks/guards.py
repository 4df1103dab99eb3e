"""Guards against leaks: each looks at the code as a black box and raises `Leak` where it finds one.

A guard takes a `tests.leaks.worlds.World` (or what it names) and asks the project's own functions the same
question twice, in two worlds that differ only in what the answer must not depend on. Answers are compared bit for
bit; only `too_good` and `placebo` are statistical, with stated bounds. What each guard caught of the planted leaks
stands in docs/leaks.md.
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

import features.briefs.brief
import features.briefs.catalogue
import features.facts.store
import features.indices.build
import features.lift.ripe
import features.signals.build
import features.snapshot.build
import features.time.clocks
import training.data.dataset
import training.data.labels
import training.heads.fit
import training.heads.rankers
import training.heads.targets
import training.pipeline
import training.stats.metrics
from features.signals.registry import SIGNALS
from marketplace.contract import ATTRIBUTION_DAYS, REFUND_DAYS
from marketplace.tables import Marketplace
from models.economics import Economics
from tests.leaks.worlds import FUTURES, World, other_names
from training.data.dataset import TrainingData
from training.heads.feature_sets import FREE
from training.heads.fit import Target

__all__ = [
    "CHANCE_BOUND",
    "GUARDS",
    "PLACEBO_BOUND",
    "TOO_GOOD",
    "Leak",
    "alone",
    "briefs",
    "calibration",
    "eligible",
    "facts",
    "folds",
    "held_out",
    "indices",
    "labels",
    "made_up_data",
    "maturity",
    "order",
    "placebo",
    "reference_day",
    "renaming",
    "signals",
    "snapshot",
    "source",
    "split",
    "ties",
    "too_good",
    "truth",
]

TOO_GOOD = 0.7
"""AUC within campaigns that no single signal may reach for who accepted (or its mirror, .3), once its standard error
has been allowed for `TOO_GOOD_SIGMAS` times: what is known before a brief tells far less than that."""
TOO_GOOD_SIGMAS = 3.0

PLACEBO_BOUND = 0.62
"""AUC within campaigns that a model of shuffled labels must not reach out of fold (600 rows: .5 +- .025)."""

CHANCE_BOUND = 0.1
"""Spread (standard deviation) of calibrated probabilities that a model of shuffled labels must not reach."""


_KNOW_THE_FOLDER = ("marketplace/reading/files.py",)
"""Modules that name the truth's folder, to pass over it."""


_READ_IT = ("marketplace/tables.py", "training/lift/truth.py", "training/stats/metrics.py")
"""Beside the simulator and the evaluation: the reader itself, what holds a lift report against the truth, and the
metrics, which say that they need it."""


class Leak(AssertionError):  # noqa: N818
    """A guard found that an answer depends on what it must not depend on."""


def _same(before: Any, after: Any, *, what: str) -> None:
    """Raise `Leak` unless two frames, arrays or plain values are equal, NaN to NaN, bit for bit."""
    if isinstance(before, pd.DataFrame):
        if list(before.columns) != list(after.columns) or len(before) != len(after):
            raise Leak(f"{what}: {len(before)} rows became {len(after)}")
        moved = [c for c in before if not _equal(before[c].to_numpy(), after[c].to_numpy())]
        if moved:
            raise Leak(f"{what}: {len(moved)} columns moved, among them {', '.join(map(str, moved[:4]))}")
    elif not _equal(np.asarray(before), np.asarray(after)):
        raise Leak(f"{what} moved")


def _equal(one: np.ndarray, other: np.ndarray) -> bool:
    if one.shape != other.shape:
        return False
    return bool(((one == other) | (pd.isna(one) & pd.isna(other))).all())


def _over_futures(
    world: World, ask: Callable[[Marketplace], Any], *, what: str, futures: Iterable[str] = FUTURES
) -> None:
    """Ask the whole world and each rewritten one; the answers must be the same."""
    before = ask(world.market)
    for how in futures:
        _same(before, ask(world.future(how)), what=f"{what}, with the future {how},")


def facts(world: World, names: Sequence[str] = (), futures: Iterable[str] = FUTURES) -> None:
    """Every fact, as known before the cut, is the same whatever comes after it."""
    for name in names or features.facts.store.FACTS:

        def known(market: Marketplace, name: str = name) -> pd.DataFrame:
            fact = features.facts.store.FACTS[name]
            table = features.facts.store.fact_table(market, name, fact.keys)
            rows = market.query(table.filter(table.known_day < world.day))
            if "campaign_id" in fact.keys and name == "brief_orders":
                rows = rows[rows["campaign_id"] == world.campaign_id]
            return rows.sort_values(list(rows.columns), kind="stable", ignore_index=True)

        _over_futures(world, known, what=f"fact {name}", futures=futures)


def signals(world: World, futures: Iterable[str] = FUTURES) -> None:
    """The signals of a brief are the same whatever comes after the midnight before it."""
    pairs = world.pairs()
    _over_futures(world, lambda m: features.signals.build.build_matrix(m, pairs), what="signals", futures=futures)


def indices(world: World, futures: Iterable[str] = FUTURES) -> None:
    """The indices of a brief are the same whatever comes after the midnight before it."""
    pairs = world.pairs()
    _over_futures(world, lambda m: features.indices.build.index_scores(m, pairs), what="indices", futures=futures)


def briefs(world: World, futures: Iterable[str] = FUTURES) -> None:
    """A brief in USD and the catalogue of its day are the same whatever comes after."""

    def read(market: Marketplace) -> pd.DataFrame:
        brief = features.briefs.brief.read_briefs(market, [world.campaign_id])[world.campaign_id]
        catalogue = features.briefs.catalogue.read_catalogue(market, world.cut)
        told = {f"brief.{f.name}": str(getattr(brief, f.name)) for f in dataclasses.fields(brief)}
        told |= {f"catalogue.{f.name}": _text(getattr(catalogue, f.name)) for f in dataclasses.fields(catalogue)}
        return pd.DataFrame([told])

    _over_futures(world, read, what="the brief", futures=futures)


def _text(value: Any) -> str:
    return str(sorted(value.items())) if isinstance(value, Mapping) else str(value)


def eligible(world: World, futures: Iterable[str] = FUTURES) -> None:
    """Who can be invited is the same whatever comes after the brief."""
    ask = lambda m: features.signals.build.eligible_pairs(m, [world.campaign_id])  # noqa: E731
    _over_futures(world, ask, what="the eligible creators", futures=futures)


def labels(world: World, futures: Iterable[str] = FUTURES) -> None:
    """Labels as of the cut are the same whatever comes after it."""
    _over_futures(world, lambda m: training.data.labels.build_labels(m, world.cut), what="labels", futures=futures)


def maturity(world: World) -> None:
    """What is labelled at the cut is labelled the same once all has come in: a censored row is no failure.

    Late words on a partnership that was delivered (stars) may still raise its grade, and nothing else.
    """
    then = training.data.labels.build_labels(world.market, world.cut).set_index("invitation_id")
    end = max(frame["known_at"].max() for frame in world.frames.values()) + pd.Timedelta(days=2)
    later = training.data.labels.build_labels(world.market, end).set_index("invitation_id").reindex(then.index)
    labelled = (then["status"] == "labelled") & (later["status"] == "labelled")
    for column in ("accepted", "delivered", "on_time"):
        rows = labelled & then[column].notna()
        _same(then.loc[rows, column], later.loc[rows, column], what=f"matured labels: {column}")
    told = then["reply_matured"] & then["accepted"].notna() & later["accepted"].notna()
    _same(then.loc[told, "accepted"], later.loc[told, "accepted"], what="matured replies")
    sold = then["attributed_usd"].notna() | then["lift_usd"].notna()
    ripe = then["posted_at"] + pd.Timedelta(days=ATTRIBUTION_DAYS + REFUND_DAYS) < world.cut
    if (sold & ~ripe).any():
        raise Leak(f"{int((sold & ~ripe).sum())} partnerships' sales are read before their refunds could come in")
    lifts = features.lift.ripe.ripe_lifts(world.market, world.day)
    early = lifts["posted_day"] + ATTRIBUTION_DAYS + REFUND_DAYS >= world.day
    if early.any():
        raise Leak(f"{int(early.sum())} partnerships' lifts are in the index before their refunds could come in")


def reference_day(world: World) -> None:
    """Training reads the very signals that a look at the creators as of the brief gives, and no later ones."""
    pairs = world.pairs()
    rows = pairs[["creator_id"]].assign(as_of=world.cut)
    market = world.market
    matrix = features.signals.build.build_matrix(market, pairs)
    entity = features.signals.build.build_entity(
        market, "creator", rows[["creator_id"]].assign(day=np.int64(world.day))
    )
    _same(pd.DataFrame(entity), matrix[list(entity)], what="signals as of the brief's midnight")


def snapshot(world: World) -> None:
    """A snapshot as of a brief stands on the brief's midnight, and ranks from the signals that training reads."""
    market = world.market
    brief = features.briefs.brief.read_briefs(market, [world.campaign_id])[world.campaign_id]
    shot = features.snapshot.build.build_snapshot(market, brief.briefed_at)
    if pd.Timestamp(shot.as_of) != world.cut:
        raise Leak(f"the snapshot stands on {shot.as_of:%Y-%m-%d}, the brief's midnight is {world.cut:%Y-%m-%d}")
    pairs = world.pairs()
    rows = np.array([shot.rows_of[c] for c in pairs["creator_id"]], dtype=np.int64)
    matrix = features.signals.build.build_matrix(market, pairs)[list(SIGNALS)]
    told = pd.DataFrame(shot.matrix(brief, rows), columns=list(SIGNALS))
    _same(matrix, told, what="the snapshot's signals")


def alone(world: World) -> None:
    """A row's signals and indices are the same alone as among others: nothing is scaled over the rows asked."""
    pairs = world.pairs()
    market = world.market
    together = features.signals.build.build_matrix(market, pairs)
    one = features.signals.build.build_matrix(market, pairs.iloc[[3]])
    _same(together.iloc[[3]].reset_index(drop=True), one, what="signals of one row alone")
    scores = features.indices.build.index_scores(market, pairs)
    _same(scores[[3]], features.indices.build.index_scores(market, pairs.iloc[[3]]), what="indices of one row alone")


def order(world: World) -> None:
    """The order of the tables' rows changes no signal and no label."""
    pairs = world.pairs()
    for what, ask in (
        ("labels", lambda m: training.data.labels.build_labels(m, world.cut)),
        ("signals", lambda m: features.signals.build.build_matrix(m, pairs)),
    ):
        _same(ask(world.market), ask(world.future("shuffled")), what=f"{what}, with the tables' rows in another order,")


def renaming(world: World) -> None:
    """Creators under other names have the same signals: an id says nothing."""
    pairs = world.pairs()
    before = features.signals.build.build_matrix(world.market, pairs).drop(columns="creator_id")
    asked = pairs.assign(creator_id=pairs["creator_id"].map(other_names(world.frames)))
    after = features.signals.build.build_matrix(world.future("renamed"), asked).drop(columns="creator_id")
    _same(before, after, what="signals under other creator ids")


def split(world: World) -> None:
    """Training and held-out campaigns are apart in time, in campaigns and in invitations; so is what is trained on."""
    parts = training.pipeline.split_of(world.market, None)
    both = set(parts.train) & set(parts.held_out)
    if both:
        raise Leak(f"{len(both)} campaigns are on both sides of the cut-off")
    briefed = world.frames["campaigns"].set_index("campaign_id")["briefed_at"]
    # Of the day of the cut-off some may be on either side: of those nothing is known at its midnight.
    if briefed[list(parts.train)].max() > briefed[list(parts.held_out)].min():
        raise Leak("a training campaign was briefed after a held-out one")
    if (briefed[list(parts.held_out)] < parts.cutoff).any():
        raise Leak("a held-out campaign was briefed before the cut-off")
    states = world.frames["invitations"]
    sides = states["campaign_id"].isin(parts.train).to_numpy()
    for key in (["invitation_id"], ["creator_id", "sent_at"]):
        left, right = (states.loc[side, key].drop_duplicates() for side in (sides, ~sides))
        again = len(left.merge(right, on=key))
        if again:
            raise Leak(f"{again} invitations are on both sides of the cut-off (by {' and '.join(key)})")
    data = _learned_from(world)
    strange = set(data.rows["campaign_id"]) - set(parts.train)
    if strange:
        raise Leak(f"{len(strange)} campaigns that are held out are learned from")
    if data.rows.duplicated(["campaign_id", "creator_id"]).any():
        raise Leak("an invitation is learned from twice")
    late = (data.rows[["briefed_at", "sent_at", "posted_at"]] >= parts.cutoff).any(axis=None)
    if late or data.as_of > parts.cutoff:
        raise Leak("outcomes from after the cut-off are learned from")


def _learned_from(world: World) -> TrainingData:
    """The training rows as `training.pipeline.train` asks for them."""
    parts = training.pipeline.split_of(world.market, None)
    return training.pipeline.build_training_data(world.market, parts.train, as_of=parts.cutoff)


def held_out(world: World, futures: Iterable[str] = ("dropped", "added")) -> None:
    """What is learned (rows, an acceptance head, its calibration) is the same whatever comes after the cut-off."""
    before = _learn(world, world.market)
    for how in futures:
        after = _learn(world, world.future(how))
        for what, one in before.items():
            _same(one, after[what], what=f"{what}, with what lies after the cut-off {how},")


def _learn(world: World, market: Marketplace) -> dict[str, Any]:
    data = training.pipeline.build_training_data(market, world.split.train, as_of=world.cut)
    target = Target(
        "accept", data.reply_known, np.nan_to_num(data.column("accepted")), np.ones(len(data)), "binary", (FREE,)
    )
    head = training.heads.fit.fit_head(target, data, seed=3)
    curve = _accepted_by(data, head)
    return {
        "the training rows": data.rows.drop(columns=["lift_raw_usd", "lift_raw_se_usd"]),
        "the training matrix": data.X,
        "the model's text": head.booster.model_to_string(),
        "the number of trees": head.rounds,
        "the calibration": str(curve),
    }


def made_up_data(*, seed: int = 0, campaigns: int = 12, each: int = 50) -> TrainingData:
    """Training rows of noise: creators who come back in every campaign, and acceptances that nothing explains."""
    rng = np.random.default_rng(seed)
    n = campaigns * each
    campaign = np.repeat(np.arange(campaigns), each)
    creator = np.concatenate([rng.permutation(2 * each)[:each] for _ in range(campaigns)])
    rows = pd.DataFrame(
        {
            "campaign_id": [f"ca_{c:02d}" for c in campaign],
            "creator_id": [f"cr_{c:03d}" for c in creator],
            "accepted": (rng.random(n) < 0.4).astype(np.float64),
            "reply_matured": True,
            "campaign_settled": True,
            "status": "labelled",
        }
    )
    terms = np.ones(n)
    return TrainingData(
        rows=rows,
        X=rng.normal(size=(n, 6)),
        signals=tuple(f"noise_{i}_last" for i in range(6)),
        monotone=(0,) * 6,
        economics=Economics(0.5 * terms, 0.1 * terms, 0 * terms, 0 * terms),
        campaign=campaign.astype(np.int64),
        as_of=pd.Timestamp("2025-01-01", tz="UTC"),
    )


def _fitted(data: TrainingData) -> Any:
    n = len(data)
    target = Target("accept", np.ones(n, dtype=bool), data.column("accepted"), np.ones(n), "binary", (FREE,))
    return training.heads.fit.fit_head(target, data, seed=1)


def _accepted_by(data: TrainingData, head: Any) -> Any:
    """How training calibrates the chance of acceptance."""
    return training.heads.rankers._chance(training.heads.targets.QUANTITIES["accept"], "accept", head, data)


def folds(seed: int = 0) -> None:
    """A campaign's out-of-fold scores do not depend on its own labels: no fold splits a campaign or sees it."""
    data = made_up_data(seed=seed)
    own = data.campaign == 4
    rows = data.rows.assign(accepted=np.where(own, 1.0 - data.column("accepted"), data.column("accepted")))
    before = _fitted(data).out_of_fold[own]
    after = _fitted(dataclasses.replace(data, rows=rows)).out_of_fold[own]
    _same(before, after, what="out-of-fold scores of a campaign whose own labels were turned round")


def placebo(seed: int = 0) -> None:
    """Labels that nothing explains are not foretold out of fold."""
    data = made_up_data(seed=seed)
    scores = _fitted(data).out_of_fold
    groups = training.stats.metrics.Groups.of(data.rows["campaign_id"], data.rows["creator_id"])
    auc = float(np.nanmean(training.stats.metrics.auc_within_campaign(groups, scores, data.column("accepted") == 1.0)))
    if auc > PLACEBO_BOUND:
        raise Leak(f"labels of pure chance are foretold with an AUC of {auc:.2f} (bound {PLACEBO_BOUND})")


def calibration(seed: int = 0) -> None:
    """A head of labels that nothing explains is calibrated to the base rate: its curve is nearly flat."""
    data = made_up_data(seed=seed)
    head = _fitted(data)
    curve = _accepted_by(data, head)
    spread = float(np.std(curve.value(head.booster.predict(data.X, raw_score=True))))
    if spread > CHANCE_BOUND:
        raise Leak(f"chance is calibrated to probabilities with a spread of {spread:.2f} (bound {CHANCE_BOUND})")


def too_good(world: World) -> None:
    """No single signal tells who accepted within campaigns far better than chance (`TOO_GOOD`)."""
    data = _learned_from(world)
    rows = data.reply_known
    hit = data.column("accepted")[rows] == 1.0
    groups = training.stats.metrics.Groups.of(
        data.rows["campaign_id"].to_numpy()[rows], data.rows["creator_id"].to_numpy()[rows]
    )
    within = pd.Series(hit).groupby(groups.code)
    pairs = float((within.sum() * (within.size() - within.sum())).sum())
    if not pairs:
        return
    weight = (within.sum() * (within.size() - within.sum())).reindex(range(len(groups.campaign_ids))).to_numpy(float)
    # Hits are compared with misses of their own campaign alone. What is shared out is the sum over campaigns of
    # Mann and Whitney's U, whose variance by chance is hits * misses * (hits + misses + 1) / 12 in each; one formula
    # for all rows together would count comparisons that are never made, and take few campaigns for surer than they are.
    sizes = within.size().reindex(range(len(groups.campaign_ids))).to_numpy(float)
    error = np.sqrt((weight * (sizes + 1) / 12).sum()) / weight.sum()
    for column, name in enumerate(data.signals):
        each = training.stats.metrics.auc_within_campaign(groups, data.X[rows, column], hit)
        auc = float(np.nansum(each * weight) / weight[~np.isnan(each)].sum())
        if abs(auc - 0.5) - TOO_GOOD_SIGMAS * error > TOO_GOOD - 0.5:
            raise Leak(f"{name} alone tells who accepted: AUC {auc:.2f} +- {error:.2f}, {hit.sum()} acceptances")


def ties(seed: int = 0) -> None:
    """A ranker that scores everybody alike does the same whichever way the rows are sorted."""
    data = made_up_data(seed=seed)
    metrics = training.stats.metrics
    value, flat = data.column("accepted"), np.zeros(len(data))
    found = []
    for rows in (np.argsort(-value, kind="stable"), np.argsort(value, kind="stable")):
        keys = data.rows.iloc[rows]
        groups = metrics.Groups.of(keys["campaign_id"], keys["creator_id"])
        found.append(
            [
                metrics.ndcg_at_k(groups, flat, value[rows], k=10),
                metrics.average_precision(groups, flat, value[rows] == 1.0),
                metrics.gains_at_k(groups, flat, value[rows], k=10).found,
            ]
        )
    _same(np.array(found[0]), np.array(found[1]), what="metrics of a ranker that scores everybody alike")


def truth(world: World) -> None:
    """Another truth beside the same tables changes nothing that ranks or is learned from."""
    pairs = world.pairs()
    asks: Mapping[str, Callable[[Marketplace], Any]] = {
        "labels": lambda m: training.data.labels.build_labels(m, world.cut),
        "signals": lambda m: features.signals.build.build_matrix(m, pairs),
    }
    for what, ask in asks.items():
        _same(
            ask(world.market), ask(world.future("other_truth")), what=f"{what}, with another truth beside the tables,"
        )


def source(texts: Mapping[str, str]) -> None:
    """No module but the evaluation and the simulator names the truth's reader or its folder.

    Parameters
    ----------
    texts : mapping of path from the house's root to source text
    """
    for path, text in texts.items():
        reader = path.startswith(("marketplace/simulator/", "training/evaluation/")) or path in _READ_IT
        for node in ast.walk(ast.parse(text)):
            names = {a.name for a in node.names} if isinstance(node, ast.Import | ast.ImportFrom) else set()
            if isinstance(node, ast.Attribute | ast.Name):
                names.add(node.attr if isinstance(node, ast.Attribute) else node.id)
            folder = isinstance(node, ast.Constant) and "truth" in str(node.value).split("/")
            if not reader and ("read_truth" in names or (folder and path not in _KNOW_THE_FOLDER)):
                raise Leak(f"{path}:{getattr(node, 'lineno', 0)} reaches for the truth")


GUARDS: Mapping[str, str] = {
    guard.__name__: (guard.__doc__ or "").splitlines()[0]
    for guard in (
        facts, signals, indices, briefs, eligible, reference_day, snapshot, alone, order, renaming, labels, maturity,
        split, held_out, folds, placebo, calibration, too_good, ties, truth, source,
    )
}  # fmt: skip
"""Every guard by name, with what it holds."""
