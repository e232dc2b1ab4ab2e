"""A client that never reads."""

import socket

RECEIVE_BUFFER = 4096
WITHIN = 15.0


def connect_deaf(address: str, sid: str, since: str | None = None) -> socket.socket:
    """An open WebSocket to a session of which nothing but the beginning of the handshake was read.

    Args:
        address: the server's `host:port`.
        sid: the session.
        since: what it wants to be replayed.
    """
    query = f"sid={sid}" if since is None else f"sid={sid}&since={since}"
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    peer.settimeout(WITHIN)
    host, _, port = address.partition(":")
    peer.connect((host, int(port)))
    peer.sendall(
        f"GET /v1/session/chat?{query} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    assert b" 101 " in peer.recv(64), "The server did not open the WebSocket."
    return peer
