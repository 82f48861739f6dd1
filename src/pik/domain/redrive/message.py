"""A letter in a run's selection, and the message that it becomes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from pik.domain.event.envelope import Schemas, stored_payload
from pik.domain.event.fields import RawRef
from pik.domain.event.work import Message, Work, group_of
from pik.domain.http.strict_json import parse_json
from pik.domain.process.dead_letters import DeadLetter
from pik.domain.redrive.transform import Transform, TransformFailed
from pik.domain.shared.identity import canonical_json, payload_sha
from pik.domain.shared.limits import MAX_ATTEMPTS, MAX_EVENT_BYTES
from pik.domain.shared.problems import InvalidEvent
from pik.domain.shared.redrive_limits import BACKOFF_DELAY_SECONDS, MAX_JITTER_SECONDS
from pik.domain.shared.row import Row

_ENCODER: Final = json.JSONEncoder(separators=(",", ":"))
_DIGITS: Final = 16  # of a hash in a name


@dataclass(frozen=True, slots=True)
class Entry:
    """One letter of a run's selection. For a redrive it has `work` and the event's `attempts` so far; for a rescue, and
    for a letter whose body is no work message, `body` and attributes verbatim."""

    message_id: str
    receipt: str
    sent_at: str
    group: str
    fingerprint: str = ""
    attempts: int = 0
    work: Work | None = None
    body: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    typed: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def columns(self) -> Row:
        """As a file of a selection holds it."""
        named = {
            "message_id": self.message_id,
            "receipt": self.receipt,
            "sent_at": self.sent_at,
            "group": self.group,
            "fingerprint": self.fingerprint,
        }
        if self.work is not None:
            return named | {"attempts": self.attempts, "work": self.work.columns()}
        typed = {"typed_attributes": dict(self.typed)} if self.typed else {}
        return named | {"body": self.body, "attributes": dict(self.attributes)} | typed

    @classmethod
    def of(cls, columns: Mapping[str, Any]) -> Entry:
        """From a file of a selection, or of a rescue, which keeps neither receipt nor fingerprint."""
        return cls(
            message_id=columns["message_id"],
            receipt=columns.get("receipt", ""),
            sent_at=columns["sent_at"],
            group=columns["group"],
            fingerprint=columns.get("fingerprint", ""),
            attempts=columns.get("attempts", 0),
            work=Work.of(columns["work"]) if "work" in columns else None,
            body=columns.get("body", ""),
            attributes=columns.get("attributes", {}),
            typed=columns.get("typed_attributes", {}),
        )

    @property
    def event(self) -> Work:
        """The event to redrive. Raises LookupError for a letter that was kept verbatim."""
        if self.work is None:
            raise LookupError(f"message {self.message_id} holds no work message")
        return self.work


def entry_of(letter: DeadLetter, max_receive_count: int, *, whole: bool) -> Entry:
    """A letter for the selection; `whole` keeps it verbatim. `max_receive_count` is WorkQueue's."""
    fingerprint = letter.reason.fingerprint if letter.reason else ""
    named = (letter.message_id, letter.receipt, letter.sent_at, letter.group, fingerprint)
    if whole or letter.work is None:
        return Entry(*named, body=letter.body, attributes=letter.attributes, typed=letter.typed)
    return Entry(*named, attempts=letter.attempts(max_receive_count), work=letter.work)


def redriven(entry: Entry, run_id: str, delay: int) -> Message:
    """The message of a redrive: the same event for the same run, with its history."""
    work = entry.event
    body = work.columns()
    # A sound event must not become a message that the processor refuses because of what a foreign letter claims.
    body["origin"], body["attempts_before"] = "redrive", min(entry.attempts, MAX_ATTEMPTS)
    body["redrives"], body["redrive_run"] = work.redrives + 1, run_id
    return Message(_ENCODER.encode(body), entry.group or group_of(work.source), delay=delay)


def rescued(entry: Entry) -> Row:
    """What a rescue keeps of a letter: everything but the receipt, which is soon worth nothing."""
    return {name: value for name, value in entry.columns().items() if name not in {"receipt", "fingerprint"}}


def put_back(entry: Entry) -> Message:
    """The message of what a rescue kept, as it was."""
    return Message(entry.body, entry.group, entry.attributes, typed=entry.typed)


def delay_of(redrives: int, *, backoff: bool, jitter_seconds: int, chance: float) -> int:
    """Seconds for which SQS holds a redriven message back. `chance` from 0 up to 1; the sum is what SQS takes at most.

    Only an event that was redriven before is backed off: with the first redrive its cause is assumed to be fixed.
    """
    back = BACKOFF_DELAY_SECONDS * 2**redrives if backoff and redrives else 0
    return min(back, MAX_JITTER_SECONDS - jitter_seconds) + int(chance * (jitter_seconds + 1))


def with_payload(entry: Entry, transform: Transform, data: bytes, schemas: Schemas) -> tuple[bytes, str]:
    """The bytes of the event with the new payload, and that payload's hash. `data` are the bytes that it has now.

    Raises TransformFailed, and what the present bytes are refused with (MalformedJson, HashMismatch).
    """
    work = entry.event
    before = stored_payload(work.ref.key, data, work.payload_sha)
    if isinstance(before, bytes):
        raise TransformFailed("the payload is not JSON, so nothing in it can be changed")
    payload = transform.apply(before)
    event = {name: getattr(work, name) for name in ("source", "event_type", "entity_id", "event_time")}
    try:
        body = canonical_json({**event, "payload": payload})
        sha = payload_sha(parse_json(body)["payload"])
    except (InvalidEvent, TypeError, ValueError) as error:
        raise TransformFailed(f"the new payload is no JSON that the kit takes: {error}") from error
    if len(body) > MAX_EVENT_BYTES:
        raise TransformFailed(f"the new event has {len(body)} bytes; at most {MAX_EVENT_BYTES} are accepted")
    found = schemas.problems(work.event_type, payload)
    if found:
        detail = "; ".join(f"{it.path}: {it.code}" for it in found)
        raise TransformFailed(f"the new payload breaks the schema of its type: {detail}")
    return body, sha


def transformed_key(run_id: str, event_id: str, sha: str) -> str:
    """Where the event with the new payload is. By the payload's hash too: of one event there may be two letters, and a
    raw object is never written over."""
    return f"raw/transformed/run={run_id}/{event_id}-{sha[:_DIGITS]}.json"


def with_ref(entry: Entry, ref: RawRef, sha: str) -> Entry:
    """The entry of an event whose bytes are now elsewhere; its event id stays."""
    return replace(entry, work=replace(entry.event, ref=ref, payload_sha=sha))
