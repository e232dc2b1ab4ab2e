"""Imports go one way: the contracts in pyproject.toml hold."""

import subprocess
import sys
from pathlib import Path

from tests.processes import ROOT


def test_imports_go_one_way() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    outcome = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
