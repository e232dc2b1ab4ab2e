"""The errors of the HTTP API, in one format: `{"error": {"code", "message", "field"?}}`."""

import logging
from collections.abc import Awaitable, Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any

from django.core.exceptions import DisallowedHost, RequestDataTooBig, SuspiciousOperation
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from ninja import Field, NinjaAPI, Schema
from ninja.errors import ValidationError

from doqchat.errors import (
    Conflict,
    DoqchatError,
    Forbidden,
    Internal,
    InvalidJSON,
    InvalidMessage,
    NotFound,
    RateLimited,
    RoleForbidden,
    TooLarge,
    Unavailable,
    UnknownEvent,
    Unreadable,
)
from doqchat.protocol.names import MAX_FRAME_BYTES
from doqchat.store.faults import Uncertain

log = logging.getLogger(__name__)

STATUS: dict[type[DoqchatError], int] = {
    InvalidJSON: 400,
    InvalidMessage: 400,
    UnknownEvent: 400,
    Forbidden: 403,
    RoleForbidden: 403,
    NotFound: 404,
    Conflict: 409,
    Unreadable: 409,
    TooLarge: 413,
    RateLimited: 429,
    Unavailable: 503,
    Uncertain: 504,
}


class Problem(Schema):
    """An error."""

    code: str = Field(description="One of the protocol's error codes.")
    message: str = Field(description="One sentence that states the problem and the remedy.")
    field: str | None = Field(None, description="The invalid parameter, if any.")
    msg_id: str | None = Field(None, description="The `msg_id` of the message, if any.")
    retry_after: int | None = Field(None, description="Seconds to wait; with `rate_limited` alone.")


class Refused(Schema):
    """The body of every error response."""

    error: Problem


def refusals(*statuses: int) -> dict[int, type[Refused]]:
    """The error responses of an operation: these, and those that any request can get."""
    return dict.fromkeys(sorted({400, 404, 405, 408, 413, 431, 500, *statuses}), Refused)


def report_in_json(api: NinjaAPI) -> None:
    """Have an API report all errors in this format."""
    api.exception_handler(DoqchatError)(_told)
    api.exception_handler(ValidationError)(_invalid)
    api.exception_handler(SuspiciousOperation)(_too_much)
    api.exception_handler(Exception)(_failed)


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
    if isinstance(exception, DisallowedHost):
        return _refused(InvalidMessage("The host in the Host header is not in ALLOWED_HOSTS.", field="Host"), 400)
    return _refused(InvalidMessage("The request is malformed."), 400)


def _refused(problem: DoqchatError, status: int) -> HttpResponse:
    return JsonResponse({"error": problem.as_dict()}, status=status, json_dumps_params={"ensure_ascii": False})


def _told(request: HttpRequest, problem: DoqchatError) -> HttpResponse:
    statuses = (STATUS[kind] for kind in type(problem).__mro__ if kind in STATUS)
    response = _refused(problem, next(statuses, 500))
    if "retry_after" in problem.details:
        response["Retry-After"] = problem.details["retry_after"]
    return response


def _invalid(request: HttpRequest, invalid: ValidationError) -> HttpResponse:
    """The first invalid parameter."""
    problem = invalid.errors[0]
    field = str(problem["loc"][-1])
    reason = str(problem["msg"]).removeprefix("Value error, ")
    return _refused(InvalidMessage(f"{field}: {reason[0].lower()}{reason[1:]}.", field=field), 400)


def _too_much(request: HttpRequest, error: SuspiciousOperation) -> HttpResponse:
    """A request that Django refuses to parse: its body is too large, or it has too many parameters."""
    if isinstance(error, RequestDataTooBig):
        return _told(request, TooLarge(f"A message is limited to {MAX_FRAME_BYTES:,} bytes; send this in parts."))
    return _told(request, InvalidMessage("The request has too many parameters."))


def _failed(request: HttpRequest, error: Exception) -> HttpResponse:
    log.error("%s %s failed.", request.method, request.path, exc_info=error)
    return _refused(Internal(), 500)


@csrf_exempt
async def _unknown(request: HttpRequest, rest: str = "") -> HttpResponse:
    docs = reverse("doqchat:api:openapi-view")
    return _refused(NotFound(f"There is no {request.path}; {docs} lists the API."), 404)


def _refusing_methods(view: Callable[..., Awaitable[HttpResponse]]) -> Callable[..., Awaitable[HttpResponse]]:
    @wraps(view)
    async def refusing(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = await view(request, *args, **kwargs)
        if response.status_code != 405:
            return response
        allowed = response["Allow"]
        refused = _refused(NotFound(f"{request.method} is not allowed here; use {allowed}."), 405)
        refused["Allow"] = allowed
        return refused

    return refusing
