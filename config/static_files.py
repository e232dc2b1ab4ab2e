"""The static files: their version, which is part of their URLs."""

import hashlib
import re
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any
from wsgiref.headers import Headers

from django.conf import settings
from django.contrib.staticfiles import finders
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.templatetags.static import static
from servestatic.storage import CompressedStaticFilesStorage

_OF_PACKAGES = ("django", "django-ninja")
"""Packages with static files of their own."""

_IMPORT = re.compile(r'^@import "([^"]+)";$', re.MULTILINE)


class CollectedFiles(CompressedStaticFilesStorage):
    """Collects files compressed, and stylesheets together with those that they import, so that a page loads one."""

    def post_process(self, paths: dict[str, Any], dry_run: bool = False, **options: Any) -> Iterator[Any]:
        """Yield the name of each processed file, as `collectstatic` expects it."""
        stylesheets = [Path(self.path(name)) for name in paths if name.endswith(".css") and not dry_run]
        whole = {path: _IMPORT.sub(_imported_by(path), path.read_text("utf-8")) for path in stylesheets}
        for path, text in whole.items():
            path.write_text(text, "utf-8")
        yield from super().post_process(paths, dry_run, **options)


def _imported_by(stylesheet: Path) -> Callable[[re.Match[str]], str]:
    return lambda rule: (stylesheet.parent / rule[1]).read_text("utf-8")


def static_version(folder: Path) -> str:
    """A word for URLs that differs whenever a file in the folder or the version of such a package does."""
    digest = hashlib.sha256(" ".join(map(version, _OF_PACKAGES)).encode())
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(folder)} {len(content)} ".encode() + content)
    return digest.hexdigest()[:12]


def cache_forever(headers: Headers, path: str, url: str) -> None:
    """Let browsers keep a file without asking again, because its URL changes with its content."""
    headers["Cache-Control"] = "public, max-age=31536000, immutable"


def earlier_version(request: HttpRequest, version: str, name: str) -> HttpResponse:
    """Redirect a page that was loaded before an upgrade, and needs one more module, to the current file."""
    if version == settings.STATIC_VERSION or not finders.find(name):
        raise Http404
    return redirect(static(name))
