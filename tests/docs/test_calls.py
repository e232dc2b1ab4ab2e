"""The HTTP page's calls: made to a real server, and compared with the answers that the page shows."""

import argparse
import json
import shlex
from itertools import pairwise
from urllib.parse import urlsplit

import pytest

from tests.chat.fetch import Answer, fetch
from tests.docs.masks import SESSION, masked
from tests.docs.pages import ROOT, Block, blocks
from tests.processes import Web

PAGES = {language: ROOT / "docs" / language / "http.md" for language in ("en", "ko")}


def calls(language: str) -> list[tuple[Block, Block]]:
    """The page's calls, each with its answer."""
    tagged = [block for block in blocks(PAGES[language]) if block.tags]
    return [(call, answer) for call, answer in pairwise(tagged) if call.tags == ("call",)]


def call(web: Web, command: str) -> Answer:
    """Do what a command line of curl asks for, at this server."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("program", choices=["curl"])
    parser.add_argument("-X", dest="method", default="GET")
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("-d", dest="body")
    parser.add_argument("url")
    asked = parser.parse_args(shlex.split(command))
    headers = dict(header.split(": ") for header in asked.headers)
    return fetch(web, urlsplit(asked.url).path, asked.method, headers, asked.body and asked.body.encode())


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_call_gets_the_answer_that_the_page_shows(language: str, server: Web, sid: str) -> None:
    shown = calls(language)
    for asked, answer in shown:
        what, status = answer.tags
        got, expected = call(server, asked.text.replace(SESSION, sid)), json.loads(answer.text.replace(SESSION, sid))
        assert (what, int(status)) == ("answer", got.status)
        assert masked(got.json, expected) == expected
    assert len(shown) == 5
