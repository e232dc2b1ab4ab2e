"""All attacks by name."""

from tests.attack.attacks import (
    bodies,
    crowd,
    floods,
    frames,
    heads,
    logins,
    msg_ids,
    records,
    requests,
    searches,
    storage,
    unfinished,
    unread,
)

_KINDS = (
    frames, searches, floods, heads, bodies, unfinished, unread, storage, requests, crowd, records, msg_ids, logins,
)  # fmt: skip

ATTACKS = {attack.name: attack for kind in _KINDS for attack in kind.ATTACKS}
