"""What a program reads of moderation, and which exceptions it gets."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from doqchat_client import Closure, Event, Message, Notice, Removal, ReplyDone, ReplyError, Request, State, connect
from doqchat_client.events import read
from doqchat_client.exceptions import Muted, SessionClosed

from doqchat.protocol import events, server
from tests import processes
from tests.access.credentials import SHARED, token
from tests.access.operations import MESSAGES, SESSION, calling
from tests.doqchat_client.session_log import read_until
from tests.processes import Web

USAGE = events.Usage(input_tokens=1, output_tokens=1)
REPLY: dict[str, Any] = {"reply_id": "r1-1", "request_id": "1-1"}
REMOVABLE = [
    (events.ChatMessage(text="secret"), Message),
    (events.LLMRequest(prompt="secret"), Request),
    (events.LLMResponse(**REPLY, text="secret", finish_reason="stop", model="m", usage=USAGE), ReplyDone),
    (events.LLMError(**REPLY, code="timeout", message="Too slow.", text="secret"), ReplyError),
]


@pytest.fixture(scope="module")
def guarded(store_url: str, django_db_setup: None) -> Iterator[Web]:
    """A site that requires tokens."""
    with processes.web(DOQCHAT_ACCESS="token", DOQCHAT_TOKEN_KEY=SHARED) as web:
        yield web


async def moderate(web: Web, sid: str, method: str, path: str, body: Any = None) -> None:
    by = token(sid, "observer", name="Sora", can=["read", "moderate"])
    answer = await asyncio.to_thread(calling, web, sid, by, method, path, body)
    assert answer.status == 204, answer


@pytest.mark.parametrize(("body", "kind"), REMOVABLE, ids=lambda value: getattr(value, "event", ""))
def test_a_removed_event_keeps_its_type_and_says_nothing(body: events.Body, kind: type[Event]) -> None:
    placeholder = server.placeholder(server.stored("s", body))
    assert placeholder is not None
    event = read(server.durable(placeholder, "2-0", "1-1"))
    assert (type(event), event.removed, "secret" in str(event.bd)) == (kind, True, False)
    assert not read(server.durable(server.stored("s", body), "2-0", "1-1")).removed


@pytest.mark.slow
async def test_a_program_reads_what_moderators_do_and_stops_when_they_close_the_session(guarded: Web, sid: str) -> None:
    async with connect(guarded.ws, sid, token=token(sid, "A")) as chat:
        sent = await chat.send("secret")
        await moderate(guarded, sid, "DELETE", f"{MESSAGES}/{sent.id}?reason=private")
        removal = (await read_until(chat, lambda event: isinstance(event, Removal)))[-1]
        assert isinstance(removal, Removal)
        assert (removal.removed_id, removal.reason, removal.hd["name"]) == (sent.id, "private", "Sora")

        await moderate(guarded, sid, "PUT", f"{SESSION}/mutes/A", {"seconds": 60, "reason": "pause"})
        with pytest.raises(Muted) as muted:
            await chat.send("hello?")
        assert 0 < (muted.value.retry_after or 0) <= 60
        notice = (await read_until(chat, lambda event: isinstance(event, Notice)))[-1]
        assert isinstance(notice, Notice)
        assert (notice.code, notice.target, notice.reason, notice.until is None) == ("muted", "A", "pause", False)

        async with connect(guarded.ws, sid, token=token(sid, "B"), since="0") as late:
            first = (await read_until(late, lambda event: event.durable))[-1]
            assert isinstance(first, Message)
            assert (first.id, first.removed, first.text) == (sent.id, True, "")

        await moderate(guarded, sid, "DELETE", f"{SESSION}?reason=done")
        closure = (await read_until(chat, lambda event: isinstance(event, Closure)))[-1]
        assert isinstance(closure, Closure)
        assert closure.reason == "done"
        with pytest.raises(SessionClosed):
            await read_until(chat, lambda event: False)
        with pytest.raises(SessionClosed):
            await chat.send("hello?")
        assert chat.state is State.CLOSED
    with pytest.raises(SessionClosed) as refused:
        await connect(guarded.ws, sid, token=token(sid, "A"))
    assert refused.value.close_code == 4410
