"""What a quantity is: its label, what it is told as, and what it is held against afterwards.

The quantities themselves stand with the heads that learn them, in `training.heads.targets.QUANTITIES`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from marketplace.arrays import Flags, Floats
from models.predict import Predictions
from training.data import TrainingData

__all__ = ["MoneyLabels", "Quantity"]


@dataclass(frozen=True)
class MoneyLabels:
    """What money is calibrated to, each float64 (n,), USD, NaN where not known.

    ``label`` with its standard error ``se``; ``plain`` and ``plain_se``: estimates that no prior has touched.
    """

    label: Floats
    se: Floats
    plain: Floats
    plain_se: Floats


@dataclass(frozen=True)
class Quantity:
    """One thing that a ranker tells of an invitation.

    Attributes
    ----------
    name : str
        In the bundle.
    words : str
        What it is, as reasons say it: "raises the chance of acceptance".
    column : str
        The label's column (`training.data.labels.LABEL_COLUMNS`).
    known : {"replied", "settled"}
        When the label may be believed: once the reply window is over, or once the campaign is settled.
    given : str
        Only rows where this column is 1 count; empty: all.
    money : function of the training data, optional
        The labels that an amount in USD is calibrated to; without it the quantity is a probability.
    field : str
        Its name in `models.predict.Predictions`, where that differs.
    truth : tuple of str
        Columns of the simulator's outcomes whose product it is in expectation.
    realised : str
        The column of what came of deliveries, where the simulator tells it.
    part_of : str
        The quantity of exact sums of which this one is a part, sale by sale: its intervals are read off them.
    reported : bool
        Whether ``evaluate`` holds it against what came.
    """

    name: str
    words: str
    column: str
    known: Literal["replied", "settled"]
    given: str = ""
    money: Callable[[TrainingData], MoneyLabels] | None = None
    field: str = ""
    truth: tuple[str, ...] = ()
    realised: str = ""
    part_of: str = ""
    reported: bool = True

    @property
    def unit(self) -> str:
        """``USD`` or ``probability``."""
        return "probability" if self.money is None else "USD"

    def label(self, data: TrainingData) -> Floats:
        """The label of each row, float64 (n,); NaN where it is not known or does not apply."""
        if self.money is not None:
            return self.money(data).label
        known = data.reply_known if self.known == "replied" else data.outcome_known
        if not self.given and self.money is None:
            known = known & ~data.applied  # a chance of an invitation; whoever asked has accepted already
        return self.where(data.column(self.column), known, data.column(self.given) if self.given else None)

    def where(self, value: Floats, known: Flags, given: Floats | None = None) -> Floats:
        """``value`` where it is ``known`` and ``given`` is 1, else NaN; all (n,)."""
        return np.where(known if given is None else known & (given == 1.0), value, np.nan)

    def predicted(self, predictions: Predictions) -> Floats | None:
        """What the model said, float64 (n,); None where it does not tell this."""
        return predictions.columns().get(self.field or self.name)

    def expected(self, told: Mapping[str, Floats]) -> Floats | None:
        """The truth, float64 (n,), from the simulator's columns; None where it does not tell this."""
        if not self.truth or any(name not in told for name in self.truth):
            return None
        value = told[self.truth[0]]
        for name in self.truth[1:]:
            value = value * told[name]
        return value
