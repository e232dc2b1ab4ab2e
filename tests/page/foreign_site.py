"""A page of another origin that tries to use the visitor's cookies on doqchat's site."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

ATTACK = """async ({ http, ws, sid, message }) => {
    const socket = await new Promise((resolve) => {
        const frames = [], socket = new WebSocket(`${ws}/v1/session/chat?sid=${sid}&since=0`, "doqchat.v1")
        socket.onopen = () => socket.send(JSON.stringify(message))
        socket.onmessage = ({ data }) => {
            frames.push(data)
            // the replay and the answer come in either order
            if (["between us", "chat.ack"].every((part) => frames.join().includes(part))) socket.close()
        }
        socket.onclose = ({ code }) => resolve([frames.join(), code])
    })
    const session = `${http}/api/chat/sessions/${sid}`, history = `${http}/api/chat/history/${sid}`
    const json = { "Content-Type": "application/json" }, body = JSON.stringify(message)
    const calls = await Promise.all([
        [history],
        [history, { mode: "no-cors" }],
        [`${session}/messages`, { method: "POST", headers: json, body }],
        [`${session}/messages`, { method: "POST", mode: "no-cors", body }],
        [session, { method: "PATCH", headers: json, body: '{"policy": "off"}' }],
    ].map(([url, options]) => fetch(url, { credentials: "include", ...options }).then(
        async (response) => [response.status, await response.text()],
        () => [0, ""],
    )))
    return [socket, ...calls]
}"""
"""What a page read: by the socket, with its close code, and the status and body of each call; 0 for nothing at all."""

FORM = """({ http, sid, message }) => {
    const form = document.createElement("form")
    Object.assign(form, { action: `${http}/api/chat/sessions/${sid}/messages`, method: "POST", enctype: "text/plain" })
    const [name, value] = JSON.stringify({ ...message, padding: "|" }).split("|")
    form.append(Object.assign(document.createElement("input"), { name, value }))
    document.body.append(form)
    form.submit()
}"""
"""Sends the message with a form: an enctype of text/plain makes JSON of it, without asking the site first."""


class _Blank(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: Any) -> None:
        """Nothing."""


@contextmanager
def foreign_site() -> Iterator[int]:
    """A site of blank pages, without any policy, on all names of this machine; yields its port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Blank) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()
