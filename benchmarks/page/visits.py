"""What a visit of the room loads, and how soon it can be used."""

from dataclasses import dataclass
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page

TIMES = """
    window.times = {}
    new PerformanceObserver((list) => { for (const { name, startTime } of list.getEntries()) times[name] = startTime })
        .observe({ type: "paint", buffered: true })
    addEventListener("DOMContentLoaded", () => {
        const connected = () => document.querySelector(".status--connected")
        const look = () => { if (connected()) times.connected ??= performance.now() }
        new MutationObserver(look).observe(document.body, { attributes: true, childList: true, subtree: true })
    })
"""
READ_TIMES = "() => times.connected && times['first-contentful-paint'] && times"


@dataclass(frozen=True)
class Visit:
    """One visit.

    Attributes:
        requests: requests that reached the server, the document included and the socket not.
        kilobytes: what they transferred, headers included, in units of 1,000 bytes.
        painted: until the page was painted and its field could be used, in ms.
        connected: until messages were sent at once, in ms.
    """

    requests: int
    kilobytes: float
    painted: float
    connected: float


async def visit(context: BrowserContext, url: str, round_trip: int = 0) -> Visit:
    """Open the room in a new tab; each request takes so many ms more."""
    page = await context.new_page()
    await page.add_init_script(TIMES)
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
    await page.wait_for_load_state("networkidle")
    await page.close()
    loaded = {request: size for request, size in sizes.items() if request not in cached}
    return Visit(len(loaded), sum(loaded.values()) / 1000, times["first-contentful-paint"], times["connected"])


def _note_cache(event: dict[str, Any], cached: set[str]) -> None:
    response = event["response"]
    if response.get("fromDiskCache") or response.get("fromPrefetchCache"):
        cached.add(event["requestId"])


async def first_and_next(browser: Browser, url: str, round_trip: int = 0) -> tuple[Visit, Visit]:
    """The first visit of a browser, and the next one."""
    context = await browser.new_context(locale="en-US")
    try:
        return await visit(context, url, round_trip), await visit(context, url, round_trip)
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
