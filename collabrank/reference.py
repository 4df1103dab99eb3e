"""The reference page of the public face, ``docs/reference.md``, made from the code.

``python -m collabrank.reference`` writes it; a test holds it current.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import collabrank
from marketplace import errors
from marketplace.instants import FORMS
from marketplace.state import write_whole

__all__ = ["PAGE", "main", "render", "result_types"]

PAGE = Path("docs/reference.md")
"""Where the page lives, from the repository's root."""

OPENING = f"""\
# The public face

<!-- Written by `python -m collabrank.reference` from the code. Change that, not this page. -->

    import collabrank as cr

is all that a notebook needs; the command line calls the same functions and prints the same results. Nothing heavy is
imported before it is used.

- **A market** is the path of a marketplace's folder, or what `cr.open_marketplace` gave. An opened one keeps what was
  read of it, so the second function that needs the same is faster.
- **Results** show themselves: `print(x)` gives the text that the command line prints, `x.to_frame()` a new pandas
  DataFrame, `x.as_dict()` (where the command has `--json`) plain values; a notebook shows the table.
- **Errors** are all `cr.CollabrankError`: what was expected, what was received, where to look.
- **State** (the MLflow store, the champion's bundle, the snapshot) lives under `var/` in the folder that the
  environment variable `COLLABRANK_HOME` names, else in the current one.

## Dates

{textwrap.fill(f"{FORMS[0].upper()}{FORMS[1:]}.", 118)}
An instant without an offset is UTC. What reads only what was known takes the midnight (UTC) before the instant.
`01/02/2025`, `20250201`, `Feb 1` and numbers are refused: they would have to be guessed. Python's own `date`,
`datetime` and pandas' `Timestamp` are taken as they are.
"""

WIDTH = 110
"""Characters of a signature on one line."""

_SECTION = re.compile(r"^([A-Z][A-Za-z ]+)\n-{3,}$", re.M)
_CODE = re.compile(r"``(.+?)``")
_LINKED = re.compile(r"(?<!`)`(\w+)`(?!`)")


def render() -> str:
    """The page's text."""
    public = {name: getattr(collabrank, name) for name in collabrank.__all__}
    functions = {name: value for name, value in public.items() if inspect.isfunction(value)}
    # As they stand in the code: in the order in which a notebook comes to need them.
    functions = dict(sorted(functions.items(), key=lambda item: item[1].__code__.co_firstlineno))
    tools = {name: value for name, value in functions.items() if value.__module__ != "collabrank.face"}
    classes = {
        name: value
        for name, value in public.items()
        if inspect.isclass(value) and not issubclass(value, errors.CollabrankError)
    }
    parts = [OPENING, "\n## Functions\n"]
    for name, function in functions.items():
        if name in tools:
            continue
        parts.append(f"\n### `cr.{name}`\n\n```python\n{_signature(name, function)}\n```\n\n{_prose(function)}")
    parts.append(
        "\n## Estimators\n\nscikit-learn estimators: the heads that `cr.train` fits are these, and they work in a "
        "`Pipeline`, `cross_val_score`\nand `GroupKFold`. A campaign is one query.\n"
    )
    for name, value in (classes | tools).items():
        parts.append(f"\n### `cr.{name}`\n\n```python\n{_signature(name, value)}\n```\n\n{_prose(value)}")
        parts.append(_members(value) if inspect.isclass(value) else "")
    parts.append("\n## What comes back\n")
    for name, value in result_types().items():
        parts.append(f"\n### `{name}`\n\n{_prose(value)}{_members(value)}")
    tree = str(inspect.getdoc(errors)).split("\n\n")[1]
    parts.append(f"\n## Errors\n\n```\n{textwrap.dedent(tree)}\n```\n")
    parts.append("\n`cr.__version__` is the version that is installed.\n")
    parts.append(_commands())
    return "".join(parts)


def result_types() -> dict[str, type]:
    """The classes that the functions give back, by name, in the order of the functions."""
    from collabrank import face

    where = _annotated(face)
    found: dict[str, type] = {}
    functions = sorted((getattr(face, name) for name in face.__all__), key=lambda one: one.__code__.co_firstlineno)
    for function in functions:
        returned = str(function.__annotations__["return"])
        if returned in where:
            found[returned] = getattr(import_module(where[returned]), returned)
    return found


def _annotated(module: ModuleType) -> dict[str, str]:
    """Where the names come from that are imported for annotations alone."""
    return {
        alias.name: str(inside.module)
        for node in ast.parse(inspect.getsource(module)).body
        if isinstance(node, ast.If)
        for inside in node.body
        if isinstance(inside, ast.ImportFrom)
        for alias in inside.names
    }


