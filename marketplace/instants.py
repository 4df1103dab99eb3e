"""Read a date or an instant that a person or a program wrote: ISO 8601, and nothing that has to be guessed.

``01/02/2025`` is the first of February to some and the second of January to
others; it is refused, and so is everything else that is not written as

    2025-02-01            a calendar date: 00:00 UTC of that day
    2025-02-01T14:30      an instant; without an offset it is UTC
    2025-02-01T14:30:15.5+01:00, 2025-02-01 14:30Z

This is the one place where text becomes an instant: the options of the command
line, the dates in a brief, and the arguments of the public functions come here.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from typing import Any

from marketplace.errors import DateError

__all__ = ["FORMS", "read_instant"]

FORMS = "a date or an instant in ISO form, such as 2025-02-01, 2025-02-01T14:30 or 2025-02-01T14:30:15+01:00"

_ISO = re.compile(
    r"(\d{4}-\d{2}-\d{2})"
    r"(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(Z|[+-]\d{2}:\d{2})?)?",
    re.ASCII,
)


def read_instant(value: Any, name: str = "") -> datetime:
    """``value`` as an aware datetime in UTC.

    Parameters
    ----------
    value : str, datetime.date, datetime.datetime or pandas.Timestamp
        Text in one of the forms above; an object without a timezone is UTC.
    name : str
        What the instant is, for the error: an option or a field.

    Raises
    ------
    DateError
        It is none of these: another order of day and month, digits without hyphens, words, a number, or a day
        that the calendar does not have.
    """
    if isinstance(value, datetime):
        if str(value) == "NaT":  # pandas' is a datetime, too
            raise _refused(name, "no instant")
        found = value
    elif isinstance(value, date):
        found = datetime.combine(value, time())
    else:
        found = _of_text(value, name)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _of_text(value: Any, name: str) -> datetime:
    match = _ISO.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise _refused(name, repr(value))
    day, clock, offset = match.groups()
    try:
        return datetime.fromisoformat(f"{day}T{clock or '00:00'}{offset or ''}")
    except ValueError as reason:
        raise _refused(name, f"{value!r} ({reason})") from reason


def _refused(name: str, received: str) -> DateError:
    return DateError(FORMS + (f", for {name}" if name else ""), received=received, look="docs/reference.md, Dates")
