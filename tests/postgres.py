"""A real PostgreSQL, started for the tests that need one."""

from __future__ import annotations

import getpass
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

__all__ = ["PASSWORD", "database", "started"]

PASSWORD = "s3cr%et/word"


@contextmanager
def started() -> Iterator[str]:
    """The URL, without a database, of a PostgreSQL that runs as long as the block; skips where none is installed."""
    pytest.importorskip("psycopg")
    initdb, pg_ctl = shutil.which("initdb"), shutil.which("pg_ctl")
    if initdb is None or pg_ctl is None:
        pytest.skip("no PostgreSQL is installed")
    # PostgreSQL refuses to be run by root.
    user = "nobody" if os.geteuid() == 0 else getpass.getuser()
    folder = Path(tempfile.mkdtemp(prefix="collabrank-pg-"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "password").write_text(PASSWORD)
    for path in (folder, folder / "password"):
        os.chown(path, pwd.getpwnam(user).pw_uid, -1)
    as_user: dict[str, Any] = {"capture_output": True, "cwd": folder}
    if os.geteuid() == 0:
        as_user["user"] = user
    subprocess.run(
        [initdb, "-D", "data", "-U", "reader", "-A", "scram-sha-256", "--pwfile", "password", "-E", "UTF8"],
        check=True,
        **as_user,
    )
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder}"
    subprocess.run([pg_ctl, "-D", "data", "-w", "-l", "log", "-o", options, "start"], check=True, **as_user)
    try:
        yield f"postgres://reader:{PASSWORD.replace('%', '%25').replace('/', '%2F')}@127.0.0.1:{port}"
    finally:
        subprocess.run([pg_ctl, "-D", "data", "-m", "immediate", "stop"], check=True, **as_user)
        shutil.rmtree(folder, ignore_errors=True)


def database(postgres: str, name: str) -> str:
    """The address of a new, empty database."""
    import psycopg

    with psycopg.connect(f"{postgres}/postgres", autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name}")
    return f"{postgres}/{name}"
