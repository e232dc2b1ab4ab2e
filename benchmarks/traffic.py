"""Sends messages through a server, checks every delivery, and measures what the server used for it."""

import asyncio
import json
import time

from benchmarks.accounting import Reading
from benchmarks.clients import Client, connect
from benchmarks.deliveries import Deliveries
from benchmarks.measurement import Measurement, percentile_ms
from benchmarks.workloads import Traffic

TEXT = "안녕하세요! 오늘 회의는 오후 세 시에 시작할까요? 자료는 미리 보내 둘게요 😊"
MARK = b"~"  # stands before a message's number, eight digits, in its text and nowhere else
HELLO = "bench-hello"
HELLO_EVERY = 0.5  # seconds
HELLO_WITHIN = 30.0  # seconds
STALLED_AFTER = 10.0  # seconds without a single delivery
LATE_WITHIN = 0.3  # seconds in which a second copy of the last messages would arrive


def envelope(role: str, msg_id: str, text: str) -> bytes:
    """A message as a client sends it."""
    head = {"event": "chat.message", "role": role, "msg_id": msg_id}
    return json.dumps({"hd": head, "bd": {"text": text}}, ensure_ascii=False).encode()


class TrafficRun:
    """One workload against one server; `client` is the class of its clients."""

    def __init__(self, workload: Traffic, server_pid: int, store_pid: int, client: type[Client] = Client) -> None:
        self.workload = workload
        self.pids = server_pid, store_pid
        self.sessions = [
            [client(session, self._on_text) for _ in range(workload.members)] for session in range(workload.sessions)
        ]
        self.everybody = [client for members in self.sessions for client in members]
        self.deliveries = Deliveries(workload, self.sessions)
        self.sent = self.due = self.goal = 0
        self.finished = asyncio.Event()
        self.greeted: set[Client] = set()
        self.refusal = ""

    async def measure(self, url: str) -> Measurement:
        """Connect, warm up, and measure the workload's messages."""
        await connect(self.everybody, url)
        await self.greet()
        await self.send(self.workload.warm_up, rate=None)
        del self.deliveries.latencies[:], self.deliveries.moments[:]
        first, before = self.deliveries.booked, Reading.take(*self.pids)
        await self.send(self.workload.messages, self.workload.rate)
        used = Reading.take(*self.pids).since(before)
        measured = self.deliveries.booked - first
        await asyncio.sleep(LATE_WITHIN)
        return self._measurement(used, measured)

    def _on_text(self, client: Client, text: bytes) -> None:
        at = text.find(MARK)
        if at >= 0:
            if self.deliveries.book(int(text[at + 1 : at + 9]), client):
                self._pump()
        elif HELLO.encode() in text:
            self.greeted.add(client)
        elif b'"error"' in text:
            self.refusal = self.refusal or text.decode()

    def _pump(self) -> None:
        """Send what is due and has room in the window."""
        if self.deliveries.complete == self.goal:
            self.finished.set()
        while self.sent < self.due and self.sent - self.deliveries.complete < self.workload.window:
            number, self.sent = self.sent, self.sent + 1
            session, turn = number % self.workload.sessions, number // self.workload.sessions
            sender = turn % self.workload.senders
            text = envelope(
                "AB"[sender % 2], f"bench-{number}", f"{MARK.decode()}{number:08d} " + TEXT * self.workload.texts
            )
            self.deliveries.sent(number)
            self.sessions[session][sender].send(text)

    async def greet(self) -> None:
        """One member of each session sends greetings until all have received one."""
        for attempt in range(int(HELLO_WITHIN / HELLO_EVERY)):
            for members in self.sessions:
                if not self.greeted.issuperset(members):
                    members[0].send(envelope("A", f"hello-{attempt}", HELLO))
            await asyncio.sleep(HELLO_EVERY)
            if self.greeted.issuperset(self.everybody):
                return

    async def send(self, messages: int, rate: float | None) -> None:
        """Send that many more messages and wait until all are delivered, or nothing comes any more.

        Without a `rate` (messages per second) they leave as soon as the window has room.
        """
        self.finished.clear()
        self.goal += messages
        pace = asyncio.create_task(self._pace(rate))
        while not self.finished.is_set():
            before = self.deliveries.booked
            try:
                async with asyncio.timeout(STALLED_AFTER):
                    await self.finished.wait()
            except TimeoutError:
                if self.deliveries.booked == before:
                    break
        pace.cancel()

    async def _pace(self, rate: float | None) -> None:
        """Make messages due: all at once, or at the rate."""
        if rate is None:
            self.due = self.goal
            self._pump()
            return
        start, already = time.perf_counter(), self.due
        while self.due < self.goal:
            self.due = min(self.goal, already + int((time.perf_counter() - start) * rate) + 1)
            self._pump()
            await asyncio.sleep(1 / rate)

    def _measurement(self, used: Reading, delivered: int) -> Measurement:
        units = delivered if self.workload.unit == "delivery" else delivered / self.workload.members
        refused = f"; refused: {self.refusal}" if self.refusal else ""
        return Measurement(
            server_us=used.server / (units or 1) * 1e6,
            store_us=used.store / (units or 1) * 1e6,
            rate=units / used.wall,
            p50_ms=percentile_ms(self.deliveries.latencies, 50),
            p99_ms=percentile_ms(self.deliveries.latencies, 99),
            server_busy=used.server / used.wall,
            load_busy=used.load / used.wall,
            delivered=self.deliveries.booked,
            expected=self.deliveries.expected,
            problem=(self.deliveries.problem() + refused).lstrip("; "),
        )
