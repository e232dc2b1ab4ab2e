"""doqchat in a terminal that does not speak UTF-8: files are read as UTF-8 all the same, and output does not fail."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.serving.commands import MANAGE, environment, running

pytestmark = pytest.mark.slow

EXECUTED = ["env", *MANAGE]  # not forked: the locale is what Python begins with
CHARMAPS = Path("/usr/share/i18n/charmaps")
LOCALES = {"ko_KR.EUC-KR": ("ko_KR", "EUC-KR"), "en_US.ISO-8859-1": ("en_US", "ISO-8859-1")}


@pytest.fixture(params=LOCALES)
def locale(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """The variables of a locale made for the test."""
    if not (shutil.which("localedef") and CHARMAPS.is_dir()):
        pytest.skip("Not installed: locales. Install with: apt-get install --no-install-recommends locales")
    language, charmap = LOCALES[request.param]
    subprocess.run(["localedef", "-i", language, "-f", charmap, tmp_path / request.param], check=True)
    return {"LOCPATH": str(tmp_path), "LC_ALL": request.param, "PYTHONUTF8": "0", "PYTHONIOENCODING": ""}


async def test_everything_starts(locale: dict[str, str], tmp_path: Path) -> None:
    workers = {"ko_KR.EUC-KR": "1", "en_US.ISO-8859-1": "0"}[locale["LC_ALL"]]
    variables = environment(
        tmp_path / "한글", **locale, LLM_WORKERS=workers, DJANGO_SETTINGS_MODULE="tests.serving.collected"
    )
    async with running([*EXECUTED, "doqchat_up"], variables) as up:
        await up.line("ready: http")
    assert not any("Traceback" in line or "cannot be read" in line for line in up.lines)


async def test_every_command_says_what_its_terminal_has_no_letters_for(locale: dict[str, str], tmp_path: Path) -> None:
    variables = environment(tmp_path, **locale, DJANGO_SETTINGS_MODULE="tests.serving.collected")
    shell = [*EXECUTED, "shell", "-v", "0", "-c", r"print('\uc548\ub155 \U0001f60a \xe9')"]
    async with running(shell, variables) as printing:
        assert await printing.end() == 0
    assert r"\U0001f60a" in printing.lines[-1]
