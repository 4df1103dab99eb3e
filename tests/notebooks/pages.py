"""The notebooks run from top to bottom, and written with their outputs as pages: ``python -m tests.notebooks``."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from nbconvert.preprocessors import CoalesceStreamsPreprocessor

__all__ = ["FOLDER", "NOTEBOOKS", "PAGES", "executed", "page_of", "write_pages"]

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "notebooks"
PAGES = ROOT / "docs" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))

_MATHS = re.compile(r'<script[^>]*src="[^"]*"[^>]*>\s*</script>')
_SETTING = "%config InlineBackend.print_figure_kwargs = {'dpi': 88, 'bbox_inches': 'tight'}\n"


def executed(path: Path, folder: Path, *, timeout: int = 400) -> Any:
    """The notebook at ``path``, run in ``folder``; what was shown and went again is not among its outputs."""
    notebook = nbformat.read(path, as_version=4)
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    source = first.source
    first.source = source.replace("%matplotlib inline\n", f"%matplotlib inline\n{_SETTING}")
    client = NotebookClient(
        notebook, timeout=timeout, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    client.execute()
    first.source = source
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [one for one in cell.outputs if not _gone(one)]
    return notebook


def _gone(output: Any) -> bool:
    return output.output_type == "display_data" and not output.data.get("text/plain", "x")


def page_of(notebook: Any, name: str) -> str:
    """The executed notebook as one page of HTML that asks nobody for anything."""
    exporter = HTMLExporter(
        template_name="basic",
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        preprocessors=[CoalesceStreamsPreprocessor],
    )
    body, _ = exporter.from_notebook_node(notebook)
    body = _MATHS.sub("", body).replace(".ipynb)", ".html)")
    body = re.sub(r'href="([\w-]+)\.ipynb"', r'href="\1.html"', body)
    body = body.replace('href="../docs/', 'href="../').replace('href="../marketplace/', 'href="../../marketplace/')
    title = re.sub(r"\s+", " ", next(c.source for c in notebook.cells).splitlines()[0].lstrip("# "))
    return _PAGE.format(title=title, style=_STYLE, name=name, body=body)


def write_pages(paths: Iterable[Path] = NOTEBOOKS) -> None:
    """Run the notebooks, one after another in one home of their own, and write their pages to `PAGES`."""
    PAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="collabrank-notebooks-") as scratch:
        for name in ("COLLABRANK_MARKET", "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
            os.environ.pop(name, None)
        os.environ |= {"COLLABRANK_HOME": scratch, "IPYTHONDIR": str(Path(scratch) / "ipython")}
        os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        for path in paths:
            page = page_of(executed(path, Path(scratch)), path.name)
            (PAGES / f"{path.stem}.html").write_text(page)
            print(f"{path.name}: docs/notebooks/{path.stem}.html, {len(page) // 1000} kB", file=sys.stderr)


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
<!-- {name}, run by `make notebooks` -->
{body}
</main>
</body>
</html>
"""

_STYLE = """
:root{color-scheme:light}
body{margin:0;font:16px/1.55 system-ui,-apple-system,"Segoe UI","Noto Sans",sans-serif;color:#1c2a33;background:#fff}
main{max-width:62rem;margin:0 auto;padding:1.5rem 1.25rem 4rem}
h1{font-size:1.7rem;line-height:1.25}h2{font-size:1.2rem;margin-top:2.2rem}
.anchor-link{display:none}
a{color:#1b4f72}
pre{font:13px/1.5 ui-monospace,"DejaVu Sans Mono",monospace;overflow-x:auto;margin:0}
.input_area{background:#f5f7f8;border-left:3px solid #c9d3da;padding:.6rem .8rem;border-radius:3px}
.cell{margin:.9rem 0}.output_subarea{overflow-x:auto;padding:.3rem 0}
.output_stderr{color:#b03a2e}
img,svg{max-width:100%;height:auto}
table{border-collapse:collapse;font-size:13px}
th,td{padding:.28rem .6rem;text-align:right;border-bottom:1px solid #e3e8eb}
thead th{border-bottom:1px solid #9aa5ad}tbody th{text-align:left;font-weight:600}
.k,.kn,.kc,.kd,.ow{color:#7d4f8a}.s1,.s2,.sa,.sd,.si{color:#3d7a4f}.c1{color:#66737c}.mi,.mf{color:#a14e1f}
@media print{main{max-width:none}.cell{break-inside:avoid}}
"""
