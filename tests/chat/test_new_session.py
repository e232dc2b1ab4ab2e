"""The form of a new session, over plain HTTP."""

import pytest

from tests.access.guests import guest
from tests.processes import Web


def test_a_session_that_cannot_be_stored_is_not_created_and_the_form_keeps_what_was_written(
    stranded_server: Web,
) -> None:
    with guest(stranded_server) as person:
        page = person.press("/", title="Trip to Busan")
    assert page.status_code == 503
    assert "could not be created right now" in page.text
    assert 'value="Trip to Busan"' in page.text


@pytest.mark.parametrize(
    "fields",
    [
        {"title": "a" * 81},
        {"title": "line\u2028break"},
        {"name_llm": "x" * 41},
        {"name_b": "\u202e"},
        {"system": "x" * 8_001},
        {"llm": "unknown"},
        {"policy": "never"},
        {"role": "llm"},
    ],
    ids=str,
)
def test_what_cannot_be_set_is_refused(server: Web, fields: dict[str, str]) -> None:
    with guest(server) as person:
        page = person.press("/", **fields)
    assert page.status_code == 400
    assert page.text.count('class="field__problem"') == 1


def test_line_breaks_of_a_form_count_once(server: Web) -> None:
    with guest(server) as person:
        assert person.press("/", system="\r\n".join(["ab"] * 2_667)).status_code == 302  # 8,000 with LF


def test_a_form_of_another_page_creates_nothing(server: Web) -> None:
    with guest(server) as person:
        assert person.press("/", person.open("/healthz")).status_code == 403
