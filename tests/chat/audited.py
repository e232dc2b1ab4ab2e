"""The audit records of a session, which web processes and workers write in the background."""

import asyncio

from chat.models import AuditRecord

WITHIN_SECONDS = 10


async def records(sid: str, count: int, **fields: str) -> list[AuditRecord]:
    """The records of a session, oldest first, once there are this many."""
    chosen = AuditRecord.objects.filter(sid=sid, **fields).order_by("pk")
    async with asyncio.timeout(WITHIN_SECONDS):
        while len(found := [each async for each in chosen.all()]) < count:  # noqa: ASYNC110 - there is no event to await
            await asyncio.sleep(0.05)
    return found
