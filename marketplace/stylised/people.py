"""Facts about audiences: followers, views, engagement."""

from __future__ import annotations

import numpy as np
import pandas as pd

from marketplace.arrays import Flags, Floats
from marketplace.stylised.readings import LEAST, NotMeasured, Readings, hill

__all__ = ["engagement_peak", "fake_engagement", "follower_tail", "grew_at_once", "reach", "views_elasticity"]

_FAR = 2.5
"""Standard deviations above the middle beyond which a creator stands far out."""


_LEAP = 6.0
"""Standard deviations above the middle growth beyond which followers came at once: one ordinary reading in 10^9."""


def reach(evidence: Readings) -> pd.DataFrame:
    """Of every creator with a video seen: ``log_followers``, ``log_views`` (mean over videos), ``log_engagement``.

    Engagement is interactions for one view, over all of the creator's videos.
    """
    videos = evidence.views[(evidence.views.format == "VIDEO") & (evidence.views.organic > 0)]
    frame = pd.DataFrame(
        {
            "log_followers": np.log(evidence.followers),
            "log_views": videos.assign(log=np.log(videos.organic)).groupby("creator_id").log.mean(),
            "interactions": videos.groupby("creator_id").interactions.sum(),
            "views": videos.groupby("creator_id").views.sum(),
        }
    ).dropna()
    frame = frame[frame.interactions >= 20]  # fewer tell nothing about a rate
    if len(frame) < LEAST:
        raise NotMeasured(f"{len(frame)} creators have followers and videos seen; {LEAST} are needed")
    return frame.assign(log_engagement=np.log(frame.interactions / frame.views))


def follower_tail(evidence: Readings) -> float:
    """Hill's exponent of the top tenth of followers."""
    return hill(np.asarray(evidence.followers, dtype=np.float64))


def views_elasticity(evidence: Readings) -> float:
    """Slope of the mean log of a video's organic views on the log of followers, over creators."""
    frame = reach(evidence)
    return float(np.polyfit(frame.log_followers, frame.log_views, 1)[0])


def engagement_peak(evidence: Readings) -> float:
    """t value of the square in a regression of log engagement a view on log followers and its square."""
    frame = reach(evidence)
    x = frame.log_followers.to_numpy()
    x = (x - x.mean()) / x.std()
    design = np.stack([np.ones(len(x)), x, x**2], axis=1)
    y = frame.log_engagement.to_numpy()
    inverse = np.linalg.inv(design.T @ design)
    slope = inverse @ design.T @ y
    residual = y - design @ slope
    variance = float(residual @ residual) / (len(y) - 3)
    return float(slope[2] / np.sqrt(variance * inverse[2, 2]))


def _far(values: Floats) -> Flags:
    """Who stands far above the rest, whose middle and spread are read off the lower half: nobody buys less."""
    tenth, quarter = np.quantile(values, [0.10, 0.25])
    spread = (quarter - tenth) / (1.2816 - 0.6745)  # of a normal distribution's quantiles
    far: Flags = values > quarter + (0.6745 + _FAR) * spread
    return far


def grew_at_once(evidence: Readings) -> pd.Series[bool]:
    """By creator: whether followers ever grew between two readings as no ordinary growth explains.

    That is by a twentieth at least, and by `_LEAP` standard deviations more than the middle of all growth, both read
    off its quartiles. A video that half a country watches looks the same. Empty where profiles were read once.
    """
    frame = evidence.frame("creator_snapshots", ["creator_id", "snapshot_at", "follower_count"]).dropna()
    frame = frame[frame.follower_count > 0].sort_values("snapshot_at", kind="stable")
    log_followers = pd.Series(np.log(frame.follower_count.to_numpy(dtype=np.float64)), index=frame.index)
    growth = log_followers.groupby(frame.creator_id).diff().dropna()
    if growth.empty:
        return pd.Series(dtype=bool)
    quarter, half, three = growth.quantile([0.25, 0.5, 0.75])
    leap = max(half + _LEAP * (three - quarter) / 1.349, np.log(1.05))
    leaps: pd.Series[bool] = (growth > leap).groupby(frame.creator_id).any()
    return leaps


def fake_engagement(evidence: Readings) -> float:
    """Share of creators who show one of the signs of fraud that counts can show.

    Followers that came at once (`grew_at_once`), engagement a view far above the others', or followers far above
    their views'. What is bought with care looks like the rest, so this is a lower bound but for the honest few who
    stand out. The last two signs alone break down where about half are touched: who is far out is told by the
    spread of the lower half, and there the touched make part of it.
    """
    frame = reach(evidence)
    engaged = _far(frame.log_engagement.to_numpy())
    followed = _far((frame.log_followers - frame.log_views).to_numpy())
    grown = grew_at_once(evidence).reindex(frame.index, fill_value=False).to_numpy(dtype=bool)
    return float((engaged | followed | grown).mean())
