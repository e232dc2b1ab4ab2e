"""The crowd: a separate process that keeps many replies active, and reports the delay of each piece.

`python -m benchmarks.replies.crowd URL ALIAS REPLIES PIECES PACE` prints a line when all are active, and at the end
a line of JSON, the fields of `Crowd`.
"""

import asyncio
import json
import sys
from array import array
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import uvloop

from benchmarks.clients import connect, raise_open_files_limit
from benchmarks.replies.conversation import Conversation

FIRST_SESSION = 1_000_000  # away from those of the probes
STARTING = 5.0  # seconds over which the requests are spread
WITHIN = 60.0  # seconds


@dataclass(frozen=True)
class Crowd:
    """How the replies came. Lags are in milliseconds, from the provider's write to the client.

    `early_ms` is the median of the first quarter of each reply, `late_ms` of the last; `provider_ms` is how far behind
    its own pace the provider was, in the 99th of a hundred pieces.
    """

    pieces: int
    expected: int
    p50_ms: float
    p99_ms: float
    early_ms: float
    late_ms: float
    provider_ms: float
    problem: str


async def run(url: str, alias: str, replies: int, pieces: int, pace: float) -> Crowd:
    """Ask in as many sessions as there are to be replies, and wait for all of them."""
    crowd = [Conversation(FIRST_SESSION + number, pace) for number in range(replies)]
    await connect([each.client for each in crowd], url)
    for number, each in enumerate(crowd):
        each.ask(f"[[pieces={pieces} pace={pace} stamped=1]] {number}", alias)
        await asyncio.sleep(STARTING / replies)
    async with asyncio.timeout(WITHIN):
        await asyncio.gather(*(each.begun for each in crowd))
    print("running", flush=True)
    async with asyncio.timeout(WITHIN + pieces * pace):
        ends = await asyncio.gather(*(each.ended for each in crowd))
    others = [end for end in ends if end["event"] != "llm.response" or end["finish_reason"] != "stop"]
    return _summary(crowd, replies * pieces, f"{len(others)} replies ended otherwise: {others[0]}" if others else "")


def _summary(crowd: Sequence[Conversation], expected: int, problem: str) -> Crowd:
    early, late = array("d"), array("d")
    for each in crowd:
        quarter = len(each.lags) // 4
        early += each.lags[:quarter]
        late += each.lags[-quarter:]
    lags = [lag for each in crowd for lag in each.lags]
    return Crowd(
        pieces=len(lags),
        expected=expected,
        p50_ms=_share(lags, 0.5),
        p99_ms=_share(lags, 0.99),
        early_ms=_share(early, 0.5),
        late_ms=_share(late, 0.5),
        provider_ms=_share([due for each in crowd for due in each.due], 0.99),
        problem=problem,
    )


def _share(seconds: Sequence[float], share: float) -> float:
    ranked = sorted(seconds) or [0.0]
    return ranked[int((len(ranked) - 1) * share)] * 1e3


def main() -> None:
    raise_open_files_limit()
    url, alias, replies, pieces, pace = sys.argv[1:]
    print(json.dumps(asdict(uvloop.run(run(url, alias, int(replies), int(pieces), float(pace))))))


if __name__ == "__main__":
    main()
