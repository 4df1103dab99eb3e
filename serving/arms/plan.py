"""The plan of one request: the arm that answers it, those that rank it unseen, the share of slots that explores.

The split is dealt by brand: a brand sees one ranker for as long as the experiment has its name, and never two that
contradict each other. Whoever compares arms must therefore count brands, not requests (`serving.experiment`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from marketplace.arrays import Floats
from serving.arms.settings import OTHERS, Settings
from serving.exploration import Listing, explored_listing, noop_listing, ranked_listing, shuffle_listing

__all__ = ["ARMS", "BASELINES", "Plan", "deal", "listing_of", "position_of"]

ARMS = ("champion", *OTHERS)
"""Every arm there is."""

BASELINES = ("noop", "shuffle")
"""The arms that are always there: by creator_id, and in random order."""


@dataclass(frozen=True)
class Plan:
    """What becomes of one request.

    Attributes
    ----------
    arm : str
        Which of `ARMS` makes the list that is shown.
    share, floor : float
        Of slots that explore and the uniform part of the draw; a share of 0 is none.
    experiment : str or None
        The split's name where arms were dealt; None where there was nothing to deal.
    shadow : tuple of str
        The arms that rank the request for the log alone.
    """

    arm: str = "champion"
    share: float = 0.0
    floor: float = 1.0
    experiment: str | None = None
    shadow: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For the log: what the list was made by, beside the request's id and the model; `of` reads it back."""
        return {
            "arm": self.arm,
            "experiment": self.experiment,
            "exploration": {"share": self.share, "floor": self.floor},
        }

    @classmethod
    def of(cls, line: Mapping[str, Any]) -> Plan:
        """The plan that a line of the log tells of; lines from before there were plans were the champion's alone."""
        exploring = line.get("exploration") or {}
        return cls(
            arm=line.get("arm") or "champion",
            share=float(exploring.get("share", 0.0)),
            floor=float(exploring.get("floor", 1.0)),
            experiment=line.get("experiment"),
        )


def position_of(*parts: str) -> float:
    """A number in [0, 1) that is the same for the same words, and uniform over different ones."""
    return (int.from_bytes(hashlib.sha256("\0".join(parts).encode()).digest()[:8]) >> 11) / 2.0**53


def deal(
    settings: Settings,
    *,
    request_id: str,
    brand_id: str | None,
    key_id: str = "",
    challenger: bool = False,
    explores: bool = True,
) -> Plan:
    """The plan of one request.

    Parameters
    ----------
    settings : Settings
    request_id : str
        Decides which requests are ranked in shadow.
    brand_id : str or None
        Decides the arm; a request that names no brand is the champion's and part of no experiment.
    key_id : str
        Of the key that asks.
    challenger : bool
        Whether there is one. While there is none, nobody is dealt to it and there is no experiment with it: brands of
        its share answered by the champion would count for neither.
    explores : bool
        Whether the request may explore at all.
    """
    arm, experiment = "champion", None
    dealt = {one: share for one, share in settings.split.items() if share > 0}
    if dealt and brand_id and (challenger or "challenger" not in dealt):
        experiment = settings.name
        at = position_of("split", settings.name, brand_id)
        for one in OTHERS:
            if at < dealt.get(one, 0.0):
                arm = one
                break
            at -= dealt.get(one, 0.0)
    shadow = tuple(
        one
        for one, share in settings.shadow.items()
        if share > 0
        and one != arm
        and (challenger or one != "challenger")
        and position_of("shadow", one, request_id) < share
    )
    # The baselines are what they are: slots that explore would make something else of them.
    share = settings.share_for(brand_id, key_id) if explores and arm not in BASELINES else 0.0
    return Plan(arm, share, settings.floor, experiment, shadow)


def listing_of(plan: Plan, score: Floats, creator_ids: np.ndarray, *, top: int, request_id: str) -> Listing:
    """Whom the plan's arm shows of the candidates, given the score (n,) that its ranker gives each."""
    if plan.arm == "noop":
        return noop_listing(creator_ids, top=top)
    if plan.arm == "shuffle":
        return shuffle_listing(len(creator_ids), top=top, request_id=request_id)
    if plan.share > 0:
        return explored_listing(score, creator_ids, top=top, share=plan.share, request_id=request_id, floor=plan.floor)
    return ranked_listing(score, creator_ids, top=top)
