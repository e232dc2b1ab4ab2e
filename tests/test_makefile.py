"""`make run` and its virtual environment: what is installed again, what a failure leaves; `make sbom`."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.processes import ROOT

PYTHON = """#!/bin/sh
echo "$@" >> "$(dirname "$0")/../called"
case "$*" in *"pip install"*) test ! -e "$(dirname "$0")/../offline" ;; *) echo started ;; esac
"""

Make = Callable[[], "subprocess.CompletedProcess[str]"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The Makefile beside requirements, and an environment whose Python notes how it is called."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "requirements.txt").write_text("django==5.2\n")
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(PYTHON)
    python.chmod(0o755)
    return tmp_path


@pytest.fixture
def make_run(project: Path) -> Make:
    def run() -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["make", "run"], cwd=project, env=os.environ, capture_output=True, encoding="utf-8", check=False
        )

    return run


def installations(project: Path) -> int:
    return (project / ".venv" / "called").read_text().count("--require-hashes -r requirements.txt")


def touch(project: Path) -> None:
    """Make the requirements newer than all else, as `git checkout` does."""
    newest = max(file.stat().st_mtime for file in (project / ".venv").iterdir())
    os.utime(project / "requirements.txt", (newest + 1, newest + 1))


def test_requirements_that_were_touched_and_not_changed_are_not_installed_again(project: Path, make_run: Make) -> None:
    make_run()
    (project / ".venv" / "offline").touch()
    touch(project)
    assert "started" in make_run().stdout
    assert installations(project) == 1


def test_requirements_that_were_changed_are_installed(project: Path, make_run: Make) -> None:
    make_run()
    (project / "requirements.txt").write_text("django==6.0\n")
    touch(project)
    assert "started" in make_run().stdout
    assert installations(project) == 2


def test_a_failed_installation_says_so_and_leaves_the_environment_as_it_was(project: Path, make_run: Make) -> None:
    make_run()
    (project / ".venv" / "offline").touch()
    (project / "requirements.txt").write_text("django==6.0\n")
    touch(project)
    failed = make_run()
    assert failed.returncode != 0
    assert "could not be installed" in failed.stderr
    assert "started" not in failed.stdout
    (project / "requirements.txt").write_text("django==5.2\n")
    touch(project)
    assert "started" in make_run().stdout
    assert installations(project) == 2


def test_the_tests_on_the_latest_django_say_which_python_they_need(project: Path) -> None:
    (project / "requirements-dev.txt").touch()
    make = [str(shutil.which("make")), "NEWEST=absent", "test-newest-django"]  # whose environment may exist
    # `make PYTHON=… test-newest-django` hands its variables on to this process.
    inherited = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "PYTHON", "NEWEST")}
    without_python = inherited | {"PATH": str(project)}
    failed = subprocess.run(make, cwd=project, env=without_python, capture_output=True, encoding="utf-8", check=False)
    assert failed.returncode != 0
    assert "requires Python 3.12 or later" in failed.stderr
    assert not (project / "absent").exists()


def test_the_sbom_names_every_package_with_its_version_and_hashes(project: Path) -> None:
    for file in ("pyproject.toml", "requirements.txt"):
        shutil.copy(ROOT / file, project)
    (project / "requirements-dev.txt").touch()
    python = project / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\ncase "$*" in *"-m cyclonedx_py"*) exec {sys.executable} "$@" ;; esac\n')
    subprocess.run(["make", "sbom", "ARGS=--no-validate"], cwd=project, env=os.environ, check=True, capture_output=True)
    sbom = json.loads((project / "sbom.json").read_text())
    assert (sbom["bomFormat"], sbom["metadata"]["component"]["name"]) == ("CycloneDX", "doqchat")
    packages = {f"{each['name']}=={each['version']}": each["externalReferences"] for each in sbom["components"]}
    pinned = {line.split()[0] for line in (ROOT / "requirements.txt").read_text().splitlines() if "==" in line}
    assert packages.keys() == {re.sub(r"\[.*\]", "", package) for package in pinned}
    assert all(reference["hashes"][0]["alg"] == "SHA-256" for (reference,) in packages.values())
