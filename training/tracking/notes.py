"""What a version of the registered model says of itself: what changed, what it beat, on which campaigns, by which test.

Written once, by the run that makes the version, into its description and its
tags; the gate's figures come from the evidence that the same run recorded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketplace.tables import Marketplace
from training.data import Split
from training.evaluation import Comparison
from training.heads import Hyperparameters
from training.stats import PairedTest, holm, p_text, paired_randomisation_test, sign_of
from training.tracking.gate import best_heuristic
from training.tracking.registry import CHAMPION, aliased
from training.tracking.store import Store

__all__ = ["VersionNotes"]


@dataclass(frozen=True)
class VersionNotes:
    """What is the same for all versions of one training run.

    Attributes
    ----------
    changes : tuple of str
        Against the champion of the day, in words; one line saying so where there was none.
    champion : int or None
    first, last : str
        Days of the first and the last held-out brief.
    """

    changes: tuple[str, ...]
    champion: int | None
    first: str
    last: str

    @classmethod
    def begin(
        cls, store: Store, market: Marketplace, split: Split, hyperparameters: Hyperparameters, *, fingerprint: str
    ) -> VersionNotes:
        """Read what the champion was made of from its own run."""
        briefed = market.frame("campaigns", ["campaign_id", "briefed_at"]).drop_duplicates("campaign_id")
        held_out = briefed.loc[briefed["campaign_id"].isin(split.held_out), "briefed_at"]
        champion = aliased(store, CHAMPION)
        now = {**hyperparameters.as_dict(), "cutoff": f"{split.cutoff:%Y-%m-%d}", "data_fingerprint": fingerprint}
        if champion is None:
            changes: tuple[str, ...] = ("the first: no champion to change from",)
        else:
            then = store.params(champion.run_id) | {"data_fingerprint": champion.tags.get("data_fingerprint", "")}
            then.setdefault("cutoff", champion.tags.get("as_of", ""))
            changes = tuple(
                f"{name} {then[name][:12]} -> {str(value)[:12]}"
                for name, value in now.items()
                if name in then and then[name] != str(value)
            ) or (f"nothing: hyperparameters, data and cut-off are those of champion version {champion.number}",)
        return cls(
            changes,
            None if champion is None else champion.number,
            f"{held_out.min():%Y-%m-%d}",
            f"{held_out.max():%Y-%m-%d}",
        )

    def text(self, ranker: str, comparison: Comparison) -> str:
        """For the description, in Markdown."""
        against = "" if self.champion is None else f" against champion version {self.champion}"
        if not comparison.metrics:
            return f"What changed{against}: {'; '.join(self.changes)}.\n"
        headline = comparison.metrics[0]
        tests = _tests(comparison, ranker)
        corrected = dict(zip(tests, holm([test.p for test in tests.values()]).tolist(), strict=True))
        campaigns = comparison.row(ranker, headline).campaigns
        rows = "\n".join(
            f"| {name} | {test.difference:+.3f} | {p_text(test.p)} | {p_text(corrected[name])} "
            f"| {test.wins}/{test.ties}/{test.losses} |"
            for name, test in tests.items()
        )
        return (
            f"What changed{against}: {'; '.join(self.changes)}.\n\n"
            f"On {campaigns} held-out campaigns briefed {self.first} to {self.last}, {headline} campaign by campaign "
            "(paired randomisation test, two-sided; Holm's correction over the rows):\n\n"
            "| against | mean difference | p | p, corrected | win/tie/loss |\n| --- | --- | --- | --- | --- |\n"
            f"{rows}\n"
        )

    def tags(self, ranker: str, comparison: Comparison) -> dict[str, object]:
        """The same in short, against the champion where it was measured beside, else the best heuristic."""
        if not comparison.metrics:
            return {"changed": "; ".join(self.changes)[:1000], "campaigns": 0}
        headline = comparison.metrics[0]
        values = comparison.values[headline]
        champion = f"version {self.champion}"
        others = {other: each.tolist() for other, each in values.items() if other != ranker}
        name = champion if champion in values else best_heuristic(others, headline)
        test = _tests(comparison, ranker)[name]
        ours, theirs = comparison.row(ranker, headline), comparison.row(name, headline)
        return {
            "changed": "; ".join(self.changes)[:1000],
            "beat": name if test.difference > 0 and test.p < 0.05 else "",
            "compared_with": name,
            "metric": headline,
            "estimate": f"{ours.estimate:.4f}",
            "estimate_of_compared": f"{theirs.estimate:.4f}",
            "test": "paired randomisation test over campaigns, two-sided",
            "difference": f"{test.difference:+.4f}",
            "p": f"{test.p:.5f}",
            "win_tie_loss": f"{test.wins}/{test.ties}/{test.losses}",
            "campaigns": ours.campaigns,
            "campaigns_from": self.first,
            "campaigns_to": self.last,
        }


def _tests(comparison: Comparison, ranker: str) -> dict[str, PairedTest]:
    """The ranker against every other ranker on the headline metric, the most beaten last."""
    values = comparison.values[comparison.metrics[0]]
    sign = sign_of(comparison.metrics[0])
    found = {
        name: paired_randomisation_test(sign * values[ranker], sign * each)
        for name, each in values.items()
        if name != ranker
    }
    return dict(sorted(found.items(), key=lambda one: (np.nan_to_num(one[1].difference), one[0])))
