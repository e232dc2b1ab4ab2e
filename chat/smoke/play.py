"""The scenario of the smoke test: a conversation of five messages."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

from django.utils.translation import gettext as _
from doqchat_client import Event

from chat.smoke.listener import listen
from chat.smoke.player import Failed, Player
from chat.smoke.talker import Talker, talk

SCRIPT = (
    ("A", "안녕하세요! 😊"),
    ("B", "네, 반갑습니다. 잘 들려요 👋"),
    ("A", "こんにちは、聞こえますか？"),
    ("B", "听得很清楚！"),
    ("A", "Good. Until next time 🎉"),
)


async def perform(url: str, sid: str) -> AsyncIterator[str]:
    """A and B talk in a session; C listens there, and D in another session. Yields a line for each step that succeeded.

    Args:
        url: the server's socket, such as `ws://localhost:3000/v1/session/chat`.
        sid: the session.

    Raises:
        Failed: a step failed.
    """
    play = secrets.token_hex(4)
    async with AsyncExitStack() as stack:
        c = await listen(stack, "C", url, sid, play)
        d = await listen(stack, "D", url, f"outside-{play}", play)
        a = await talk(stack, "A", url, sid, play)
        b = await talk(stack, "B", url, sid, play)
        yield _("A and B are connected to {sid}. C listens there, and D in another session.").format(sid=sid)
        said: list[Event] = []
        for number, (role, words) in enumerate(SCRIPT, 1):
            said.append(await _say({"A": a, "B": b}[role], f"{words} ({play}-{number})", [a, b, c]))
            yield f"{number}/{len(SCRIPT)}  {role}: {words}"
        await b.leave()
        await _hear_again(await talk(stack, "B", url, sid, play, since=said[0].id), said[1:])
        yield _("B reconnected and got everything after the first message again.")
        if twice := await c.hear_nothing_more():
            raise Failed(_("{name} got “{text}” twice.").format(name=c.name, text=twice[0].bd["text"]))
        if leaked := await d.hear_nothing_more():
            raise Failed(_("A client of another session got “{text}”.").format(text=leaked[0].bd["text"]))
        yield _("All messages arrived in order and exactly once, and none reached D.")


async def _say(talker: Talker, text: str, players: Sequence[Player]) -> Event:
    """Send a message, and check that all receive it with the acknowledged id."""
    try:
        async with asyncio.TaskGroup() as group:
            saying = group.create_task(talker.say(text))
            hearing = [group.create_task(player.hear()) for player in players]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    for player, heard in zip(players, hearing, strict=True):
        _check(player, heard.result(), talker.name, text, saying.result())
    return hearing[0].result()


async def _hear_again(player: Player, said: Sequence[Event]) -> None:
    """Check that a client that reconnects gets the earlier messages."""
    for event in said:
        _check(player, await player.hear(), event.role, event.bd["text"], event.id)


def _check(player: Player, heard: Event, role: str | None, text: str, entry_id: str | None) -> None:
    if (heard.role, heard.bd["text"]) != (role, text):
        problem = _("{name} expected “{text}” and got “{other}”.")
        raise Failed(problem.format(name=player.name, text=text, other=heard.bd["text"]))
    if heard.id != entry_id:
        problem = _("{name} got “{text}” with the id {id}; expected {expected}.")
        raise Failed(problem.format(name=player.name, text=text, id=heard.id, expected=entry_id))
