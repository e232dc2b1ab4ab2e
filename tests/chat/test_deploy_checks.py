"""`manage.py check --deploy`: silent for a site that people reach by HTTPS."""

import subprocess
import sys
from pathlib import Path

from tests.processes import ROOT, completed
from tests.serving.commands import environment

CHECK = [sys.executable, str(ROOT / "manage.py"), "check", "--deploy", "--fail-level", "WARNING"]


def check(data: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    settings = environment(data, DJANGO_SETTINGS_MODULE="config.settings", **variables)
    return completed(CHECK, settings)


def test_a_site_reached_by_https_has_nothing_to_mend(tmp_path: Path) -> None:
    checked = check(tmp_path, DOQCHAT_HTTPS="true", ALLOWED_HOSTS="chat.example.org")
    assert checked.returncode == 0, checked.stderr


def test_a_site_without_https_gets_a_deployment_warning(tmp_path: Path) -> None:
    checked = check(tmp_path, ALLOWED_HOSTS="chat.example.org")
    assert checked.returncode == 1
    assert "security.W004" in checked.stderr
