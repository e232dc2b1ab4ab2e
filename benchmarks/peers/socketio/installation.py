"""Installs the packages of the Socket.IO server, on first use and whenever package-lock.json has changed."""

import re
import shutil
import subprocess
from pathlib import Path

from benchmarks.processes import ROOT

SOURCE = Path(__file__).resolve().parent
FOLDER = ROOT / ".build" / "socketio"
SERVER = FOLDER / "server.js"
FILES = (".npmrc", "package.json", "package-lock.json", SERVER.name)
LOG = "npm.log"
WITHIN = 180  # seconds
INSTALLED = Path("node_modules", ".installed")
"""The lock file that was installed from; npm deletes it, with all of node_modules, before it installs again."""


class UnavailableError(Exception):
    """The server cannot be run on this machine; the text says why, as a clause."""


def install(folder: Path = FOLDER) -> None:
    """Copy the server into the folder and install its packages there; raises UnavailableError."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise UnavailableError(f"{program} is not in PATH, install Node.js 20 or later and npm")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            shutil.copy(SOURCE / name, folder)
        lock, installed = (folder / "package-lock.json").read_bytes(), folder / INSTALLED
        if not installed.exists() or installed.read_bytes() != lock:
            print("Installing the packages of Socket.IO (first run only) ...", flush=True)
            _npm_ci(folder)
            installed.write_bytes(lock)
    except OSError as error:
        raise UnavailableError(f"its packages could not be installed ({error})") from error


def _npm_ci(folder: Path) -> None:
    log = folder / LOG
    with log.open("wb") as output:
        try:
            subprocess.run(
                ["npm", "ci", "--ignore-scripts"],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=True,
                timeout=WITHIN,
            )
        except subprocess.TimeoutExpired as error:
            raise UnavailableError(f"npm ci did not end within {WITHIN} seconds, its output is in {log}") from error
        except subprocess.CalledProcessError as error:
            code = re.search(r"^npm error code (\w+)$", log.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
            reason = code[1] if code else f"exit status {error.returncode}"
            raise UnavailableError(f"npm ci failed ({reason}), its output is in {log}") from error
