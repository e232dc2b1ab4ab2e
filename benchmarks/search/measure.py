"""Fills the database of this process's settings, and measures searches in it; prints the times as JSON.

`python -m benchmarks.search.measure MESSAGES`: `benchmarks.search` runs it for each database.
"""

import itertools
import json
import os
import random
import sys
import time
from collections.abc import Sequence
from functools import partial
from statistics import quantiles

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.core.management import call_command  # noqa: E402 - needs the apps
from django.db import connection, transaction  # noqa: E402 - needs the apps
from pydantic_core import to_json  # noqa: E402 - needs the apps

from benchmarks.search.messages import ENGLISH, KOREAN, LONG, PLANTED, SESSIONS, Message, messages  # noqa: E402 - needs the apps
from doqchat.archive.models import ArchivedEvent, ArchivedSession  # noqa: E402 - needs the apps
from doqchat.archive.search import search  # noqa: E402 - needs the apps
from doqchat.archive.search_index import Changes  # noqa: E402 - needs the apps
from doqchat.archive.writing import KEY_BITS  # noqa: E402 - needs the apps
from doqchat.store.search import Filters, search_terms  # noqa: E402 - needs the apps

FIRST, SECOND = 1_700_000_000_000 << KEY_BITS, 1_000 << KEY_BITS
AT_ONCE = 1_000
"""Messages in one transaction."""

LIMIT = 20
ROUNDS = 5
SOME = 40
"""Words of each kind."""


def fill(count: int) -> None:
    """Archive messages of one second each."""
    call_command("migrate", verbosity=0)
    sessions = ArchivedSession.objects.bulk_create(ArchivedSession(sid=f"session-{key}") for key in range(SESSIONS))
    by_sid = {session.sid: session for session in sessions}
    events = (_event(number, message, by_sid[message.sid]) for number, message in enumerate(messages(count)))
    while chunk := list(itertools.islice(events, AT_ONCE)):
        with transaction.atomic():
            ArchivedEvent.objects.bulk_create(chunk, batch_size=AT_ONCE)
            changes = Changes()
            for event in chunk:
                changes.add(event)
            changes.apply()
        if (chunk[-1].position - FIRST) // SECOND % 100_000 == 99_999:
            print("100,000 messages more", file=sys.stderr, flush=True)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")  # which autovacuum does by itself within minutes


def _event(number: int, message: Message, session: ArchivedSession) -> ArchivedEvent:
    key, role = FIRST + number * SECOND, "AB"[number % 2]
    hd = {"event": "chat.message", "role": role, "sid": message.sid}
    body = to_json({"hd": hd, "bd": {"text": message.text}}).decode()
    return ArchivedEvent(
        id=key, session=session, position=key, participant=role, event="chat.message", person="", body=body
    )


def searches() -> dict[str, list[tuple[Filters, bool]]]:
    """The measured searches, by kind; the flag asks for the rank."""
    chance = random.Random(3)
    two = [word for word in KOREAN.words if len(word) == 2]
    spread = [two[int(len(two) * (number / SOME) ** 3)] for number in range(SOME)]
    one_match, fifty, thousands = PLANTED
    site = partial(_queries, sids=None)
    mine = [f"session-{chance.randrange(1, SESSIONS)}" for _ in range(100)]
    return {
        "two syllables, one match": site([one_match]),
        "two syllables, 50 matches": site([fifty]),
        "two syllables, 5,000 matches": site([thousands]),
        "two syllables, common to rare": site(spread),
        "the ending of every fifth message": site(["습니다"]),
        "common English words": site([word for word in ENGLISH.words[:100] if len(word) > 2][:SOME]),
        "rare English words": site([word for word in ENGLISH.words[-100:] if len(word) > 3][:SOME]),
        "English prefixes": site([word[:4] for word in ENGLISH.words[:400] if len(word) > 5][:SOME]),
        "numbers": site([str(chance.randrange(100, 100_000)) for _ in range(SOME)]),
        "two words": site([f"{one} {other}" for one, other in itertools.pairwise(spread)]),
        "common to rare, 100 sessions": _queries(spread, mine),
        "common to rare, one session": _queries(spread, mine[:1]),
        "common to rare, one session of 20,000": _queries(spread, [LONG]),
        "common to rare, by rank": [(filters, True) for filters, _ in site(spread)],
    }


def _queries(words: Sequence[str], sids: Sequence[str] | None) -> list[tuple[Filters, bool]]:
    return [(Filters(search_terms(word), sids), False) for word in words]


def times(queries: Sequence[tuple[Filters, bool]]) -> list[float]:
    """The milliseconds of each search, in each round."""
    found = []
    for _ in range(max(ROUNDS, SOME // len(queries))):
        for filters, ranked in queries:
            began = time.perf_counter()
            search(filters, None, LIMIT, ranked=ranked)
            found.append((time.perf_counter() - began) * 1_000)
    return found


def megabytes() -> float:
    """The size of the index."""
    sizes = {
        "sqlite": "SELECT sum(length(block)) FROM doqchat_archive_search_data",
        "postgresql": "SELECT pg_total_relation_size('doqchat_archive_search')",
    }
    with connection.cursor() as cursor:
        cursor.execute(sizes[connection.vendor])
        return float(cursor.fetchone()[0]) / 1e6


def main() -> None:
    began = time.monotonic()
    fill(int(sys.argv[1]))
    filled = time.monotonic() - began
    measured = {}
    for kind, queries in searches().items():
        spread = quantiles(times(queries), n=100)
        measured[kind] = (spread[49], spread[94])
    print(json.dumps({"filled": filled, "megabytes": megabytes(), "measured": measured}))


if __name__ == "__main__":
    main()
