"""The packages of the generators, and what they generate from this project's documents."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from chat.api.api import api
from doqchat.protocol import asyncapi
from tests.processes import ROOT

SOURCE = Path(__file__).resolve().parent
FOLDER = ROOT / ".build" / "generators"
FILES = (".npmrc", "package.json", "package-lock.json", "models.js", "program.ts")
WITHIN = 240  # seconds


def run(folder: Path, *command: str) -> None:
    """Run a program in the folder; its output is the failure's text."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=WITHIN)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def generated() -> Path:
    """The folder with api.ts, from OpenAPI, and models/, from AsyncAPI."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copy(SOURCE / name, FOLDER)
    run(FOLDER, "npm", "ci", "--ignore-scripts")
    shutil.rmtree(FOLDER / "models", ignore_errors=True)
    (FOLDER / "models").mkdir()
    (FOLDER / "openapi.json").write_text(json.dumps(api.get_openapi_schema()))
    (FOLDER / "asyncapi.json").write_text(json.dumps(asyncapi.document("/v1/session/chat")))
    run(FOLDER, "npx", "openapi-typescript", "openapi.json", "-o", "api.ts")
    run(FOLDER, "node", "models.js")
    return FOLDER
