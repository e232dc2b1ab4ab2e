"""Who joins at the very moment at which a reply ends."""

import pytest

from doqchat.engine import Engine
from doqchat.participant import Participant
from doqchat.protocol.events import LLMResponse, ReplyUnderWay, Usage
from doqchat.protocol.names import V1
from doqchat.replies.draft import Draft
from doqchat.replies.jobs import Jobs
from tests.fanout.conftest import joined
from tests.fanout.socket import Socket
from tests.replies.test_waiting import ask, end_of


async def begun(engine: Engine, sid: str) -> Draft:
    """A reply of which something was said."""
    await ask(engine, sid)
    shard = engine.shards.of(sid)
    jobs = Jobs(shard, "worker")
    await jobs.prepare()
    (job,) = await jobs.take(1)
    draft = Draft(shard, "worker", job, engine.layer.channel_of)
    await draft.begin()
    await draft.say("안녕")
    return draft


@pytest.mark.parametrize("since", [None, "0-0"])
async def test_a_reply_that_the_welcome_names_ends_after_it(
    monkeypatch: pytest.MonkeyPatch, own_engine: Engine, sid: str, since: str | None
) -> None:
    draft = await begun(own_engine, sid)
    ids = {"reply_id": draft.job.reply, "request_id": draft.job.request}
    end = LLMResponse(**ids, text="안녕", finish_reason="stop", model="demo", usage=Usage())
    look = own_engine.replies.under_way

    async with joined(own_engine, sid) as other:

        async def look_and_see_it_end(sid: str) -> list[ReplyUnderWay]:
            seen = await look(sid)
            await draft.commit(end)
            await end_of(other, "llm.response")
            return seen

        monkeypatch.setattr(own_engine.replies, "under_way", look_and_see_it_end)
        socket = Socket("B", v1=True)
        participant = Participant(own_engine, sid, "B", V1, socket.write, on_overflow=lambda: None)
        participant.begin(await participant.enter(since), since)
        welcome = await end_of(socket, "session.welcome")
        assert [reply["reply_id"] for reply in welcome["bd"]["replies"]] == [draft.job.reply]
        assert (await end_of(socket, "llm.response"))["bd"]["reply_id"] == draft.job.reply
        await participant.leave()
