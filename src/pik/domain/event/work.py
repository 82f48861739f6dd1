"""Work messages: claim checks that say where an event's bytes are and what they must hash to, never the bytes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pik.domain.event.rows import RawRef
from pik.domain.http.strict_json import parse_json
from pik.domain.shared import times
from pik.domain.shared.failures import ValidationFailure
from pik.domain.shared.limits import MAX_BODY_BYTES, MAX_NAME_CHARS, MAX_SEND_BYTES
from pik.domain.shared.problems import InvalidEvent
from pik.domain.shared.row import Row
from pik.domain.shared.runs import LIVE, RUN_ID

ORIGINS: Final = frozenset({"live", "replay", "redrive"})

_HEX_64: Final = re.compile(r"[0-9a-f]{64}")
_ENCODER: Final = json.JSONEncoder(separators=(",", ":"))  # one for all: json.dumps would make one for each message
_GROUP: Final = re.compile(r"[!-~]{1,128}")  # what SQS takes as a MessageGroupId


class BadWork(ValidationFailure):
    """What should be a work message, or a row to make one of, lacks a member or holds a wrong one."""


@dataclass(frozen=True, slots=True)
class Message:
    """What SQS is given: a body, the kit's own all ASCII; a MessageGroupId, empty for none; attributes that are texts;
    seconds of delay; and attributes of other types, which the kit's own have none of, as JSON holds them: `DataType`,
    and `StringValue` or, in base64, `BinaryValue`."""

    body: str
    group: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    delay: int = 0
    typed: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes, as SQS counts them for a batch, or a little more."""
        extra = sum(len(name) + len(value.encode()) + len("String") for name, value in self.attributes.items())
        extra += sum(len(name) + sum(len(it.encode()) for it in value.values()) for name, value in self.typed.items())
        body = len(self.body) if self.body.isascii() else len(self.body.encode())
        return body + len(self.group) + extra


@dataclass(frozen=True, slots=True)
class Work:
    """One event to process. `attempts_before` counts attempts under earlier messages of the same event, `redrives` how
    often it was redriven; `redrive_run` is the run of the last time, empty when it never was."""

    event_id: str
    event_type: str
    source: str
    entity_id: str
    event_time: str
    payload_sha: str
    ref: RawRef
    origin: str = "live"
    run: str = LIVE
    attempts_before: int = 0
    redrives: int = 0
    redrive_run: str = ""

    @property
    def day(self) -> str:
        return times.day_of(self.event_time)

    def columns(self) -> Row:
        """The message's members, flat; what only redriven messages have is left out of the others."""
        redriven = {"redrives": self.redrives, "redrive_run": self.redrive_run} if self.redrives else {}
        return {
            "event_id": self.event_id,
            "event_type": self.event_type,
            "source": self.source,
            "entity_id": self.entity_id,
            "event_time": self.event_time,
            "payload_sha": self.payload_sha,
            **self.ref.columns(),
            "origin": self.origin,
            "run": self.run,
            "attempts_before": self.attempts_before,
            **redriven,
        }

    def message(self) -> Message:
        """The message as it is sent. Raises BadWork when SQS would refuse it for its size."""
        # ASCII, because SQS refuses some characters that JSON and the kit allow in names.
        message = Message(_ENCODER.encode(self.columns()), group_of(self.source))
        if message.size > MAX_SEND_BYTES:
            raise BadWork(f"work message: {message.size} bytes; SQS takes {MAX_SEND_BYTES}")
        return message


@dataclass(frozen=True, slots=True)
class Input:
    """An event that was read and found sound: its reference and its payload."""

    work: Work
    payload: Any


def group_of(source: str) -> str:
    """The MessageGroupId of a source, so that a loud one cannot starve the others (SQS fair queues)."""
    return source if _GROUP.fullmatch(source) else hashlib.sha256(source.encode()).hexdigest()


def work_of_row(row: Mapping[str, Any], origin: str = "live", run: str = LIVE) -> Work:
    """The message of an index row: the live one, or a replay's. Raises BadWork."""
    return _checked({**row, "origin": origin, "run": run, "attempts_before": 0})


def parse_work(body: str) -> Work:
    """The message of a body; members that this version does not know are ignored. Raises BadWork."""
    try:
        members = parse_json(body.encode())
    except (InvalidEvent, UnicodeEncodeError) as error:
        raise BadWork(f"work message: not JSON: {error}") from error
    if not isinstance(members, dict):
        raise BadWork("work message: not a JSON object")
    return _checked(members)


def _checked(members: Mapping[str, Any]) -> Work:
    ref = RawRef(
        _text(members, "s3_bucket"),
        _text(members, "s3_key", longest=1024),
        _whole(members, "s3_offset", smallest=0),
        _whole(members, "s3_length", smallest=1, largest=MAX_BODY_BYTES),
    )
    return Work(
        event_id=_matching(members, "event_id", _HEX_64),
        event_type=_text(members, "event_type"),
        source=_text(members, "source"),
        entity_id=_text(members, "entity_id"),
        event_time=_time(members, "event_time"),
        payload_sha=_matching(members, "payload_sha", _HEX_64),
        ref=ref,
        origin=_origin(members),
        run=_matching(members, "run", RUN_ID),
        attempts_before=_whole(members, "attempts_before", smallest=0),
        **_redriven(members),
    )


def _redriven(members: Mapping[str, Any]) -> dict[str, Any]:
    if "redrives" not in members:
        return {}
    return {
        "redrives": _whole(members, "redrives", smallest=1),
        "redrive_run": _matching(members, "redrive_run", RUN_ID),
    }


def _text(members: Mapping[str, Any], name: str, longest: int = MAX_NAME_CHARS) -> str:
    value = members.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise BadWork(f"work message: {name}: expected a text of 1 to {longest} characters")
    return value


def _matching(members: Mapping[str, Any], name: str, form: re.Pattern[str]) -> str:
    value = members.get(name)
    if not isinstance(value, str) or not form.fullmatch(value):
        raise BadWork(f"work message: {name}: expected the form {form.pattern}")
    return value


def _whole(members: Mapping[str, Any], name: str, smallest: int, largest: int | None = None) -> int:
    value = members.get(name)
    # bool before int: True is an int in Python
    if isinstance(value, bool) or not isinstance(value, int) or value < smallest or (largest and value > largest):
        raise BadWork(f"work message: {name}: expected a whole number from {smallest} to {largest or 'any'}")
    return value


def _time(members: Mapping[str, Any], name: str) -> str:
    value = _text(members, name)
    if times.is_normal(value):
        return value
    try:
        normal = times.normalise(value)
    except times.BadTime as error:
        raise BadWork(f"work message: {name}: {error}") from error
    if normal != value:
        raise BadWork(f"work message: {name}: expected {normal}, UTC with six decimals")
    return value


def _origin(members: Mapping[str, Any]) -> str:
    value = members.get("origin")
    if not isinstance(value, str) or value not in ORIGINS:
        raise BadWork(f"work message: origin: expected one of {', '.join(sorted(ORIGINS))}")
    return value
