"""Files as people have them: CSV, TSV, Excel, JSON lines and Parquet, by a mapping file that anybody can edit.

`propose` looks at a folder and writes the mapping; `read` makes the contract's tables of it. What the words of a
mapping mean stands in docs/ingest.md. The way of a cell: `marketplace.sources.files.reading` (files to cells),
``cells`` (trimmed, distinct), ``numbers`` and ``dates`` (text to values), ``converting`` (one column), ``building``
(rows to tables).
"""

from __future__ import annotations

from pathlib import Path

from marketplace.errors import SourceError
from marketplace.sources.base import Ingested, Source
from marketplace.sources.files.building import build_tables
from marketplace.sources.files.mapping import load_mapping, parse_mapping
from marketplace.sources.files.proposal import Proposal
from marketplace.sources.files.proposing import propose
from marketplace.sources.files.template import write_template
from marketplace.state import write_whole

__all__ = ["MAPPING", "SOURCE", "Proposal", "from_folder", "propose", "read", "write_proposal", "write_template"]

MAPPING = "mapping.toml"
"""What the mapping file is called, in the folder of the files."""


def read(folder: Path | None, mapping: Path | None = None) -> Ingested:
    """The contract's tables from the files in ``folder``.

    Parameters
    ----------
    mapping : Path, optional
        The mapping file; by default ``mapping.toml`` in the folder, and where there is none what `propose` proposes,
        if it leaves nothing to decide.

    Raises
    ------
    SourceError
        No folder or files, no mapping where one must be decided, or anything in them that is not as the mapping says.
    """
    if folder is None:
        raise SourceError("a folder of files", received="none", look="`collabrank ingest FOLDER OUT`")
    chosen = mapping or folder / MAPPING
    if mapping is not None or chosen.is_file():
        return build_tables(folder, load_mapping(chosen))
    proposal = propose(folder)
    if proposal.decisions:
        raise SourceError(
            f"{MAPPING} in {folder}, for its files alone do not tell everything",
            received=f"none, and {len(proposal.decisions)} things to decide:",
            look=f"`collabrank ingest propose {folder}`, which writes it",
            each=proposal.decisions[:10],
        )
    return build_tables(folder, parse_mapping(proposal.text, name="the proposed mapping"))


def write_proposal(proposal: Proposal, file: Path, *, replace: bool = False) -> None:
    """Write a proposed mapping to ``file``.

    Raises
    ------
    SourceError
        There is one already, and ``replace`` does not say that it may go.
    """
    if file.exists() and not replace:
        raise SourceError(
            "no mapping there yet, for it may have been edited", received=str(file), look="--out FILE, or --replace"
        )
    write_whole(file, proposal.text.encode())


def from_folder(mapping: Path | None = None) -> Source:
    """The source of files by the mapping in ``mapping`` (by default ``mapping.toml`` beside the files)."""
    return Source(SOURCE.name, SOURCE.about, lambda folder: read(folder, mapping))


SOURCE = Source("files", "CSV, Excel, JSON lines or Parquet files, by a mapping file (docs/ingest.md)", read)
