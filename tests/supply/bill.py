"""The bill of materials of what is served, in CycloneDX's JSON: the same bytes for the same lock and packages.

Source: CycloneDX 1.6 JSON reference, cyclonedx.org, 2024.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from tests.supply.licences import licence_of
from tests.supply.packages import ROOT, canonical, read_lock

__all__ = ["SERVED", "bill_of_materials", "write_bill"]

SERVED = ("console", "postgres")
"""The extras that an image has: those that `make lock` gives runtime.lock."""


def bill_of_materials() -> dict[str, Any]:
    """Every package of runtime.lock for this kind of machine: version, hashes of its files, licence, what it needs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    locked = {name: one for name, one in sorted(read_lock("runtime.lock").items()) if one.here}
    own = f"pkg:pypi/{project['name']}@{project['version']}"
    address = {name: f"pkg:pypi/{name}@{one.version}" for name, one in locked.items()}
    asked = [*project["dependencies"], *(one for extra in SERVED for one in project["optional-dependencies"][extra])]
    direct = sorted({canonical(_name(one)) for one in asked} & set(locked))
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "bom-ref": own,
                "type": "application",
                "name": project["name"],
                "version": project["version"],
                "purl": own,
                "licenses": [{"expression": project["license"]}],
            }
        },
        "components": [
            {
                "bom-ref": address[name],
                "type": "library",
                "name": name,
                "version": one.version,
                "purl": address[name],
                "licenses": [{"expression": licence_of(one)}] if licence_of(one) else [],
                "properties": [
                    {"name": "collabrank:file:sha256", "value": digest.removeprefix("sha256:")}
                    for digest in sorted(one.hashes)
                ],
            }
            for name, one in locked.items()
        ],
        "dependencies": [
            {"ref": own, "dependsOn": [address[name] for name in direct]},
            *(
                {"ref": address[name], "dependsOn": [address[need] for need in one.needs if need in address]}
                for name, one in locked.items()
            ),
        ],
    }


def write_bill(path: Path) -> None:
    """Write it to ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(bill_of_materials(), indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _name(requirement: str) -> str:
    from packaging.requirements import Requirement

    return Requirement(requirement).name
