"""The programs of the page on webhooks accept what doqchat signs, and nothing else."""

import json
import os
import shutil
import subprocess
import sys
import time

import pytest

from chat.webhooks.signature import headers, new_seed, secret_of
from tests.docs.pages import ROOT, blocks

PROGRAMS = {"python": [sys.executable, "-c"], "js": ["node", "-e"]}
PAGES = {language: ROOT / "docs" / language / "webhooks.md" for language in ("en", "ko")}
BODY = '{"type":"message.created","data":{"bd":{"text":"안녕"}}}'.encode()


def program(page_language: str, language: str) -> str:
    (found,) = (
        block.text for block in blocks(PAGES[page_language]) if (block.language, block.tags) == (language, ("webhook",))
    )
    return found


def verified(language: str, secret: str, sent: dict[str, str], body: bytes = BODY) -> str:
    """What the program prints; empty if it refuses the webhook."""
    command = [*PROGRAMS[language], program("en", language)]
    variables = os.environ | {"WEBHOOK_SECRET": secret, "HEADERS": json.dumps(sent)}
    return subprocess.run(command, env=variables, input=body, capture_output=True, timeout=60).stdout.decode().strip()


@pytest.mark.parametrize("language", PROGRAMS)
def test_another_backend_verifies_a_webhook_with_the_program_of_the_page(language: str) -> None:
    if shutil.which(PROGRAMS[language][0]) is None:
        pytest.skip(f"There is no {PROGRAMS[language][0]} here.")
    secret, now = secret_of(new_seed()), int(time.time())
    signed = headers([secret_of(new_seed()), secret], "msg_1", now, BODY)
    assert verified(language, secret, signed) == "message.created"
    assert verified(language, secret_of(new_seed()), signed) == ""
    assert verified(language, secret, signed, BODY.replace(b"text", b"test")) == ""
    assert verified(language, secret, signed | {"webhook-id": "msg_2"}) == ""
    assert verified(language, secret, headers([secret], "msg_1", now - 600, BODY)) == ""
    assert program("ko", language) == program("en", language)
