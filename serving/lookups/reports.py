"""The reports that `collabrank report` has written: which there are, each as data, and its page to print."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

from marketplace.errors import CollabrankError
from marketplace.held import read_file
from marketplace.state import state_folder
from serving.keys import ApiKey
from serving.problems import refusal

__all__ = ["ReportEntry", "ReportsAnswer", "report", "report_page", "reports"]

_LARGEST = 16 * 2**20
_STEM = re.compile(r"[^/\x00]{1,400}")


class ReportEntry(BaseModel):
    """One campaign's report; what its results do not tell is null."""

    model_config = ConfigDict(extra="ignore")

    campaign_id: str = Field(description="The campaign.")
    brand_id: str = Field(description="Whose campaign it is.")
    brand_name: str | None = Field(None, description="Its public name.")
    market: str | None = Field(None, description="Where it sold.")
    category_id: str | None = Field(None, description="What it sold.")
    briefed_at: str | None = Field(None, description="When the brief was written.")
    as_of: str | None = Field(None, description="What the report knew.")
    written_at: str | None = Field(None, description="When it was written.")
    lift: float | None = Field(None, description="Net sales that would not have happened otherwise, in `currency`.")
    lift_low: float | None = Field(None, description="Lower end of its interval.")
    lift_high: float | None = Field(None, description="Upper end.")
    attributed: float | None = Field(None, description="Sales that touched a creator.")
    expected: float | None = Field(None, description="Of `lift`, what was foretold.")
    profit: float | None = Field(None, description="What was left of the margin.")
    expected_profit: float | None = Field(None, description="Of `profit`, what was foretold.")
    currency: str = Field("USD", description="Of all money here.")
    over: bool | None = Field(None, description="Whether nothing of the campaign is waited for; null where not told.")
    verdict: str | None = Field(None, description="What came of it, in a sentence.")


class ReportsAnswer(BaseModel):
    """The reports that there are, the newest brief first."""

    model_config = ConfigDict(extra="forbid")

    reports: list[ReportEntry] = Field(description="Those that the key may see.")


def reports(key: ApiKey | None, folder: Path | None = None) -> ReportsAnswer:
    """The list in ``folder``, by default ``var/reports``: of the key's own brands alone; empty where there is none."""
    found = [one for one, _ in _listed(key, folder)]
    return ReportsAnswer(reports=found)


def report(key: ApiKey | None, campaign_id: str, folder: Path | None = None) -> dict[str, Any]:
    """One campaign's report as data.

    Raises
    ------
    BriefError
        There is none that the key may see (404).
    """
    data = json.loads(_content(key, campaign_id, folder, ".json"))
    if not isinstance(data, dict):
        raise _none(campaign_id)
    return data


def report_page(key: ApiKey | None, campaign_id: str, folder: Path | None = None) -> bytes:
    """One campaign's report as a page of HTML.

    Raises
    ------
    BriefError
        There is none that the key may see (404).
    """
    return _content(key, campaign_id, folder, ".html")


def _listed(key: ApiKey | None, folder: Path | None) -> list[tuple[ReportEntry, str]]:
    where = state_folder("reports") if folder is None else folder
    try:
        told = json.loads(read_file(where / "index.json", _LARGEST))["reports"]
        found = [(ReportEntry.model_validate(one), _stem(one)) for one in told]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as reason:
        raise _unreadable(where, reason) from reason
    return [(one, stem) for one, stem in found if key is None or _may_see(key, one.brand_id)]


def _may_see(key: ApiKey, brand_id: str) -> bool:
    # A report of nobody's is not everybody's: a key that is bound sees its brands' alone.
    return key.brands is None or brand_id in key.brands


def _stem(told: Mapping[str, Any]) -> str:
    """The files' name without its ending, which names nothing outside the folder."""
    stem = str(told.get("file") or quote(str(told["campaign_id"]), safe=" "))
    if not _STEM.fullmatch(stem) or stem.startswith("."):
        raise ValueError("a report's file that is in the folder")
    return stem


def _content(key: ApiKey | None, campaign_id: str, folder: Path | None, ending: str) -> bytes:
    where = state_folder("reports") if folder is None else folder
    for one, stem in _listed(key, folder):
        if one.campaign_id == campaign_id:
            try:
                return read_file(where / f"{stem}{ending}", _LARGEST)
            except FileNotFoundError:
                break
            except OSError as reason:
                raise _unreadable(where, reason) from reason
    raise _none(campaign_id)


def _none(campaign_id: str) -> CollabrankError:
    return refusal(404, "a campaign with a report", received=repr(campaign_id), look="GET /reports")


def _unreadable(where: Path, reason: Exception) -> CollabrankError:
    return refusal(
        503, "reports that can be read", received=type(reason).__name__, look=f"{where.name} in the service's home"
    )
