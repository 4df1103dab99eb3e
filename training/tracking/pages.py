"""MLflow's pages over the store: ``collabrank ui``.

MLflow's own command starts a server as a child and leaves it behind when it is
killed. Here its application runs in this very process, so that whatever ends the
process ends the server. In front of it stands `Guard`: a password where one is
set, nothing written among the artifacts where none is, and no way to the parts of
MLflow that run tools or call other hosts.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import warnings
from pathlib import Path
from typing import Any

from marketplace.databases import told
from marketplace.errors import AccessError, HomeError, TrainingError
from marketplace.progress import say
from training.artifacts import artifacts_folder
from training.tracking.first_page import GAIN, HEADLINES, VIEW, runs_page, view
from training.tracking.store import Store, default_tracking_uri, open_store

__all__ = ["PASSWORD", "FirstLook", "Guard", "first_look", "read_password", "serve_pages"]

PASSWORD = "COLLABRANK_UI_PASSWORD"
"""Environment variable that holds the password of the pages."""

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_SHORTEST = 12
_CLOSED = ("assistant", "gateway", "gateway-proxy", "jobs", "mcp", "scorers", "create-promptlab-run")
_UPLOADS = ("mlflow-artifacts", "upload-artifact")
_DEEP = 5
"""Parts of a path that say what is asked of MLflow; what follows them names runs and files."""

_CONDITIONS = (b"if-none-match", b"if-modified-since", b"accept-encoding", b"range")
_OPENED = 100
"""Latest runs of an experiment among which the upper ones are shown with what lies beneath."""
_BEGINNING = {
    "mlflow.workflowType_v1": '"machine_learning"',
    "mlflow.telemetry.info.alert.dismissed_v1": "true",
    "_mlflow_model_registry_promo_modal_dismissed_v1": "true",
    "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": "true",
    "mlflow.assistant.panelOpen_v1": "false",
}
"""What MLflow's pages keep in a browser under which name, of what is set at the first look."""

_NO_ASSISTANT = b"<style>[data-assistant-ui] {display: none !important}</style>"
"""On this machine's own names MLflow shows its assistant's button always, and no setting takes it away."""

_READING = frozenset({"GET", "HEAD", "OPTIONS"})


def read_password(file: Path | None = None) -> str:
    """The password of the pages: the first line of ``file``, else of `PASSWORD`; empty where neither is set.

    Raises
    ------
    AccessError
        It is shorter than 12 characters, or others may read the file.
    """
    if file is None:
        found, look = os.environ.get(PASSWORD, ""), f"the environment variable {PASSWORD}"
        if not found:
            return ""
    else:
        if file.stat().st_mode & 0o077:
            raise AccessError("a password file that only its owner may read", received=str(file), look="chmod 600")
        found, look = (file.read_text(encoding="utf-8").splitlines() or [""])[0].strip(), str(file)
    if len(found) < _SHORTEST:
        raise AccessError(f"a password of at least {_SHORTEST} characters", received=f"{len(found)}", look=look)
    return found


class Guard:
    """ASGI middleware in front of MLflow: 401 without the password, 403 where nobody may go.

    Parameters
    ----------
    app : ASGI application
        MLflow's.
    password : str
        What HTTP Basic must bring, with any user name (``MLFLOW_TRACKING_PASSWORD`` of a client); empty for none.
        Without one artifacts can be read, not written.
    """

    def __init__(self, app: Any, password: str) -> None:
        self._app = app
        self._password = password.encode()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Let one request pass, or refuse it before its body is read."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        names = [name for name in scope["path"].lower().split("/") if name]
        if self._password and not self._opens(scope["headers"]) and names != ["health"]:
            await _refuse(send, 401, b"a password is needed\n", [(b"www-authenticate", b'Basic realm="collabrank"')])
        elif names[-1:] == ["gateway-proxy"] and scope["method"] == "GET":
            # MLflow's page of charts asks which models a gateway has, and shows every refusal as an error.
            await _answer(send, 200, b'{"endpoints": []}', [(b"content-type", b"application/json")])
        elif any(name in _CLOSED for name in names[:_DEEP]):
            await _refuse(send, 403, b"this part of MLflow is closed here\n", [])
        elif not self._password and scope["method"] not in _READING and any(name in _UPLOADS for name in names[:_DEEP]):
            await _refuse(send, 403, b"artifacts are written here with a password alone\n", [])
        else:
            await self._app(scope, receive, send)

    def _opens(self, headers: list[tuple[bytes, bytes]]) -> bool:
        told = [value for name, value in headers if name == b"authorization"]
        if len(told) != 1 or not told[0].lower().startswith(b"basic "):
            return False
        try:
            _, _, password = base64.b64decode(told[0][6:].strip(), validate=True).partition(b":")
        except ValueError:
            return False
        return hmac.compare_digest(password, self._password)