def _signature(name: str, value: Any) -> str:
    """How it is called, on one line where that is short, else with an argument a line."""
    signature = inspect.signature(value)
    arguments: list[str] = []
    kind = None
    for parameter in signature.parameters.values():
        # A bare star stands before the first argument by keyword alone, unless *args does that already.
        if parameter.kind is parameter.KEYWORD_ONLY and kind not in (parameter.KEYWORD_ONLY, parameter.VAR_POSITIONAL):
            arguments.append("*")
        kind = parameter.kind
        star = "*" if kind is parameter.VAR_POSITIONAL else ""
        noted = "" if parameter.annotation is parameter.empty else f": {_type(parameter.annotation)}"
        default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
        arguments.append(f"{star}{parameter.name}{noted}{default}")
    returned = "" if inspect.isclass(value) else f" -> {_type(signature.return_annotation)}"
    line = f"cr.{name}({', '.join(arguments)}){returned}"
    if len(line) <= WIDTH:
        return line
    return f"cr.{name}(\n" + "".join(f"    {argument},\n" for argument in arguments) + f"){returned}"


def _type(annotation: Any) -> str:
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def _prose(value: Any) -> str:
    """The docstring as Markdown: prose, then its sections as lists and code."""
    doc = inspect.getdoc(value) or ""
    pieces = _SECTION.split(doc)
    out = [_plain(pieces[0].strip()) + "\n"]
    for title, body in zip(pieces[1::2], pieces[2::2], strict=True):
        shown = _examples(body) if title == "Examples" else _items(body)
        out.append(f"\n**{title}**\n\n{shown}")
    return "".join(out)


def _plain(text: str) -> str:
    return _LINKED.sub(r"`\1`", _CODE.sub(r"`\1`", text))


def _items(body: str) -> str:
    """``name : type`` lines with what is said below each, as a list."""
    items: list[tuple[str, list[str]]] = []
    for line in filter(str.strip, body.splitlines()):
        if line.startswith(" "):
            items[-1][1].append(line.strip())
            continue
        name, _, kind = line.partition(" : ")
        items.append((f"- `{name}`" + (f": {kind}" if kind else ""), []))
    return "".join(_plain(". ".join(filter(None, (head, " ".join(said))))) + "\n" for head, said in items)


def _examples(body: str) -> str:
    """Prose as it is, lines of a session as code."""
    blocks: list[str] = []
    for block in re.split(r"\n\s*\n", body.strip("\n")):
        blocks.append(f"```python\n{block}\n```" if block.startswith(">>>") else _plain(block))
    return "\n\n".join(blocks) + "\n"


def _members(value: type) -> str:
    """The public properties and methods of a class, each with the first sentence about it."""
    rows = []
    for name in sorted(vars(value)):
        member = inspect.getattr_static(value, name)
        is_value = isinstance(member, property | cached_property)
        # What other libraries hang on a class (scikit-learn's request methods) is theirs to explain.
        is_own = is_value or isinstance(vars(value)[name], FunctionType | classmethod | staticmethod)
        doc = inspect.getdoc(member) if is_own else None
        if doc and not name.startswith("_"):
            first = " ".join(doc.split("\n\n")[0].split())
            rows.append(f"| `.{name}{'' if is_value else '()'}` | {_plain(first)} |\n")
    return "\n| | |\n|---|---|\n" + "".join(rows) if rows else ""


def _commands() -> str:
    """Every command with what it takes."""
    from typer.main import get_command

    from collabrank.cli import app

    rows = "".join(f"| `{usage}` | {says} |\n" for usage, says in _walk(get_command(app), "collabrank"))
    return (
        "\n## The command line\n\n`collabrank COMMAND -h` explains each option. Usage that cannot be understood and "
        "errors exit with code 2. `collabrank --install-completion` teaches bash, zsh, fish or PowerShell to complete "
        "commands, options and files (`--show-completion` prints what it would write); `collabrank --version` prints "
        f"the version.\n\n| command | does |\n|---|---|\n{rows}"
    )


def _walk(command: Any, path: str) -> Iterator[tuple[str, str]]:
    if hasattr(command, "commands"):
        for name, below in command.commands.items():
            yield from _walk(below, f"{path} {name}")
        return
    words = [path]
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            words.append(parameter.metavar or parameter.name.upper())
        elif parameter.name not in ("help",):
            words.append(f"[{max(parameter.opts, key=len)}]")
    says = str(command.help).split("\n\n")[0]
    yield " ".join(words).replace("|", "\\|"), " ".join(says.split())


def main() -> None:
    """Write the page."""
    write_whole(PAGE, render().encode())


if __name__ == "__main__":
    main()
