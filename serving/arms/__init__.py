"""Arms: which ranker answers a request, which others rank it unseen, and whether its list explores."""

from __future__ import annotations

from serving.arms.challenger import Challenger
from serving.arms.pages import page_of
from serving.arms.plan import ARMS, BASELINES, Plan, deal, listing_of, position_of
from serving.arms.service import Arms
from serving.arms.settings import Settings, SettingsFile, read_settings, settings_path
from serving.arms.shadow import Shadows

__all__ = [
    "ARMS",
    "BASELINES",
    "Arms",
    "Challenger",
    "Plan",
    "Settings",
    "SettingsFile",
    "Shadows",
    "deal",
    "listing_of",
    "page_of",
    "position_of",
    "read_settings",
    "settings_path",
]
