"""What a principal may send, and what its frames are stamped with."""

from dataclasses import replace

import pytest

from doqchat.access.principal import Principal, open_access
from doqchat.errors import Forbidden, RoleForbidden
from doqchat.protocol.frames import Frame, parse
from tests.protocol.envelopes import text_of

READS = Principal("room", "A", frozenset({"read"}))
SENDS = Principal("room", "A", frozenset({"send"}), "Ada")
NAMELESS = Principal("room", "A", frozenset({"send"}))
ANYBODY = open_access("room", "B")


def stamped(principal: Principal, **hd: str) -> Frame:
    frame = parse(text_of(**hd))
    principal.authorize(frame, "send")
    return frame


@pytest.mark.parametrize("capability", ["send", "ask", "cancel", "configure", "moderate"])
def test_what_is_not_among_the_capabilities_is_refused_by_name(capability: str) -> None:
    with pytest.raises(Forbidden, match=capability):
        READS.require(capability)  # type: ignore[arg-type]


@pytest.mark.parametrize("role", ["B", "user"])
def test_a_verified_principal_speaks_as_no_other_role(role: str) -> None:
    with pytest.raises(RoleForbidden) as refused:
        stamped(SENDS, role=role)
    assert refused.value.field == "hd.role"


@pytest.mark.parametrize("hd", [{}, {"role": "A"}, {"name": "Bob"}])
def test_role_and_name_of_a_verified_principal_are_stamped(hd: dict[str, str]) -> None:
    frame = stamped(SENDS, **hd)
    assert (frame.role, frame.hd["name"]) == ("A", "Ada")


def test_a_verified_principal_without_a_name_cannot_claim_one() -> None:
    assert "name" not in stamped(NAMELESS, name="Bob").hd


def test_in_open_access_frames_say_who_speaks() -> None:
    assert stamped(ANYBODY).role == "B"
    frame = stamped(ANYBODY, role="A", name="Bob")
    assert (frame.role, frame.hd["name"]) == ("A", "Bob")


def test_in_open_access_the_name_of_the_connection_is_that_of_its_role() -> None:
    named = replace(ANYBODY, name="Bob")
    assert stamped(named).hd["name"] == "Bob"
    assert stamped(named, name="").hd["name"] == "Bob"
    assert stamped(named, name="Ada").hd["name"] == "Ada"
    assert "name" not in stamped(named, role="A").hd
    assert "name" not in stamped(ANYBODY, name="").hd
