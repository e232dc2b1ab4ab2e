"""Browser contexts that windows use one after another."""

from contextlib import suppress

from playwright.async_api import Browser, BrowserContext, Error


class Profiles:
    """Lends contexts with an empty profile: no cookies, but what the browser has cached.

    In each, a parked page keeps the renderer process of the site alive (with Chromium's `--process-per-site`): starting
    one costs as much as all that a test does in its window.

    Args:
        browser: the browser.
        parked_at: the URL of the parked pages; its host is the site's.
    """

    def __init__(self, browser: Browser, parked_at: str) -> None:
        self._browser = browser
        self._parked_at = parked_at
        self._unused: list[BrowserContext] = []

    async def lend(self) -> BrowserContext:
        """A context that no window uses."""
        if self._unused:
            return self._unused.pop()
        context = await self._browser.new_context(locale="en-US")
        parked = await context.new_page()
        await parked.goto(self._parked_at)
        return context

    async def take_back(self, context: BrowserContext) -> None:
        """Close the context's windows and empty its profile."""
        for page in context.pages[1:]:
            with suppress(Error):  # a page without an origin, such as about:blank
                await page.evaluate("localStorage.clear()")
            await page.close()
        await context.clear_cookies()
        await context.pages[0].evaluate("localStorage.clear()")
        await context.set_offline(False)
        self._unused.append(context)
