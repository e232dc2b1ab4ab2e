"""A site that embeds a room as docs/*/integrating.md say, with a backend that gives out tokens."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class EmbeddingSite(ThreadingHTTPServer):
    """The site, on all names of this machine.

    Attributes:
        page: the HTML of every page.
        new_token: returns the token that `POST /chat-token` answers with.
    """

    page = ""
    new_token: Callable[[], str]

    @property
    def origin(self) -> str:
        return f"http://localhost:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: EmbeddingSite

    def do_GET(self) -> None:
        self._answer("text/html; charset=utf-8", self.server.page)

    def do_POST(self) -> None:
        self._answer("text/plain", self.server.new_token() + "\n")

    def _answer(self, content_type: str, text: str) -> None:
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        """Nothing."""


@contextmanager
def embedding_site() -> Iterator[EmbeddingSite]:
    """A running site without a page."""
    with EmbeddingSite(("127.0.0.1", 0), _Handler) as site:
        thread = Thread(target=site.serve_forever, daemon=True)
        thread.start()
        yield site
        site.shutdown()
        thread.join()
