"""`manage.py doqchat_reindex`."""

import pytest

from doqchat.archive.search_index import index_of
from tests.archive.archived import archive
from tests.chat.commands import run
from tests.chat.test_search_api import search
from tests.processes import Web

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_is_indexed_again_is_found(server: Web, sid: str) -> None:
    archive(sid, "부산 하나", "부산 둘")
    index_of().clear()
    assert search(server, q="부산", sid=sid).json["hits"] == []
    assert run("doqchat_reindex").stdout.endswith("2 events are indexed.\n")
    assert len(search(server, q="부산", sid=sid).json["hits"]) == 2
