"""Wrong passwords for the admin, many at once: each costs the server a deliberately slow hash."""

import re
from urllib.parse import urlencode

from tests.attack.attacks.attack import Target, attack
from tests.attack.attacks.peer import Peer
from tests.attack.attacks.wire import request
from tests.attack.seeds import ADMIN

TOKEN = re.compile(rb"csrftoken=(\w+)")


class Form(Peer):
    """A connection that keeps the whole head of an answer, to find the token of the form in it."""

    def data_received(self, data: bytes) -> None:
        if token := TOKEN.search(data):
            self.token = token[1].decode()
        super().data_received(data)


@attack("wrong-passwords", at_once=20, pause=0.2)
async def wrong_password(target: Target) -> str:
    """Ask for the form, and send it back with a wrong password."""
    async with Form.connected(target) as peer:
        await peer.send(request(target, "GET /admin/login/", "Connection: close"))
        answer = await peer.end()
        token = getattr(peer, "token", None)
    if token is None:
        return f"no form, {answer}"
    form = urlencode({"username": ADMIN, "password": "wrong", "csrfmiddlewaretoken": token}).encode()
    headers = (
        f"Cookie: csrftoken={token}",
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(form)}",
        "Connection: close",
    )
    async with Peer.connected(target) as peer:
        await peer.send(request(target, "POST /admin/login/", *headers, body=form))
        return await peer.response()
