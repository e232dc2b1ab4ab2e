"""The book of what reached whom."""

import time
from array import array
from collections.abc import Sequence

from benchmarks.clients import Client
from benchmarks.workloads import Traffic


class Deliveries:
    """Books every delivery of a run; says what was lost, delivered twice, or to a wrong session.

    `seen[n]` has a bit per member of message n's session, set by the delivery to that member: a second delivery of
    the same message to the same member is found as surely as a missing one. `latencies` are in seconds, one for each
    delivery, and `moments` are when those messages were sent.
    """

    def __init__(self, workload: Traffic, sessions: Sequence[Sequence[Client]]) -> None:
        messages = workload.warm_up + workload.messages
        self.sessions = sessions
        self.expected = messages * workload.members
        self.booked = self.complete = self.twice = self.misplaced = 0
        self.latencies = array("d")
        self.moments = array("d")
        self._sent_at = array("d", [0.0]) * messages
        self._seen = [0] * messages
        self._bit = {client: 1 << place for members in sessions for place, client in enumerate(members)}
        self._everyone = (1 << workload.members) - 1

    def sent(self, number: int) -> None:
        """Message `number` leaves now."""
        self._sent_at[number] = time.perf_counter()

    def book(self, number: int, client: Client) -> bool:
        """Message `number` has reached the client; true when it has now reached everyone it should."""
        if number % len(self.sessions) != client.session:
            self.misplaced += 1
            return False
        seen, bit = self._seen[number], self._bit[client]
        if seen & bit:
            self.twice += 1
            return False
        self.booked += 1
        sent = self._sent_at[number]
        self.latencies.append(time.perf_counter() - sent)
        self.moments.append(sent)
        self._seen[number] = seen = seen | bit
        if seen != self._everyone:
            return False
        self.complete += 1
        return True

    def problem(self) -> str:
        """Why the run does not count, or nothing."""
        lost = self.expected - self.booked
        found = [
            f"{lost:,} deliveries lost" if lost else "",
            f"{self.twice:,} delivered twice" if self.twice else "",
            f"{self.misplaced:,} delivered to another session" if self.misplaced else "",
            next((client.closed for members in self.sessions for client in members if client.closed), ""),
        ]
        return "; ".join(words for words in found if words)
