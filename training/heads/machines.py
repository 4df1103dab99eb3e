"""Several machines fit the heads together: each takes its share of the campaigns, and all end with the same trees.

Every machine has the whole marketplace and goes through the same steps; what is shared out is the work of growing
trees (LightGBM's data-parallel mode, ``tree_learner=data``: histograms of the shares are summed over sockets). A query
is never cut. The bins are those of all rows, so the trees are those of one machine but for the order of sums and for
which rows bagging draws. Fits of few rows are made by each machine alone, alike.

LightGBM's sockets know neither passwords nor encryption: a private network alone.

Source: Meng et al. (2016), A communication-efficient parallel algorithm for decision tree.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from marketplace.arrays import Floats, Ints
from marketplace.errors import TrainingError
from marketplace.progress import say
from models.quiet import route_log

__all__ = ["Machines", "Share", "across", "machines_at_work", "share_of"]

LEAST_ROWS = 10_000
"""Fewest rows a machine that a fit is shared out for: below, talking takes longer than growing."""

PATIENCE = 300.0
"""Seconds that machines wait for each other to begin."""

_now: list[Machines] = []


@dataclass(frozen=True)
class Machines:
    """The machines that fit together, in the order that all of them are told, and which of them this is.

    Attributes
    ----------
    addresses : tuple of str
        ``HOST:PORT`` of each, two or more; the first is the one that tracks what comes out.
    number : int
        This one, from 1.
    least_rows : int
        Fewest rows a machine that a fit is shared out for.
    """

    addresses: tuple[str, ...]
    number: int
    least_rows: int = LEAST_ROWS

    @classmethod
    def of(cls, told: str, number: int | None) -> Machines:
        """As the command line tells them: ``HOST:PORT,HOST:PORT``, and this machine's number.

        Raises
        ------
        TrainingError
            Fewer than two, one twice, no port, or no such number.
        """
        addresses = tuple(one.strip() for one in told.split(",") if one.strip())
        ports = [one.rpartition(":")[2] for one in addresses]
        hosts = [one.rpartition(":")[0] for one in addresses]
        fine = all(port.isdigit() and 0 < int(port) < 65_536 for port in ports) and all(hosts)
        if not fine or len(addresses) < 2 or len(set(addresses)) < len(addresses):
            raise TrainingError(
                "two machines or more as HOST:PORT,HOST:PORT, the same on each", received=told, look="--machines"
            )
        if number is None or not 1 <= number <= len(addresses):
            raise TrainingError(
                f"which of the {len(addresses)} machines this is, from 1", received=str(number), look="--machine"
            )
        return cls(addresses, number)

    @property
    def first(self) -> bool:
        """Whether this is the one that tracks."""
        return self.number == 1


@dataclass(frozen=True)
class Share:
    """What this machine takes of one fit.

    Attributes
    ----------
    rows : int64, rising, or None
        None: all of them, and the fit is nobody else's business.
    params : mapping
        What LightGBM is told of it, the data set too.
    """

    rows: Ints | None
    params: Mapping[str, Any]

    def part(self, whole: Any) -> Any:
        """The rows of a LightGBM data set, in the bins of all of it."""
        # Bins first: what the machines then sum are histograms of the same bins.
        return whole if self.rows is None else whole.construct().subset(self.rows)

    def objective(self, params: Mapping[str, Any], y: Floats) -> dict[str, Any]:
        """``params`` with an objective of one's own, where there is one, for these rows."""
        own = params.get("objective")
        if self.rows is None or not callable(own):
            return dict(params)
        return {**params, "objective": _of_share(own, y, self.rows)}


def share_of(rows: int, groups: Ints | None) -> Share:
    """What this machine takes of a fit of ``rows`` rows in queries of ``groups`` rows: every n-th query, or row."""
    machines = machines_at_work()
    count = 1 if machines is None else len(machines.addresses)
    if machines is None or rows < machines.least_rows * count or (groups is not None and len(groups) < count):
        return Share(None, {})
    if groups is None:
        taken = np.arange(machines.number - 1, rows, count, dtype=np.int64)
    else:
        taken = np.flatnonzero(np.repeat(np.arange(len(groups)) % count == machines.number - 1, groups))
    return Share(taken, {"tree_learner": "data", "num_machines": count, "pre_partition": True})


def machines_at_work() -> Machines | None:
    """Those of the `across` block that is running, or None."""
    return _now[-1] if _now else None


@contextmanager
def across(machines: Machines, digest: str) -> Iterator[None]:
    """Within the block fits are shared out over ``machines``.

    LightGBM knows its sockets in the thread that opened them alone, so that the fits must come from this one.

    Parameters
    ----------
    digest : str
        Of everything that the fits depend on: machines whose digests differ would grow trees of nothing.

    Raises
    ------
    TrainingError
        Another machine does not come within `PATIENCE` seconds, or has another digest.
    """
    import lightgbm

    route_log()
    _meet(machines, digest)
    # LightGBM's network is asked for by way of a model, of which nothing else is used.
    anything = lightgbm.Booster({"verbosity": -1}, lightgbm.Dataset(np.eye(4), label=np.arange(4.0)))
    _connect(anything, machines)
    _now.append(machines)
    try:
        yield
    finally:
        _now.pop()
        anything.free_network()


