"""The libraries of the page: what is in the repository matches the lockfile, and their licences are there."""

import json
import re

import pytest

from tests.processes import ROOT

VENDOR = ROOT / "chat/static/doqchat/vendor"
LOCK = json.loads((ROOT / "vendor/package-lock.json").read_text())["packages"]
HEADING = re.compile(r"^=+\n(\S+) (\S+) \((.+)\)\n=+$", re.MULTILINE)


def test_the_licences_name_the_locked_versions() -> None:
    listed = {name: (version, licence) for name, version, licence in HEADING.findall(_read("LICENSES.txt"))}
    locked = {path.removeprefix("node_modules/"): package for path, package in LOCK.items()}
    assert {"dompurify", "highlight.js", "markdown-it", "markdown-it-cjk-friendly", "temml"} <= listed.keys()
    for name, (version, licence) in listed.items():
        assert (version, licence) == (locked[name]["version"], locked[name]["license"])


@pytest.mark.parametrize("name", ["markdown", "highlight", "maths"])
def test_a_vendored_module_is_one_file_that_loads_nothing(name: str) -> None:
    assert not re.search(r"\bimport\(|\bfrom\"\.|XMLHttpRequest|new Function", _read(f"{name}.js"))


def test_the_lockfile_names_no_registry() -> None:
    assert not [path for path, package in LOCK.items() if "resolved" in package]


def _read(name: str) -> str:
    return (VENDOR / name).read_text()
