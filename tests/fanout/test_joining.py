"""A welcome includes the effect of all ephemeral events before it, so a joining member gets none of them."""

import asyncio

from doqchat import joining
from doqchat.engine import Engine
from tests.fanout.socket import Socket


async def test_an_event_that_is_published_before_the_snapshot_is_not_delivered_after_the_welcome(
    no_beat: None, engine: Engine, sid: str
) -> None:
    socket = Socket(sid=sid, v1=True)
    joins = asyncio.create_task(joining.join(engine, socket.member, "0"))
    while (session := socket.member.session) is None:  # noqa: ASYNC110 - the first moment at which it is a member
        await asyncio.sleep(0)
    session.ephemeral.relay({"text": '{"piece": "earlier"}'})
    joining.begin(engine, socket.member, await joins)
    session.ephemeral.relay({"text": '{"piece": "later"}'})
    frames = [await socket.frame()]
    while "piece" not in frames[-1]:
        frames.append(await socket.frame())
    assert frames[0]["hd"]["event"] == "session.welcome"
    assert frames[-1] == {"piece": "later"}
    await joining.leave(engine, socket.member)
