"""Compares the frames that clients received with the stored events."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import redis.asyncio

from doqchat.store import keys
from tests.client import Frame
from tests.replies.conversation import ENDS, pieces

LEFT_OVER = re.compile(r"\}:(replies|reply:.*|current|waiting|asking|due)$")
"""Keys that a session has only while replies are active."""


class View:
    """The frames that one client of a session received.

    Args:
        sid: the session.
    """

    def __init__(self, sid: str) -> None:
        self.sid = sid
        self.frames: list[Frame] = []

    @property
    def is_over(self) -> bool:
        """Whether the final pong has arrived, and so all earlier frames."""
        return self.count("pong") > 0

    def add(self, text: str | bytes) -> None:
        """Add a frame."""
        self.frames.append(json.loads(text))

    def count(self, *events: str) -> int:
        """The number of frames of these events."""
        return len(self.of(*events))

    def of(self, *events: str) -> list[Frame]:
        """The frames of these events."""
        return [frame for frame in self.frames if frame["hd"]["event"] in events]


@dataclass
class Report:
    """The result of a run.

    Attributes:
        counts: the number of requests, and of each outcome: answered, answered after a restart, failed.
        problems: one line each.
    """

    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether there are no problems."""
        return not self.problems

    @property
    def text(self) -> str:
        """The report."""
        counted = "; ".join(f"{count:,} {what}" for what, count in self.counts.items())
        return "\n".join([counted, *self.problems, "pass" if self.passed else f"FAILED: {len(self.problems)} problems"])


async def compare(store: "redis.asyncio.Redis", views: Sequence[View]) -> Report:
    """Compare the stored events with the frames of each client."""
    report = Report()
    for sid in dict.fromkeys(view.sid for view in views):
        stored = [(entry_id, json.loads(entry["body"])) for entry_id, entry in await store.xrange(keys.stream(sid))]
        requests = [entry_id for entry_id, envelope in stored if envelope["hd"]["event"] == "llm.request"]
        ends = [envelope for _, envelope in stored if envelope["hd"]["event"] in ENDS]
        _compare_ends(report, f"{sid}, stored", requests, ends)
        seen = [view for view in views if view.sid == sid]
        for number, view in enumerate(seen):
            _compare_view(report, f"{sid}, reader {number}", view, requests, ends)
        report.counts.update(_fate(end, seen) for end in ends)
        report.counts["requests"] += len(requests)
    async for key in store.scan_iter("{chat:session:*}:*"):
        if LEFT_OVER.search(key):
            report.problems.append(f"{key} is left")
    return report


def _compare_ends(report: Report, where: str, requests: Sequence[str], ends: Iterable[Frame]) -> None:
    times = Counter(end["bd"]["request_id"] for end in ends)
    for request in dict.fromkeys([*requests, *times]):
        if times[request] != 1 or request not in requests:
            report.problems.append(f"{where}: request {request} ended {times[request]} times")


def _compare_view(report: Report, where: str, view: View, requests: Sequence[str], ends: Sequence[Frame]) -> None:
    _compare_ends(report, where, requests, view.of(*ENDS))
    report.problems += [f"{where}: {error['bd']['code']}" for error in view.of("error")]
    for end in ends:
        of_reply = _pieces(view, end)
        last = [piece for piece in of_reply if piece["attempt"] == of_reply[-1]["attempt"]]
        offsets = [piece["offset"] for piece in last]
        lengths = [sum(len(piece["text"]) for piece in last[:number]) for number in range(len(last))]
        shown = "".join(piece["text"] for piece in last)
        if end["hd"]["event"] == "llm.response" and (offsets != lengths or shown != end["bd"]["text"]):
            report.problems.append(f"{where}: the pieces of {end['bd']['reply_id']} are not its text")


def _fate(end: Frame, views: Sequence[View]) -> str:
    if end["hd"]["event"] == "llm.error":
        return f"ended as {end['bd']['code']}"
    restarted = any(piece["attempt"] > 1 for view in views for piece in _pieces(view, end))
    return "answered after a restart" if restarted else "answered"


def _pieces(view: View, end: Frame) -> list[Frame]:
    return [piece for piece in pieces(view.frames) if piece["reply_id"] == end["bd"]["reply_id"]]
