"""The serving process: binds the address, then hands it to uvicorn and BentoML's ASGI application.

BentoML's own supervisor (`bentoml serve`) is not used: it opens a control port
on loopback that takes commands from any local user without asking who they are,
and it empties a metrics folder that all services of a user share. `bentoml serve
serving.app.service:CreatorRanking` works all the same where that does not matter.
HTTP is parsed by h11, which bounds the header's size; httptools does not.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile

from marketplace.errors import HomeError
from marketplace.progress import say
from marketplace.state import state_folder
from serving.logs import log_format

__all__ = ["bind", "prepare_environment", "run"]

GRACE_SECONDS = 10
"""Time that requests under way have to end when the service is told to stop."""


def prepare_environment(*, workers: int) -> str | None:
    """Set what BentoML, OpenTelemetry and Prometheus read on import; the folder of metrics, where there is one."""
    os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
    os.environ.setdefault("OTEL_SDK_DISABLED", "true")
    os.environ.setdefault("BENTOML_HOME", str(state_folder("bentoml")))
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
    if workers == 1:
        return None
    folder = state_folder("metrics")
    folder.mkdir(exist_ok=True)
    fresh = tempfile.mkdtemp(dir=folder)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = fresh
    return fresh


def bind(host: str, port: int) -> socket.socket:
    """A socket that holds the address, not yet listening.

    Raises
    ------
    HomeError
        The address is taken, or is none of this machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        holder = socket.socket(family, kind, protocol)
        try:
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.bind(address)
        except OSError:
            holder.close()
            raise
    except OSError as reason:
        raise HomeError(
            "an address that this machine has and nobody else listens on",
            received=f"{host}:{port} ({reason.strerror or reason})",
            look="the options --host and --port",
        ) from reason
    holder.set_inheritable(True)
    return holder


def run(*, host: str, port: int, workers: int, wait: bool) -> None:
    """Serve until told to stop.

    Raises
    ------
    HomeError
        The address cannot be listened on, or ``COLLABRANK_LOG`` names no format.
    BundleError, SnapshotError
        There is nothing to serve, and ``wait`` is not set.
    """
    log_format()
    metrics = prepare_environment(workers=workers)
    try:
        if not wait:
            _look_first()
        with bind(host, port) as holder:
            _listen(holder, workers)
    finally:
        if metrics is not None:
            shutil.rmtree(metrics, ignore_errors=True)


def _look_first() -> None:
    from serving.trial import try_out

    try_out(state_folder("bundle"), state_folder("snapshot"))


def _listen(holder: socket.socket, workers: int) -> None:
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    config = uvicorn.Config(
        "serving.app.service:application",
        factory=True,
        workers=workers,
        loop="uvloop",
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    host, port = holder.getsockname()[:2]
    address = f"[{host}]" if ":" in host else host
    say(f"listening on http://{address}:{port} ({workers} worker{'s' if workers > 1 else ''}); Ctrl-C stops it")
    try:
        if workers == 1:
            uvicorn.Server(config).run(sockets=[holder])
        else:
            Multiprocess(config, sockets=[holder]).run()
    except KeyboardInterrupt:
        say("stopped")