class FirstLook:
    """ASGI middleware in front of MLflow's one page: what a browser that was never here begins with.

    MLflow keeps how its pages look in the browser. Where nothing is kept yet, this sets what is otherwise clicked away
    or looked for each time: the view of model training, no notice of telemetry (it is off) or of what is new in the
    registry, no assistant (it is closed here), and the view of `training.tracking.first_page` for every experiment
    that has it. What somebody has chosen stays. The bare address leads to the runs of the marketplace that was last
    trained; MLflow's welcome is one click on its name away.
    """

    def __init__(self, app: Any, store: Store) -> None:
        self._app = app
        self._store = store

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Hand the request on; into the page itself the beginning is written."""
        if scope["type"] != "http" or scope["method"] != "GET" or scope["path"] != "/":
            await self._app(scope, receive, send)
            return
        # The page is small and whole in one piece; a copy that the browser has would be without the script.
        headers = [one for one in scope["headers"] if one[0] not in _CONDITIONS]
        start: dict[str, Any] = {}
        body = b""

        async def hold(message: Any) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            script = b"<script>" + first_look(self._store).encode() + b"</script>"
            content = body.replace(b"<head>", b"<head>" + _NO_ASSISTANT + script, 1)
            kept = [one for one in start["headers"] if one[0].lower() not in (b"content-length", b"etag")]
            length = (b"content-length", str(len(content)).encode())
            await send({**start, "headers": [*kept, length, (b"cache-control", b"no-store")]})
            await send({"type": "http.response.body", "body": content})

        await self._app({**scope, "headers": headers}, receive, hold)


def first_look(store: Store) -> str:
    """The script that sets what a browser has not kept yet, and leads the bare address to the runs last trained."""
    kept = dict(_BEGINNING)
    last, led_to = -1, ""
    for one in store.client.search_experiments():
        if f"mlflow.sharedViewState.{VIEW}" in one.tags:
            runs = store.client.search_runs([one.experiment_id], max_results=_OPENED)  # the latest first
            upper = [run.info.run_id for run in runs if "mlflow.parentRunId" not in run.data.tags]
            name = f'MLflowLocalStorage-1.1-ExperimentPage-["{one.experiment_id}"]-ReactComponentState'
            kept[name] = json.dumps(view(upper, gain=one.tags.get(GAIN, HEADLINES[0])))
            if runs and runs[0].info.start_time > last:
                last, led_to = runs[0].info.start_time, runs_page(one.experiment_id)
    script = (
        f"for (const [name, value] of Object.entries({_told(kept)})) "
        "if (localStorage.getItem(name) === null) localStorage.setItem(name, value);"
    )
    if led_to:
        script += f'if (["", "#/"].includes(location.hash)) location.replace({_told(led_to)});'
    return script


def _told(value: Any) -> str:
    """``value`` in JavaScript; between <script> and </script> nothing may end the script."""
    return json.dumps(value).replace("<", "\\u003c")


async def _refuse(send: Any, status: int, words: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    await _answer(send, status, words, [(b"content-type", b"text/plain; charset=utf-8"), *headers])


async def _answer(send: Any, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [length, *headers]})
    await send({"type": "http.response.body", "body": body})


def serve_pages(*, host: str, port: int, allowed_hosts: str = "", password: str = "") -> None:
    """Serve MLflow's pages until told to stop.

    Parameters
    ----------
    host, port : str, int
        What to listen on; beyond this machine only with a password.
    allowed_hosts : str
        Names by which the pages may be asked for, separated by commas; this machine's own names by default.
    password : str
        See `Guard`.

    Raises
    ------
    AccessError
        ``host`` is reached from elsewhere, and there is no password.
    TrainingError
        The store is a server, which has pages of its own, or cannot be opened.
    HomeError
        The address cannot be listened on.
    """
    if host not in _LOOPBACK and not password:
        raise AccessError(
            "a password where the pages are reached from elsewhere",
            received=f"--host {host} without one",
            look=f"--password-file FILE, or the environment variable {PASSWORD}",
        )
    uri = default_tracking_uri()
    folder = artifacts_folder(uri)
    if folder is None:
        raise TrainingError("a store in a database", received=f"the server {told(uri)}", look="its own pages there")
    store = open_store(uri)
    import uvicorn

    app = Guard(FirstLook(_mlflow_pages(store.uri, folder, allowed_hosts), store), password)
    address = f"[{host}]" if ":" in host else host
    say(f"MLflow on http://{address}:{port} (Ctrl-C ends it); store {store.told}")
    config = uvicorn.Config(
        app, host=host, port=port, log_level="warning", server_header=False, timeout_graceful_shutdown=5
    )
    try:
        uvicorn.Server(config).run()
    except KeyboardInterrupt:
        say("stopped")
    except SystemExit as reason:  # uvicorn's way to say that it could not listen
        if reason.code:
            raise HomeError(
                "an address that nobody else listens on", received=f"{host}:{port}", look="--host and --port"
            ) from reason
        raise


def _mlflow_pages(uri: str, folder: Path, allowed_hosts: str) -> Any:
    """MLflow's ASGI application over the store at ``uri``; it reads what it serves from the environment."""
    if allowed_hosts:
        os.environ["MLFLOW_SERVER_ALLOWED_HOSTS"] = allowed_hosts  # read on import
    from mlflow.server import constants

    folder.mkdir(parents=True, exist_ok=True)
    os.environ |= {
        constants.BACKEND_STORE_URI_ENV_VAR: uri,
        constants.REGISTRY_STORE_URI_ENV_VAR: os.environ.get("MLFLOW_REGISTRY_URI") or uri,
        constants.ARTIFACT_ROOT_ENV_VAR: "mlflow-artifacts:/",
        constants.SERVE_ARTIFACTS_ENV_VAR: "true",
        constants.ARTIFACTS_DESTINATION_ENV_VAR: folder.as_uri(),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow.server.fastapi_app import app
    return app
