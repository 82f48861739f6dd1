"""Work messages: claim checks that say where an event's bytes are and what they must hash to, never the bytes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pik.domain.event.fields import (
    Check,
    EventFields,
    RawRef,
    find_wrong_member,
    is_whole,
    matches,
    members_of,
    stored_members,
)
from pik.domain.http.strict_json import parse_json
from pik.domain.shared import times
from pik.domain.shared.failures import ValidationFailure
from pik.domain.shared.foreign import shorten
from pik.domain.shared.limits import MAX_ATTEMPTS, MAX_RULE_CHARS, MAX_SEND_BYTES, MAX_WORK_CHARS
from pik.domain.shared.problems import InvalidEvent
from pik.domain.shared.row import Row
from pik.domain.shared.runs import LIVE, RUN_ID

ORIGINS: Final = frozenset({"live", "replay", "redrive"})

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Work(EventFields):
    """One event to process. `attempts_before` counts attempts under earlier messages of the same event, `redrives` how
    often it was redriven; `redrive_run` is the run of the last time, empty when it never was."""

    ref: RawRef
    origin: str = "live"
    run: str = LIVE
    attempts_before: int = 0
    redrives: int = 0
    redrive_run: str = ""

    @classmethod
    def of(cls, columns: Mapping[str, Any]) -> Work:
        """From columns that the kit itself wrote, not checked again. Raises KeyError."""
        return cls(
            **stored_members(columns),
            ref=RawRef.of(columns),
            origin=columns["origin"],
            run=columns["run"],
            attempts_before=columns["attempts_before"],
            redrives=columns.get("redrives", 0),
            redrive_run=columns.get("redrive_run", ""),
        )

    @property
    def day(self) -> str:
        """The UTC day that the event counts towards."""
        return times.day_of(self.event_time)

    def columns(self) -> Row:
        """The message's members, flat; what only redriven messages have is left out of the others."""
        found = members_of(self, self.ref)
        found["origin"], found["run"], found["attempts_before"] = self.origin, self.run, self.attempts_before
        if self.redrives:
            found["redrives"], found["redrive_run"] = self.redrives, self.redrive_run
        return found

    def message(self) -> Message:
        """The message as it is sent. Raises BadWork when SQS would refuse it for its size."""
        # ASCII, because SQS refuses some characters that JSON and the kit allow in names.
        message = Message(_ENCODER.encode(self.columns()), group_of(self.source))
        if message.size > MAX_SEND_BYTES:
            raise BadWork(f"work message: {message.size} bytes; SQS takes {MAX_SEND_BYTES}")
        return message


def group_of(source: str) -> str:
    """The MessageGroupId of a source, so that a loud one cannot starve the others (SQS fair queues)."""
    return source if _GROUP.fullmatch(source) else hashlib.sha256(source.encode()).hexdigest()


def work_of_row(row: Mapping[str, Any], origin: str = "live", run: str = LIVE) -> Work:
    """The message of an index row, as ingest wrote it: who takes it out of the queue checks it. Raises KeyError."""
    return Work(**stored_members(row), ref=RawRef.of(row), origin=origin, run=run)


def read_work(members: Mapping[str, Any]) -> Work:
    """The message with these members; those that this version does not know are ignored. Raises BadWork."""
    wrong = find_wrong_member(members)
    for name, check in _OWN_CHECKS.items():
        wrong = wrong or (f"{name}: {expected}" if (expected := check(members.get(name))) else "")
    redriven: dict[str, Any] = {}
    if "redrives" in members:
        redriven = {name: members.get(name) for name in _REDRIVEN_CHECKS}
        for name, check in _REDRIVEN_CHECKS.items():
            wrong = wrong or (f"{name}: {expected}" if (expected := check(redriven[name])) else "")
    if wrong:
        raise BadWork(f"work message: {wrong}")
    own: dict[str, Any] = {name: members[name] for name in _OWN_CHECKS}
    return Work(**stored_members(members), ref=RawRef.of(members), **own, **redriven)


def parse_work(body: str) -> Work:
    """The message of a body, which anyone may have written. Raises BadWork and nothing else."""
    if len(body) > MAX_WORK_CHARS:  # also keeps the cost of reading what is no work message small
        raise BadWork(f"work message: {len(body)} characters; the longest has {MAX_WORK_CHARS}")
    try:
        members = parse_json(body.encode())
    except (InvalidEvent, UnicodeEncodeError) as error:
        raise BadWork(f"work message: not JSON: {shorten(str(error), MAX_RULE_CHARS)}") from error
    if not isinstance(members, dict):
        raise BadWork("work message: not a JSON object")
    return read_work(members)


def _is_origin(value: Any) -> str:
    known = isinstance(value, str) and value in ORIGINS
    return "" if known else f"expected one of {', '.join(sorted(ORIGINS))}"


_OWN_CHECKS: Final[Mapping[str, Check]] = {
    "origin": _is_origin,
    "run": matches(RUN_ID),
    "attempts_before": is_whole(0, MAX_ATTEMPTS),
}
"""What a message says beyond its event."""

_REDRIVEN_CHECKS: Final[Mapping[str, Check]] = {"redrives": is_whole(1, MAX_ATTEMPTS), "redrive_run": matches(RUN_ID)}
