"""Names of the keys in the store. The braces make all keys of a session hash like its stream."""

SESSIONS = "chat:sessions"
JOBS = "llm:requests"
DEAD_JOBS = "llm:dead"
WORKERS = "llm-workers"
CANCELLED = "llm:cancelled"


def stream(sid: str) -> str:
    """The session itself; this name is part of the contract with clients."""
    return f"chat:session:{sid}"


def claim(sid: str, msg_id: str) -> str:
    """Who has used this `msg_id`: the entry's id and a digest of its content."""
    return f"{{chat:session:{sid}}}:msg:{msg_id}"


def once(sid: str, token: str) -> str:
    """That an append without a `msg_id` was carried out; kept as long as it may be tried again."""
    return f"{{chat:session:{sid}}}:once:{token}"


def presence(sid: str) -> str:
    """Sorted set of connections, by the moment their presence runs out."""
    return f"{{chat:session:{sid}}}:presence"


def replies(sid: str) -> str:
    """Set of the replies under way."""
    return f"{{chat:session:{sid}}}:replies"


def reply(sid: str, reply_id: str) -> str:
    """Hash of one reply under way."""
    return f"{{chat:session:{sid}}}:reply:{reply_id}"


def reply_text(sid: str, reply_id: str) -> str:
    """What has been said so far of one reply under way."""
    return f"{{chat:session:{sid}}}:reply:{reply_id}:text"


def read_marks(sid: str) -> str:
    """Hash of the highest id that each role has read."""
    return f"{{chat:session:{sid}}}:read"
