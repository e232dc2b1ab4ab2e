"""Failed and truncated answers of the provider."""

from collections.abc import Callable

import pytest

from doqchat.engine import Engine
from doqchat.filters import Filters, Message, Rejected
from doqchat.llm.context import INCOMPLETE
from doqchat.protocol.names import MODEL_ROLE
from tests import processes
from tests.conftest import Connect
from tests.replies.conftest import Site
from tests.replies.conversation import ask, end
from tests.replies.prompts import last_prompt
from tests.replies.working import answered, working
from tests.replies.working import ask as ask_for_reply


async def test_a_conversation_too_long_for_the_model_is_retried_without_its_oldest_part(
    site: Site, web: processes.Web, connect: Connect, sid: str
) -> None:
    client = await connect(web, sid)
    for number in range(10):
        await client.say(f"{number} {'x' * 400}")
    await ask(client, f"summarize [[window=3500 text=done]] {sid}")
    answer = await end(client)

    _, ((_, text),) = last_prompt(site, sid)
    assert (answer["hd"]["event"], answer["bd"]["text"]) == ("llm.response", "done")
    assert [call["outcome"] for call in site.calls(sid)] == ["refused", "answered"]
    said = [line for line in text.splitlines() if not line.startswith("[server]")]
    assert 1 < len(said) < 11
    assert said[-1].endswith(sid)


async def test_a_request_too_long_for_the_model_ends_in_an_error(
    site: Site, web: processes.Web, connect: Connect, sid: str
) -> None:
    client = await connect(web, sid)
    await ask(client, f"summarize [[window=10]] {sid}")

    assert (await end(client))["bd"]["code"] == "context_too_long"
    assert len(site.calls(sid)) == 1


@pytest.mark.parametrize(
    ("marker", "end_event", "said", "reason"),
    [
        ("text=once-upon-a-time pieces=4 error=2", "llm.error", "once-upo", "error"),
        ("text=once-upon finish=length", "llm.response", "once-upon", "length"),
    ],
)
async def test_a_truncated_answer_is_marked_as_incomplete_in_the_next_prompt(
    site: Site, web: processes.Web, connect: Connect, sid: str, marker: str, end_event: str, said: str, reason: str
) -> None:
    client = await connect(web, sid)
    await ask(client, f"tell [[{marker}]] {sid}")
    cut_off = await end(client)
    await ask(client, f"continue {sid}")
    await end(client)

    _, turns = last_prompt(site, f"continue {sid}")
    assert (cut_off["hd"]["event"], cut_off["bd"]["text"]) == (end_event, said)
    assert turns[1] == ("model", f"{said}\n\n{INCOMPLETE[reason]}")


async def test_a_rejected_answer_ends_in_an_error_while_the_model_is_still_answering(
    own_store: processes.Store, make_engine: Callable[..., Engine], sid: str
) -> None:
    async def nothing(message: Message) -> str | None:
        if message.role == MODEL_ROLE:
            raise Rejected("The assistant says nothing.")
        return None

    engine = make_engine(own_store)
    engine.filters = Filters([("nothing", nothing)])
    async with working(engine):
        await ask_for_reply(engine, sid, "[[pieces=100 hang=30]]")
        error = await answered(engine, sid)
    assert (error["hd"]["event"], error["bd"]["code"]) == ("llm.error", "rejected")
