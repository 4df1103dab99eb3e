from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd

from models.batch import score_pairs
from models.ranking import rank


def test_each_campaign_is_ranked_as_if_it_were_alone(value_bundle, world):
    rng = np.random.default_rng(4)
    n = 90
    X, indices = world.X[:n], rng.random((n, 8)) * 100
    pairs = pd.DataFrame(
        {"campaign_id": rng.choice(["a", "b", "c"], n), "creator_id": [f"c{number:03d}" for number in range(n)]}
    )
    terms = {"commission_rate": 0.1, "flat_fee_usd": 4.0, "sample_cost_usd": 6.0}
    briefs = {
        name: SimpleNamespace(margin_rate=rate, **terms) for name, rate in zip("abc", (0.2, 0.4, 0.6), strict=True)
    }
    frame, _ = score_pairs(value_bundle, pairs, X=X, indices=indices, briefs=briefs)
    assert frame["creator_id"].tolist() == pairs["creator_id"].tolist()
    for name, brief in briefs.items():
        rows = np.flatnonzero(pairs["campaign_id"] == name)
        ids = pairs["creator_id"].to_numpy()[rows]
        alone = rank(value_bundle, X[rows], indices[rows], ids, brief, top=n, explain=False)
        there = frame.iloc[rows].sort_values("rank")
        assert there["rank"].tolist() == list(range(1, len(rows) + 1))
        assert there["creator_id"].tolist() == [one.creator_id for one in alone]
        assert there["score"].tolist() == [one.score for one in alone]
        assert there["utility_usd"].tolist() == [one.utility.expected for one in alone]
