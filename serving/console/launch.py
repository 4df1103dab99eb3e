"""Starting the console: its settings, its address, and its process, which ends with the one that started it."""

from __future__ import annotations

import multiprocessing
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from marketplace.errors import HomeError
from marketplace.progress import say
from marketplace.state import state_folder
from serving.console.settings import ConsoleSettings
from serving.family import end_with_parent
from serving.process import address_of, bind

__all__ = ["console_beside", "require_extra", "run_console"]


def require_extra() -> None:
    """See that NiceGUI is there.

    Raises
    ------
    HomeError
        It is not.
    """
    if find_spec("nicegui") is None:
        raise HomeError(
            "NiceGUI, which draws the console",
            received="an installation without it",
            look="pip install 'collabrank[console]', or serve with --no-console",
        )


def run_console(settings: ConsoleSettings, holder: socket.socket) -> None:
    """Serve the console on ``holder`` until told to stop.

    Raises
    ------
    HomeError
        NiceGUI is not installed.
    """
    require_extra()
    # Nothing is kept there; NiceGUI would look into the current folder.
    os.environ["NICEGUI_STORAGE_PATH"] = str(state_folder("console", "nicegui"))
    import uvicorn

    from serving.console.web import application

    config = uvicorn.Config(
        application(settings, port=holder.getsockname()[1]),
        loop="uvloop",
        ws="websockets-sansio",
        ws_max_size=4 * 2**20,
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=2,
    )
    try:
        uvicorn.Server(config).run(sockets=[holder])
    except KeyboardInterrupt:
        say("the console stopped")


def _child(settings: ConsoleSettings, holder: socket.socket) -> None:
    end_with_parent()
    run_console(settings, holder)


@contextmanager
def console_beside(settings: ConsoleSettings, *, host: str, port: int) -> Iterator[str]:
    """The console in a process of its own for the block; yields its address.

    Raises
    ------
    HomeError
        NiceGUI is not installed, or the address cannot be listened on.
    """
    require_extra()
    with bind(host, port) as holder:
        # Who is quicker than the process waits for it, and is not refused.
        holder.listen(128)
        process = multiprocessing.get_context("spawn").Process(
            target=_child, args=(settings, holder), name="console", daemon=True
        )
        process.start()
        try:
            yield address_of(holder)
        finally:
            process.terminate()
            process.join(5)
            if process.is_alive():
                process.kill()
