"""Sessions over HTTP: for programs that have something to say and no socket to say it over."""

from django.http import HttpRequest, JsonResponse
from ninja import Field, Router, Schema

from chat.api_errors import Refused
from doqchat.engine import engine
from doqchat.errors import InvalidJSON, InvalidMessage, TooLarge, UnknownEvent
from doqchat.protocol.events import ChatMessage, LLMRequest
from doqchat.protocol.frames import Frame, parse
from doqchat.protocol.names import MAX_FRAME_BYTES, is_sid

router = Router(tags=["sessions"])

ENVELOPE = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["hd", "bd"],
                    "properties": {"hd": {"type": "object"}, "bd": {"type": "object"}},
                    "example": {
                        "hd": {"event": "chat.message", "role": "A", "msg_id": "c1-42"},
                        "bd": {"text": "안녕하세요! 😊"},
                    },
                }
            }
        },
    }
}


class Said(Schema):
    """What became of a message."""

    id: str = Field(description="The id of its event.")
    duplicate: bool = Field(description="Whether its `msg_id` had been used for it before: then nothing was stored.")


@router.post(
    "/{sid}/messages",
    response={201: Said, 200: Said, 400: Refused, 403: Refused, 409: Refused, 413: Refused, 503: Refused},
    summary="Say something in a session",
    openapi_extra=ENVELOPE,
)
async def say(request: HttpRequest, sid: str) -> JsonResponse:
    """Send a `chat.message` or an `llm.request` as over the socket. 201 with its id; 200 when it is a duplicate."""
    check_sid(sid)
    appended = await engine().send(sid, _frame(request))
    answer = {"id": appended.id, "duplicate": appended.duplicate}
    return JsonResponse(answer, status=200 if appended.duplicate else 201)


def check_sid(sid: str) -> None:
    """Raises InvalidMessage when the sid cannot name a session."""
    if not is_sid(sid):
        raise InvalidMessage("sid: a session has a name of 1 to 64 letters, digits or _ . -", field="sid")


def json_text(request: HttpRequest) -> str:
    """The body of a request that says that it is JSON: a page of another site cannot send that without being let.

    Raises InvalidMessage, TooLarge, InvalidJSON.
    """
    if request.content_type != "application/json":
        raise InvalidMessage("Send JSON, with the header Content-Type: application/json.")
    if int(request.headers.get("Content-Length") or 0) > MAX_FRAME_BYTES:
        raise TooLarge(f"A message may have {MAX_FRAME_BYTES:,} bytes at most; send this in parts.")
    try:
        return request.body.decode()
    except UnicodeDecodeError:
        raise InvalidJSON("The body is not UTF-8.") from None


def _frame(request: HttpRequest) -> Frame:
    frame = parse(json_text(request))
    if not isinstance(frame.body, ChatMessage | LLMRequest):
        known = f"{ChatMessage.event} and {LLMRequest.event}"
        raise UnknownEvent(f"Over HTTP one sends {known}; the rest needs a socket.", field="hd.event")
    return frame
