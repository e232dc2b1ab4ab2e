"""The JSON of an export, which an import reads: one document, with one event per line, so that its length does not
matter. Two exports of the same events are equal byte for byte.
"""

from collections.abc import Iterator
from typing import IO, Annotated, Any, Literal, NoReturn, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import from_json, to_json

from doqchat.protocol.ids import BEGINNING, order, parse_id, position
from doqchat.protocol.names import SID_PATTERN, Title
from doqchat.store.exports import Exported
from doqchat.store.reader import Entry
from doqchat.store.settings import SessionSettings

VERSION = 1
"""The version of the format; it changes when an older doqchat could not read it."""

LONGEST_LINE = 64 * 2**20
"""Maximum size of a line in bytes. An envelope of doqchat takes less than 1 MiB."""

_OPEN, _CLOSE = '"events":[', "]}"

Part = TypeVar("Part", bound=BaseModel)


class InvalidDocument(ValueError):
    """A file that cannot be imported; its text is one sentence about the reason."""


class JSONDocument:
    """Writes an export.

    Args:
        session: what is exported.
    """

    def __init__(self, session: Exported) -> None:
        self._session = session
        self._count, self._last = 0, BEGINNING

    def begin(self) -> str:
        """The part before the events."""
        settings = self._session.settings.model_dump(mode="json", exclude_unset=True)
        head = {
            "format": "doqchat",
            "version": VERSION,
            "sid": self._session.sid,
            "title": settings.pop("title", ""),
            "closed": self._session.closed,
            "settings": settings,
        }
        return f"{to_json(head).decode()[:-1]},{_OPEN}"

    def event(self, entry: Entry) -> str:
        """One event; its body is the stored text, as the archive can store it.

        Its `prev` is the event before it in the document, also if retention removes events meanwhile.
        """
        separator = "," if self._count else ""
        fields = {"id": entry.id, "prev": self._last, "participant": entry.participant, "body": entry.body}
        storable = {name: text.replace("\0", "\ufffd") for name, text in fields.items()}  # as `clean` in records.py
        self._count, self._last = self._count + 1, entry.id
        return f"{separator}\n{to_json(storable).decode()}"

    def end(self) -> str:
        """The part after the events."""
        return f'\n],"count":{self._count}}}\n'


class Head(BaseModel):
    """The part of a document before its events."""

    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)

    format: Literal["doqchat"]
    version: Literal[1]
    sid: Annotated[str, StringConstraints(pattern=SID_PATTERN)]
    title: Title
    closed: bool
    settings: SessionSettings
    events: Annotated[list[Any], Field(max_length=0)]


def _entry_id(value: str) -> str:
    if parse_id(value) != value or position(value) is None:
        raise ValueError(f"{value!r} is not an id that the archive can store")
    return value


class _Event(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)

    id: Annotated[str, AfterValidator(_entry_id)]
    prev: str
    participant: str
    body: str


class _End(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)

    events: Annotated[list[Any], Field(max_length=0)]
    count: int


class DocumentReader:
    """Reads an export, line by line. Every call may raise InvalidDocument.

    Args:
        file: the document.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._line = 0

    def head(self) -> Head:
        """The part before the events; call it once, first."""
        line = self._next()
        if not line.endswith(_OPEN):
            raise InvalidDocument("This is not an export of doqchat in JSON.")
        text = line + _CLOSE
        known = self._parsed(text)
        if not isinstance(known, dict) or known.get("format") != "doqchat":
            raise InvalidDocument("This is not an export of doqchat in JSON.")
        if known.get("version") != VERSION:
            raise InvalidDocument(
                f"This export has version {known.get('version')!r} of the format; this doqchat reads version {VERSION}."
            )
        return self._valid(Head, text)

    def events(self) -> Iterator[tuple[str, str, str]]:
        """Id, participant and body of each event, in order. The end of the iteration is the end of the document."""
        last, count, more = BEGINNING, 0, True
        while not (line := self._next()).startswith("]"):
            if not more:
                self._fail("the comma before it is missing")
            event = self._valid(_Event, line.removesuffix(","))
            self._check_order(event, last)
            yield event.id, event.participant, event.body
            last, count, more = event.id, count + 1, line.endswith(",")
        if more and count:
            self._fail("an event is missing before it")
        stated = self._valid(_End, '{"events":[' + line).count
        if stated != count:
            raise InvalidDocument(f"The file has {count} events, but states {stated}.")
        if self._file.read(1):
            raise InvalidDocument(f"Something follows the end of the export in line {self._line}.")

    def _check_order(self, event: _Event, last: str) -> None:
        if event.id == last:
            self._fail(f"the id {last} is there twice")
        if order(event.id) < order(last):
            self._fail(f"the id {event.id} is after {last}, but must be higher")
        if event.prev != last:
            self._fail(f"prev is {event.prev[:50]!r}, but the event before it is {last}")

    def _next(self) -> str:
        self._line += 1
        raw = self._file.readline(LONGEST_LINE + 1)
        if len(raw) > LONGEST_LINE:
            self._fail(f"it is longer than {LONGEST_LINE:,} bytes")
        if not raw.endswith(b"\n"):
            raise InvalidDocument(f"The file is cut off in line {self._line}.")
        try:
            return raw.decode().strip()
        except UnicodeDecodeError:
            self._fail("it is not UTF-8")

    def _parsed(self, text: str) -> Any:
        try:
            return from_json(text, allow_inf_nan=False)
        except ValueError:
            self._fail("it is not valid JSON")

    def _valid(self, part: type[Part], text: str) -> Part:
        try:
            return part.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            reason = first["msg"].removeprefix("Value error, ")
            self._fail(f"{where}: {reason[0].lower()}{reason[1:]}" if where else "it is not valid JSON")

    def _fail(self, reason: str) -> NoReturn:
        raise InvalidDocument(f"Line {self._line}: {reason}.")
