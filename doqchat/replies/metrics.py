"""Metrics of replies. They are counted in the store, so every process reports the same numbers."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from doqchat.llm import llms
from doqchat.protocol.events import Body, LLMError, LLMResponse
from doqchat.replies.backlog import Gauges, backlogs
from doqchat.replies.budget import counter_of_today
from doqchat.store import keys
from doqchat.store.clients import pairs
from doqchat.store.shards import Shard, Shards

ENDED, FAILED = keys.ENDED, "errors:"
"""Prefixes of counters: completed replies by finish reason, errors by code."""

REFUSED = "refused:"
"""Prefix of the counters of refused requests, by limit; they include dropped automatic replies."""

RESTARTS = "restarts"
INPUT_TOKENS, OUTPUT_TOKENS = "tokens:input", "tokens:output"
FIRST_PIECES, FIRST_PIECE_SECONDS = "first_piece:count", "first_piece:seconds"


@dataclass(slots=True)
class Metrics:
    """Metrics of the replies on all servers.

    Attributes:
        workers: workers per model, on the server with the fewest, by alias.
        oldest: age in seconds of the oldest request without a worker, including queued ones, by alias.
        waiting: requests that wait for a worker, by alias.
        in_line: requests queued behind another in the same session.
        under_way: requests that a worker is answering, by alias.
        dead: dead letters.
        due: sessions with a scheduled automatic reply.
        tokens_today: input and output tokens on the current day in UTC; estimated if the provider does not count them.
        counters: the counters, by the names above.
    """

    workers: dict[str, int] = field(default_factory=dict)
    oldest: dict[str, float] = field(default_factory=dict)
    waiting: Counter[str] = field(default_factory=Counter)
    in_line: int = 0
    under_way: Counter[str] = field(default_factory=Counter)
    dead: int = 0
    due: int = 0
    tokens_today: int = 0
    counters: Counter[str] = field(default_factory=Counter)


async def read_metrics(shards: Shards) -> Metrics:
    """Read the metrics of all models in the settings and all that have had requests; raises Unavailable.

    Queued and running requests are gauges of the sweeper and may be a few seconds old.
    """
    metrics = Metrics()
    for shard in shards:
        await _add(metrics, shard)
    return metrics


async def _add(metrics: Metrics, shard: Shard) -> None:
    """Add the metrics of one server."""
    execute = shard.pipeline.execute
    waiting, swept, dead, due, tokens, flat = await asyncio.gather(
        backlogs(shard, llms),
        execute("GET", keys.GAUGES),
        execute("XLEN", keys.DEAD_LETTERS),
        execute("ZCARD", keys.DUE),
        execute("GET", counter_of_today()),
        execute("HGETALL", keys.COUNTERS),
    )
    gauges = Gauges.read(swept)
    for alias, backlog in waiting.items():
        metrics.under_way[alias] += gauges.under_way.get(alias, 0)
        metrics.waiting[alias] += backlog.waiting
        metrics.workers[alias] = min(backlog.workers, metrics.workers.get(alias, backlog.workers))
        metrics.oldest[alias] = max(backlog.oldest_seconds, metrics.oldest.get(alias, 0.0))
    metrics.in_line += gauges.in_line
    for alias, seconds in gauges.oldest_in_line.items():
        metrics.oldest[alias] = max(seconds, metrics.oldest.get(alias, 0.0))
    metrics.dead += int(dead)
    metrics.due += int(due)
    metrics.tokens_today += int(tokens or 0)
    metrics.counters.update({name: float(amount) for name, amount in pairs(flat)})


def count(shard: Shard, amounts: Mapping[str, float]) -> None:
    """Add to the counters without waiting; lost if the server is unreachable."""
    for name, amount in amounts.items():
        shard.pipeline.post("HINCRBYFLOAT", keys.COUNTERS, name, amount)


def count_refusal(shard: Shard, limit: str) -> None:
    """Count a request refused by a limit, without waiting."""
    count(shard, {REFUSED + limit: 1})


def tokens_of(terminal: Body) -> tuple[int, int]:
    """Input and output tokens of a reply; 0 if the provider does not count them."""
    if not isinstance(terminal, LLMResponse):
        return 0, 0
    return terminal.usage.input_tokens or 0, terminal.usage.output_tokens or 0


def _outcome_of(terminal: Body) -> str:
    """The counter for a terminal event."""
    if isinstance(terminal, LLMResponse):
        return ENDED + terminal.finish_reason
    return FAILED + (terminal.code if isinstance(terminal, LLMError) else "")


def counted(terminal: Body, first_piece_seconds: float | None) -> dict[str, float]:
    """The amounts that a reply adds to the counters, by name.

    Args:
        terminal: its terminal event.
        first_piece_seconds: seconds until the first piece; None if there was none.
    """
    amounts: dict[str, float] = {_outcome_of(terminal): 1}
    for name, tokens in zip((INPUT_TOKENS, OUTPUT_TOKENS), tokens_of(terminal), strict=True):
        if tokens:
            amounts[name] = tokens
    if first_piece_seconds is not None:
        amounts |= {FIRST_PIECES: 1, FIRST_PIECE_SECONDS: round(first_piece_seconds, 4)}
    return amounts
