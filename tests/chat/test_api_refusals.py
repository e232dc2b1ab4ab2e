"""`/api/chat/`: what is refused, and the documents that say what is not."""

from typing import Any

import pytest

from tests.chat.fetch import fetch, history
from tests.processes import Web


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"order": "up"}, "order"),
        ({"group_by": "event"}, "group_by"),
        ({"participant": "C"}, "participant"),
        ({"event": "chat.typing"}, "event"),
        ({"q": "x" * 201}, "q"),
        ({"q": "x"}, "q"),
        ({"q": "\u0301\u0327" * 9}, "q"),
        ({"q": "a b"}, "q"),
        ({"q": "?!"}, "q"),
        ({"after": "yesterday"}, "after"),
        ({"after": ""}, "after"),
        ({"after": "1700641234567"}, "after"),
        ({"before": "2023-11-22T08:20:34"}, "before"),
        ({"before": "2023-02-30T08:20:34Z"}, "before"),
        ({"before": "99999999999999999999-0"}, "before"),
    ],
)
def test_a_parameter_that_cannot_be_is_refused_by_name(
    server: Web, sid: str, query: dict[str, Any], field: str
) -> None:
    answer = history(server, sid, **query)
    assert answer.status == 400
    error = answer.json["error"]
    assert (error["code"], error["field"]) == ("invalid_message", field)
    assert error["message"].startswith(f"{field}: ")
    assert error["message"].endswith(".")


def test_too_many_parameters_are_refused(any_server: Web, sid: str) -> None:
    answer = history(any_server, sid, **{f"p{number}": "" for number in range(1_001)})
    assert (answer.status, answer.json["error"]["code"]) == (400, "invalid_message")


@pytest.mark.parametrize(
    "query", ["q=ab%ff%fe", "q=ab%ED%A0%80", "q=ab%00", "q=ab%", "q[]=1", "q=bb&q=aa", "limit=0&limit=1"]
)
def test_a_query_that_is_oddly_written_is_read_as_well_as_can_be(server: Web, sid: str, query: str) -> None:
    answer = fetch(server, f"/api/chat/history/{sid}?{query}")
    assert (answer.status, answer.json["messages"]) == (200, [])


@pytest.mark.parametrize("bad", ["a b", "x" * 65, "세션", "a?b"])
def test_a_sid_that_cannot_be_is_refused(server: Web, bad: str) -> None:
    answer = history(server, bad)
    assert (answer.status, answer.json["error"]["code"], answer.json["error"]["field"]) == (
        400,
        "invalid_message",
        "sid",
    )


@pytest.mark.parametrize("path", ["", "nothing", "history/", "history/x/", "history/a/b"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_missing_target_gets_not_found(server: Web, path: str, method: str) -> None:
    answer = fetch(server, f"/api/chat/{path}", method)
    assert (answer.status, answer.json["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_another_method_is_refused_with_those_that_there_are(server: Web, sid: str, method: str) -> None:
    answer = fetch(server, f"/api/chat/history/{sid}", method)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET")
    assert method in answer.json["error"]["message"]


def test_the_api_answers_unavailable_while_the_store_is_unreachable(stranded_server: Web, sid: str) -> None:
    answer = history(stranded_server, sid)
    assert (answer.status, answer.json["error"]["code"]) == (503, "unavailable")


def test_the_openapi_document_names_every_parameter(server: Web) -> None:
    document = fetch(server, "/api/chat/openapi.json").json
    operation = document["paths"]["/api/chat/history/{sid}"]["get"]
    names = {parameter["name"] for parameter in operation["parameters"]}
    assert names == {"sid", "participant", "event", "after", "before", "q", "limit", "order", "group_by"}


def test_the_sockets_document_is_served_beside_it(server: Web) -> None:
    document = fetch(server, "/api/chat/asyncapi.json").json
    assert document["asyncapi"] == "3.0.0"
    assert document["channels"]["session"]["address"] == "/v1/session/chat"


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ("[]", "invalid_message", "Input should be an object."),
        ('"x"', "invalid_message", "Input should be an object."),
        ("nonsense", "invalid_json", "The body is not JSON: expected ident at line 1 column 2."),
        ("", "invalid_json", "The body is not JSON: EOF while parsing a value at line 1 column 0."),
        ('{"invites": []', "invalid_json", "The body is not JSON: EOF while parsing an object at line 1 column 14."),
    ],
)
def test_a_body_that_is_no_object_is_refused_in_a_whole_sentence(
    server: Web, body: str, code: str, message: str
) -> None:
    answer = fetch(server, "/api/chat/sessions", "POST", {"Content-Type": "application/json"}, body.encode())
    assert (answer.status, answer.json["error"]) == (400, {"code": code, "message": message})
