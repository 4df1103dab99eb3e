"""What the service asks of the arms: the plan of a request, and the rankings that are made unseen."""

from __future__ import annotations

from collections.abc import Callable

from serving.arms.challenger import Challenger
from serving.arms.plan import Plan, deal
from serving.arms.settings import SettingsFile
from serving.arms.shadow import Shadows
from serving.schema import ExplainRequest, PlanRequest, RankRequest
from serving.store import Served

__all__ = ["Arms"]


class Arms:
    """The settings, the challenger and the shadow rankings of one process.

    Parameters
    ----------
    on_load : callable
        Called with what became of a challenger that was found on disk.
    count : callable
        Called with what became of each shadow ranking.
    """

    def __init__(
        self, *, on_load: Callable[[str], None] = lambda _: None, count: Callable[[str], None] = lambda _: None
    ) -> None:
        self.settings = SettingsFile()
        self.challenger = Challenger(on_load=on_load)
        self.shadows = Shadows(count=count)
        self.challenger.start()

    def close(self) -> None:
        """Stop watching and ranking."""
        self.challenger.close()
        self.shadows.close()

    def hurry(self) -> None:
        """Look at settings and challenger without waiting for the next look's time; returns at once."""
        self.settings.hurry()
        self.challenger.hurry()

    def plan(
        self,
        champion: Served,
        request: RankRequest | ExplainRequest | PlanRequest,
        *,
        request_id: str,
        key_id: str = "",
    ) -> tuple[Served, Plan]:
        """What to rank a request with, and its plan.

        Lists of creators whom the caller has named (applicants, ``include_only_creator_ids``) never explore: they are
        all before the caller already, and nobody is hidden whom a slot could show.
        """
        challenger = self.challenger.beside(champion)
        plan = deal(
            self.settings.now,
            request_id=request_id,
            brand_id=_brand_of(champion, request),
            key_id=key_id,
            challenger=challenger is not None,
            explores=isinstance(request, RankRequest)
            and request.exploration
            and request.applicants is None
            and request.filters.include_only_creator_ids is None,
        )
        return self.served(plan.arm, champion), plan

    def served(self, arm: str, champion: Served) -> Served:
        """What ``arm`` ranks with: the baselines tell the champion's numbers in an order of their own."""
        challenger = self.challenger.beside(champion) if arm == "challenger" else None
        return challenger or champion


def _brand_of(served: Served, request: RankRequest | ExplainRequest | PlanRequest) -> str | None:
    if request.brief is not None:
        return request.brief.brand_id
    brief = served.snapshot.campaigns.get(request.campaign_id or "")
    return None if brief is None else brief.brand_id
