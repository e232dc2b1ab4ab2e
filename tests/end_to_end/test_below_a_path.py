"""The site below a path and by HTTPS, on each server, as the proxy in front of it asks."""

import json
import re
from collections.abc import Iterator

import pytest
from websockets.asyncio.client import connect

from tests import processes
from tests.chat.fetch import fetch
from tests.processes import Web

PATH = "/chat"


@pytest.fixture(scope="module", params=["uvicorn", "daphne"])
def site(request: pytest.FixtureRequest, store_url: str, django_db_setup: None) -> Iterator[Web]:
    variables = {
        "DJANGO_SETTINGS_MODULE": "tests.chat.quick_passwords",
        "DOQCHAT_PATH": "/chat/",
        "DOQCHAT_HTTPS": "true",
        "ALLOWED_HOSTS": ".example.org,127.0.0.1",
    }
    with processes.web(request.param, **variables) as web:
        yield web


def test_every_address_in_a_page_is_below_the_path_and_there(site: Web, sid: str) -> None:
    said = {"hd": {"event": "chat.message"}, "bd": {"text": "hello"}}  # the page offers its download
    path, header = f"{PATH}/api/chat/sessions/{sid}/messages", {"Content-Type": "application/json"}
    assert fetch(site, path, "POST", header, json.dumps(said).encode()).status == 201
    for page in ("/", f"/s/{sid}/?role=A", "/admin/login/", "/api/chat/docs"):
        text = fetch(site, PATH + page).text
        addresses = set(re.findall(r'(?:href|src|action)="(/[^"]*)"', text))
        assert addresses
        for address in addresses:
            assert address.startswith(f"{PATH}/")
            assert fetch(site, address).status == 200


def test_an_invitation_has_the_host_the_port_the_path_and_https(site: Web, sid: str) -> None:
    page = fetch(site, f"{PATH}/s/{sid}/?role=A", headers={"Host": "chat.example.org:8443"}).text
    assert f"https://chat.example.org:8443{PATH}/s/{sid}/?role=B" in page


def test_the_form_leads_to_a_room_below_the_path(site: Web, sid: str) -> None:
    page = fetch(site, f"{PATH}/?sid={sid}&role=A")
    assert f'"socket": "{PATH}/v1/session/chat"' in page.text


async def test_the_scripts_are_told_where_to_find_what_they_call(site: Web, sid: str) -> None:
    page = fetch(site, f"{PATH}/s/{sid}/?role=A").text
    room = json.loads(re.findall(r'<script id="room" type="application/json">(.*?)</script>', page)[0])
    for path in (room["paths"]["history"], room["paths"]["session"]):
        assert fetch(site, path).json["sid"] == sid
    async with connect(f"{site.ws}{room['paths']['socket']}?sid={sid}") as client:
        await client.send('{"hd": {"event": "ping"}}')
        assert '"pong"' in str(await client.recv())


async def test_the_documents_of_the_api_name_its_addresses(site: Web) -> None:
    assert all(path.startswith(f"{PATH}/api/") for path in fetch(site, f"{PATH}/api/chat/openapi.json").json["paths"])
    document = fetch(site, f"{PATH}/api/chat/asyncapi.json").json
    assert document["channels"]["session"]["address"] == f"{PATH}/v1/session/chat"
    assert f"{PATH}/api/chat/docs" in fetch(site, f"{PATH}/api/chat/nothing").json["error"]["message"]
    async with connect(f"{site.ws}{PATH}/elsewhere") as client:
        assert f"{PATH}/v1/session/chat?sid=" in str(await client.recv())


def test_health_checks_work_at_both_paths(site: Web) -> None:
    for path in ("/healthz", "/readyz", f"{PATH}/healthz"):
        assert fetch(site, path).status == 200


def test_cookies_are_secure_and_of_this_path_alone(site: Web) -> None:
    login = fetch(site, f"{PATH}/admin/login/")
    (cookie,) = login.headers.get_all("Set-Cookie") or []
    assert f"Path={PATH}/;" in cookie + ";"
    assert "Secure" in cookie
    assert login.headers["Strict-Transport-Security"] == "max-age=2592000"


@pytest.mark.django_db(transaction=True)  # without it there are no tables
@pytest.mark.parametrize("host", ["chat.example.org", "example.org:8443", "127.0.0.1"])
def test_the_admin_takes_its_own_form(site: Web, sid: str, host: str) -> None:
    page = fetch(site, f"{PATH}/admin/login/", headers={"Host": host})
    (token,) = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
    cookie = str(page.headers["Set-Cookie"]).partition(";")[0]
    headers = {"Host": host, "Origin": f"https://{host}", "Referer": f"https://{host}{PATH}/admin/login/"}
    body = f"csrfmiddlewaretoken={token}&username={sid}&password=wrong".encode()
    answer = fetch(site, f"{PATH}/admin/login/", "POST", headers | {"Cookie": cookie}, body)
    assert answer.status == 200  # the form again, as there is no such account; a token refused would be 403


async def test_a_page_of_the_site_may_open_a_socket(site: Web, sid: str) -> None:
    url = f"ws://chat.example.org:8443{PATH}/v1/session/chat?sid={sid}"
    host, port = site.address.split(":")
    async with connect(url, origin="https://chat.example.org:8443", host=host, port=int(port)) as client:
        await client.send('{"hd": {"event": "ping"}}')
        assert '"pong"' in str(await client.recv())
