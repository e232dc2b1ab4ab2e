"""The settings of a session: who is notified of changes, and who sees the instructions."""

import asyncio

from tests.access.credentials import token
from tests.access.operations import SESSION, calling, opened
from tests.processes import Web

CHANGES = {"policy": "always", "title": "Maths", "name_llm": "Haru", "system": "a secret"}
CAN = ["read", "configure"]


async def test_members_on_every_process_are_notified_of_changes_without_the_instructions(
    guarded: Web, guarded_daphne: Web, sid: str
) -> None:
    async with opened(guarded, sid, token(sid)) as a, opened(guarded_daphne, sid, token(sid, "B", can=CAN)) as b:
        for client in (a, b):
            await client.recv_event("session.welcome")
        by = token(sid, "B", can=CAN, name="Minji")
        answer = await asyncio.to_thread(calling, guarded, sid, by, "PATCH", SESSION, CHANGES)
        assert (answer.status, answer.json["settings"]["system"]) == (200, "a secret")
        for client in (a, b):
            changed = await client.recv_event("session.settings")
            assert changed["bd"] == {"policy": "always", "title": "Maths", "name_llm": "Haru"}
            assert (changed["hd"]["role"], changed["hd"]["name"]) == ("B", "Minji")


async def test_only_those_who_may_configure_see_the_instructions(guarded: Web, sid: str) -> None:
    calling(guarded, sid, token(sid, can=CAN), "PATCH", SESSION, CHANGES)
    for can, system in ((CAN, "a secret"), (["read", "send"], None)):
        async with opened(guarded, sid, token(sid, can=can)) as client:
            settings = (await client.recv_event("session.welcome"))["bd"]["settings"]
        read = calling(guarded, sid, token(sid, can=can), "GET", SESSION, None).json["settings"]
        assert (settings["policy"], settings.get("system"), read["system"]) == ("always", system, system)
