"""Tracking: the MLflow store and registry, what a run leaves there, the gate and promotion."""

from __future__ import annotations

from training.tracking.challenger import ChosenChallenger, clear_challenger, set_challenger
from training.tracking.compare import ComparedRuns, compare_runs
from training.tracking.gate import GateEvidence, Judgement, Verdict, check_gate
from training.tracking.ledger import REGISTERED, Event, Ledger
from training.tracking.logged_model import EXAMPLE_ROWS, LoggedModel, logged_model
from training.tracking.notes import VersionNotes
from training.tracking.pages import read_password, serve_pages
from training.tracking.promotion import Promotion, promote, rollback
from training.tracking.record import (
    describe,
    evidence_of,
    ranker_metrics,
    record_conversion,
    record_data,
    record_parent,
    record_ranker,
    record_shares,
)
from training.tracking.registry import (
    BASIS,
    CHALLENGER,
    CHAMPION,
    HELD_OUT,
    aliased,
    point_alias,
    register,
)
from training.tracking.standing import Champion, champion_of
from training.tracking.store import Run, Store, default_tracking_uri, open_mlflow, open_store, require_store

__all__ = [
    "BASIS",
    "CHALLENGER",
    "CHAMPION",
    "EXAMPLE_ROWS",
    "HELD_OUT",
    "REGISTERED",
    "Champion",
    "ChosenChallenger",
    "ComparedRuns",
    "Event",
    "GateEvidence",
    "Judgement",
    "Ledger",
    "LoggedModel",
    "Promotion",
    "Run",
    "Store",
    "Verdict",
    "VersionNotes",
    "aliased",
    "champion_of",
    "check_gate",
    "clear_challenger",
    "compare_runs",
    "default_tracking_uri",
    "describe",
    "evidence_of",
    "logged_model",
    "open_mlflow",
    "open_store",
    "point_alias",
    "promote",
    "ranker_metrics",
    "read_password",
    "record_conversion",
    "record_data",
    "record_parent",
    "record_ranker",
    "record_shares",
    "register",
    "require_store",
    "rollback",
    "serve_pages",
    "set_challenger",
]
