"""An event's members: the one list of what rows, messages and announcements say of an event.

The index row, the dedupe row, the work message, its check, what a replay reads and what the bus announces are all made
from this list. To add a member, add it to EventFields, with a default: rows and messages that were written before do
not have it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Final

from pik.domain.shared import times
from pik.domain.shared.limits import (
    MAX_BODY_BYTES,
    MAX_ENTITY_BYTES,
    MAX_NAME_CHARS,
    MAX_OBJECT_KEY_CHARS,
    MAX_SAFE_INTEGER,
)
from pik.domain.shared.row import Row

Check = Callable[[Any], str]
"""What was expected in place of a value; empty when the value is right."""

_HEX_64: Final = re.compile(r"[0-9a-f]{64}")


def is_text(longest: int = MAX_NAME_CHARS) -> Check:
    """A check for texts that are not empty."""
    expected = f"expected a text of 1 to {longest} characters"
    return lambda value: "" if isinstance(value, str) and 0 < len(value) <= longest else expected


def matches(form: re.Pattern[str]) -> Check:
    """A check for texts of a form."""
    expected = f"expected the form {form.pattern}"
    return lambda value: "" if isinstance(value, str) and form.fullmatch(value) else expected


def is_whole(smallest: int, largest: int | None = None) -> Check:
    """A check for whole numbers within bounds."""
    expected = f"expected a whole number from {smallest} to {largest or 'any'}"

    def check(value: Any) -> str:
        # bool before int: True is an int in Python
        if isinstance(value, bool) or not isinstance(value, int) or value < smallest or (largest and value > largest):
            return expected
        return ""

    return check


def is_time(value: Any) -> str:
    """A check for normalized times."""
    if isinstance(value, str) and times.is_normal(value):
        return ""
    if wrong := is_text()(value):
        return wrong
    try:
        return f"expected {times.normalise(value)}, UTC with six decimals"
    except times.BadTime as error:
        return str(error)


def member(check: Check, *, identifying: bool = False, announced: bool = False, default: Any = MISSING) -> Any:
    """A member of an event.

    `identifying`: every event with the same id has the same value, so a dedupe row need not keep it. `announced`: it is
    on the bus.
    """
    return field(default=default, metadata={"check": check, "identifying": identifying, "announced": announced})


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFields:
    """What is said of an event wherever it goes. `event_time` is a normalized time, hashes are 64 hex digits."""

    event_id: str = member(matches(_HEX_64), announced=True)
    event_type: str = member(is_text(), identifying=True, announced=True)
    source: str = member(is_text(), identifying=True, announced=True)
    entity_id: str = member(is_text(MAX_ENTITY_BYTES), identifying=True, announced=True)
    event_time: str = member(is_time, announced=True)
    payload_sha: str = member(matches(_HEX_64))


@dataclass(frozen=True, slots=True)
class RawRef:
    """The bytes of one event in RawBucket; `offset` and `length` are bytes. Its columns are members too."""

    bucket: str
    key: str
    offset: int
    length: int

    def columns(self) -> Row:
        """As rows and messages hold it."""
        return {"s3_bucket": self.bucket, "s3_key": self.key, "s3_offset": self.offset, "s3_length": self.length}

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> RawRef:
        """From a row or a message."""
        return cls(row["s3_bucket"], row["s3_key"], int(row["s3_offset"]), int(row["s3_length"]))


REFERENCE_CHECKS: Final[Mapping[str, Check]] = {
    "s3_bucket": is_text(),
    "s3_key": is_text(MAX_OBJECT_KEY_CHARS),
    "s3_offset": is_whole(0, MAX_SAFE_INTEGER),
    "s3_length": is_whole(0, MAX_BODY_BYTES),
}

_MEMBERS: Final = fields(EventFields)
EVENT_MEMBERS: Final = tuple(it.name for it in _MEMBERS)
REFERENCE_MEMBERS: Final = tuple(REFERENCE_CHECKS)
ANNOUNCED: Final = tuple(it.name for it in _MEMBERS if it.metadata["announced"])
REMEMBERED: Final = tuple(it.name for it in _MEMBERS if not it.metadata["identifying"])
"""What a dedupe row keeps of the first event."""

_IDENTIFYING: Final = tuple(it.name for it in _MEMBERS if it.metadata["identifying"])
_CHECKS: Final[Mapping[str, Check]] = {**{it.name: it.metadata["check"] for it in _MEMBERS}, **REFERENCE_CHECKS}
_DEFAULTS: Final[Row] = {it.name: it.default for it in _MEMBERS if it.default is not MISSING}


def members_of(event: EventFields, ref: RawRef) -> Row:
    """The members of an event whose bytes are at `ref`, for a row or a message."""
    return {name: getattr(event, name) for name in EVENT_MEMBERS} | ref.columns()


def remembered_members(event: EventFields) -> Row:
    """What a dedupe row keeps of an event."""
    return {name: getattr(event, name) for name in REMEMBERED}


def first_members(repeat: EventFields, remembered: Mapping[str, Any]) -> Row:
    """The members of the first event with an id, from its dedupe row and another event with that id."""
    kept = {name: remembered.get(name, _DEFAULTS.get(name)) for name in REMEMBERED}
    return {name: getattr(repeat, name) for name in _IDENTIFYING} | kept


def stored_members(row: Mapping[str, Any]) -> Row:
    """The event's own members of a row that ingest wrote, not checked again. Raises KeyError."""
    return {name: _DEFAULTS[name] if name in _DEFAULTS and name not in row else row[name] for name in EVENT_MEMBERS}


def find_wrong_member(members: Mapping[str, Any]) -> str:
    """The first member that is missing or wrong, as `event_id: expected …`; empty when all are right."""
    for name, check in _CHECKS.items():
        if wrong := check(members.get(name, _DEFAULTS.get(name))):
            return f"{name}: {wrong}"
    return ""
