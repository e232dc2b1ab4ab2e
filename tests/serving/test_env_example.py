"""`.env.example` and the settings name the same variables."""

import re

from tests.processes import ROOT


def test_every_variable_that_is_read_is_explained_and_no_other() -> None:
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', (ROOT / "config/settings.py").read_text()))
    explained = set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert explained == read
