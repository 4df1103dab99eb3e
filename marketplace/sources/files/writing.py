"""A proposed mapping as the TOML file that a person edits: every line with how sure it is and why."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from marketplace.sources.files.drafting import Draft, Line

__all__ = ["inline", "mapping_text"]

HEAD = """\
# How the files in this folder become collabrank's tables. Made by `collabrank ingest propose`; yours to edit.
#
#   DECIDE   no file proves it: look at it, correct it if it is wrong
#   guess    nothing better was found; likely, sure: found by names and cells, as the line says
#   "?"      nothing stands in: the ingest waits for your word
#
# Then: collabrank ingest FOLDER OUT. docs/ingest.md explains every word.
"""

FEW = 110
"""A line longer than this has its comment above it."""


def inline(value: Any) -> str:
    """A value as TOML writes it in one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\u007f", "\\u007f")
    if isinstance(value, Mapping):
        inside = ", ".join(f"{_key(key)} = {inline(one)}" for key, one in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(inline, value))}]"
    return repr(value)


def _key(key: str) -> str:
    bare = key.isascii() and key.replace("_", "").replace("-", "").isalnum()
    return key if bare else inline(key)


def mapping_text(
    everywhere: Mapping[str, Line],
    files: Mapping[str, Mapping[str, Line]],
    drafts: Sequence[Draft],
    unread: Mapping[str, str],
    missing: Iterable[str],
) -> str:
    """The whole file.

    Parameters
    ----------
    everywhere : mapping
        Lines of ``[all]``.
    files : mapping
        Lines of ``[files]``, by file.
    unread : mapping of str to str
        Files that nothing is read of, to the reason.
    missing : iterable of str
        What cannot be told, in sentences.
    """
    blocks = [HEAD]
    if everywhere:
        blocks.append(_block("[all]", everywhere))
    blocks += [_block(f"[files.{inline(name)}]", lines) for name, lines in files.items()]
    blocks += [_draft(draft) for draft in drafts]
    for file, reason in unread.items():
        blocks.append(_comment(f"Not used: {file}: {reason}"))
    told = list(missing)
    if told:
        blocks.append("# What no file tells:\n" + "".join(f"#   {one}\n" for one in told))
    return "\n".join(blocks)


def _draft(draft: Draft) -> str:
    head = f"[[{draft.table}]]"
    settings = "".join(f"{key} = {inline(value)}\n" for key, value in draft.settings.items() if value is not None)
    file = f"file = {inline(draft.file)}\n" if draft.file else ""
    about = _comment(draft.about) if draft.about else ""
    body = _block(head, draft.lines, after=file + settings)
    unused = _comment("Not used: " + ", ".join(draft.unused)) if draft.unused else ""
    return about + body + unused


def _block(head: str, lines: Mapping[str, Line], *, after: str = "") -> str:
    text = f"{head}\n{after}"
    for name, line in lines.items():
        said = f"DECIDE: {line.why}" if line.decide else f"{line.sureness}: {line.why}"
        one = f"{_key(name)} = {inline(line.value)}"
        text += f"{one}  # {said}\n" if len(one) + len(said) < FEW else f"# {said}\n{one}\n"
    return text


def _comment(text: str) -> str:
    """``text`` as comments, a line of it each; none can end the comment."""
    return "".join(f"# {line}\n" for line in " ".join(text.split("\r")).splitlines())
