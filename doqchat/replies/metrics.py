"""What becomes of replies, in numbers: counted in the store as each ends, the same whichever process is asked."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from doqchat.llm import llms
from doqchat.protocol.events import Body, LLMError, LLMResponse
from doqchat.replies.backlog import Gauges, backlogs
from doqchat.replies.budget import counter_of_today
from doqchat.store import keys
from doqchat.store.shards import Shard, Shards

ENDED, FAILED = keys.ENDED, "errors:"
"""What the names of counters begin with: replies by finish reason, errors by code."""

REFUSED = "refused:"
"""What the names of counters of refused requests begin with, by limit; automatic replies not given are among them."""

RESTARTS = "restarts"
INPUT_TOKENS, OUTPUT_TOKENS = "tokens:input", "tokens:output"
FIRST_PIECES, FIRST_PIECE_SECONDS = "first_piece:count", "first_piece:seconds"


@dataclass(slots=True)
class Metrics:
    """All replies of all servers.

    Attributes:
        workers: workers that are there for each model, on the server that has the fewest, by alias.
        oldest: for how many seconds the oldest request has waited that no worker has taken, those in line included, by
            alias.
        waiting: requests that no worker has taken, by alias of the model that was asked.
        in_line: requests that stand in line behind another of their session.
        under_way: requests that a worker has taken, by alias.
        dead: requests that were given up.
        due: sessions that are due an automatic reply.
        tokens_today: input and output, on this day of UTC; estimated where the provider did not count.
        counters: what has become of all replies so far, by the names above.
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
    """The numbers of the models in the settings and all that were ever asked; raises Unavailable.

    What the sweeper counts, requests in line and those that a worker has, is as it was a few seconds ago.
    """
    metrics = Metrics()
    for shard in shards:
        await _add(metrics, shard)
    return metrics


async def _add(metrics: Metrics, shard: Shard) -> None:
    """Add the numbers of one server."""
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
    metrics.counters.update(dict(zip(flat[::2], map(float, flat[1::2]), strict=True)))


def count(shard: Shard, amounts: Mapping[str, float]) -> None:
    """Add to the counters, without waiting; lost when the server cannot be reached."""
    for name, amount in amounts.items():
        shard.pipeline.post("HINCRBYFLOAT", keys.COUNTERS, name, amount)


def count_refusal(shard: Shard, limit: str) -> None:
    """Count a request that a limit forbade, without waiting: it is refused whether or not the store takes that in."""
    count(shard, {REFUSED + limit: 1})


def tokens_of(terminal: Body) -> tuple[int, int]:
    """Input and output tokens of a reply, as far as the provider has counted them."""
    if not isinstance(terminal, LLMResponse):
        return 0, 0
    return terminal.usage.input_tokens or 0, terminal.usage.output_tokens or 0


def outcome_of(terminal: Body) -> str:
    """The counter of replies that end with this event."""
    if isinstance(terminal, LLMResponse):
        return ENDED + terminal.finish_reason
    return FAILED + (terminal.code if isinstance(terminal, LLMError) else "")


def counted(terminal: Body, first_piece_seconds: float | None) -> dict[str, float]:
    """What a reply adds to the counters when it ends, by name.

    Args:
        terminal: the event that ends it.
        first_piece_seconds: how long its first piece took; None for a reply without any.
    """
    amounts: dict[str, float] = {outcome_of(terminal): 1}
    for name, tokens in zip((INPUT_TOKENS, OUTPUT_TOKENS), tokens_of(terminal), strict=True):
        if tokens:
            amounts[name] = tokens
    if first_piece_seconds is not None:
        amounts |= {FIRST_PIECES: 1, FIRST_PIECE_SECONDS: round(first_piece_seconds, 4)}
    return amounts
