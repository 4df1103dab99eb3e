"""The hyperparameters of the heads: what tuning may change, and what it is by default.

One set holds for all heads. What a head learns from, its objective and its
directions are none of them (`training.heads.targets`, `training.heads.feature_sets`).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marketplace.errors import TrainingError
from training.heads.feature_sets import FeatureSet

__all__ = ["DEFAULT", "FEATURE_SET_CHOICES", "STEP", "Hyperparameters", "read_hyperparameters"]

STEP = 20
"""Numbers of trees tried: STEP, 2 STEP, … up to the hyperparameters' ``max_rounds``."""

FEATURE_SET_CHOICES = ("tried", "strict", "loose")
"""Which of a head's feature sets may be chosen: all by out-of-fold loss, only its most constrained, its freest."""

_FRACTIONS = ("learning_rate", "feature_fraction", "bagging_fraction")
_LEAST = {
    "max_depth": 1,
    "num_leaves": 2,
    "min_data_in_leaf": 1,
    "lambda_l2": 0.0,
    "max_rounds": STEP,
    "lambdarank_truncation_level": 1,
}


@dataclass(frozen=True)
class Hyperparameters:
    """LightGBM's parameters by their own names, and two of ours.

    The defaults suit a few thousand rows and dozens of signals: trees of six leaves on a part of the signals each.

    Attributes
    ----------
    learning_rate, feature_fraction, bagging_fraction : float
        Above 0, at most 1.
    max_depth, num_leaves, min_data_in_leaf : int
    lambda_l2 : float
    max_rounds : int
        Most trees of a head, a multiple of `STEP`; how many it gets is decided out of fold.
    lambdarank_truncation_level : int
        Of the ranking heads.
    feature_sets : str
        One of `FEATURE_SET_CHOICES`.

    Raises
    ------
    TrainingError
        A value out of its range or of another type.
    """

    learning_rate: float = 0.05
    max_depth: int = 3
    num_leaves: int = 6
    min_data_in_leaf: int = 30
    lambda_l2: float = 10.0
    feature_fraction: float = 0.4
    bagging_fraction: float = 0.8
    max_rounds: int = 240
    lambdarank_truncation_level: int = 30
    feature_sets: str = "tried"

    def __post_init__(self) -> None:
        for one in dataclasses.fields(self):
            value = getattr(self, one.name)
            if one.type == "float" and type(value) is int:
                object.__setattr__(self, one.name, value := float(value))
            _require(type(value).__name__ == one.type, f"{one.name} of type {one.type}", repr(value))
        for name in _FRACTIONS:
            _require(0.0 < getattr(self, name) <= 1.0, f"{name} above 0 and at most 1", str(getattr(self, name)))
        for name, least in _LEAST.items():
            # Written so that NaN is refused too.
            _require(least <= getattr(self, name) < 1e6, f"{name} of {least} or more", str(getattr(self, name)))
        _require(self.max_rounds % STEP == 0, f"max_rounds as a multiple of {STEP}", str(self.max_rounds))
        _require(
            self.feature_sets in FEATURE_SET_CHOICES,
            f"feature sets as one of {', '.join(FEATURE_SET_CHOICES)}",
            self.feature_sets,
        )

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Hyperparameters:
        """From a mapping; what it does not name is as by default.

        Raises
        ------
        TrainingError
            A name that is no hyperparameter's, or a value out of range.
        """
        names = [one.name for one in dataclasses.fields(cls)]
        unknown = sorted(set(values) - set(names))
        _require(not unknown, f"hyperparameters among {', '.join(names)}", ", ".join(unknown))
        return cls(**values)

    def as_dict(self) -> dict[str, Any]:
        """Name to value, in the order of the class."""
        return dataclasses.asdict(self)

    def lightgbm(self) -> dict[str, Any]:
        """LightGBM's parameters, all but the objective's own."""
        own = {"max_rounds", "feature_sets", "lambdarank_truncation_level"}
        return {name: value for name, value in self.as_dict().items() if name not in own} | {
            "bagging_freq": 1,
            "max_bin": 63,
            "monotone_constraints_method": "basic",
        }

    def feature_sets_of(self, feature_sets: tuple[FeatureSet, ...]) -> tuple[FeatureSet, ...]:
        """Those of a target's feature sets, most constrained first, that may be chosen."""
        return {"tried": feature_sets, "strict": feature_sets[:1], "loose": feature_sets[-1:]}[self.feature_sets]

    def changes_from(self, other: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
        """Name to (``other``'s value, ours) of what differs; what ``other`` does not tell is left out."""
        mine = self.as_dict()
        return {name: (other[name], mine[name]) for name in mine if name in other and other[name] != mine[name]}


def read_hyperparameters(file: Path) -> Hyperparameters:
    """The hyperparameters in a JSON file: an object of them, or one with such an object as ``hyperparameters``.

    Raises
    ------
    TrainingError
        The file cannot be read, is no such JSON, or names something that is no hyperparameter.
    """
    try:
        raw = json.loads(file.read_text())
    except (OSError, ValueError) as reason:
        raise TrainingError(
            "a JSON file with the hyperparameters of the heads",
            received=f"{file}: {reason}",
            look="docs/tuning.md; `collabrank tune DIR` writes one",
        ) from reason
    found = raw.get("hyperparameters", raw) if isinstance(raw, dict) else raw
    _require(isinstance(found, dict), "a JSON object of hyperparameters", f"{file}: {str(raw)[:60]}")
    return Hyperparameters.of(found)


def _require(fine: bool, expected: str, received: str) -> None:
    if not fine:
        raise TrainingError(expected, received=received, look="training/heads/hyperparameters.py; docs/tuning.md")


DEFAULT = Hyperparameters()
"""What `collabrank train` fits unless it is told otherwise."""
