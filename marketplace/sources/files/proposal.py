"""What `collabrank ingest propose` found: the mapping file, how sure each line is, and what cannot be told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from marketplace.display import Shown, text_of

__all__ = ["Proposal", "proposal_text"]


@dataclass(frozen=True, repr=False)
class Proposal(Shown):
    """A proposed mapping and what is to be said of it.

    Attributes
    ----------
    folder : Path
    text : str
        The mapping file.
    lines : list of dict
        One a column: ``table``, ``file``, ``column``, ``from`` (TOML's value), ``sureness``, ``why``, ``decide``.
    decisions : list of str
        What a person has to look at, in words; those that begin with ``?`` stop the ingest until they are decided.
    unread : dict of str to str
        Files that nothing is read of, to the reason.
    missing : dict of str to str
        Contract table or ``table.column`` that no file has, to what then cannot be told.
    """

    folder: Path
    text: str
    lines: list[dict[str, Any]]
    decisions: list[str]
    unread: dict[str, str]
    missing: dict[str, str]

    @property
    def headline(self) -> str:
        """How many columns were found, how many are to be decided."""
        sure = sum(line["sureness"] != "guess" for line in self.lines)
        must = sum(one.startswith("?") for one in self.decisions)
        return (
            f"{len(self.lines)} columns, {sure} of them found in the files; {must} to decide, "
            f"{len(self.decisions) - must} to look at"
        )

    def to_frame(self) -> pd.DataFrame:
        """One row a column."""
        return pd.DataFrame(self.lines, columns=["table", "file", "column", "from", "sureness", "why", "decide"])

    def as_dict(self) -> dict[str, Any]:
        """The same for a program."""
        return {
            "folder": str(self.folder), "mapping": self.text, "columns": self.lines, "decisions": self.decisions,
            "unread": self.unread, "missing": self.missing,
        }  # fmt: skip


@text_of.register
def proposal_text(proposal: Proposal) -> str:
    """The whole proposal in words."""
    lines: list[str] = []
    last = None
    for one in proposal.lines:
        if (one["table"], one["file"]) != last:
            last = (one["table"], one["file"])
            lines.append(f"\n{one['table']}  from {one['file'] or 'what [all] says'}")
        mark = "DECIDE" if one["decide"] else one["sureness"]
        lines.append(f"  {one['column']:<22} {mark:<7} {one['from']}  ({one['why']})")
    if proposal.unread:
        lines += ["", "Not used:", *(f"  {file}: {reason}" for file, reason in proposal.unread.items())]
    if proposal.missing:
        lines += ["", "What no file tells:", *(f"  {name:<32} {why}" for name, why in proposal.missing.items())]
    must = [one for one in proposal.decisions if one.startswith("?")]
    check = [one for one in proposal.decisions if not one.startswith("?")]
    if must:
        lines += ["", "To decide, for the ingest waits for it:", *(f"  {one}" for one in must)]
    if check:
        lines += ["", "To look at, for no file proves it:", *(f"  {one}" for one in check)]
    return "\n".join([proposal.headline, *lines])
