"""The JSON bodies of HTTP calls."""

from typing import TypeVar

from django.http import HttpRequest
from pydantic import BaseModel, ValidationError

from doqchat.errors import InvalidJSON, InvalidMessage, TooLarge
from doqchat.protocol.frames import refusal
from doqchat.protocol.names import MAX_FRAME_BYTES

Body = TypeVar("Body", bound=BaseModel)


def read_body(request: HttpRequest, model: type[Body]) -> Body:
    """The body of a JSON request; raises as `json_text`, and InvalidMessage if it does not fit the model."""
    try:
        return model.model_validate_json(json_text(request))
    except ValidationError as error:
        raise refusal(error) from None


def json_text(request: HttpRequest) -> str:
    """The body of a JSON request. The content type is required because pages of other sites cannot set it.

    Raises InvalidMessage, TooLarge, InvalidJSON.
    """
    if request.content_type != "application/json":
        raise InvalidMessage("Send JSON with the header Content-Type: application/json.")
    if int(request.headers.get("Content-Length") or 0) > MAX_FRAME_BYTES or len(request.body) > MAX_FRAME_BYTES:
        raise TooLarge(f"A message is limited to {MAX_FRAME_BYTES:,} bytes; send this in parts.")
    try:
        return request.body.decode()
    except UnicodeDecodeError:
        raise InvalidJSON("The body is not UTF-8.") from None
