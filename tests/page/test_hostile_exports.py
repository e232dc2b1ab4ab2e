"""No text of an export leaves its message, runs a script or loads anything."""

import asyncio
import json
from pathlib import Path

import redis
from markdown_it import MarkdownIt

from tests.chat.fetch import fetch
from tests.page.conftest import OpenWindow
from tests.page.vectors import LOADING, VECTORS, WATCH
from tests.processes import Web

SPECIAL = [
    "\nfirst line empty\r\n\rlast lines empty\n\n",
    "\tindented\n    more\n\n\nafter empty lines",
    "```\nfence\n````\n~~~\n> quote\n# heading\n---\n[a]: javascript:alert(1)",
    "</div></article><!-- <script>alert(1)</script> --></style></title></textarea>",
    "\u2028\u2029\x0b\x0c\x1c\x85 line ends of other languages",
    "&amp; &lt; &#13; \\",
]
TEXTS = [*VECTORS, *SPECIAL]


def store_hostile(store: "redis.Redis", sid: str) -> None:
    """A session whose texts, names, models and reasons are all hostile."""
    batch = store.pipeline(transaction=False)
    for number, text in enumerate(TEXTS):
        role, event = ("llm", "llm.response") if number % 2 else ("B", "chat.message")
        bd = {"text": text, "model": text, "finish_reason": "stop", "reason": text}
        body = {"hd": {"event": event, "role": role, "name": text}, "bd": bd}
        batch.xadd(f"chat:session:{sid}", {"participant": role, "body": json.dumps(body)})
        notice = {"hd": {"event": "session.closed", "name": text}, "bd": {"reason": text}}
        batch.xadd(f"chat:session:{sid}", {"participant": text, "body": json.dumps(notice)})
    batch.execute()


def exported(web: Web, sid: str, form: str) -> str:
    answer = fetch(web, f"/api/chat/sessions/{sid}/export?format={form}")
    assert answer.status == 200
    return answer.text


async def test_hostile_texts_do_nothing_in_html_and_are_there_unchanged(
    open_window: OpenWindow, server: Web, store: "redis.Redis", sid: str, tmp_path: Path
) -> None:
    store_hostile(store, sid)
    file = tmp_path / "export.html"
    await asyncio.to_thread(file.write_bytes, exported(server, sid, "html").encode())
    window = await open_window()
    requests: list[str] = []
    window.page.on("request", lambda request: requests.append(request.url))
    await window.page.add_init_script(WATCH)
    await window.page.goto(file.as_uri())
    shown = await window.page.locator("article:not(.quiet) .text").evaluate_all(
        "all => all.map(one => one.textContent)"
    )
    assert shown == [text.replace("\0", "\ufffd") for text in TEXTS]  # HTML cannot have NUL
    assert await window.page.evaluate("attacks") == []
    assert requests == [file.as_uri()]
    assert await window.page.locator(f"body :is({LOADING}, script, a, [style], [onerror])").count() == 0
    assert await window.page.locator("main > :not(h1, h2, .sid, article)").count() == 0


async def test_hostile_texts_stay_in_their_messages_in_markdown(server: Web, store: "redis.Redis", sid: str) -> None:
    store_hostile(store, sid)
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    tokens = parser.parse(exported(server, sid, "md"))
    assert {token.type for token in tokens} <= {
        *("heading_open", "heading_close", "paragraph_open", "paragraph_close", "inline", "code_block")
    }
    inline = {child.type for token in tokens for child in token.children or ()}
    assert inline <= {"text", "text_special", "strong_open", "strong_close", "em_open", "em_close"}
    blocks = [token.content for token in tokens if token.type == "code_block"]
    lines = [block.strip("\n").split("\n") for block in blocks]
    texts = [text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd") for text in TEXTS]
    assert lines == [text.strip("\n").split("\n") for text in texts]
    assert sum(token.type == "heading_open" for token in tokens) == 2
