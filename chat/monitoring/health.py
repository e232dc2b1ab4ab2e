"""Liveness, readiness and metrics, for supervisors, load balancers and Prometheus.

These clients may use any host name, so the middleware responds before Django checks the host.
"""

from collections.abc import Awaitable, Callable

from asgiref.sync import sync_to_async
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.decorators import async_only_middleware

from chat.monitoring.metrics import show_metrics
from doqchat.engine import engine
from doqchat.errors import DoqchatError
from doqchat.llm import llms
from doqchat.replies.metrics import read_metrics
from doqchat.store.causes import cause_of
from doqchat.store.outages import TAKES_WRITES
from doqchat.store.shards import Shard

ROOM_BYTES = 2**20
"""A store with less free memory than this counts as full: it refuses one message and accepts the next, shorter one."""

GetResponse = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


@async_only_middleware
def answer_health(get_response: GetResponse) -> GetResponse:
    """Answer `/healthz`, `/readyz` and `/metrics`; the first of the middleware."""
    answers = {"/healthz": healthz, "/readyz": readyz, "/metrics": show_metrics}

    async def middleware(request: HttpRequest) -> HttpResponseBase:
        answer = answers.get(request.path_info)
        return await (answer or get_response)(request)

    return middleware


async def healthz(request: HttpRequest) -> JsonResponse:
    """The process is alive."""
    return JsonResponse({"status": "ok"})


async def readyz(request: HttpRequest) -> JsonResponse:
    """The store accepts writes and the database responds; otherwise 503 with the one that does not.

    A model without a worker does not cause 503: a load balancer would take down a site where people can still talk.
    """
    parts = {"store": await _state_of_store(), "database": await sync_to_async(_state_of_database)()}
    ready = all(state == "ok" for state in parts.values())
    status = "ok" if ready else "unavailable"
    return JsonResponse({"status": status, **parts, "workers": await _workers()}, status=200 if ready else 503)


async def _workers() -> dict[str, int] | None:
    """The number of workers per model; None while the store is unreachable."""
    try:
        found = (await read_metrics(engine().shards)).workers
    except DoqchatError:
        return None
    return {alias: found[alias] for alias in llms}


async def _state_of_store() -> str:
    try:
        for shard in engine().shards:
            await shard.pipeline.run(TAKES_WRITES, [])
            if await _is_full(shard):
                return "full"
    except DoqchatError as error:
        cause = cause_of(error.__cause__)
        return cause.state if cause else "unavailable"
    return "ok"


async def _is_full(shard: Shard) -> bool:
    """Whether less than ROOM_BYTES are left up to the store's memory limit; False where the store does not say."""
    memory = await shard.memory()
    return memory is not None and 0 < memory.limit < memory.used + ROOM_BYTES


def _state_of_database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "unavailable"
    return "ok"
