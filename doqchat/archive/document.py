"""The JSON of an export, which an import reads: one document, with one event per line, so that its length does not
matter. Two exports of the same events are equal byte for byte.
"""

from collections.abc import Iterator
from dataclasses import asdict
from typing import IO, Annotated, Any, Literal, NoReturn, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import from_json, to_json

from doqchat.protocol.ids import BEGINNING, order, parse_id, position
from doqchat.protocol.names import LONGEST_RETENTION, LONGEST_TOKEN, SID_PATTERN, HumanRole, Title
from doqchat.store.exports import Exported
from doqchat.store.reader import Entry
from doqchat.store.revocations import MOST
from doqchat.store.settings import SessionSettings

VERSION = 2
"""The version of the format; it changes when an older doqchat could not read it. Version 1 ends with the settings."""

LONGEST_LINE = 64 * 2**20
"""Maximum size of a line in bytes. An envelope of doqchat takes less than 1 MiB."""

_OPEN, _CLOSE = '"events":[', "]}"

_Revocation = Annotated[str, StringConstraints(pattern="^(all|(jti|sub):.+)$", max_length=LONGEST_TOKEN)]

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
        head: dict[str, Any] = {
            "format": "doqchat",
            "version": VERSION,
            "sid": self._session.sid,
            "title": settings.pop("title", ""),
            "closed": self._session.closed,
            "settings": settings,
            "read": dict(sorted(self._session.read.items())),
            "muted": dict(sorted(self._session.muted.items())),
        }
        if self._session.revoked is not None:
            head["revoked"] = dict(sorted(self._session.revoked.items()))
        if self._session.retained is not None:
            head["retained"] = asdict(self._session.retained)
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


def _entry_id(value: str) -> str:
    if parse_id(value) != value or position(value) is None:
        raise ValueError(f"{value!r} is not an id that the archive can store")
    return value


EntryId = Annotated[str, AfterValidator(_entry_id)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)


class RetainedPart(_Part):
    """See `Retained`."""

    days: Annotated[int, Field(ge=1, le=LONGEST_RETENTION)] | None = None
    hold: bool = False
    after: EntryId | Literal["0-0"] = BEGINNING


class Head(_Part):
    """The part of a document before its events."""

    format: Literal["doqchat"]
    version: Literal[1, 2]
    sid: Annotated[str, StringConstraints(pattern=SID_PATTERN)]
    title: Title
    closed: bool
    settings: SessionSettings
    read: dict[HumanRole, EntryId] = {}
    muted: dict[HumanRole, Annotated[int, Field(ge=0, lt=2**53)]] = {}
    revoked: Annotated[dict[_Revocation, Annotated[float, Field(ge=0, lt=2**33)]], Field(max_length=MOST)] = {}
    retained: RetainedPart = RetainedPart()
    events: Annotated[list[Any], Field(max_length=0)]


class _Event(_Part):
    id: EntryId
    prev: str
    participant: str
    body: str


class _End(_Part):
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
        if known.get("version") not in (1, VERSION):
            raise InvalidDocument(
                f"This export has version {known.get('version')!r} of the format; "
                f"this doqchat reads versions 1 and {VERSION}."
            )
        self._head = self._valid(Head, text)
        return self._head

    def events(self) -> Iterator[tuple[str, str, str]]:
        """Id, participant and body of each event, in order. The end of the iteration is the end of the document."""
        last, count, more = BEGINNING, 0, True
        while not (line := self._next()).startswith("]"):
            if not more:
                self._fail("the comma before it is missing")
            event = self._valid(_Event, line.removesuffix(","))
            self._check_order(event, last)
            if not count and order(event.id) <= order(self._head.retained.after):
                self._fail(f"the id {event.id} is not after those that retention has removed")
            yield event.id, event.participant, event.body
            last, count, more = event.id, count + 1, line.endswith(",")
        if more and count:
            self._fail("an event is missing before it")
        stated = self._valid(_End, '{"events":[' + line).count
        if stated != count:
            raise InvalidDocument(f"The file has {count} events, but states {stated}.")
        if beyond := [role for role, seen in self._head.read.items() if order(seen) > order(last)]:
            raise InvalidDocument(f"{beyond[0]} has read more than the file has.")
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
