"""The room in pages of other sites: which of them may show it, and the script that they load."""

from functools import cache
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.http import require_safe

from chat.access.origins import parse_origin
from doqchat.conf import doqchat_settings

SCRIPT = "doqchat/js/embed.js"
SCRIPT_SECONDS = 3600
"""How long browsers keep the script; its URL has no version, because other sites name it."""

_POLICY = "Content-Security-Policy"


@require_safe
async def script(request: HttpRequest) -> HttpResponse:
    """The script that defines the element `<doqchat-room>`, for pages of every origin: it contains no data."""
    response = HttpResponse(_text(), content_type="text/javascript; charset=utf-8")
    response["Access-Control-Allow-Origin"] = "*"  # modules are fetched with CORS
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    response["Cache-Control"] = f"public, max-age={SCRIPT_SECONDS}"
    return response


@cache
def _text() -> bytes:
    return Path(str(finders.find(SCRIPT))).read_bytes()


def embedders() -> list[str]:
    """The origins of EMBED_ORIGINS, as browsers write them."""
    return [str(origin) for origin in map(parse_origin, doqchat_settings().embed_origins) if origin]


def allow_embedding(response: HttpResponseBase) -> None:
    """Let pages of EMBED_ORIGINS show this page in a frame.

    Browsers ignore `X-Frame-Options` if the policy has `frame-ancestors` (CSP 3, 6.4.2.1). django-csp replaces that
    directive in the site's policy; without it, the policy consists of this directive.
    """
    ancestors = embedders()
    if not ancestors:
        return
    if "csp.middleware.CSPMiddleware" in settings.MIDDLEWARE:
        response._csp_replace = {"frame-ancestors": ancestors}  # type: ignore[attr-defined]  # django-csp reads it
    else:
        response[_POLICY] = f"frame-ancestors {' '.join(ancestors)}"
