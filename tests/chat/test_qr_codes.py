"""QR codes of links, as templates show them."""

import pytest

from chat.templatetags.qr_codes import MAX_LINK, qr_code

LINK = "https://chat.example.org/i/"


@pytest.mark.parametrize("link", [LINK, LINK.ljust(MAX_LINK, "x"), f"{LINK}?a=1&b=%ED%95%9C", "<script>"])
def test_a_code_needs_neither_inline_styles_nor_scripts(link: str) -> None:
    code = qr_code(link)
    assert code.startswith("<svg ")
    assert "style" not in code
    assert "script" not in code


def test_a_link_that_is_too_long_to_be_scanned_has_no_code() -> None:
    assert qr_code(LINK.ljust(MAX_LINK + 1, "x")) == ""
