"""What a run has found: frames of several principals, and what the server and the store have kept of them."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

import redis

from tests.attack.watch import TRACEBACK
from tests.fuzz.principals import PRINCIPALS
from tests.fuzz.run import Sending
from tests.fuzz.stored import Entries
from tests.processes import Store, Web


@dataclass(frozen=True)
class Stored:
    """What a principal has left in the store: the number of its entries, and what is wrong with them."""

    entries: int
    faults: Sequence[str]


def stored(store: Store, sendings: Sequence[Sending]) -> tuple[dict[str, Stored], list[str]]:
    """What each principal has stored, and the keys that may not be there."""
    found = {}
    with closing(redis.Redis.from_url(store.url, decode_responses=True)) as client:
        for sending in sendings:
            entries = Entries(client)
            faults = list(entries.faults(PRINCIPALS[sending.name], sending.sids))
            found[sending.name] = Stored(entries.checked, faults)
        allowed = {sid: _keys_of(sending.name) for sending in sendings for sid in sending.sids}
        return found, list(Entries(client).strays(allowed))


def _keys_of(name: str) -> set[str] | None:
    """The keys of a session that this principal may have; None for all. The stream is none of the named ones."""
    principal = PRINCIPALS[name]
    if principal.stores:
        return None
    return {"revoked"} if principal.refused else {"presence"}


def faults_of(web: Web) -> list[str]:
    """What the server's process shows of faults."""
    output = web.process.output
    faults = [] if web.process.running else ["The server has ended."]
    if TRACEBACK in output:
        faults.append(f"The server has logged a traceback: {output[output.index(TRACEBACK) :][:2_000]}")
    return faults
