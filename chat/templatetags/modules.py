"""The template tag of a page's scripts."""

import re
from functools import cache
from pathlib import Path
from posixpath import dirname, join, normpath

from django import template
from django.contrib.staticfiles import finders
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()

_IMPORT = re.compile(r"""^(?:import|export)\b[^"'()]*["'](\.[^"']+)["']""", re.MULTILINE)


@register.simple_tag
def module(name: str) -> SafeString:
    """The script element of an ES module, and a preload for each module that it imports, directly or indirectly.

    Without preloads a browser finds the imports of a file only once it has loaded that file.

    Args:
        name: the module among the static files, such as `doqchat/js/room.js`.
    """
    preloads = format_html_join(
        "", '<link rel="modulepreload" href="{}">', ((static(each),) for each in _imports(name))
    )
    return format_html('{}<script type="module" src="{}"></script>', preloads, static(name))


@cache
def _imports(name: str) -> tuple[str, ...]:
    """The names of the modules that a module imports, except on demand with `import()`; in the order of discovery."""
    found = [name]
    for each in found:
        path = finders.find(each)
        text = Path(path).read_text("utf-8") if path else ""
        imported = (normpath(join(dirname(each), target)) for target in _IMPORT.findall(text))
        found.extend(target for target in dict.fromkeys(imported) if target not in found)
    return tuple(found[1:])
