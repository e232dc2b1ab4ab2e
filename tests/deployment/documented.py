"""The nginx configuration of docs/en/production.md, with the names and numbers of a test in it."""

import re
from collections.abc import Sequence
from pathlib import Path

from tests.docs.pages import ROOT, blocks

PAGES = [ROOT / "docs" / language / "production.md" for language in ("en", "ko")]


def documented(page: Path) -> str:
    """The page's nginx block."""
    (found,) = [block.text for block in blocks(page) if block.language == "nginx"]
    return found


def configured(*, listen: int, upstreams: Sequence[int], certificate: Path, key: Path, path: str, log: Path) -> str:
    """The block for this machine: other ports, certificate and path, and a log of what was answered."""
    text = documented(PAGES[0])
    for example, port in zip((3000, 3001), upstreams, strict=True):
        text = _replace(f"127.0.0.1:{example} ", f"127.0.0.1:{port} ", text)
    text = _replace("listen 443 ssl;", f"listen 127.0.0.1:{listen} ssl;", text)
    text = _replace("server_name chat.example.org;", "server_name localhost;", text)
    text = _replace("/etc/ssl/chat.example.org.pem", str(certificate), text)
    text = _replace("/etc/ssl/chat.example.org.key", str(key), text)
    text = _replace("location / {", f"location {path} {{", text)
    return f"log_format statuses '$status $request';\naccess_log {log} statuses;\n{text}"


def _replace(example: str, own: str, text: str) -> str:
    changed, count = re.subn(re.escape(example), own, text)
    assert count == 1, f"{example!r} stands {count} times in the block"
    return changed
