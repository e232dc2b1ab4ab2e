"""QR codes of links, for phones that scan them from the screen."""

import segno
from django.template import Library
from django.utils.safestring import SafeString, mark_safe

register = Library()

MAX_LINK = 500
"""Maximum length of a link in characters; a code of more has too many modules to be scanned from a screen."""


@register.simple_tag
def qr_code(link: str) -> SafeString:
    """The link's QR code (ISO/IEC 18004) as an inline SVG, or nothing for a link of more than `MAX_LINK` characters.

    The colours are attributes, since the content security policy forbids inline styles. Scanners need dark modules on a
    light background with a quiet zone of 4 modules, on a dark page too.
    """
    if len(link) > MAX_LINK:
        return SafeString()
    code = segno.make_qr(link)
    return mark_safe(code.svg_inline(border=4, dark="#000", light="#fff", omitsize=True, svgclass="qr-code"))  # noqa: S308 - consists of numbers only
