"""doqchat in a project of somebody else's, below /talk/: people talk, and the project keeps what is its own."""

import json
import re
import urllib.request
from typing import Any

import pytest

from tests.conftest import Connect
from tests.integrating.conftest import Project
from tests.processes import Web

pytestmark = pytest.mark.slow

FACTS = """
import chat, doqchat_client, json, sys
from django.contrib import admin
from django.core.management import call_command, get_commands
call_command("check", fail_level="WARNING", stdout=sys.stderr)
call_command("migrate", verbosity=0)
call_command("makemigrations", check_changes=True, dry_run=True, stdout=sys.stderr)
commands = {name: app for name, app in get_commands().items() if "chat" in app}
print(json.dumps([chat.__file__, doqchat_client.__file__, commands, str(admin.site.site_header), Session.__module__]))
"""


async def test_people_talk_below_the_path_of_the_project(site: Web, connect: Connect, sid: str) -> None:
    a, b = await connect(site, sid), await connect(site, sid)
    await a.say("Hello from another project", role="A")
    for client in (a, b):
        assert (await client.recv())["bd"]["text"] == "Hello from another project"


def page(site: Web, path: str) -> str:
    with urllib.request.urlopen(site.http + path) as response:
        return str(response.read().decode())


def test_the_page_is_the_projects_and_its_scripts_get_the_addresses_below_the_path(site: Web, sid: str) -> None:
    text = page(site, f"/s/{sid}/?role=A")
    (room,) = re.findall(r'<script id="room" type="application/json">(.*?)</script>', text)
    paths: dict[str, Any] = json.loads(room)["paths"]
    assert paths == {
        "socket": "/talk/v1/session/chat",
        "history": f"/talk/api/chat/history/{sid}",
        "session": f"/talk/api/chat/sessions/{sid}",
        "messages": f"/talk/api/chat/sessions/{sid}/messages",
        "worker": "/talk/worker.js",
    }
    assert 'action="/talk/"' in page(site, "/")
    assert "<title>My site</title>" in page(site, "/")


def test_the_http_api_and_its_documents_name_the_path(site: Web, sid: str) -> None:
    assert json.loads(page(site, f"/api/chat/history/{sid}"))["messages"] == []
    assert (
        json.loads(page(site, "/api/chat/asyncapi.json"))["channels"]["session"]["address"] == "/talk/v1/session/chat"
    )
    assert "/talk/api/chat/history/{sid}" in json.loads(page(site, "/api/chat/openapi.json"))["paths"]
    assert "/talk/api/chat/openapi.json" in page(site, "/api/chat/docs")


def test_the_smoke_test_succeeds_on_the_project(site: Web, project: Project, sid: str) -> None:
    printed = project.run("doqchat_smoke", "--url", f"{site.ws}/v1/session/chat", "--sid", sid)
    assert printed.splitlines()[-1] == "Chat test completed successfully"


def test_the_project_passes_its_checks_and_keeps_its_commands_its_admin_and_its_names(project: Project) -> None:
    chat, client, commands, header, session = json.loads(project.run("shell", "-v", "0", "-c", FACTS))
    assert project.environment["PYTHONPATH"] in chat
    assert project.environment["PYTHONPATH"] in client
    assert {name.removeprefix("doqchat_") for name in commands} == {
        "api_key",
        "backup",
        "dead",
        "erase",
        "export",
        "import",
        "inspect",
        "llmworker",
        "reindex",
        "restore",
        "revoke",
        "smoke",
        "token",
        "up",
        "web",
        "webhook",
    }
    assert all(name.startswith("doqchat_") for name in commands)
    assert header == "Django administration"
    assert session == "django.contrib.sessions.models"
