"""Why a server cannot be used, as far as its answers and redis-py's errors say."""

from dataclasses import dataclass

from redis.exceptions import AuthenticationError, BusyLoadingError, RedisError, ResponseError
from redis.exceptions import ConnectionError as StoreConnectionError
from redis.exceptions import TimeoutError as StoreTimeoutError

from doqchat.store.clients import COMMAND_TIMEOUT

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


_START_IT = "Start it, or check DOQCHAT_REDIS_URL; nothing is stored until then."
_WITHIN = f"within {COMMAND_TIMEOUT:g} s"
_UNREACHABLE = Cause("unavailable", "cannot be reached", _START_IT)
_CONNECT_TIMEOUT = Cause("unavailable", f"accepts no connection {_WITHIN} (connect timeout)", _START_IT)
_COMMAND_TIMEOUT = Cause("unavailable", f"does not answer a command {_WITHIN} (command timeout)", _START_IT)
AWAY_CAUSES = frozenset({_UNREACHABLE, _CONNECT_TIMEOUT, _COMMAND_TIMEOUT})
"""Of these only asking tells whether they are more than one connection that broke; one can follow on the other within
one outage."""

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
    if isinstance(error, StoreTimeoutError | TimeoutError):
        # redis-py has one exception for both, the event loop's timeout is that of a command.
        return _CONNECT_TIMEOUT if "connecting" in str(error) else _COMMAND_TIMEOUT
    return _UNREACHABLE if isinstance(error, AWAY) else None


def _code(error: RedisError) -> str:
    """The code of an error reply. redis-py takes those that it knows off the text, and keeps them."""
    return getattr(error, "status_code", None) or str(error).partition(" ")[0]
