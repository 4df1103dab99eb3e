"""A field of a form: a plain input with its label, hint and fault, which keeps what is typed while the page changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from nicegui.element import Element
from nicegui.events import GenericEventArguments

__all__ = ["Field", "Kind", "field"]

Kind = Literal["text", "number", "date", "select", "checkbox", "range", "textarea", "password", "search"]


class Field(Element, component="field.js"):
    """One field.

    Parameters
    ----------
    label : str
        Its name; always there, seen or (``bare``) only heard.
    kind : str
        What goes in.
    value : str, float, bool or None
        What is in it; None is empty.
    options : mapping or sequence
        Of a select: words by value. Of a text: suggestions.
    hint, unit : str
        A line below it; a word behind it.
    low, high, step : float, optional
        Of numbers and ranges.
    on_change : callable
        Told of each new value (a number of kind ``number`` and ``range``, None where it is empty), at most every
        ``wait`` seconds while the user types, and at once when they leave it.
    """

    def __init__(
        self,
        label: str,
        *,
        kind: Kind = "text",
        value: str | float | bool | None = None,
        options: Mapping[str, str] | Sequence[str] = (),
        hint: str = "",
        unit: str = "",
        placeholder: str = "",
        low: float | None = None,
        high: float | None = None,
        step: float | None = None,
        wait: float = 0.25,
        bare: bool = False,
        required: bool = False,
        on_change: Callable[[Any], Any] | None = None,
    ) -> None:
        super().__init__()
        self.value: Any = value
        self._told = on_change
        self._props |= {
            "label": label,
            "kind": kind,
            "value": value,
            "options": _pairs(options),
            "hint": hint,
            "unit": unit,
            "placeholder": placeholder,
            "low": low,
            "high": high,
            "step": step,
            "wait": round(1000 * wait),
            "bare": bare,
            "required": required,
            "fault": "",
            "warning": "",
        }
        self.on("changed", self._changed)

    def _changed(self, event: GenericEventArguments) -> Any:
        # Not in a task of its own: whatever is heard next finds the value.
        self.value = event.args
        return None if self._told is None else self._told(self.value)

    @property
    def label(self) -> str:
        """Its name."""
        return str(self._props["label"])

    def put(self, value: str | float | bool | None) -> None:
        """Fill it in; ``on_change`` is not told."""
        self.value = value
        # The same value twice is still to be shown, where the user has typed another.
        self._props["value"] = value
        self.update()
        self.run_method("put", value)

    def offer(self, options: Mapping[str, str] | Sequence[str]) -> None:
        """Other options or suggestions."""
        self._props["options"] = _pairs(options)
        self.update()

    def say(self, *, fault: str = "", warning: str = "") -> None:
        """A fault or a warning in words, in the place of the hint; or none."""
        if (fault, warning) != (self._props["fault"], self._props["warning"]):
            self._props["fault"], self._props["warning"] = fault, warning
            self.update()


def field(label: str, **settings: Any) -> Field:
    """A `Field`; see there."""
    return Field(label, **settings)


def _pairs(options: Mapping[str, str] | Sequence[str]) -> list[list[str]]:
    pairs = options.items() if isinstance(options, Mapping) else ((one, one) for one in options)
    return [[str(value), str(word)] for value, word in pairs]
