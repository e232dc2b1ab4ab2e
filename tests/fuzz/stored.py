"""Whether what the store has is valid: by the published schema of each event, and by who may have said it."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import redis
from jsonschema import Draft202012Validator

from doqchat.protocol import asyncapi
from doqchat.store import keys
from tests.fuzz.principals import Principal, names_of

PEOPLE = ("A", "B", "user")
OF_THE_SERVER = {"llm.error", "llm.response"}
AT_A_TIME = 1_000
_SESSION = re.compile(r"^\{?chat:session:([A-Za-z0-9_.-]+)(?:\}:(\w+))?")


class Entries:
    """Checks the entries of sessions."""

    def __init__(self, store: "redis.Redis") -> None:
        self._store = store
        self.checked = 0

    def faults(self, principal: Principal, sids: Sequence[str]) -> Iterator[str]:
        """What is wrong with the sessions that a principal has sent to."""
        for sid in sids:
            for entry_id, fields in self._entries(sid):
                self.checked += 1
                for fault in self._faults(principal, sid, entry_id, fields):
                    yield f"{principal.name}, {sid}, {entry_id}: {fault}: {fields}"

    def strays(self, allowed: Mapping[str, set[str] | None]) -> Iterator[str]:
        """Keys of sessions that may not exist.

        Args:
            allowed: the sessions that may have keys, and which of their own: None for all, stream included.
        """
        for key in self._store.scan_iter("*chat:session:*", count=AT_A_TIME):
            sid, own = (_SESSION.match(key) or re.match("()()", key)).groups()  # type: ignore[union-attr]
            if sid not in allowed or not (allowed[sid] is None or own in allowed[sid]):  # type: ignore[operator]
                yield f"The store has the key {key}."

    def _entries(self, sid: str) -> Iterator[tuple[str, Mapping[str, str]]]:
        last = "-"
        while found := self._store.xrange(keys.stream(sid), last, count=AT_A_TIME):
            yield from found
            last = f"({found[-1][0]}"

    def _faults(self, principal: Principal, sid: str, entry_id: str, fields: Mapping[str, str]) -> Iterator[str]:
        if set(fields) != {"participant", "body"}:
            yield "other fields"
            return
        try:
            envelope = json.loads(fields["body"], parse_constant=_refuse, object_pairs_hook=_unique)
            hd, event = envelope["hd"], envelope["hd"]["event"]
        except (ValueError, KeyError, TypeError) as error:
            yield f"not an envelope ({error!r})"
            return
        if event in principal.stores:
            yield from self._wrong_sender(principal, hd)
        elif not (event in OF_THE_SERVER and hd["role"] == "llm" and principal.stores):
            yield "an event that this principal may not store"
        if hd.get("sid") != sid or hd["role"] != fields["participant"] or {"id", "prev"} & set(hd):
            yield "a field that the server decides"
        sent = {**envelope, "hd": {**hd, "id": entry_id, "prev": "0-0"}}
        validator = self._validators.get(event)
        problem = validator and next(validator.iter_errors(sent), None)
        if problem:
            yield f"not valid, {problem.message[:200]}"

    def _wrong_sender(self, principal: Principal, hd: Mapping[str, Any]) -> Iterator[str]:
        if hd["role"] not in (PEOPLE if principal.role is None else [principal.role]):
            yield "another role"
        if principal.role is not None and hd.get("name") not in names_of(principal):
            yield "another name"

    @cached_property
    def _validators(self) -> dict[str, Draft202012Validator]:
        """A validator of what clients receive, by event."""
        components = asyncapi.document("/v1/session/chat")["components"]
        return {
            message["name"]: Draft202012Validator({**message["payload"], "components": components})
            for key, message in components["messages"].items()
            if key.startswith("server.")
        }


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _unique(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(fields)) != len(fields):
        raise ValueError("a field twice")
    return dict(fields)
