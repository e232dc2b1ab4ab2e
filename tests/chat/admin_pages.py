"""What stands in the pages of the admin."""

import re
from html import unescape

SESSIONS = "/admin/doqchat/chatsession/"


def cells(page: str, sid: str) -> dict[str, str]:
    """The columns of a session's row in the list."""
    (found,) = [text for text in re.findall(r"<tr>(.*?)</tr>", page, re.S) if f">{sid}<" in text]
    columns = re.findall(r'<t[hd] class="field-(\w+)[^"]*">(.*?)</t[hd]>', found, re.S)
    return {name: unescape(re.sub("<[^>]*>", "", text)) for name, text in columns}


def ids(page: str) -> list[str]:
    """The ids of the events on a timeline."""
    return re.findall(r"<code>([\d-]+)</code>", page)


def listed(page: str) -> list[str]:
    """The sessions in the list, in its order."""
    return re.findall(r'<th class="field-sid"><a [^>]*>([^<]*)</a>', page)
