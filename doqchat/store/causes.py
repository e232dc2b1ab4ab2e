"""Why a server is unusable, derived from its error replies and redis-py's exceptions."""

from dataclasses import dataclass

from redis.exceptions import AuthenticationError, BusyLoadingError, RedisError, ResponseError
from redis.exceptions import ConnectionError as StoreConnectionError
from redis.exceptions import TimeoutError as StoreTimeoutError

from doqchat.store.clients import COMMAND_TIMEOUT, CONNECT_TIMEOUT

AWAY = (StoreConnectionError, StoreTimeoutError, OSError, TimeoutError)
"""Exceptions of redis-py and the event loop that mean that a server is unreachable or does not respond."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a server is unusable.

    Attributes:
        state: the state that `/readyz` reports.
        problem: the predicate of a sentence whose subject is the server.
        remedy: one sentence for the operator.
    """

    state: str
    problem: str
    remedy: str


_START_IT = "Start it, or check DOQCHAT_REDIS_URL; nothing is stored until then."
_UNREACHABLE = Cause("unavailable", "is unreachable", _START_IT)
_CONNECT_TIMEOUT = Cause(
    "unavailable", f"accepts no connection within {CONNECT_TIMEOUT:g} s (connect timeout)", _START_IT
)
_COMMAND_TIMEOUT = Cause("unavailable", f"does not respond within {COMMAND_TIMEOUT:g} s (command timeout)", _START_IT)
AWAY_CAUSES = frozenset({_UNREACHABLE, _CONNECT_TIMEOUT, _COMMAND_TIMEOUT})
"""Causes that one broken connection can suggest, so the server is probed before they are logged. They can follow each
other within one outage."""

_FORBIDDEN = Cause(
    "unavailable",
    "rejects our password",
    "Check DOQCHAT_REDIS_URL, or DOQCHAT_REDIS_PASSWORD for the embedded store.",
)
# By the first word of an error reply, its code. https://valkey.io/topics/protocol/#simple-errors
_REFUSALS = {
    "OOM": Cause(
        "full",
        "refuses writes: its memory is full",
        "Raise the limit, DOQCHAT_REDIS_MEMORY for the embedded store and maxmemory for another, and restart it.",
    ),
    "MISCONF": Cause(
        "disk_error",
        "refuses writes: it cannot write to its disk",
        "Free space on the disk; the store's log has details.",
    ),
    "READONLY": Cause(
        "read_only", "refuses writes: it is a replica", "DOQCHAT_REDIS_URL must be the address of the primary."
    ),
    "NOREPLICAS": Cause(
        "read_only",
        "refuses writes: fewer replicas are connected than its min-replicas-to-write",
        "Connect the replicas, or lower the setting.",
    ),
    "LOADING": Cause("loading", "is loading its data", "It accepts writes when it has finished."),
    "MASTERDOWN": Cause("unavailable", "is a replica that has lost its primary", "Check the primary."),
    "CLUSTERDOWN": Cause("unavailable", "belongs to a cluster that is down", "Check the cluster."),
    "BUSY": Cause("unavailable", "is busy running a script", "If the script does not end, restart the server."),
}


def cause_of(error: BaseException | None) -> Cause | None:
    """Why a command failed, if its server is unusable; otherwise None."""
    if isinstance(error, ResponseError | BusyLoadingError):
        return _REFUSALS.get(_code(error))
    if isinstance(error, AuthenticationError):
        return _FORBIDDEN
    if isinstance(error, StoreTimeoutError | TimeoutError):
        # redis-py raises the same exception for both; a timeout of the event loop belongs to a command.
        return _CONNECT_TIMEOUT if "connecting" in str(error) else _COMMAND_TIMEOUT
    return _UNREACHABLE if isinstance(error, AWAY) else None


def _code(error: RedisError) -> str:
    """The code of an error reply. redis-py removes the codes that it knows from the message and keeps them."""
    return getattr(error, "status_code", None) or str(error).partition(" ")[0]
