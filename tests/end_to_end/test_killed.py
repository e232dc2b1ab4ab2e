"""A web process that is killed says nothing any more, and others notice."""

import pytest

from tests import processes
from tests.conftest import Connect

SHORT_PRESENCE = {"DJANGO_SETTINGS_MODULE": "tests.end_to_end.short_presence"}


@pytest.mark.slow
async def test_members_of_a_killed_process_are_eventually_absent(
    store_url: str, django_db_setup: None, connect: Connect, sid: str
) -> None:
    with processes.web(**SHORT_PRESENCE) as killed, processes.web(**SHORT_PRESENCE) as other:
        stays = await connect(other, sid, v1=True, role="A")
        await connect(killed, sid, v1=True, role="B")
        while (await stays.recv_event("presence"))["bd"]["members"] != {"A": 1, "B": 1}:
            continue
        killed.process.kill()
        while (await stays.recv_event("presence"))["bd"]["members"] != {"A": 1}:
            continue
        back = await connect(other, sid, v1=True, role="B")
        assert (await back.recv_event("session.welcome"))["bd"]["members"] == {"A": 1, "B": 1}
