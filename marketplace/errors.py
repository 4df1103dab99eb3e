"""Every error that collabrank raises on purpose.

    CollabrankError
    ├── ContractError      tables that break the data contract
    ├── SourceError        an ingest source that cannot be read or mapped
    ├── SignalError        a signal or index that cannot be built as asked
    ├── TrainingError      labels, splits or fitting that cannot go on
    ├── GateError          a promotion that the gate refuses
    ├── BundleError        a model bundle that is missing, altered or unsafe
    │   └── LayoutError    one whose signature holds, of a layout that this version does not read
    ├── SnapshotError      a creators' snapshot that is missing or does not fit the bundle
    ├── BriefError         a brief or a request that cannot be ranked as asked
    ├── DateError          a date that is not written in ISO form
    ├── FileError          a file that cannot be written as asked
    ├── AccessError        a missing, unknown or revoked key
    ├── HomeError          the state folder cannot be used
    ├── LogError           the decision log cannot be kept, opened or read
    ├── EngineError        an engine that cannot be opened, or does not answer
    └── ServiceError       a service that cannot be reached, or does not answer as it should

Each says what was expected, what was received and where to look. The command
line prints the three lines and exits 2; the service answers 4xx with the same
words.

    UserWarning
    └── ConvergenceWarning  a fit that ended before it had settled; its result is used
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

__all__ = [
    "AccessError",
    "BriefError",
    "BundleError",
    "CollabrankError",
    "ContractError",
    "ConvergenceWarning",
    "DateError",
    "EngineError",
    "FileError",
    "GateError",
    "HomeError",
    "LayoutError",
    "LogError",
    "Problem",
    "ServiceError",
    "SignalError",
    "SnapshotError",
    "SourceError",
    "TrainingError",
]


class CollabrankError(Exception):
    """The root of the tree.

    Parameters
    ----------
    expected : str
        What should have been there, in plain words.
    received : str
        What was there instead.
    look : str
        Where the reader finds the cause or the cure: a file, a command, a page.

    Attributes
    ----------
    status : int
        The HTTP status that the service answers it with, or has answered with.
    request_id : str or None
        Of the request, where a service refused it.
    """

    status = 400
    request_id: str | None = None

    def __init__(self, expected: str, *, received: str, look: str) -> None:
        self.expected = expected
        self.received = received
        self.look = look
        super().__init__(f"expected {expected}; received {received}; see {look}")

    def as_dict(self) -> dict[str, Any]:
        """The same words for a program: ``{error, expected, received, look}``."""
        return {
            "error": type(self).__name__,
            "expected": self.expected,
            "received": self.received,
            "look": self.look,
        }


class ConvergenceWarning(UserWarning):
    """A fit that ended before it had settled; its result is used as it is."""


class ContractError(CollabrankError):
    """Tables that break the data contract."""


class SourceError(CollabrankError):
    """An ingest source that cannot be read or mapped.

    Parameters
    ----------
    each : sequence of str
        What is wrong, one by one, where there may be more than one thing; ``received`` then says how many.
    """

    def __init__(self, expected: str, *, received: str, look: str, each: Sequence[str] = ()) -> None:
        self.each = tuple(each)
        self.told = received
        super().__init__(expected, received="\n    ".join([received, *self.each]), look=look)


class SignalError(CollabrankError):
    """A signal or index that cannot be built as asked."""


class TrainingError(CollabrankError):
    """Labels, splits or fitting that cannot go on."""


class GateError(CollabrankError):
    """A promotion that the gate refuses."""

    status = 409


class BundleError(CollabrankError):
    """A model bundle that is missing, altered or unsafe."""

    status = 503


class LayoutError(BundleError):
    """A model bundle whose signature holds, of a layout that this version does not read."""


class SnapshotError(CollabrankError):
    """A creators' snapshot that is missing or does not fit the bundle."""

    status = 503


@dataclass(frozen=True)
class Problem:
    """One field that cannot be taken: its name (dots lead inwards), what it should have been, what came.

    ``closest`` are names of its own kind that may have been meant, the likeliest first.
    """

    field: str
    expected: str
    received: str
    closest: tuple[str, ...] = ()


class BriefError(CollabrankError):
    """A brief or a request that cannot be ranked as asked.

    Parameters
    ----------
    problems : sequence of Problem
        All that is wrong with it, field by field, where it is told so; the first is the error's own words.
    """

    def __init__(self, expected: str, *, received: str, look: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(expected, received=received, look=look)
        self.problems = tuple(problems)

    @classmethod
    def of(cls, problems: Iterable[Problem], *, look: str) -> Self:
        """The error of one problem or more, in the words of the first."""
        found = tuple(problems)
        others = f" (and {len(found) - 1} more to put right)" if len(found) > 1 else ""
        return cls(found[0].expected, received=found[0].received + others, look=look, problems=found)

    def as_dict(self) -> dict[str, Any]:
        """As `CollabrankError.as_dict`, with ``problems`` where they are told, each as `Problem` has it."""
        told = {"problems": [asdict(one) for one in self.problems]} if self.problems else {}
        return super().as_dict() | told


class DateError(CollabrankError):
    """A date or an instant that is not written in ISO form."""


class FileError(CollabrankError):
    """A file that cannot be written as asked: its ending names no format, or its folder takes none."""


class AccessError(CollabrankError):
    """A missing, unknown or revoked key."""

    status = 401


class HomeError(CollabrankError):
    """The state folder cannot be used."""


class LogError(CollabrankError):
    """The decision log cannot be kept, opened or read as asked."""

    status = 507


class EngineError(CollabrankError):
    """An engine that is not known, cannot be opened, or does not answer."""

    status = 503


class ServiceError(CollabrankError):
    """A service that cannot be reached, or does not answer as it should."""

    status = 503
