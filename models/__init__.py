"""The fitted thing: heads, calibration, utility, explanation, ranking, and the bundle on disk.

Pure: a numeric matrix and a brief go in, ordered creators with parts come out.
No files but the bundle's, no network, no clock.
"""

from __future__ import annotations

from models.bundle import Bundle
from models.economics import Economics
from models.predict import Predictions, predict
from models.ranking import RankedCreator, rank
from models.score import DEFAULT_WEIGHTS, INDEX_NAMES, combine

__all__ = [
    "DEFAULT_WEIGHTS",
    "INDEX_NAMES",
    "Bundle",
    "Economics",
    "Predictions",
    "RankedCreator",
    "combine",
    "predict",
    "rank",
]
