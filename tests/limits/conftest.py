"""What tests of limits share."""

import pytest

from doqchat.limits import rate
from tests.limits.clock import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of all rates."""
    clock = Clock()
    monkeypatch.setattr(rate, "monotonic", clock)
    return clock
