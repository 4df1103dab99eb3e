"""Everything that the held-out campaigns are measured with, gathered once for any number of models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from features.briefs import Brief, read_briefs
from features.signals import build_matrix, eligible_pairs
from features.time import known_until
from marketplace.arrays import Floats
from marketplace.tables import Marketplace, read_truth
from models.batch import frame_of, score_pairs
from models.bundle import Bundle
from models.economics import Economics
from models.predict import Predictions, predict
from training.data import build_labels
from training.evaluation.baselines import baseline_scores
from training.evaluation.comparison import Comparison, compare_rankers
from training.evaluation.profit import ProfitLog, read_profits
from training.evaluation.slices import slice_columns
from training.priors import stated_prior

__all__ = ["HeldOut", "gather_held_out", "has_truth"]


@dataclass(frozen=True)
class HeldOut:
    """The eligible creators of the held-out campaigns, n rows, with what is known of them now.

    Attributes
    ----------
    pairs : DataFrame[campaign_id, creator_id]
    X : DataFrame
        ``pairs`` with all signals, as of each brief.
    indices : float64 (n, 8)
    briefs : campaign_id -> Brief
    labels : DataFrame
        Outcomes of invitations as known at the end of the data.
    truth : DataFrame or None
        The simulator's, where there is one.
    slices : DataFrame, n rows
    profits : ProfitLog of the n rows
        What the log tells of their profit.
    """

    pairs: pd.DataFrame
    X: pd.DataFrame
    indices: Floats
    briefs: Mapping[str, Brief]
    labels: pd.DataFrame
    truth: pd.DataFrame | None
    slices: pd.DataFrame
    profits: ProfitLog

    def score(self, bundle: Bundle) -> tuple[pd.DataFrame, Predictions]:
        """The bundle's scores and predictions of every pair, as `models.batch.score_pairs` gives them."""
        return score_pairs(
            bundle,
            self.pairs,
            X=np.ascontiguousarray(self.X[list(bundle.signals)].to_numpy(dtype=np.float64)),
            indices=self.indices,
            briefs=self.briefs,
        )

    def example(self, bundle: Bundle, rows: int) -> pd.DataFrame:
        """The first ``rows`` candidates of the first campaign that has any, as `models.batch.frame_of` gives them."""
        some = np.flatnonzero((self.pairs["campaign_id"] == self.pairs["campaign_id"].head(1).squeeze()).to_numpy())
        some = some[:rows]
        return frame_of(
            bundle,
            self.pairs.iloc[some],
            X=self.X[list(bundle.signals)].iloc[some].to_numpy(dtype=np.float64),
            indices=self.indices[some],
            briefs=self.briefs,
        )

    def compare(
        self, bundles: Mapping[str, Bundle], *, champion: str, unmeasured: bool = False, seed: int = 0
    ) -> Comparison:
        """The bundles beside every baseline; ``unmeasured`` as `compare_rankers` takes it."""
        scores: dict[str, Floats] = {}
        told: dict[str, Predictions] = {}
        for name, bundle in bundles.items():
            frame, told[name] = self.score(bundle)
            scores[name] = frame["score"].to_numpy(dtype=np.float64)
        return compare_rankers(
            {**scores, **baseline_scores(self.X, indices=self.indices, seed=seed)},
            self.pairs,
            labels=self.labels,
            truth=self.truth,
            champion=champion,
            predictions=told,
            profits=self.profits,
            slices=self.slices,
            unmeasured=unmeasured,
            seed=seed,
        )


def has_truth(market: Marketplace) -> bool:
    """Whether anybody knows what would truly have come of ``market``'s candidates: of a simulated one."""
    return market.path is not None and any((Path(market.path) / "truth" / "outcomes").glob("*.parquet"))


def gather_held_out(market: Marketplace, campaign_ids: Sequence[str], *, train_campaigns: Sequence[str]) -> HeldOut:
    """Signals, indices, outcomes and, for a simulated marketplace, truth of ``campaign_ids``."""
    from features.indices import index_scores

    pairs = eligible_pairs(market, campaign_ids)
    matrix = build_matrix(market, pairs)
    briefs, labels = read_briefs(market, campaign_ids), build_labels(market, known_until(market))
    economics = Economics.of_many(briefs, pairs["campaign_id"].to_numpy(dtype=object))
    prior = stated_prior(f"{known_until(market):%Y-%m-%d}")
    signals = np.ascontiguousarray(matrix[list(prior.signals)].to_numpy(dtype=np.float64))
    return HeldOut(
        pairs=pairs,
        X=matrix,
        indices=np.asarray(index_scores(market, pairs), dtype=np.float64),
        briefs=briefs,
        labels=labels,
        truth=None if market.path is None else read_truth(market.path, "outcomes"),
        slices=slice_columns(
            market,
            pairs,
            train_campaigns=train_campaigns,
            followers=matrix["follower_count_last"].to_numpy(dtype=np.float64),
        ),
        profits=read_profits(
            market,
            pairs,
            labels=labels,
            economics=economics,
            foreseen=predict(prior, signals, economics).utility,
        ),
    )
