"""``collabrank off-policy``: the value of inviting by a score, told from a marketplace's log alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.briefs import read_briefs
from features.signals import SIGNALS
from features.time import as_of_day
from marketplace.arrays import Floats
from marketplace.errors import TrainingError
from marketplace.jsonable import jsonable
from marketplace.tables import Marketplace, open_marketplace
from marketplace.text import TextTable, plain_text
from models.batch import score_pairs
from models.bundle import Bundle, load_champion
from training.off_policy.estimators import (
    ESTIMATORS,
    LEAST_EFFECTIVE,
    LEAST_MATURED,
    LEVEL,
    OffPolicyValue,
    estimate,
    soft_policy,
    top_policy,
)
from training.off_policy.log import PolicyData, read_policy_data, ripening
from training.score_file import read_known_scores

__all__ = ["OffPolicyReport", "bundle_scores", "evaluate_policy", "off_policy_text"]

KEY = ["campaign_id", "creator_id"]
WORDS = {
    "ips": "weighted by chance (IPS)",
    "snips": "the same, self-normalised (SNIPS)",
    "dr": "with the reward model (doubly robust)",
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
        found: dict[str, Any] = jsonable(self)
        return found


def evaluate_policy(
    market_dir: str | Path, *, scores: Path | None = None, top: int = 20, soften: float = 0.0, seed: int = 7
) -> OffPolicyReport:
    """Value of inviting the ``top`` best creators of each campaign by a score, from the log alone.

    Parameters
    ----------
    market_dir : path
        The marketplace's folder.
    scores : path, optional
        A file of scores (training/score_file.py): a campaign without a row does not take part, an eligible
        creator without one ranks last. The served champion's by default, on the campaigns briefed from its
        cut-off on: it has learned from the outcomes of the others.
    soften : float
        0: exactly the best ``top``. Above: `training.off_policy.estimators.soft_policy` with that spread.
    seed : int
        Of the models' folds and the bootstrap.

    Raises
    ------
    TrainingError
        No impressions, nothing matured, or too small an effective sample.
    ContractError
        A file that cannot be used.
    BundleError
        There is no champion, and no file was given.
    """
    market = open_marketplace(market_dir)
    bundle = load_champion() if scores is None else None
    given = read_known_scores(scores, market) if scores is not None else None
    if bundle is not None:
        _check_ripe(market, bundle.as_of)
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
    if kept.sum() < LEAST_MATURED:
        look = _earlier_cutoff(market) if given is None else "a file with scores of more campaigns, or a longer history"
        raise TrainingError(
            f"{LEAST_MATURED} campaigns or more to value the policy on",
            received=f"{int(kept.sum())}; left out: {', '.join(f'{n} {why}' for why, n in left_out.items())}",
            look=look,
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
    value = estimate(log, policy, model=data.model[rows], seed=seed)
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


def _check_ripe(market: Marketplace, as_of: str) -> None:
    """Refuse before anything is built where too few campaigns after the cut-off can have matured by their dates."""
    rows, until = ripening(market)
    later = rows[rows["briefed_at"] >= pd.Timestamp(as_of, tz="UTC")]
    ripe = int((later["ripe_at"] < until).sum())
    if ripe >= LEAST_MATURED:
        return
    waits = later["ripe_at"][later["ripe_at"] >= until].sort_values(ignore_index=True)
    words = [f"{ripe} of the {len(later)} briefed since", f"outcomes are known until {until:%Y-%m-%d}"]
    if len(waits):
        words.append(f"the next one matures on {waits.iloc[0]:%Y-%m-%d}")
    if len(later) >= LEAST_MATURED:
        words.append(f"the {LEAST_MATURED}th of them on {waits.iloc[LEAST_MATURED - ripe - 1]:%Y-%m-%d}")
    raise TrainingError(
        f"{LEAST_MATURED} campaigns or more, briefed from the champion's cut-off {as_of} on, that have matured",
        received=", ".join(words),
        look=_earlier_cutoff(market),
    )


def _earlier_cutoff(market: Marketplace) -> str:
    """Where to look: the latest cut-off that leaves enough matured campaigns after it."""
    rows, until = ripening(market)
    ripe = rows.loc[rows["ripe_at"] < until, "briefed_at"]
    ways = ["--scores FILE", "a longer history"]
    if len(ripe) >= LEAST_MATURED:
        day = as_of_day(ripe.iloc[-LEAST_MATURED])
        before = int((rows["briefed_at"] < day).sum())
        counted = f"{before} campaigns briefed before that day, {int((ripe >= day).sum())} matured ones from it on"
        ways.insert(0, f"a champion trained with --as-of {day:%Y-%m-%d} or earlier ({counted})")
    return ", or ".join(ways)


def off_policy_text(report: OffPolicyReport) -> str:
    """The report in words, a line an estimator."""
    value = report.value
    told = {WORDS[name]: value.estimates[name] for name in ESTIMATORS if name in value.estimates}
    told["what was invited then, all of it"] = value.logged
    return plain_text(
        [
            f"policy: {report.policy}; {value.invited:.1f} invitations a campaign",
            TextTable(
                f"profit in USD a campaign, {value.campaigns} campaigns",
                ("", "estimate", f"{LEVEL:.0%} interval"),
                [(words, f"{one.estimate:.2f}", f"{one.low:.2f} .. {one.high:.2f}") for words, one in told.items()],
            ),
            f"effective sample: {value.effective:.0f} invitations (least {LEAST_EFFECTIVE:.0f}) from {value.matched} "
            f"of {value.logged_invitations} logged that the policy could have sent; the heaviest holds "
            f"{value.largest_share:.1%} of the weight",
            *(f"left out: {count} campaigns {reason}" for reason, count in report.left_out.items()),
            "A score that was learned from these campaigns' outcomes flatters itself here.",
        ]
    )
