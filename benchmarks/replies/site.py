"""A whole site of one worker and one web process, with a stand-in for each provider; each in a separate process."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.accounting import cpu_seconds
from tests import processes
from tests.ports import free_port

KEY = "right-key"


@dataclass(frozen=True)
class Site:
    """Attributes:
    url: the web process, for sockets.
    store_url: the store.
    providers: the base URL of each alias's provider.
    pids: process ids by what the process does.
    """

    url: str
    store_url: str
    providers: dict[str, str]
    pids: dict[str, int]

    def used(self) -> dict[str, float]:
        """CPU seconds of each process up to now."""
        return {name: cpu_seconds(pid) for name, pid in self.pids.items()}


@contextmanager
def site(
    settings: str = "benchmarks.replies.settings", limits: str = "SITE_REQUESTS=none", **variables: str
) -> Iterator[Site]:
    """The site, until the block ends.

    Args:
        settings: its settings module.
        limits: its DOQCHAT_LIMITS.
        variables: further variables of its environment.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="doqchat-replies-")))
        store = stack.enter_context(processes.valkey(folder / "valkey"))
        (gemini_url, gemini), (openai_url, openai) = (
            stack.enter_context(_provider(name)) for name in ("gemini", "openai")
        )
        environment = {
            "DJANGO_SETTINGS_MODULE": settings,
            "DOQCHAT_REDIS_URL": store.url,
            "DOQCHAT_DATA_DIR": str(folder),
            "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
            "GEMINI_API_KEY": KEY,
            "GEMINI_BASE_URL": gemini_url,
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": f"{openai_url}/v1",
            "DOQCHAT_LIMITS": limits,
            "DOQCHAT_LLM_MODEL": "",
            "DOQCHAT_LLM_CONTEXT_TOKENS": "",
            **variables,
        }
        processes.migrate(environment)
        web = stack.enter_context(processes.web(**environment))
        del environment["DOQCHAT_REDIS_URL"]
        worker = stack.enter_context(processes.llm_worker(store.url, **environment))
        pids = {"worker": worker, "web": web.process, "store": store.process, "gemini": gemini, "openai": openai}
        yield Site(
            web.ws,
            store.url,
            {"gemini": gemini_url, "gemini-legacy": gemini_url, "openai": openai_url},
            {name: process.pid for name, process in pids.items()},
        )


@contextmanager
def _provider(name: str) -> Iterator[tuple[str, processes.Process]]:
    port = free_port()
    command = [sys.executable, "-m", f"tests.stand_ins.{name}", "--port", str(port)]
    with processes.running(name, command, lambda process: str(port) in process.output) as process:
        yield f"http://127.0.0.1:{port}", process
