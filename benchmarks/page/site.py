"""The site that the browser opens: a web process with collected static files, a worker, and a provider's stand-in."""

import json
import os
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import processes

PIECES, PIECES_A_SECOND = 400, 40

_PARTS = (
    "## Part {number}\n\nThe **first** paragraph explains the idea in a few words, with `code`, _emphasis_ and a link "
    "to [the documentation](https://example.org/docs), so that a reader sees what is meant before the details follow.",
    "- one item with a few words\n- another item, with **bold** text\n- a last item that is longer than the others",
    "| name | value | remark |\n| --- | --- | --- |\n| alpha | 1 | the first one |\n| beta | 2 | the second one |",
    "```python\ndef answer(question: str) -> str:\n    # A comment.\n    return f'{{question}}: {number}'\n```",
    "> A quotation of two sentences. It ends here, and another paragraph of ordinary text follows below it.",
)


def reply(words: int) -> str:
    """A Markdown reply of about that number of words, with headings, lists, tables, code and quotations."""
    text, number = "", 0
    while len(text.split()) < words:
        number += 1
        text += "\n\n".join(_PARTS).format(number=number) + "\n\n"
    return text


@dataclass(frozen=True)
class Site:
    """Attributes:
    http: the web process; ws: its socket.
    """

    http: str
    ws: str


@contextmanager
def site(words: int) -> Iterator[Site]:
    """The site, until the block ends; its model answers with a reply of that number of words."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="doqchat-page-")))
        store = stack.enter_context(processes.valkey(folder / "valkey"))
        provider = stack.enter_context(processes.gemini())
        script = {"text": reply(words), "pieces": PIECES, "pace": 1 / PIECES_A_SECOND}
        urllib.request.urlopen(f"{provider}/script", json.dumps(script).encode()).close()
        variables = {
            "DOQCHAT_REDIS_URL": store.url,
            "DOQCHAT_DATA_DIR": str(folder),
            "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
            "DOQCHAT_ACCESS": "open",
            "DOQCHAT_LIMITS": ",".join(f"{name}=none" for name in processes.MESSAGE_LIMITS),
            "GEMINI_API_KEY": "right-key",
            "GEMINI_BASE_URL": provider,
        }
        collect = [*processes.manage("collectstatic"), "--no-input", "--ignore", "ninja"]
        processes.completed(collect, os.environ | variables).check_returncode()
        processes.migrate(variables)
        web = stack.enter_context(processes.web(**variables))
        stack.enter_context(processes.llm_worker(store.url, **variables))
        yield Site(web.http, f"{web.ws}/v1/session/chat")
