"""The serving process: binds the address, then hands it to uvicorn and BentoML's ASGI application.

BentoML's own supervisor (`bentoml serve`) is not used: it opens a control port
on loopback that takes commands from any local user without asking who they are,
and it empties a metrics folder that all services of a user share. `bentoml serve
serving.app.service:CreatorRanking` works all the same where that does not matter.
HTTP is parsed by h11, which bounds the header's size, with the bounds on time and
number that `serving.transport` adds; httptools has neither.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from ipaddress import ip_address

from marketplace.errors import HomeError
from marketplace.progress import say
from marketplace.state import state_folder
from serving.audit import days_kept
from serving.budgets import BUDGETS_FILE, Budget
from serving.logs import log_format
from serving.settings import METRICS_KEY, Patience, metrics_need_key, origins_now
from serving.transport import LARGEST_HEADER, Patient

__all__ = ["address_of", "bind", "prepare_environment", "run"]

Beside = Callable[[str], AbstractContextManager[str]]

APPLICATION = "serving.app.service:application"

HUNG_SECONDS = 15
"""After which a worker that does not answer its parent is taken to hang; a busy machine may let one wait."""

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


def address_of(holder: socket.socket, *, here: bool = False) -> str:
    """The address that ``holder`` holds, as a URL; with ``here``, as it is reached from this machine."""
    host, port = holder.getsockname()[:2]
    if here and ip_address(host.partition("%")[0]).is_unspecified:
        host = "::1" if ":" in host else "127.0.0.1"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def run(
    *,
    host: str,
    port: int,
    workers: int,
    wait: bool,
    application: str = APPLICATION,
    beside: Beside | None = None,
) -> None:
    """Serve until told to stop.

    ``application`` is where the ASGI application is made, as ``module:function``; ``beside`` starts the console for the
    service's address, and gives the console's.

    Raises
    ------
    HomeError
        The address cannot be listened on, ``COLLABRANK_LOG`` names no format, or another setting is none.
    BundleError, SnapshotError
        There is nothing to serve, and ``wait`` is not set.
    """
    log_format()
    # Ignored until there is something to look after (serving.hangup).
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    metrics = prepare_environment(workers=workers)
    try:
        _require_sane_settings()
        if not wait:
            _look_first()
        with bind(host, port) as holder, _shared_budgets(workers):
            _guard_metrics(holder)
            with nullcontext() if beside is None else beside(address_of(holder, here=True)) as console:
                _listen(holder, workers, application, console)
    finally:
        signal.signal(signal.SIGHUP, before if before is not None else signal.SIG_DFL)
        if metrics is not None:
            shutil.rmtree(metrics, ignore_errors=True)


def _require_sane_settings() -> None:
    """Read every setting once, so that a wrong one is said here and not by each worker."""
    origins_now()
    metrics_need_key()
    days_kept()
    for settings in (Budget, Patience, Patient):
        settings.from_environment()


@contextmanager
def _shared_budgets(workers: int) -> Iterator[None]:
    """A file in which the workers keep the keys' budgets together; none where there is one worker alone."""
    os.environ.pop(BUDGETS_FILE, None)
    if workers == 1:
        yield
        return
    with tempfile.NamedTemporaryFile(dir=state_folder("budgets").parent, prefix=".budgets.") as file:
        os.environ[BUDGETS_FILE] = file.name
        yield


def _guard_metrics(holder: socket.socket) -> None:
    """Where others than this machine can ask, ``/metrics`` needs a key, unless the environment says otherwise."""
    address = holder.getsockname()[0].partition("%")[0]
    os.environ.setdefault(METRICS_KEY, "0" if ip_address(address).is_loopback else "1")


def _look_first() -> None:
    from serving.arms import read_settings
    from serving.trial import note_passed, try_out

    read_settings()
    note_passed(try_out(state_folder("bundle"), state_folder("snapshot")))


def _listen(holder: socket.socket, workers: int, application: str, console: str | None) -> None:
    import uvicorn

    from serving.workers import Workers

    config = uvicorn.Config(
        application,
        factory=True,
        workers=workers,
        loop="uvloop",
        http="serving.transport:Guarded",
        h11_max_incomplete_event_size=LARGEST_HEADER,
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_worker_healthcheck=HUNG_SECONDS,
    )
    where = f"{workers} worker{'s' if workers > 1 else ''}; Ctrl-C stops it"
    if console is None:
        say(f"listening on {address_of(holder)} ({where})")
    else:
        say(f"open {console} in a browser; the API listens on {address_of(holder)} ({where})")
    try:
        if workers == 1:
            uvicorn.Server(config).run(sockets=[holder])
        else:
            Workers(config, sockets=[holder]).run()
    except KeyboardInterrupt:
        say("stopped")
