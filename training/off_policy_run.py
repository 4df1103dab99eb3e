"""``collabrank off-policy``: the value of inviting by a score, told from a marketplace's log alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.csv as pc
import pyarrow.parquet as pq

from features.brief import read_briefs
from features.signals import SIGNALS
from marketplace.errors import TrainingError
from marketplace.tables import Marketplace, open_marketplace
from models.batch import score_pairs
from models.bundle import Bundle
from training.fit import Floats
from training.off_policy import (
    ESTIMATORS,
    LEAST_CAMPAIGNS,
    LEAST_EFFECTIVE,
    OffPolicyValue,
    estimate,
    soft_policy,
    top_policy,
)
from training.off_policy_log import PolicyData, read_policy_data

__all__ = ["OffPolicyReport", "bundle_scores", "evaluate_policy", "off_policy_text", "read_score_file"]

COLUMNS = ("campaign_id", "creator_id", "score")
KEY = ["campaign_id", "creator_id"]
NAMED = 5
"""How many offenders of a kind are named."""

WORDS = {
    "ips": "weighted by chance (IPS)",
    "snips": "the same, self-normalised (SNIPS)",
    "dr": "with the reward model (doubly robust)",
    "smoothed": "the same, sales as modelled (smoothed)",
}


@dataclass(frozen=True)
class OffPolicyReport:
    """The value of one policy with what it was taken from.

    Attributes
    ----------
    policy : str
        In words.
    value : OffPolicyValue
    left_out : str -> int
        Campaigns that do not take part, by reason.
    """

    policy: str
    value: OffPolicyValue
    left_out: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"policy": self.policy, "left_out": dict(self.left_out), "value": self.value.as_dict()}


def evaluate_policy(
    market_dir: str | Path, *, scores: Path | None = None, top: int = 20, soften: float = 0.0, seed: int = 7
) -> OffPolicyReport:
    """Value of inviting the ``top`` best creators of each campaign by a score, from the log alone.

    Parameters
    ----------
    market_dir : path
        The marketplace's folder.
    scores : path, optional
        A file of scores (`read_score_file`); the served champion's by default, on the campaigns briefed from its
        cut-off on: it has learned from the outcomes of the others.
    soften : float
        0: exactly the best ``top``. Above: `training.off_policy.soft_policy` with that spread.
    seed : int
        Of the models' folds and the bootstrap.

    Raises
    ------
    TrainingError
        No impressions, nothing matured, a file that cannot be used, or too small an effective sample.
    BundleError
        There is no champion, and no file was given.
    """
    from training.scoring import load_champion

    market = open_marketplace(market_dir)
    bundle = load_champion() if scores is None else None
    given = read_score_file(market, scores) if scores is not None else None
    data = read_policy_data(market, seed=seed)
    if given is not None:
        name = f"scores of {Path(str(scores)).name}"
        kept = np.isin(np.array(data.log.campaign_ids, dtype=object), given["campaign_id"].unique().astype(object))
        reason = "not in the scores file"
    else:
        assert bundle is not None  # one of the two is always there
        name = f"champion {bundle.model_version or '(unregistered)'}"
        kept = _briefed_from(market, data, pd.Timestamp(bundle.as_of, tz="UTC"))
        reason = f"briefed before the champion's cut-off, {bundle.as_of}"
    rows = kept[data.log.campaign]
    left_out = data.left_out | ({reason: int((~kept).sum())} if (~kept).any() else {})
    if kept.sum() < LEAST_CAMPAIGNS:
        raise TrainingError(
            f"{LEAST_CAMPAIGNS} campaigns or more to value the policy on",
            received=f"{int(kept.sum())}; left out: {', '.join(f'{n} {why}' for why, n in left_out.items())}",
            look="a longer history, a champion with an earlier cut-off, or --scores FILE",
        )
    log = data.log.take(kept)
    pairs = data.pairs[rows].reset_index(drop=True)
    if given is None:
        assert bundle is not None
        score = bundle_scores(bundle, market, pairs, data.X[rows])
    else:
        score = pairs.merge(given, on=KEY, how="left")["score"].to_numpy(dtype=np.float64)
    if soften > 0:
        policy, words = soft_policy(log, score, top=top, spread=soften), f"on average {top}, softened by {soften:g},"
    else:
        policy, words = top_policy(log, score, top=top), f"the {top} best"
    value = estimate(log, policy, model=data.model[rows], smoothed=data.smoothed.take(rows), seed=seed)
    return OffPolicyReport(f"invite {words} by the {name}", value, left_out)


def bundle_scores(bundle: Bundle, market: Marketplace, pairs: pd.DataFrame, X: Floats) -> Floats:
    """A bundle's score of every pair, float64 (n,); ``X`` has the signals of `SIGNALS` in order."""
    from features.indices import index_scores

    if pairs.empty:
        return np.zeros(0)
    place = [list(SIGNALS).index(name) for name in bundle.signals]
    briefs = read_briefs(market, sorted(set(pairs["campaign_id"])))
    frame, _ = score_pairs(
        bundle, pairs, X=np.ascontiguousarray(X[:, place]), indices=index_scores(market, pairs), briefs=briefs
    )
    return frame["score"].to_numpy(dtype=np.float64)


