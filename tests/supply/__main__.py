"""``python -m tests.supply`` with ``licences`` (writes docs/licences.md), ``sbom FILE`` or ``audit FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.supply.advisories import audit
from tests.supply.bill import write_bill
from tests.supply.licences import write_licences
from tests.supply.packages import read_lock


def main(words: list[str]) -> int:
    """Do what the command line asks."""
    match words:
        case ["licences"]:
            write_licences()
        case ["sbom", file]:
            write_bill(Path(file))
            print(f"bill of materials in {file}")
        case ["audit", folder]:
            locks = ("requirements.lock", "bootstrap.lock")
            locked = {one.name: one.version for lock in locks for one in read_lock(lock).values()}
            found, read, newest = audit(locked, Path(folder))
            for one in found:
                print(f"{one.package} {one.version}  {one.advisory}  {one.summary}")
            print(f"{len(locked)} packages against {read:,} advisories, the newest of {newest}: {len(found)} findings")
            return 1 if found else 0
        case _:
            print(__doc__)
            return 2
    return 0


sys.exit(main(sys.argv[1:]))
