"""`python -m benchmarks.page`: the room in headless Chromium.

Measures bytes, requests and the time to a usable field, at no delay and at 150 ms a round trip; frames while a long
Markdown reply streams into a long conversation; and memory after many live messages. Exit status 0 when every target is
met, 1 when one is not, 130 after Ctrl-C.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator
from statistics import median

from playwright.async_api import Browser, Page

from benchmarks.outcome import Outcome
from benchmarks.page.conversation import fill
from benchmarks.page.site import Site, site
from benchmarks.page.visits import CONNECTED, chromium, first_and_next, frames_over

ROUND_TRIP = 150  # ms
MOST_REQUESTS, MOST_KILOBYTES, MOST_REQUESTS_NEXT = 25, 120, 2
USABLE_WITHIN = 1000  # ms, at that round trip
FRAME = 34  # ms, two at 60 a second
WORDS = 2_000
ITEMS = 500
ANSWERED = ".timeline__stored .message--answer"


async def visits(browser: Browser, site: Site, rounds: int) -> AsyncIterator[Outcome]:
    """What the first visit of an empty room costs, and the next one."""
    at_once = [await first_and_next(browser, f"{site.http}/s/visit-{number}/?role=A") for number in range(rounds)]
    far = [await first_and_next(browser, f"{site.http}/s/far-{number}/?role=A", ROUND_TRIP) for number in range(rounds)]
    first, following = at_once[0]
    yield Outcome.on(
        first.requests <= MOST_REQUESTS, f"first visit: {first.requests} requests, at most {MOST_REQUESTS}"
    )
    yield Outcome.on(
        first.kilobytes <= MOST_KILOBYTES, f"first visit: {first.kilobytes:.0f} KB, at most {MOST_KILOBYTES}"
    )
    yield Outcome.on(
        following.requests <= MOST_REQUESTS_NEXT,
        f"next visit: {following.requests} requests, {following.kilobytes:.0f} KB, at most {MOST_REQUESTS_NEXT}",
    )
    for name, found in ("no delay", at_once), (f"{ROUND_TRIP} ms a round trip", far):
        painted, connected = (median(getattr(first, which) for first, _ in found) for which in ("painted", "ready"))
        text = f"{name}: field usable after {painted:.0f} ms, connected after {connected:.0f} ms"
        yield Outcome.on(painted <= USABLE_WITHIN, f"{text}, usable within {USABLE_WITHIN}")


async def streaming(browser: Browser, site: Site, messages: int) -> AsyncIterator[Outcome]:
    """Frames while a reply streams into a long conversation, of which the page shows as many messages as it can."""
    await fill(site.ws, "long", messages)
    page = await _room(browser, site, "long")
    await _load_earlier(page)
    items = await page.locator(".timeline__stored > *").count()
    await page.fill(".composer__text", "@llm write")
    await page.press(".composer__text", "Enter")
    late, frames, longest = await frames_over(page, FRAME, ANSWERED)
    yield Outcome(
        True,
        f"a {WORDS}-word reply in a room of {messages:,} messages ({items:,} on the page): {late} of "
        f"{frames:,} frames over {FRAME} ms, the longest {longest:.0f} ms",
    )
    await page.context.close()


async def live(browser: Browser, site: Site, messages: int) -> AsyncIterator[Outcome]:
    """Memory after this number of live messages."""
    page = await _room(browser, site, "live")
    before = await _memory(page)
    await fill(site.ws, "live", messages)
    await page.wait_for_function(
        "(last) => document.querySelector('.timeline__stored > :last-child .message__text')?"
        ".textContent.startsWith(last)",
        arg=f"{messages - 1}:",
    )
    after = await _memory(page)
    yield Outcome(
        True, f"{messages:,} live messages: heap {before[0]:.1f} to {after[0]:.1f} MB, {after[1]:,} DOM nodes"
    )
    await page.context.close()


async def _room(browser: Browser, site: Site, sid: str) -> Page:
    context = await browser.new_context(locale="en-US")
    page = await context.new_page()
    await page.goto(f"{site.http}/s/{sid}/?role=A")
    await page.wait_for_selector(CONNECTED)
    return page


async def _load_earlier(page: Page) -> None:
    """Load the history until there is no earlier page, or the timeline drops items: see LIMIT in timeline.js."""
    earlier = page.locator(".timeline__earlier button")
    while await earlier.is_visible() and (count := await page.locator(".timeline__stored > *").count()) < ITEMS:
        await earlier.dispatch_event("click")
        await page.wait_for_function(
            "(count) => document.querySelectorAll('.timeline__stored > *').length > count"
            " || !document.querySelector('.timeline__earlier button').checkVisibility()",
            arg=count,
        )


async def _memory(page: Page) -> tuple[float, int]:
    """The heap in MB and the number of DOM nodes, after a garbage collection."""
    session = await page.context.new_cdp_session(page)
    await session.send("HeapProfiler.collectGarbage")
    await session.send("Performance.enable")
    found = {each["name"]: each["value"] for each in (await session.send("Performance.getMetrics"))["metrics"]}
    return found["JSHeapUsedSize"] / 1e6, int(found["Nodes"])


async def run(arguments: argparse.Namespace) -> bool:
    """Measure everything, print a line for each result; returns whether all targets are met."""
    passed = True
    with site(WORDS) as served:
        async with chromium() as browser:
            for outcomes in (
                visits(browser, served, arguments.rounds),
                streaming(browser, served, arguments.messages),
                live(browser, served, 2 * arguments.messages),
            ):
                async for outcome in outcomes:
                    print(outcome.text, flush=True)
                    passed &= outcome.passed
    return passed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="visits of which times are the median (5)")
    parser.add_argument("--messages", type=int, default=5_000, help="in the long room; twice as many live ones (5000)")
    try:
        return 0 if asyncio.run(run(parser.parse_args())) else 1
    except KeyboardInterrupt:
        print("\nStopped; everything that was started has ended.")
        return 130


if __name__ == "__main__":
    sys.exit(main())
