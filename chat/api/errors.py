"""The errors of the HTTP API, in one format: `{"error": {"code", "message", "field"?}}`."""

import logging
from collections.abc import Awaitable, Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any

from django.core.exceptions import (
    BadRequest,
    DisallowedHost,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
)
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.multipartparser import MultiPartParserError
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from ninja import Field, NinjaAPI, Schema
from ninja.errors import ValidationError

from doqchat.engine import engine
from doqchat.errors import DoqchatError, InvalidMessage, NotFound, TooLarge, Unavailable, problem_of
from doqchat.protocol.names import MAX_FRAME_BYTES
from doqchat.store.counts import REFUSALS

log = logging.getLogger(__name__)


class Problem(Schema):
    """An error."""

    code: str = Field(description="One of the protocol's error codes.")
    message: str = Field(description="One sentence that states the problem and the remedy.")
    field: str | None = Field(None, description="The invalid parameter, if any.")
    msg_id: str | None = Field(None, description="The `msg_id` of the message, if any.")
    filter: str | None = Field(None, description="The name of the filter; with `rejected` alone.")
    retry_after: int | None = Field(None, description="Seconds to wait; with `rate_limited` alone.")


class Refused(Schema):
    """The body of every error response."""

    error: Problem


def refusals(*statuses: int) -> dict[int, type[Refused]]:
    """The error responses of an operation: these, and those that any request can get."""
    return dict.fromkeys(sorted({400, 404, 405, 408, 413, 431, 500, *statuses}), Refused)


def report_in_json(api: NinjaAPI) -> None:
    """Have an API report all errors in this format."""
    for kind in (ValidationError, Exception):  # ninja has a handler of its own for the first
        api.exception_handler(kind)(_refused)


def urls_of(api: NinjaAPI) -> tuple[list[Any], str, str]:
    """The API's URLs; unknown paths and methods get errors in this format too."""
    patterns, app_name, namespace = api.urls
    for pattern in patterns:
        if iscoroutinefunction(pattern.callback):
            pattern.callback = _refusing_methods(pattern.callback)
    return [path("", _unknown), *patterns, path("<path:rest>", _unknown)], app_name, namespace


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Requests refused before a view, such as an unknown Host header; outside the API they get Django's page."""
    if not request.path.startswith(reverse("doqchat:api:api-root")):
        return defaults.bad_request(request, exception)
    return _response(_problem(request, exception))


def _refused(request: HttpRequest, error: Exception) -> HttpResponse:
    return _counted(_problem(request, error))


def _problem(request: HttpRequest, error: Exception) -> DoqchatError:
    return _translated(error) or problem_of(error, f"{request.method} {request.path}")


def _translated(error: Exception) -> DoqchatError | None:
    """The error for a request that Django, ninja or the database refuses; None for other exceptions."""
    match error:
        case ValidationError():
            first = error.errors[0]
            field = str(first["loc"][-1])
            reason = str(first["msg"]).removeprefix("Value error, ")
            return InvalidMessage(f"{field}: {reason[0].lower()}{reason[1:]}.", field=field)
        case DisallowedHost():
            return InvalidMessage("The host in the Host header is not in ALLOWED_HOSTS.", field="Host")
        case RequestDataTooBig():
            return TooLarge(f"A message is limited to {MAX_FRAME_BYTES:,} bytes; send this in parts.")
        case TooManyFieldsSent():
            return InvalidMessage("The request has too many parameters.")
        case OperationalError() | InterfaceError():
            log.error("The database cannot be used: %s", error)
            return Unavailable("The database is unreachable; try again in a moment.")
        case SuspiciousOperation() | BadRequest() | MultiPartParserError():
            return InvalidMessage("The request is malformed.")
    return None


def _counted(problem: DoqchatError, status: int | None = None, **headers: str) -> HttpResponse:
    """The response, counted in the metrics; it needs a running event loop."""
    engine().shards.counts.count(REFUSALS + problem.code)
    return _response(problem, status, **headers)


def _response(problem: DoqchatError, status: int | None = None, **headers: str) -> HttpResponse:
    if "retry_after" in problem.details:
        headers["Retry-After"] = str(problem.details["retry_after"])
    if problem.status == 401:
        headers["WWW-Authenticate"] = "Bearer"  # RFC 9110, 11.6.1
    return JsonResponse(
        {"error": problem.as_dict()},
        status=status or problem.status,
        headers=headers,
        json_dumps_params={"ensure_ascii": False},
    )


@csrf_exempt
async def _unknown(request: HttpRequest, rest: str = "") -> HttpResponse:
    docs = reverse("doqchat:api:openapi-view")
    return _counted(NotFound(f"There is no {request.path}; {docs} lists the API."))


def _refusing_methods(view: Callable[..., Awaitable[HttpResponse]]) -> Callable[..., Awaitable[HttpResponse]]:
    @wraps(view)
    async def refusing(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = await view(request, *args, **kwargs)
        if response.status_code != 405:
            return response
        allowed = response["Allow"]
        problem = NotFound(f"{request.method} is not allowed here; use {allowed}.")
        return _counted(problem, status=405, Allow=allowed)

    return refusing
