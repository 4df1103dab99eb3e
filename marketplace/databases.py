"""Databases that collabrank writes to (MLflow's store, Optuna's studies, the decision log): addresses and answers.

MLflow tries an address that does not answer for minutes, with a stack trace each time. So it is asked here first,
once, before anything is fitted. An address is told to people without its password.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

from marketplace.errors import CollabrankError
from marketplace.warehouse import redacted, without_secrets

__all__ = ["database_address", "file_of", "require_answer", "sqlite_address", "told"]

PATIENCE = 10
"""Seconds that a database has to answer."""

_BARE = re.compile(r"postgres(ql)?://")


def database_address(told: str) -> str:
    """``told`` as SQLAlchemy takes it: ``postgres://`` and ``postgresql://`` name the driver that collabrank brings."""
    return _BARE.sub("postgresql+psycopg://", told, count=1) if _BARE.match(told) else told


def sqlite_address(file: Path) -> str:
    """The address of a SQLite file, whatever characters its path has."""
    # A question mark begins the options, and a percent sign before two digits an escape; all else may stand.
    return "sqlite:///" + re.sub(r"\?|%(?=[0-9A-Fa-f]{2})", lambda found: quote(found[0]), str(file))


def file_of(address: str) -> Path | None:
    """The file of a SQLite address; None for another database, or one in memory."""
    from sqlalchemy.engine import make_url

    if not address.startswith("sqlite:"):
        return None
    name = make_url(address).database
    return None if name in (None, "", ":memory:") else Path(str(name))


def told(address: str) -> str:
    """``address`` as it may be printed: a SQLite file by its path, another database without its password."""
    return f"sqlite {file_of(address)}" if address.startswith("sqlite:") else redacted(address)


def require_answer(address: str, *, what: str, look: str, error: type[CollabrankError]) -> None:
    """Refuse an address that nothing answers at; a SQLite file, which may be new, is not asked.

    Parameters
    ----------
    address : str
        As SQLAlchemy takes it, or ``http(s)://`` of a server.
    what, look : str
        What is expected there, and where to look, for the error.
    error : type
        The error's own kind.

    Raises
    ------
    CollabrankError
        Of the kind ``error``: nothing answers within `PATIENCE` seconds, the driver is not installed, or the
        database refuses.
    """
    if address.startswith("sqlite:"):
        return
    server = address.startswith(("http://", "https://"))
    trouble = _unheard(address) if server else _unconnected(address)
    if trouble is not None:
        words = without_secrets(trouble, address)
        raise error(what, received=f"{told(address)}: {words}", look=look)


def _unheard(address: str) -> str | None:
    import httpx

    try:
        # Any answer is one; what it says is for MLflow's client, which has the credentials.
        httpx.get(address, timeout=PATIENCE)
    except (httpx.HTTPError, httpx.InvalidURL) as reason:
        return str(reason) or type(reason).__name__
    return None


def _unconnected(address: str) -> str | None:
    import sqlalchemy
    from sqlalchemy.exc import SQLAlchemyError

    server = address.startswith(("postgresql", "mysql"))
    try:
        engine = sqlalchemy.create_engine(
            address,
            connect_args={"connect_timeout": PATIENCE} if server else {},
            poolclass=sqlalchemy.pool.NullPool,
        )
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text("SELECT 1"))
    except ImportError as reason:
        extra = "; `pip install 'collabrank[postgres]'` brings psycopg" if address.startswith("postgresql") else ""
        return f"its driver is not installed ({reason}){extra}"
    except (SQLAlchemyError, ValueError) as reason:
        words = str(getattr(reason, "orig", None) or reason).splitlines()
        return words[0] if words else type(reason).__name__
    return None
