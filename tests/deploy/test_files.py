"""What a service is deployed with: the image's recipe, the unit, the wheel. No container is built here."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("collabrank", "marketplace", "features", "models", "training", "serving")


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, continued lines joined, comments left out."""
    text = (ROOT / "deploy" / "Dockerfile").read_text()
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", "", lines)
    found = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]
    return [(kind, rest) for kind, rest in found]


def last_stage() -> list[tuple[str, str]]:
    told = instructions()
    start = max(place for place, (kind, _) in enumerate(told) if kind == "FROM")
    return told[start:]


def test_the_image_runs_as_a_user_without_rights_and_says_when_it_is_ill():
    stage = dict(last_stage())
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", stage["USER"])
    kinds = [kind for kind, _ in last_stage()]
    # Nothing is run as root after the user has been set, and nothing is copied for that user to change.
    assert "RUN" not in kinds[kinds.index("USER") :]
    assert "COPY" not in kinds[kinds.index("USER") :]
    assert "--chown" not in (ROOT / "deploy" / "Dockerfile").read_text()
    assert "/healthz" in stage["HEALTHCHECK"]
    assert stage["VOLUME"] == "/var/lib/collabrank"
    assert stage["STOPSIGNAL"] == "SIGTERM"
    for kind in ("ENTRYPOINT", "CMD"):
        assert stage[kind].startswith("["), "a shell would not pass signals on"


def test_the_image_is_installed_by_hashes_and_holds_no_secret_and_no_tests():
    told = instructions()
    # Two of one base, which a build may pin by its digest.
    assert [rest for kind, rest in told if kind == "FROM"] == ["${BASE} AS build", "${BASE}"]
    for _, rest in told:
        for command in re.findall(r"pip install [^&]*", rest):
            assert "--require-hashes" in command or "--no-deps" in command, command
        assert not re.search(r"https?://", rest.replace("http://127.0.0.1", "")), rest
        assert not re.search(r"(?i)(password|secret|token|api_key)\s*=", rest), rest
    copied = {word for kind, rest in told if kind == "COPY" for word in rest.split()[:-1] if not word.startswith("--")}
    assert {name for name in copied if (ROOT / name).is_dir()} == set(PACKAGES)
    assert all((ROOT / name).exists() for name in copied if not name.startswith("/")), copied


def test_the_context_is_what_is_copied_and_nothing_else():
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    allowed = {rule[1:] for rule in rules if rule.startswith("!")}
    copied = {
        word
        for kind, rest in instructions()
        if kind == "COPY" and not rest.startswith("--from")
        for word in rest.split()[:-1]
    }
    assert allowed == copied


def test_the_unit_is_what_systemd_takes(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd")
    text = (ROOT / "deploy" / "collabrank.service").read_text()
    unit = tmp_path / "collabrank.service"
    unit.write_text(re.sub(r"^ExecStart=\S+", f"ExecStart={sys.executable}", text, flags=re.M))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    for line in ("DynamicUser=yes", "NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet="):
        assert line in text.splitlines()


def test_the_unit_and_the_image_start_the_service_by_options_that_there_are():
    unit = re.search(r"^ExecStart=\S+ (.*)$", (ROOT / "deploy" / "collabrank.service").read_text(), re.M)
    assert unit is not None
    image = " ".join(re.findall(r'"([^"]*)"', dict(last_stage())["CMD"]))
    help_of = subprocess.run(
        [sys.executable, "-m", "collabrank", "serve", "--help"], cwd=ROOT, capture_output=True, text=True, check=True,
        env={"COLUMNS": "200", "PATH": ""},
    ).stdout  # fmt: skip
    for words in (unit[1], image):
        command, *rest = words.split()
        assert command == "serve"
        assert all(word in help_of for word in rest if word.startswith("--")), words


def test_a_bento_takes_every_package_and_installs_what_an_image_does():
    told = yaml.safe_load((ROOT / "bentofile.yaml").read_text())
    assert {f"{name}/**" for name in PACKAGES} <= set(told["include"])
    assert told["python"] == {"requirements_txt": "runtime.lock", "lock_packages": False}
    assert not [line for line in told["include"] if line.startswith(("var", "tests", "."))]


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_packages(tmp_path):
    pytest.importorskip("setuptools", minversion="77", reason="bootstrap.lock brings it")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path / name)
    for name in PACKAGES:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    wanted = {str(path.relative_to(tmp_path)) for name in PACKAGES for path in (tmp_path / name).rglob("*.*")}
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", "out", "."]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    (wheel,) = (tmp_path / "out").glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    assert wanted - held == set()
