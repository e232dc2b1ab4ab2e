"""A project made by `startproject` that includes doqchat as docs/en/integrating.md says, with the wheel installed."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import pytest
from django.core.management import call_command

from tests.docs.pages import ROOT, blocks
from tests.processes import Process, Web, is_healthy, running

WITHIN = 60.0


@dataclass(frozen=True)
class Project:
    """A Django project of somebody else's.

    Attributes:
        directory: where its manage.py is.
        environment: the variables of its processes; doqchat is on their path as the wheel has it.
    """

    directory: Path
    environment: dict[str, str]

    def command(self, *arguments: str) -> list[str]:
        """The command line of one of its commands."""
        return [sys.executable, str(self.directory / "manage.py"), *arguments]

    def run(self, *arguments: str) -> str:
        """What a command prints. Raises AssertionError with it when the command fails."""
        ended = subprocess.run(
            self.command(*arguments),
            cwd=self.directory,
            env=os.environ | self.environment,
            capture_output=True,
            text=True,
            timeout=WITHIN,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout


@pytest.fixture(scope="session")
def site_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel installs."""
    pytest.importorskip("hatchling", reason="Not installed: hatchling. Install with: make test")
    wheels, folder = tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("site-packages")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels)]
    subprocess.run(build, cwd=ROOT, check=True, timeout=WITHIN, capture_output=True)
    (wheel,) = wheels.glob("*.whl")
    with ZipFile(wheel) as archive:
        archive.extractall(folder)  # as pip does with a wheel that has only modules and their data
    return folder


@pytest.fixture(scope="session")
def project(site_packages: Path, store_url: str, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project."""
    directory = tmp_path_factory.mktemp("project")
    made = Project(
        directory,
        {"PYTHONPATH": str(site_packages), "DJANGO_SETTINGS_MODULE": "mysite.settings", "DJANGO_COLORS": "nocolor"},
    )
    call_command("startproject", "mysite", str(directory))
    said = {block.tags[0]: block.text for block in blocks(ROOT / "docs/en/integrating.md") if block.tags}
    settings = said["settings"].replace("redis://127.0.0.1:6379/0", store_url)
    with (directory / "mysite/settings.py").open("a") as file:
        file.write(f'{settings}TEMPLATES[0]["DIRS"] = [BASE_DIR / "templates"]\n')
    (directory / "mysite/urls.py").write_text(said["urls"])
    (directory / "mysite/asgi.py").write_text(said["asgi"])
    (directory / "templates/doqchat").mkdir(parents=True)
    (directory / "templates/doqchat/base.html").write_text(said["template"])
    made.run("migrate")
    return made


@pytest.fixture(scope="session")
def site(project: Project) -> Iterator[Web]:
    """Its web process. The address is that of doqchat's start page."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address, descriptor = f"127.0.0.1:{listening.getsockname()[1]}", listening.fileno()
        # Not forked: it has to import what the wheel installed.
        command = ["env", *project.command("doqchat_web", "--fd", str(descriptor), "--supervised")]

        def ready(process: Process) -> bool:
            return is_healthy(f"http://{address}/healthz")

        with running("mysite", command, ready, project.environment, [descriptor], project.directory) as process:
            yield Web(process, f"{address}/talk")
