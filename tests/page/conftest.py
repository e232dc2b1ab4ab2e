"""One headless Chromium for all tests of the page; each window has a profile to itself."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass

import pytest
import pytest_asyncio
import redis
from playwright.async_api import Browser, Error, async_playwright

from tests import processes
from tests.page.profiles import Profiles
from tests.page.window import Window
from tests.processes import Web

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--process-per-site",
]

BROWSERS = ["chromium-headless-shell", "chromium", "google-chrome"]

OpenWindow = Callable[..., Awaitable[Window]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The browser lives in the session's event loop, and so do the tests that talk to it. All of them are slow."""
    for item in items:
        if item.path.parent.name == "page" and isinstance(item, pytest.Function):
            if pytest_asyncio.is_async_test(item):
                item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
            if "browser" in item.fixturenames:
                item.add_marker("slow")


@dataclass(frozen=True)
class Site:
    """A web process and the client of its store."""

    web: Web
    store: "redis.Redis"


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Iterator[Site]:
    """A site of its own whose model, Gemini's stand-in, says what a marker in the question asks for."""
    with (
        processes.gemini() as gemini_url,
        processes.valkey(tmp_path_factory.mktemp("page")) as store,
        closing(redis.Redis.from_url(store.url, decode_responses=True)) as client,
    ):
        model = {"GEMINI_API_KEY": "right-key", "GEMINI_BASE_URL": gemini_url}
        with processes.llm_worker(store.url, **model), processes.web(DOQCHAT_REDIS_URL=store.url, **model) as web:
            yield Site(web, client)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The machine's Chromium, or Playwright's own. The headless shell draws no window: it takes a third of the CPU."""
    installed = next(filter(None, map(shutil.which, BROWSERS)), None)
    async with async_playwright() as playwright:
        try:
            chromium = await playwright.chromium.launch(executable_path=installed, args=ARGUMENTS)
        except Error as error:
            if installed or "Executable doesn't exist" not in error.message:
                raise
            pytest.skip(
                "There is no Chromium here: `apt install chromium-headless-shell`, or `playwright install chromium`."
            )
        yield chromium
        await chromium.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def profiles(browser: Browser, server: Web) -> Profiles:
    return Profiles(browser, f"{server.http}/healthz")


@pytest_asyncio.fixture(loop_scope="session")
async def open_window(browser: Browser, profiles: Profiles, server: Web) -> AsyncIterator[OpenWindow]:
    """Opens windows; at the end, none may have complained.

    `await open_window(web)`: on another server than `server`; `locale` and the like are what `new_context` takes. With
    any of them, the window has a context that no other window has used or will use.
    """
    windows: list[Window] = []
    async with AsyncExitStack() as stack:

        async def open_one(web: Web = server, **options: object) -> Window:
            if options:
                context = await browser.new_context(**{"locale": "en-US", **options})
                stack.push_async_callback(context.close)
            else:
                context = await profiles.lend()
                stack.push_async_callback(profiles.take_back, context)
            window = Window(context, await context.new_page(), web.http)
            windows.append(window)
            return window

        yield open_one
    assert [complaint for window in windows for complaint in window.complaints] == []


@pytest_asyncio.fixture(loop_scope="session")
async def a_and_b(open_window: OpenWindow, sid: str) -> tuple[Window, Window]:
    """Two windows in the session, A's and B's."""
    a, b = await open_window(), await open_window()
    await a.enter(sid, "A")
    await b.enter(sid, "B")
    return a, b
