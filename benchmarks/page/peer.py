"""`python -m benchmarks.page.peer URL FIELD`: what a visit of any chat page costs, doqchat's or another's.

FIELD is the CSS selector of the field that people write into, as it is when it can be used: `textarea:enabled`. Prints
the first visit of a browser and the next one, at no delay and at 150 ms a round trip, each as the median of several.
"""

import argparse
import asyncio
from statistics import median

from benchmarks.page.visits import Visit, chromium, first_and_next

ROUND_TRIPS = (0, 150)  # ms


def line(name: str, visits: list[Visit]) -> str:
    """The medians of some visits, in one line."""
    requests, kilobytes, elsewhere, painted, ready = (
        median(getattr(visit, field) for visit in visits)
        for field in ("requests", "kilobytes", "elsewhere", "painted", "ready")
    )
    return (
        f"{name}: {requests:.0f} requests, {kilobytes:,.0f} KB, {elsewhere:.0f} to other hosts, "
        f"painted after {painted:,.0f} ms, field usable after {ready:,.0f} ms"
    )


async def run(arguments: argparse.Namespace) -> None:
    """Measure and print a line for each result."""
    async with chromium() as browser:
        for round_trip in ROUND_TRIPS:
            pairs = [
                await first_and_next(browser, arguments.url, round_trip, arguments.field)
                for _ in range(arguments.rounds)
            ]
            for name, visits in zip(("first visit", "next visit"), zip(*pairs, strict=True), strict=True):
                print(line(f"{name}, {round_trip} ms a round trip", list(visits)), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page.peer", description=__doc__)
    parser.add_argument("url", help="the page")
    parser.add_argument("field", help="CSS selector of its field, when it can be used")
    parser.add_argument("--rounds", type=int, default=5, help="visits that the medians are of (5)")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
