"""What a visit of a chat page loads, and how soon it can be used."""

import json
import shutil
from collections.abc import AsyncIterator, Sized
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, Page, async_playwright

BROWSERS = ("chromium-headless-shell", "chromium", "google-chrome")
CONNECTED = ".status--connected"
QUIET = 1000  # ms
TIMES = """
    window.times = {}
    new PerformanceObserver((list) => { for (const { name, startTime } of list.getEntries()) times[name] = startTime })
        .observe({ type: "paint", buffered: true })
    const look = () => {
        if (document.querySelector(SELECTOR)?.checkVisibility()) times.ready = performance.now()
        else requestAnimationFrame(look)
    }
    look()
"""
READ_TIMES = "() => times.ready && times['first-contentful-paint'] && times"


@dataclass(frozen=True)
class Visit:
    """One visit.

    Attributes:
        requests: requests that reached the server, the document included and the socket not.
        kilobytes: what they transferred, headers included, in units of 1,000 bytes.
        elsewhere: requests to other hosts, those that failed included.
        painted: until the first content was painted, in ms.
        ready: until the element that was waited for was visible, in ms.
    """

    requests: int
    kilobytes: float
    elsewhere: int
    painted: float
    ready: float


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """The machine's headless Chromium, or Playwright's own."""
    async with async_playwright() as playwright:
        installed = next(filter(None, map(shutil.which, BROWSERS)), None)
        browser = await playwright.chromium.launch(executable_path=installed, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        await browser.close()


async def visit(context: BrowserContext, url: str, round_trip: int = 0, ready: str = CONNECTED) -> Visit:
    """Open a page in a new tab, and wait for an element; `round_trip` ms are added to each request."""
    page = await context.new_page()
    await page.add_init_script(TIMES.replace("SELECTOR", json.dumps(ready)))
    elsewhere: list[str] = []
    page.on("request", lambda request: elsewhere.append(request.url) if _is_elsewhere(request.url, url) else None)
    session = await context.new_cdp_session(page)
    cached: set[str] = set()
    sizes: dict[str, float] = {}
    session.on("Network.requestServedFromCache", lambda event: cached.add(event["requestId"]))
    session.on("Network.responseReceived", lambda event: _note_cache(event, cached))
    session.on("Network.loadingFinished", lambda event: sizes.update({event["requestId"]: event["encodedDataLength"]}))
    await session.send("Network.enable")
    if round_trip:
        conditions = {"offline": False, "latency": round_trip, "downloadThroughput": -1, "uploadThroughput": -1}
        await session.send("Network.emulateNetworkConditions", conditions)
    await page.goto(url)
    times: dict[str, float] = await (await page.wait_for_function(READ_TIMES)).json_value()
    await _until_quiet(page, sizes)
    await page.close()
    loaded = {request: size for request, size in sizes.items() if request not in cached}
    kilobytes = sum(loaded.values()) / 1000
    return Visit(len(loaded), kilobytes, len(elsewhere), times["first-contentful-paint"], times["ready"])


async def _until_quiet(page: Page, finished: Sized) -> None:
    """Wait until no request has finished for a while; one that stays open, as an event stream does, does not matter."""
    before = -1
    while before != len(finished):
        before = len(finished)
        await page.wait_for_timeout(QUIET)


def _is_elsewhere(address: str, page: str) -> bool:
    """Whether an address is on another host than a page; `data:` and `blob:` have none."""
    return urlsplit(address).netloc not in ("", urlsplit(page).netloc)


def _note_cache(event: dict[str, Any], cached: set[str]) -> None:
    response = event["response"]
    if response.get("fromDiskCache") or response.get("fromPrefetchCache"):
        cached.add(event["requestId"])


async def first_and_next(
    browser: Browser, url: str, round_trip: int = 0, ready: str = CONNECTED
) -> tuple[Visit, Visit]:
    """The first visit of a browser, and the next one."""
    context = await browser.new_context(locale="en-US")
    try:
        return await visit(context, url, round_trip, ready), await visit(context, url, round_trip, ready)
    finally:
        await context.close()


async def frames_over(page: Page, milliseconds: int, until: str) -> tuple[int, int, float]:
    """How many frames took longer, of how many, and the longest, until a selector appears."""
    await page.evaluate(
        """() => {
            window.frames_ = []
            let last = performance.now()
            const note = (now) => { frames_.push(now - last); last = now; requestAnimationFrame(note) }
            requestAnimationFrame(note)
        }"""
    )
    await page.wait_for_selector(until, timeout=120_000)
    frames: list[float] = await page.evaluate("frames_")
    return sum(frame > milliseconds for frame in frames), len(frames), max(frames)
