"""What the client gives back of models and of what came of campaigns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from marketplace.display import Shown

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Drift", "Metric", "Model", "Models", "Moved", "Outcome", "Outcomes", "Report", "ReportEntry"]


@dataclass(frozen=True)
class Metric:
    """One metric on held-out campaigns, None what is not known.

    ``low`` and ``high`` end its 95 % interval; ``best_sort`` is the best simple sort on the same campaigns.
    """

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    meaning: str | None = None
    best_sort: str | None = None
    best_sort_value: float | None = None


@dataclass(frozen=True, repr=False)
class Model(Shown):
    """One model.

    Attributes
    ----------
    trained_until : str
        Labels known before this day trained it.
    signals : int
    heads : tuple of str
    metrics : tuple of Metric
        What is told first in front.
    verdict, gate, promoted_at : str or None
        How it was promoted, what the gate found (``better``, …), and when.
    """

    version: str
    ranker: str
    trained_until: str
    signals: int
    heads: tuple[str, ...]
    weights: dict[str, float]
    metrics: tuple[Metric, ...]
    basis: str | None = None
    verdict: str | None = None
    gate: str | None = None
    promoted_at: str | None = None
    run_id: str | None = None

    @property
    def headline(self) -> str:
        """The answer in one line."""
        return f"version {self.version}, {self.ranker}, trained until {self.trained_until}"

    def to_frame(self) -> pd.DataFrame:
        """One row a metric."""
        import pandas as pd

        return pd.DataFrame([asdict(one) for one in self.metrics]).set_index("name")


@dataclass(frozen=True)
class Moved:
    """A signal or a prediction that moved since training; ``psi`` is its population stability index."""

    name: str
    kind: str
    psi: float | None
    verdict: str
    direction: str


@dataclass(frozen=True)
class Drift:
    """One population against training: signals and predictions by verdict, and the ten that moved most."""

    what: str
    rows: int
    counts: dict[str, int]
    moved: tuple[Moved, ...]


@dataclass(frozen=True)
class Models:
    """The models that are served; ``challenger`` is None where nothing is tried beside the champion."""

    as_of: str
    champion: Model
    challenger: Model | None
    drift: tuple[Drift, ...]
    mlflow_url: str | None = None


@dataclass(frozen=True)
class ReportEntry:
    """One report, in short: lift and profit with what was foretold of them; ``over``: nothing is waited for."""

    campaign_id: str
    brand_id: str
    brand_name: str | None = None
    market: str | None = None
    category_id: str | None = None
    briefed_at: str | None = None
    as_of: str | None = None
    written_at: str | None = None
    lift: float | None = None
    lift_low: float | None = None
    lift_high: float | None = None
    attributed: float | None = None
    expected: float | None = None
    profit: float | None = None
    expected_profit: float | None = None
    currency: str = "USD"
    over: bool | None = None
    verdict: str | None = None


@dataclass(frozen=True)
class Report:
    """One campaign's report as the service gave it."""

    campaign_id: str
    data: dict[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Outcome:
    """One creator whom rankings for a campaign showed, as the latest told of them, and what was reported.

    ``events``: what was reported, and when it happened first.
    """

    creator_id: str
    username: str
    request_id: str
    model_version: str
    shown_at: str
    rankings: int
    position: int | None
    score: float | None
    expected_profit: float | None
    currency: str
    events: dict[str, str]


@dataclass(frozen=True, repr=False)
class Outcomes(Shown):
    """Whom rankings for a campaign showed, and what came of them: iterable, those of whom most came first.

    ``reported``: creators by what was reported of them; ``expected_profit``: of those invited, together.
    """

    campaign_id: str
    rankings: int
    reported: dict[str, int]
    expected_profit: float | None
    currency: str
    creators: tuple[Outcome, ...]

    @property
    def headline(self) -> str:
        """The answer in one line."""
        return f"{len(self.creators)} creators shown in {self.rankings} rankings for {self.campaign_id}"

    def __iter__(self) -> Iterator[Outcome]:
        return iter(self.creators)

    def __len__(self) -> int:
        return len(self.creators)

    def to_frame(self) -> pd.DataFrame:
        """One row a creator; ``events`` as a column each."""
        import pandas as pd

        rows = [{**asdict(one), **one.events} for one in self.creators]
        return pd.DataFrame([{name: value for name, value in row.items() if name != "events"} for row in rows])
