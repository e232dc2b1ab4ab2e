"""The HTTP API under generated requests of every principal: no answer that the document does not list, no 5xx, and
nothing stored that is invalid."""

import json
import re
from typing import Any

import hypothesis
import pytest
import redis
from django.contrib.auth import get_user_model
from hypothesis import strategies

from chat.access import api_keys
from chat.api.api import api
from doqchat.protocol.events import Body, Head
from doqchat.protocol.names import SID_PATTERN
from doqchat.store import keys
from doqchat.store.settings import SessionSettings
from tests.access.credentials import token
from tests.chat.conftest import cookie_of
from tests.chat.fetch import fetch
from tests.processes import Web

pytestmark = pytest.mark.django_db(transaction=True)

ALL = ["read", "send", "ask", "cancel", "configure", "moderate"]
ANSWERED = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
]
BODIES = {body.event: body for body in Body.__subclasses__()}
PATHS = api.get_openapi_schema(path_prefix="")["paths"]
OPERATIONS = [operation["operationId"] for operations in PATHS.values() for operation in operations.values()]


@pytest.fixture
def principals(guarded: Web, sid: str) -> list[dict[str, str]]:
    """The headers of each kind of principal."""
    staff = cookie_of(get_user_model().objects.create_user("staff", is_staff=True))
    tokens = [
        token(sid),
        token(sid, sub="u-2", can=ALL),
        token(sid, "observer"),
        api_keys.create("backend", "sessions"),
    ]
    bearers = [{"Authorization": f"Bearer {each}"} for each in tokens]
    return [{}, {"Cookie": staff, "Origin": guarded.http}, *bearers]


@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_every_answer_is_documented_and_what_is_stored_is_valid(
    guarded: Web, guarded_client: "redis.Redis", sid: str, principals: list[dict[str, str]], operation_id: str
) -> None:
    import requests  # here, because both take a second that other tests need not wait for
    import schemathesis
    from schemathesis import GenerationMode
    from schemathesis.checks import CHECKS

    schema = schemathesis.openapi.from_dict(fetch(guarded, "/api/chat/openapi.json").json)
    operation = schema.find_operation_by_id(operation_id)
    modes = [operation.as_strategy(generation_mode=mode) for mode in GenerationMode]
    checks = [CHECKS.get_one(name) for name in ANSWERED]

    @hypothesis.settings(derandomize=True, database=None, max_examples=hypothesis.settings().max_examples // 3)
    @hypothesis.given(strategies.one_of(modes), strategies.sampled_from(principals))
    def answers(case: Any, headers: dict[str, str]) -> None:
        if re.fullmatch(SID_PATTERN, str(case.path_parameters.get("sid"))):
            case.path_parameters["sid"] = sid  # that of the tokens
        response = case.call(base_url=guarded.http, session=session, headers=headers)
        case.validate_response(response, checks=checks)

    with requests.Session() as session:
        session.trust_env = False
        answers()
    for _, fields in guarded_client.xrange(keys.stream(sid)):
        envelope = json.loads(fields["body"])
        Head.model_validate(envelope["hd"])
        BODIES[envelope["hd"]["event"]].model_validate(envelope["bd"])
    settings = guarded_client.hgetall(keys.settings(sid))
    SessionSettings.model_validate_strings(
        {name: settings[name] for name in SessionSettings.model_fields & settings.keys()}
    )