def _connect(anything: Any, machines: Machines) -> None:
    import lightgbm

    end, waiting = time.monotonic() + PATIENCE, False
    port = int(machines.addresses[machines.number - 1].rpartition(":")[2])
    while True:
        try:
            with _without_output():
                anything.set_network(
                    list(machines.addresses),
                    local_listen_port=port,
                    listen_time_out=max(int(PATIENCE // 60), 1),
                    num_machines=len(machines.addresses),
                )
            return
        except lightgbm.basic.LightGBMError as reason:
            if "Binding port" not in str(reason) or time.monotonic() > end:
                raise _apart(str(reason)) from reason
            if not waiting:
                waiting = True
                say(f"waiting for port {port}, which the system keeps for a minute after it was used")
            time.sleep(2.0)


@contextmanager
def _without_output() -> Iterator[None]:
    """LightGBM listens in a thread of its own, whose messages go past every logger; its failures are raised as well."""
    kept, nowhere = [os.dup(1), os.dup(2)], os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        yield
    finally:
        for place, one in enumerate(kept, start=1):
            os.dup2(one, place)
            os.close(one)
        os.close(nowhere)


def _meet(machines: Machines, digest: str) -> None:
    """All machines say their digests to the first, which answers whether they are one."""
    host, _, port = machines.addresses[0].rpartition(":")
    end = time.monotonic() + PATIENCE
    word = json.dumps({"machine": machines.number, "digest": digest}).encode() + b"\n"
    if not machines.first:
        answer = _asked((host, int(port)), word, end)
        if answer != "go":
            raise _apart(answer)
        return
    waiting: dict[int, tuple[socket.socket, str]] = {}
    with contextlib.ExitStack() as stack:
        try:
            door = stack.enter_context(socket.create_server((host, int(port))))
        except OSError as reason:
            raise _apart(f"{machines.addresses[0]}: {reason.strerror}") from reason
        while len(waiting) < len(machines.addresses) - 1:
            door.settimeout(max(end - time.monotonic(), 0.01))
            try:
                came, _ = door.accept()
                stack.enter_context(came)
                came.settimeout(10)
                told = json.loads(came.makefile("rb").readline(10_000))
                waiting[int(told["machine"])] = came, str(told["digest"])
            except TimeoutError:
                missing = sorted(set(range(2, len(machines.addresses) + 1)) - set(waiting))
                raise _apart(f"nothing from machine {', '.join(map(str, missing))} within {PATIENCE:.0f} s") from None
            except (OSError, ValueError, KeyError, TypeError):
                continue  # a stranger at the door
        others = sorted(number for number, (_, told) in waiting.items() if told != digest)
        trouble = f"machine {', '.join(map(str, others))} has other data, code, versions, seed or hyperparameters"
        for came, _ in waiting.values():
            with contextlib.suppress(OSError):
                came.sendall((trouble if others else "go").encode() + b"\n")
                # Whoever hangs up first keeps the port busy: it is to be the other side, for LightGBM needs this one.
                came.recv(1)
    if others:
        raise _apart(trouble)


def _asked(address: tuple[str, int], word: bytes, end: float) -> str:
    while True:
        try:
            with socket.create_connection(address, timeout=10) as door:
                door.sendall(word)
                door.settimeout(max(end - time.monotonic(), 0.01))
                answer = door.makefile("r").readline().strip()
                if answer:
                    return answer
                trouble = "an answer that ended early"
        except OSError as reason:
            trouble = str(reason)
        if time.monotonic() > end:
            raise _apart(f"machine 1 at {address[0]}:{address[1]}: {trouble}")
        time.sleep(0.2)


def _of_share(
    objective: Callable[[Floats, Any], tuple[Floats, Floats]], y: Floats, taken: Ints
) -> Callable[[Floats, Any], tuple[Floats, Floats]]:
    """``objective``, which knows each row of the whole, for the rows ``taken``."""
    label = np.asarray(y, dtype=np.float32)  # as a data set keeps it

    class Whole:
        @staticmethod
        def get_label() -> Any:
            return label

    def of_share(raw: Floats, _data: Any) -> tuple[Floats, Floats]:
        spread = np.zeros(len(label))
        spread[taken] = raw
        slope, curve = objective(spread, Whole)
        return slope[taken], curve[taken]

    return of_share


def _apart(received: str) -> TrainingError:
    return TrainingError(
        "machines that fit together: the same command on each, but for --machine",
        received=received,
        look="docs/rankers.md, On several machines",
    )
