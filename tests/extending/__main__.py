"""What it costs to add one of each: ``python -m tests.extending [--write]``."""

from __future__ import annotations

import sys

from tests.extending.examples import PAGE, page_with_table, table

if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        PAGE.write_text(page_with_table(), encoding="utf-8")
    else:
        print(table(), end="")
