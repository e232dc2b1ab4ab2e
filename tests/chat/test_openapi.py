"""The OpenAPI document: valid, true of what the server answers, and fit for a generated client."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from tests.chat.fetch import fetch
from tests.processes import Web

JSON = {"Content-Type": "application/json"}
MESSAGE = {"hd": {"event": "chat.message", "role": "A", "msg_id": "m1"}, "bd": {"text": "안녕하세요"}}
OTHER = {**MESSAGE, "bd": {"text": "something else"}}
SESSION = "/api/chat/sessions/{sid}"
MESSAGES = f"{SESSION}/messages"
INVITES = f"{SESSION}/invites"
HISTORY = "/api/chat/history/{sid}"


@pytest.fixture(scope="session")
def document(server: Web) -> Any:
    return fetch(server, "/api/chat/openapi.json").json


@pytest.fixture
def generated(document: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a Python package that was generated from the document."""
    source, name = tmp_path / "openapi.json", "generated_client"
    source.write_text(json.dumps(document))
    generator = [str(Path(sys.executable).with_name("openapi-python-client")), "generate", "--meta", "none"]
    subprocess.run([*generator, "--path", source, "--output-path", tmp_path / name], check=True, capture_output=True)
    monkeypatch.syspath_prepend(tmp_path)
    return name


def test_the_document_is_valid(document: Any) -> None:
    validate(document)


def test_a_generated_client_changes_one_setting_and_leaves_the_others(generated: str, server: Web, sid: str) -> None:
    change = import_module(f"{generated}.api.sessions.change_session").sync
    changes = import_module(f"{generated}.models").SessionChanges
    with import_module(f"{generated}.client").Client(server.http, httpx_args={"trust_env": False}) as client:
        change(sid, client=client, body=changes(policy="always", system="Be brief."))
        settings = change(sid, client=client, body=changes(name_a="Minji")).settings
        assert (settings.policy, settings.system, settings.name_a) == ("always", "Be brief.", "Minji")
        settings = change(sid, client=client, body=changes(system=None)).settings
        assert (settings.policy, settings.system, settings.name_a) == ("always", "", "Minji")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("get", SESSION, None, 200),
        ("get", HISTORY, None, 200),
        ("get", f"{HISTORY}?group_by=participant", None, 200),
        ("get", f"{HISTORY}?after=nonsense", None, 400),
        ("patch", SESSION, {"policy": "always"}, 200),
        ("patch", SESSION, {"policy": "sometimes"}, 400),
        ("post", MESSAGES, MESSAGE, 201),
        ("post", "/api/chat/sessions", {"invites": [{"role": "A", "name": "민지"}]}, 201),
        ("post", "/api/chat/sessions", {"invites": [{"role": "llm"}]}, 400),
        ("post", INVITES, {"role": "observer", "uses": None}, 201),
        ("get", INVITES, None, 200),
        ("delete", f"{INVITES}/{{invite_id}}", None, 404),
        ("post", MESSAGES, OTHER, 409),
        ("post", MESSAGES, {"hd": {"event": "chat.message", "role": "llm"}, "bd": {"text": "x"}}, 403),
        ("post", MESSAGES, {"hd": {"event": "chat.message"}, "bd": {"text": "x" * 70_000}}, 413),
        ("patch", MESSAGES, {}, 405),
        ("get", "/api/chat/history/a/b", None, 404),
    ],
)
def test_answers_are_as_the_document_says(
    document: Any, server: Web, sid: str, method: str, path: str, body: Any, status: int
) -> None:
    if status == 409:
        fetch(server, MESSAGES.format(sid=sid), "POST", JSON, json.dumps(MESSAGE).encode())
    answer = fetch(
        server,
        path.format(sid=sid, invite_id=1),
        method.upper(),
        JSON,
        None if body is None else json.dumps(body).encode(),
    )
    assert answer.status == status
    operations = document["paths"].get(path.partition("?")[0], document["paths"][SESSION])
    operation = operations.get(method) or next(iter(operations.values()))
    schema = operation["responses"][str(status)]["content"]["application/json"]["schema"]
    Draft202012Validator({**schema, "components": document["components"]}).validate(answer.json)


def test_a_foreign_host_is_refused_as_the_document_says(server: Web, sid: str) -> None:
    answer = fetch(server, SESSION.format(sid=sid), headers={"Host": "evil.example"})
    assert (answer.status, answer.json["error"]["code"], answer.json["error"]["field"]) == (
        400,
        "invalid_message",
        "Host",
    )
    assert "text/html" in fetch(server, "/", headers={"Host": "evil.example"}).headers["Content-Type"]


OPERATIONS = ["read_history", "read_session", "change_session", "send_message"]
OF_INVITES = ["create_session", "create_invite", "list_invites", "revoke_invite"]


@pytest.mark.parametrize("operation", [*OPERATIONS, *OF_INVITES])
def test_each_refusal_is_documented(document: Any, operation: str) -> None:
    (responses,) = [
        described["responses"]
        for operations in document["paths"].values()
        for described in operations.values()
        if described["operationId"] == operation
    ]
    refused = {status for status, response in responses.items() if response.get("content") and status >= "400"}
    expected = {"400", "401", "403", "404", "405", "408", "409", "413", "429", "431", "500", "503"}
    assert refused == expected | ({"422", "504"} if operation == "send_message" else set())
