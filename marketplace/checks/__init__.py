"""Check a marketplace against the contract, and report every problem at once."""

from __future__ import annotations

from marketplace.checks.findings import Report, check

__all__ = ["Report", "check"]
