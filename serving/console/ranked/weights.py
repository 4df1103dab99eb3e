"""Sliders for what counts in the score, and filters for whom to rank at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nicegui import ui

from serving.console.pieces import Field, button, field, index_name, tidy

__all__ = ["Filters", "WeightsPanel"]

_MODEL = "model"


_STEP = 0.5
"""Of a slider: a model's own weights may be as small, and one that is moved shall not move another to nought."""


def _places(weights: Mapping[str, float]) -> dict[str, float]:
    """Weights as places of sliders: shares of the sum, in percent."""
    total = sum(weights.values()) or 1.0
    return {name: _place(100 * weight / total) for name, weight in weights.items()}


def _place(percent: float) -> float:
    return round(percent / _STEP) * _STEP


class WeightsPanel:
    """A slider for the model and for each index, 0 to 100; only what they are to one another counts.

    Parameters
    ----------
    names : sequence of str
        The indices.
    on_move : callable
        Told whenever one has moved, while it moves.
    """

    def __init__(self, names: Sequence[str], meanings: Mapping[str, str], on_move: Callable[[], None]) -> None:
        self._own: dict[str, float] = {}
        self._moved = False
        self._on_move = on_move
        with ui.element("div").classes("cr-weights"):
            self._sliders = {
                name: field(
                    "The model's prediction" if name == _MODEL else index_name(name),
                    kind="range",
                    value=0,
                    low=0,
                    high=100,
                    step=_STEP,
                    wait=0.015,
                    on_change=lambda _: self._move(),
                )
                for name in (_MODEL, *names)
            }
            for name, slider in self._sliders.items():
                if name in meanings:
                    slider.props(f'title="{tidy(meanings[name])}"')

    def _move(self) -> None:
        self._moved = True
        self._on_move()

    def rest_at(self, weights: Mapping[str, float]) -> None:
        """Put the sliders where the model's own weights are; nothing is sent then."""
        if not self._moved:
            self._own = dict(weights)
            places = _places(weights)
            for name, slider in self._sliders.items():
                if slider.value != places.get(name, 0):
                    slider.put(places.get(name, 0))

    def set(self, weights: Mapping[str, float]) -> None:
        """Put the sliders somewhere as if they had been moved there."""
        for name, slider in self._sliders.items():
            slider.put(_place(weights.get(name, 0.0)))
        self._moved = True

    def back(self) -> None:
        """To the model's own weights."""
        self._moved = False
        self.rest_at(self._own)
        self._on_move()

    @property
    def asked(self) -> dict[str, float] | None:
        """The weights to ask for; None for the model's own. All at nought is the model alone."""
        if not self._moved:
            return None
        found = {name: float(slider.value or 0) for name, slider in self._sliders.items()}
        return {name: value for name, value in found.items() if value > 0} or {_MODEL: 1.0}


class Filters:
    """Fields for the filters of a ranking.

    Parameters
    ----------
    languages : sequence of str
        Those that creators speak.
    on_change : callable
        Told whenever one has changed.
    """

    def __init__(self, languages: Sequence[str], on_change: Callable[[], None]) -> None:
        def told(_: Any) -> None:
            on_change()

        self._on_change = on_change
        with ui.element("div").classes("cr-form"):
            self._fields: dict[str, Field] = {
                "min_followers": field("Followers, at least", kind="number", low=0, step=1000, on_change=told),
                "max_followers": field("Followers, at most", kind="number", low=0, step=1000, on_change=told),
                "languages": field(
                    "Language", kind="select", options={"": "Any", **{one: one for one in languages}}, on_change=told
                ),
                "agency_status": field(
                    "Agency",
                    kind="select",
                    options={"": "Any", "INDEPENDENT": "Independent", "AGENCY_MANAGED": "With an agency"},
                    on_change=told,
                ),
                "min_confidence": field(
                    "Known, at least", kind="number", low=0, high=100, hint="0 to 100", on_change=told
                ),
            }
        with ui.element("div").classes("cr-line"):
            button("Clear filters", self.clear, kind="quiet")

    def clear(self) -> None:
        """Filter nobody out."""
        for one in self._fields.values():
            one.put(None)
        self._on_change()

    @property
    def asked(self) -> dict[str, Any]:
        """The filters as the service takes them."""
        found: dict[str, Any] = {}
        for name, one in self._fields.items():
            if one.value in (None, ""):
                continue
            if name in ("min_followers", "max_followers"):
                found[name] = max(0, round(one.value))
            elif name == "languages":
                found[name] = [one.value]
            elif name == "min_confidence":
                found[name] = min(100.0, max(0.0, float(one.value)))
            else:
                found[name] = one.value
        return found

    def say(self) -> str:
        """How many are set, in words; empty where none is."""
        count = len(self.asked)
        return "" if not count else f"{count} set"
