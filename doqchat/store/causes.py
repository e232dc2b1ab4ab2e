"""Why a server cannot be used, as far as its answers and redis-py's errors say."""

from dataclasses import dataclass

from redis.exceptions import AuthenticationError, BusyLoadingError, RedisError, ResponseError
from redis.exceptions import ConnectionError as StoreConnectionError
from redis.exceptions import TimeoutError as StoreTimeoutError

AWAY = (StoreConnectionError, StoreTimeoutError, OSError, TimeoutError)
"""What redis-py and the event loop raise while a server cannot be reached or does not answer."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a server cannot be used now.

    Attributes:
        state: one word for it, which `/readyz` answers with.
        problem: what is wrong; the server's name goes before it.
        remedy: what an operator can do, one sentence.
    """

    state: str
    problem: str
    remedy: str


UNREACHABLE = Cause(
    "unavailable",
    "cannot be reached, or does not answer",
    "Start it, or check DOQCHAT_REDIS_URL; nothing is stored until then.",
)
_FORBIDDEN = Cause(
    "unavailable",
    "does not accept our password",
    "Check DOQCHAT_REDIS_URL, or DOQCHAT_REDIS_PASSWORD for the embedded store.",
)
# By the code that an error reply begins with. https://valkey.io/topics/protocol/#simple-errors
_REFUSALS = {
    "OOM": Cause(
        "full",
        "takes no writes: its memory is full",
        "Raise the limit, DOQCHAT_REDIS_MEMORY for the embedded store and maxmemory for another, and restart it.",
    ),
    "MISCONF": Cause(
        "disk_error",
        "takes no writes: it cannot write to its disk",
        "Make room on the disk; the store's log says more.",
    ),
    "READONLY": Cause(
        "read_only", "takes no writes: it is a replica", "DOQCHAT_REDIS_URL must be the address of the primary."
    ),
    "NOREPLICAS": Cause(
        "read_only",
        "takes no writes: fewer replicas are connected than its min-replicas-to-write",
        "Connect the replicas, or lower the setting.",
    ),
    "LOADING": Cause("loading", "is loading its data", "It takes writes when it has finished."),
    "MASTERDOWN": Cause("unavailable", "is a replica that has lost its primary", "Check the primary."),
    "CLUSTERDOWN": Cause("unavailable", "belongs to a cluster that is down", "Check the cluster."),
    "BUSY": Cause("unavailable", "is busy running a script", "If that does not end, restart it."),
}


def cause_of(error: BaseException | None) -> Cause | None:
    """Why a command failed, if the reason is that its server cannot be used now."""
    if isinstance(error, ResponseError | BusyLoadingError):
        return _REFUSALS.get(_code(error))
    if isinstance(error, AuthenticationError):
        return _FORBIDDEN
    return UNREACHABLE if isinstance(error, AWAY) else None


def _code(error: RedisError) -> str:
    """The code of an error reply. redis-py takes those that it knows off the text, and keeps them."""
    return getattr(error, "status_code", None) or str(error).partition(" ")[0]
