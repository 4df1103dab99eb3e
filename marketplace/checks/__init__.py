"""Check a marketplace against the contract, and report every problem at once, with a mend where there is one."""

from __future__ import annotations

from marketplace.checks.check import check, kept_contract
from marketplace.checks.findings import Finding, Report

__all__ = ["Finding", "Report", "check", "kept_contract"]
