"""The page as an app: the manifest with which browsers install it, and the service worker that shows notifications."""

from functools import cache
from pathlib import Path

from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

PAPER = "#f7f5f0"
"""The background of the light theme, `--paper` in tokens.css."""

WORKER = "doqchat/js/worker.js"


def manifest(request: HttpRequest) -> JsonResponse:
    """Describe the app in the language of the request (https://www.w3.org/TR/appmanifest/)."""
    home = reverse("doqchat:home")
    description = {
        "id": home,
        "name": "doqchat",
        "short_name": "doqchat",
        "description": _("Two people and a language model, in one conversation."),
        "lang": get_language(),
        "start_url": home,
        "scope": home,
        "display": "standalone",
        "theme_color": PAPER,
        "background_color": PAPER,
        "icons": [
            _icon("icon-192.png", "192x192"),
            _icon("icon-512.png", "512x512"),
            _icon("icon-maskable-512.png", "512x512", purpose="maskable"),
        ],
    }
    return JsonResponse(
        description, content_type="application/manifest+json", json_dumps_params={"ensure_ascii": False}
    )


def worker(request: HttpRequest) -> HttpResponse:
    """The service worker. It is no static file, because its scope is the path that it is served from."""
    return HttpResponse(_text(), content_type="text/javascript; charset=utf-8")


@cache
def _text() -> bytes:
    return Path(str(finders.find(WORKER))).read_bytes()


def _icon(name: str, sizes: str, purpose: str = "any") -> dict[str, str]:
    return {"src": static(f"doqchat/images/{name}"), "sizes": sizes, "type": "image/png", "purpose": purpose}
