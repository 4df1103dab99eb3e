"""``python -m tests.notebooks [NAME …]``: run the notebooks (those of the names alone) and write docs/notebooks."""

from __future__ import annotations

import sys

from tests.notebooks.pages import NOTEBOOKS, write_pages

wanted = sys.argv[1:]
write_pages([path for path in NOTEBOOKS if not wanted or path.stem in wanted])
