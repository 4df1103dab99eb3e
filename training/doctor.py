"""What can be wrong with the MLflow store."""

from __future__ import annotations

from marketplace.doctor import Finding, look
from marketplace.state import state_folder

__all__ = ["findings"]


def _store() -> str:
    from training.tracking import default_tracking_uri

    uri = default_tracking_uri()
    if uri.startswith("sqlite:") and not state_folder("mlflow", "mlflow.db").exists():
        return f"{uri}, empty: nothing trained yet"
    from training.tracking import CHAMPION, aliased, open_store

    champion = aliased(open_store(uri), CHAMPION)
    return f"{uri}, " + (f"champion version {champion.number}" if champion else "no champion yet")


def findings() -> list[Finding]:
    """The store answers, and says which version is champion."""
    return [look("mlflow", _store)]