def _briefed_from(market: Marketplace, data: PolicyData, cutoff: pd.Timestamp) -> np.ndarray[Any, np.dtype[np.bool_]]:
    briefed = market.frame("campaigns", ["campaign_id", "briefed_at"]).drop_duplicates("campaign_id")
    later = briefed.set_index("campaign_id")["briefed_at"].reindex(list(data.log.campaign_ids)) >= cutoff
    return later.to_numpy(dtype=np.bool_)


def read_score_file(market: Marketplace, path: Path) -> pd.DataFrame:
    """``campaign_id``, ``creator_id``, ``score`` from a ``.parquet`` or ``.csv`` file; more is better.

    Other columns are not read. A campaign without a row does not take part; an eligible creator without a row
    ranks last in the campaign.

    Raises
    ------
    TrainingError
        The file cannot be read, lacks a column, or holds ids that the marketplace does not know, a pair twice
        or a score that is no finite number: all that is wrong is named at once.
    """
    try:
        table = pc.read_csv(path) if path.suffix.lower() == ".csv" else pq.read_table(path)
        missing = [name for name in COLUMNS if name not in table.column_names]
        if missing:
            raise ValueError(f"columns {', '.join(table.column_names)} without {', '.join(missing)}")
        frame: pd.DataFrame = table.select(list(COLUMNS)).to_pandas()
        frame = frame.astype({"campaign_id": "str", "creator_id": "str", "score": "float64"})
    except (OSError, ValueError) as reason:
        raise TrainingError(
            "a Parquet or CSV file with campaign_id, creator_id and score", received=str(reason), look=str(path)
        ) from reason
    known = {
        table: set(market.frame(table, [key])[key].astype(str))
        for table, key in (("campaigns", "campaign_id"), ("creators", "creator_id"))
    }
    names = frame["campaign_id"] + "/" + frame["creator_id"]
    wrong = [
        ("unknown campaigns", frame["campaign_id"][~frame["campaign_id"].isin(known["campaigns"])]),
        ("unknown creators", frame["creator_id"][~frame["creator_id"].isin(known["creators"])]),
        ("pairs given twice", names[frame.duplicated(KEY)]),
        ("scores that are no finite number", names[~np.isfinite(frame["score"])]),
    ]
    found = [
        f"{bad.nunique()} {kind} ({', '.join(sorted(bad.unique())[:NAMED])}{', …' if bad.nunique() > NAMED else ''})"
        for kind, bad in wrong
        if len(bad)
    ]
    if found or frame.empty:
        raise TrainingError(
            "each pair of a known campaign and a known creator once, with a finite score",
            received="; ".join(found) or "no rows",
            look=str(path),
        )
    return frame


def off_policy_text(report: OffPolicyReport) -> str:
    """The report in words, a line an estimator."""
    value = report.value
    lines = [
        f"policy: {report.policy}; {value.invited:.1f} invitations a campaign",
        f"profit in USD a campaign, {value.campaigns} campaigns, 90 % interval over campaigns:",
    ]
    for name in (name for name in ESTIMATORS if name in value.estimates):
        one = value.estimates[name]
        lines.append(f"  {WORDS[name]:<38} {one.estimate:>10.2f}   {one.low:.2f} .. {one.high:.2f}")
    one = value.logged
    lines += [
        f"  {'what was invited then, all of it':<38} {one.estimate:>10.2f}   {one.low:.2f} .. {one.high:.2f}",
        f"effective sample: {value.effective:.0f} invitations (least {LEAST_EFFECTIVE:.0f}) from {value.matched} of "
        f"{value.logged_invitations} logged that the policy could have sent; the heaviest holds "
        f"{value.largest_share:.1%} of the weight",
    ]
    lines += [f"left out: {count} campaigns {reason}" for reason, count in report.left_out.items()]
    lines.append("A score that was learned from these campaigns' outcomes flatters itself here.")
    return "\n".join(lines)
