"""The shape of the heads: what tuning may change, and what it is by default.

One shape holds for all heads of both forms. What a head learns from, its
objective and its directions are no matter of shape (`training.heads.targets.targets_of`,
`training.heads.feature_sets`).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marketplace.errors import TrainingError
from training.heads.feature_sets import Recipe

__all__ = ["DEFAULT", "RECIPE_CHOICES", "STEP", "Shape", "read_shape"]

STEP = 20
"""Numbers of trees tried: STEP, 2 STEP, … up to the shape's ``max_rounds``."""

RECIPE_CHOICES = ("tried", "strict", "loose")
"""Which of a head's recipes may be chosen: all of them by out-of-fold loss, only its most constrained, its freest."""

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
class Shape:
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
    recipes : str
        One of `RECIPE_CHOICES`.

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
    recipes: str = "tried"

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
        _require(self.recipes in RECIPE_CHOICES, f"recipes as one of {', '.join(RECIPE_CHOICES)}", self.recipes)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Shape:
        """From a mapping; what it does not name is as by default.

        Raises
        ------
        TrainingError
            A name that is no part of a shape, or a value out of range.
        """
        names = [one.name for one in dataclasses.fields(cls)]
        unknown = sorted(set(values) - set(names))
        _require(not unknown, f"parts of a shape: {', '.join(names)}", ", ".join(unknown))
        return cls(**values)

    def as_dict(self) -> dict[str, Any]:
        """Name to value, in the order of the class."""
        return dataclasses.asdict(self)

    def lightgbm(self) -> dict[str, Any]:
        """LightGBM's parameters, all but the objective's own."""
        own = {"max_rounds", "recipes", "lambdarank_truncation_level"}
        return {name: value for name, value in self.as_dict().items() if name not in own} | {
            "bagging_freq": 1,
            "max_bin": 63,
            "monotone_constraints_method": "basic",
        }

    def recipes_of(self, recipes: tuple[Recipe, ...]) -> tuple[Recipe, ...]:
        """Those of a target's recipes, most constrained first, that this shape allows."""
        return {"tried": recipes, "strict": recipes[:1], "loose": recipes[-1:]}[self.recipes]

    def changes_from(self, other: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
        """Name to (``other``'s value, ours) of what differs; what ``other`` does not tell is left out."""
        mine = self.as_dict()
        return {name: (other[name], mine[name]) for name in mine if name in other and other[name] != mine[name]}


def read_shape(file: Path) -> Shape:
    """The shape in a JSON file: an object of its parts, or one that has such an object as ``shape``.

    Raises
    ------
    TrainingError
        The file cannot be read, is no such JSON, or names something that is no shape.
    """
    try:
        raw = json.loads(file.read_text())
    except (OSError, ValueError) as reason:
        raise TrainingError(
            "a JSON file with the shape of the heads",
            received=f"{file}: {reason}",
            look="docs/tuning.md; `collabrank tune DIR` writes one",
        ) from reason
    found = raw.get("shape", raw) if isinstance(raw, dict) else raw
    _require(isinstance(found, dict), "a JSON object of a shape's parts", f"{file}: {str(raw)[:60]}")
    return Shape.of(found)


def _require(fine: bool, expected: str, received: str) -> None:
    if not fine:
        raise TrainingError(expected, received=received, look="training/heads/hyperparameters.py; docs/tuning.md")


DEFAULT = Shape()
"""What `collabrank train` fits unless it is told otherwise."""
