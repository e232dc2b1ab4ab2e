"""Names of the keys in the store. The braces put all keys of a session into the hash slot of its stream."""

SESSIONS = "chat:sessions"
OWING = "llm:owing"
"""Sorted set of the sessions that may have pending replies, by the time of the last request. A session is added before
its request is appended."""

SWEEPER = "llm:sweeper"
"""The name of the process that runs the sweeper."""

ARCHIVER = "chat:archiver"
"""The name of the process that runs the archiver."""

ARCHIVER_PAUSED = "chat:archiver:paused"
"""Exists while a backup is made; no archiver runs meanwhile."""

WEBHOOKS = "chat:webhooks"
"""The name of the process that sends webhooks."""

MEMBERS = "chat:webhooks:members"
"""Stream of the members who have joined and left, until a worker has queued their webhooks."""

MEMBERS_PROCESSES = f"{{{MEMBERS}}}:processes"
"""Sorted set of the processes with open connections, by the time of their last renewal; see `open_members`."""

ARCHIVED_AT = "chat:archived"
"""When the archiver's last complete pass began, in ms of the store's clock."""

GAUGES = "llm:gauges"
"""Gauges that the sweeper maintains, as JSON."""

MODELS = "llm:models"
"""Set of the aliases of all models that have had requests; each has a queue."""

DUE = "llm:due"
"""Sorted set of the sessions with a scheduled automatic reply, by its time."""

DEAD_LETTERS = "llm:dead"
"""Stream of dead letters. A session's own key `dead` says which of them can be retried."""

COUNTERS = "llm:counters"
"""Hash of counters of all replies."""

CLIENT_COUNTERS = "chat:counters"
"""Hash of counters of what clients do, see store/counts.py."""

CLIENT_SOCKETS = f"{{{CLIENT_COUNTERS}}}:sockets"
"""Hash of the open sockets of each process, and when they no longer count; in the hash slot of the counters."""

ENDED = "replies:"
"""Prefix of the counters of completed replies; the finish reason follows."""


LAYER_PREFIX = "doqchat"
"""Prefix of all channels of the channel layer."""

GROUP_PREFIX = "chat.session."


def group_name(sid: str) -> str:
    """The name of a session's group in the channel layer."""
    return GROUP_PREFIX + sid


def channel(prefix: str, sid: str) -> str:
    """The channel of a session's group, named as by channels_redis.

    Args:
        prefix: the prefix of the channel layer, see `in_database`.
        sid: the session.
    """
    return f"{prefix}__group__{group_name(sid)}"


def workers_channel(database: int) -> str:
    """The channel that notifies workers of queued and cancelled replies.

    Pub/Sub ignores databases: without the number, two sites on one server would receive each other's messages.
    """
    return in_database("llm:workers", database)


def logins_channel(database: int) -> str:
    """The channel that notifies web processes of users who log out or whose account changes."""
    return in_database("chat:logins", database)


def in_database(name: str, *databases: int) -> str:
    """The name of a channel for these databases; for database 0 the name is unchanged."""
    return ".".join([name, *map(str, databases)]) if any(databases) else name


def open_members(process: str) -> str:
    """Hash of the open connections of a process, with the data of their notes."""
    return f"{{{MEMBERS}}}:open:{process}"


def queue(alias: str) -> str:
    """The queue of one model: a sorted set of `SID REPLY`, by when the reply became its session's current one.

    The scripts also maintain an index by person in its hash slot, see parts/queue.lua.
    """
    return f"llm:queue:{alias}"


def workers(alias: str) -> str:
    """Sorted set of the workers that serve a model, by the time of their last heartbeat."""
    return f"llm:workers:{alias}"


def tokens(day: str) -> str:
    """The number of tokens used on a day, such as 2026-11-22."""
    return f"llm:tokens:{day}"


def counted(counter: str, sid: str, reply_id: str, attempt: int) -> str:
    """Marks the tokens of an attempt as counted; in the hash slot of the day's counter."""
    return f"{{{counter}}}:{sid}:{reply_id}:{attempt}"


def own(sid: str) -> str:
    """Prefix of all keys of a session except its stream.

    Scripts append: `replies` (set of the active replies), `reply:ID` (hash: llm, role, person, origin, auto, turn,
    attempt, state, lease, leased_until, deliveries), `reply:ID:text`, `reply:ID:before` (the text of the previous
    attempt), `asking` (hash: active replies of each role), `rates` (hash of the token buckets of stored messages),
    `asked` and `asked:ROLE` (lists of the times of the newest requests, for their rate limits), `current` (the
    current reply), `waiting` (list of the replies behind it), `due` (hash of the scheduled automatic reply: request,
    since, at, called, person), `dead` (set of the replies that are dead letters), `typing`, `settings`, `archive`
    (hash: last, the last event that is only in the archive; events, their number; expired, whether retention has
    removed all of them; trimmed, how many have left this stream; changes, the number of changed entries), `in_use`
    (exists while a call uses the session, so that it stays in the store).
    """
    return f"{{chat:session:{sid}}}:"


def stream(sid: str) -> str:
    """The session's stream; this name is part of the public contract."""
    return f"chat:session:{sid}"


def claim(sid: str, role: str, msg_id: str) -> str:
    """Idempotency key of a role's `msg_id`: the entry's id and a digest of its content."""
    return f"{own(sid)}msg:{role}:{msg_id}"


def once(sid: str, token: str) -> str:
    """Idempotency key of an append without a `msg_id`; kept while the append may be retried."""
    return f"{own(sid)}once:{token}"


def revoked(sid: str) -> str:
    """Hash of the revocations, with their times."""
    return f"{own(sid)}revoked"


def rewritten(sid: str) -> str:
    """The copy of the stream in which a message is removed; exists only while a script runs."""
    return f"{own(sid)}rewritten"


def presence(sid: str) -> str:
    """Sorted set of connections, by the time at which their presence expires."""
    return f"{own(sid)}presence"


def replies(sid: str) -> str:
    """Set of the active replies: those without a terminal event."""
    return f"{own(sid)}replies"


def reply(sid: str, reply_id: str) -> str:
    """Hash of one active reply."""
    return f"{own(sid)}reply:{reply_id}"


def dead(sid: str) -> str:
    """Set of the replies that are dead letters and can be retried."""
    return f"{own(sid)}dead"


def due(sid: str) -> str:
    """Hash of the scheduled automatic reply."""
    return f"{own(sid)}due"


def typing(sid: str) -> str:
    """Hash of the times until which each role counts as typing, in ms."""
    return f"{own(sid)}typing"


def read_receipts(sid: str) -> str:
    """Hash of the last id that each role has read."""
    return f"{own(sid)}read"


def settings(sid: str) -> str:
    """Hash of the session's settings, and its moderation: `closed`, `muted:ROLE` (the end in ms, 0 for none)."""
    return f"{own(sid)}settings"
