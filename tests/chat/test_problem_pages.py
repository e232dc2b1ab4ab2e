"""What people see of a request that goes wrong: a page of the site, in their language."""

import urllib.error
import urllib.request

import pytest
from django.test import RequestFactory
from django.urls import get_resolver
from django.utils import translation

from tests.processes import Web


def page(web: Web, path: str, **headers: str) -> tuple[int, str]:
    """The status and the text of a page."""
    data = b"" if headers.pop("method", "GET") == "POST" else None
    request = urllib.request.Request(web.http + path, data, headers={"Accept-Language": "en", **headers})
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.mark.parametrize(
    ("path", "headers", "status", "heading"),
    [
        ("/nowhere", {}, 404, "There is no page at this address"),
        ("/nowhere", {"Accept-Language": "ko"}, 404, "페이지를 찾을 수 없어요"),
        ("/", {"Host": "elsewhere.example"}, 400, "This request is invalid"),
        ("/admin/login/", {"method": "POST"}, 403, "This form is no longer valid"),
    ],
)
def test_a_request_that_goes_wrong_gets_a_page_of_the_site(
    any_server: Web, path: str, headers: dict[str, str], status: int, heading: str
) -> None:
    answered, text = page(any_server, path, **headers)
    assert answered == status
    assert f"<title>{status} · doqchat</title>" in text
    assert heading in text


@pytest.mark.parametrize(("language", "advice"), [("en", "Try again in a moment."), ("ko", "잠시 뒤에 다시")])
def test_an_internal_error_gets_a_page_in_language_and_theme_without_the_database(language: str, advice: str) -> None:
    factory = RequestFactory()
    factory.cookies["doqchat_theme"] = "dark"
    with translation.override(language):
        response = get_resolver().resolve_error_handler(500)(factory.get("/"))
    text = response.content.decode()
    assert response.status_code == 500
    assert f'<html lang="{language}" data-theme="dark">' in text
    assert advice in text
