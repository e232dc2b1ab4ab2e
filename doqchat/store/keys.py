"""Names of the keys in the store. The braces make all keys of a session hash like its stream."""

SESSIONS = "chat:sessions"
OWING = "llm:owing"
"""Sorted set of the sessions that may owe a reply, by when one was last asked for: a session is in it before it owes
one."""

SWEEPER = "llm:sweeper"
"""The name of the process that sweeps."""

GAUGES = "llm:gauges"
"""What the sweeper has counted, as JSON."""

MODELS = "llm:models"
"""Set of the aliases of the models that were ever asked; each has a queue."""

DUE = "llm:due"
"""Sorted set of the sessions that are due an automatic reply, by the moment it is due."""

DEAD_LETTERS = "llm:dead"
"""Stream of the requests that were given up; which of them can be asked again is in their sessions."""

COUNTERS = "llm:counters"
"""Hash of what has become of all replies so far."""

ENDED = "replies:"
"""What the counters of replies that have ended in an answer begin with; the finish reason follows."""


LAYER_PREFIX = "doqchat"
"""What the names of all channels of the channel layer begin with."""

GROUP_PREFIX = "chat.session."


def group_name(sid: str) -> str:
    """The name of a session's group in the channel layer."""
    return GROUP_PREFIX + sid


def channel(prefix: str, sid: str) -> str:
    """The channel on which messages to a session's group are published, as channels_redis names it.

    Args:
        prefix: the layer's, see `in_database`.
        sid: the session.
    """
    return f"{prefix}__group__{group_name(sid)}"


def workers_channel(database: int) -> str:
    """The channel on which workers learn that a reply has ended early, or that one was queued.

    Channels belong to no database: without its number two sites on one server would receive each other's.
    """
    return in_database("llm:workers", database)


def in_database(name: str, *databases: int) -> str:
    """The name of a channel for these databases; in database 0 it is the name alone."""
    return ".".join([name, *map(str, databases)]) if any(databases) else name


def queue(alias: str) -> str:
    """The queue of one model: a sorted set of `SID REPLY`, by when the request was made."""
    return f"llm:queue:{alias}"


def workers(alias: str) -> str:
    """Sorted set of the workers that serve a model, by when each was last seen."""
    return f"llm:workers:{alias}"


def tokens(day: str) -> str:
    """How many tokens were used on a day, such as 2026-11-22."""
    return f"llm:tokens:{day}"


def counted(counter: str, sid: str, reply_id: str, attempt: int) -> str:
    """That the tokens of an attempt at a reply are in a day's count; in the hash slot of that count."""
    return f"{{{counter}}}:{sid}:{reply_id}:{attempt}"


def own(sid: str) -> str:
    """What all keys of a session but its stream begin with.

    Scripts add to it: `replies` (set of the replies that have not ended), `reply:ID` (hash: llm, role, auto, attempt,
    state, lease, leased_until, deliveries), `reply:ID:text`, `reply:ID:before` (what the attempt before has said),
    `asking` (hash: how many replies each role has asked for), `asked` and `asked:ROLE` (lists of the moments of the
    newest requests, to count those of a minute), `talking` (the reply that has its turn), `line` (list of those behind
    it), `due` (hash of the automatic reply that is due: request, since, at, called), `dead` (set of the replies that
    are dead letters), `typing`, `settings`.
    """
    return f"{{chat:session:{sid}}}:"


def stream(sid: str) -> str:
    """The session itself; this name is part of the contract with clients."""
    return f"chat:session:{sid}"


def claim(sid: str, role: str, msg_id: str) -> str:
    """That a role has used this `msg_id`: the entry's id and a digest of its content."""
    return f"{own(sid)}msg:{role}:{msg_id}"


def once(sid: str, token: str) -> str:
    """That an append without a `msg_id` was carried out; kept as long as it may be tried again."""
    return f"{own(sid)}once:{token}"


def revoked(sid: str) -> str:
    """Hash of the revocations, with their times."""
    return f"{own(sid)}revoked"


def presence(sid: str) -> str:
    """Sorted set of connections, by the moment their presence runs out."""
    return f"{own(sid)}presence"


def replies(sid: str) -> str:
    """Set of the replies that have not ended."""
    return f"{own(sid)}replies"


def reply(sid: str, reply_id: str) -> str:
    """Hash of one reply that has not ended."""
    return f"{own(sid)}reply:{reply_id}"


def dead(sid: str) -> str:
    """Set of the replies that are dead letters: they can be asked again."""
    return f"{own(sid)}dead"


def due(sid: str) -> str:
    """Hash of the automatic reply that is due."""
    return f"{own(sid)}due"


def typing(sid: str) -> str:
    """Hash of the moments until which each role counts as typing, in ms."""
    return f"{own(sid)}typing"


def read_marks(sid: str) -> str:
    """Hash of the highest id that each role has read."""
    return f"{own(sid)}read"


def settings(sid: str) -> str:
    """Hash of the session's settings."""
    return f"{own(sid)}settings"
