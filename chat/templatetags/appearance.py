"""The theme and the language that readers choose: cookies, which the page's scripts write and the server reads.

With a class or an attribute set by a script, a page would flash in the other theme before the script runs.
"""

from django.conf import settings
from django.template import Context, Library
from django.utils.translation import get_language_info

register = Library()

THEME_COOKIE = "doqchat_theme"
THEMES = ("light", "dark")
LANGUAGES = ("ko", "en")
"""The languages of the pages; a project may allow others for its own."""


@register.simple_tag(takes_context=True)
def theme(context: Context) -> str:
    """The chosen theme: `light`, `dark`, or nothing for the system's."""
    request = getattr(context, "request", None) or context.get("request")  # of pages without context processors
    chosen = request.COOKIES.get(THEME_COOKIE) if request else None
    return chosen if chosen in THEMES else ""


@register.inclusion_tag("doqchat/parts/appearance.html", takes_context=True)
def appearance(context: Context) -> dict[str, object]:
    """The controls of theme and language."""
    domain = f"; domain={settings.LANGUAGE_COOKIE_DOMAIN}" if settings.LANGUAGE_COOKIE_DOMAIN else ""
    secure = "; secure" if settings.LANGUAGE_COOKIE_SECURE else ""
    return {
        "theme": theme(context),
        "languages": [get_language_info(code) for code in LANGUAGES if code in dict(settings.LANGUAGES)],
        "theme_cookie": THEME_COOKIE,
        "language_cookie": settings.LANGUAGE_COOKIE_NAME,
        "attributes": f"path={settings.LANGUAGE_COOKIE_PATH}; samesite=lax{domain}{secure}",
    }
