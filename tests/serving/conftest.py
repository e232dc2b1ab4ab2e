"""Web processes of the tests of serving."""

from collections.abc import Iterator

import pytest

from tests import processes


@pytest.fixture(scope="session")
def hurried(store_url: str) -> Iterator[processes.Web]:
    """A web process on uvicorn with short deadlines; without a store it would log the outage."""
    with processes.web("uvicorn", DJANGO_SETTINGS_MODULE="tests.serving.short_deadlines") as web:
        yield web
