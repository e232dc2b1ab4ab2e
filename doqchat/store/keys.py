"""Names of the keys in the store. The braces make all keys of a session hash like its stream."""

SESSIONS = "chat:sessions"
QUEUES = "llm:queues"
"""Set of the aliases of the models that were ever asked; each has a queue of its own."""

DEAD_JOBS = "llm:dead"
DUE = "llm:due"
"""Sorted set of the sessions that are due an automatic reply, by the moment it is due."""

COUNTERS = "llm:counters"
"""Hash of what has become of all replies so far."""

ENDED = "replies:"
"""What the counters of replies that have ended in an answer begin with; the finish reason follows."""

LINES = "llm:lines:"
"""What the names of the lines begin with, one for each model: sorted sets of the requests that stand in line behind
another of their session, by when they were made; parts/turn.lua keeps them."""

WORKERS = "llm-workers"


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


def interruptions(database: int) -> str:
    """The channel on which workers hear that a reply is to end.

    Channels belong to no database: without its number two sites on one server would hear each other.
    """
    return in_database("llm:interruptions", database)


def in_database(name: str, *databases: int) -> str:
    """The name of a channel for these databases; in database 0 it is the name alone."""
    return ".".join([name, *map(str, databases)]) if any(databases) else name


def queue(alias: str) -> str:
    """The queue of one model: a stream of the requests that wait for a worker. Scripts make this name too."""
    return f"{QUEUES}:{alias}"


def tokens(day: str) -> str:
    """How many tokens were used on a day, such as 2026-11-22."""
    return f"llm:tokens:{day}"


def own(sid: str) -> str:
    """What all keys of a session but its stream begin with.

    Scripts add to it: `replies` (set of the replies under way), `reply:ID` (hash: llm, role, auto, job, attempt, begun,
    deaths, state), `reply:ID:text`, `reply:ID:before` (what the attempt before has said), `asking` (hash: how many
    replies each role has asked for), `asked` and `asked:ROLE` (lists of the moments of the newest requests, to count
    those of a minute), `talking` (the reply whose turn it is), `line` (list of those that wait for theirs), `due` (hash
    of the automatic reply that is due: request, since, called), `typing`, `settings`.
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


def presence(sid: str) -> str:
    """Sorted set of connections, by the moment their presence runs out."""
    return f"{own(sid)}presence"


def replies(sid: str) -> str:
    """Set of the replies under way."""
    return f"{own(sid)}replies"


def reply(sid: str, reply_id: str) -> str:
    """Hash of one reply under way."""
    return f"{own(sid)}reply:{reply_id}"


def reply_text(sid: str, reply_id: str) -> str:
    """What has been said so far of one reply under way."""
    return f"{own(sid)}reply:{reply_id}:text"


def reply_text_before(sid: str, reply_id: str) -> str:
    """What the attempt before has said of a reply whose present attempt has said nothing yet."""
    return f"{own(sid)}reply:{reply_id}:before"


def reply_spent(sid: str, reply_id: str, attempt: int) -> str:
    """That the tokens of this attempt at a reply were counted."""
    return f"{own(sid)}spent:{reply_id}:{attempt}"


def typing(sid: str) -> str:
    """Hash of the moments until which each role counts as typing, in ms."""
    return f"{own(sid)}typing"


def read_marks(sid: str) -> str:
    """Hash of the highest id that each role has read."""
    return f"{own(sid)}read"


def settings(sid: str) -> str:
    """Hash of the session's settings."""
    return f"{own(sid)}settings"
