"""A letter in a run's selection, and the message that it becomes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from pik.domain.event.envelope import Schemas, payload_with_sha
from pik.domain.event.rows import RawRef
from pik.domain.event.work import Message, group_of
from pik.domain.http.strict_json import parse_json
from pik.domain.process.dead_letters import DeadLetter
from pik.domain.redrive.transform import Transform, TransformFailed
from pik.domain.shared.identity import payload_sha
from pik.domain.shared.limits import BACKOFF_DELAY_SECONDS, MAX_EVENT_BYTES, MAX_JITTER_SECONDS
from pik.domain.shared.problems import InvalidEvent
from pik.domain.shared.row import Row

Entry = dict[str, Any]
"""One message of a selection, as JSON holds it. For a redrive it has `work`, the members of its body; for a rescue
`body` and `attributes`, verbatim."""

_ENCODER: Final = json.JSONEncoder(separators=(",", ":"))
_DIGITS: Final = 16  # of a hash in a name


def entry_of(letter: DeadLetter, max_receive_count: int, *, whole: bool) -> Entry:
    """A letter for the selection; `whole` keeps it verbatim. `max_receive_count` is WorkQueue's."""
    entry: Entry = {
        "message_id": letter.message_id,
        "receipt": letter.receipt,
        "sent_at": letter.sent_at,
        "group": letter.group,
        "fingerprint": letter.reason.fingerprint if letter.reason else "",
    }
    if whole or letter.work is None:
        typed = {"typed_attributes": dict(letter.typed)} if letter.typed else {}
        return entry | {"body": letter.body, "attributes": dict(letter.attributes)} | typed
    return entry | {"attempts": letter.attempts(max_receive_count), "work": letter.work.columns()}


def redriven(entry: Mapping[str, Any], run_id: str, delay: int) -> Message:
    """The message of a redrive: the same event for the same run, with its history."""
    work = entry["work"]
    body = {
        **work,
        "origin": "redrive",
        "attempts_before": entry["attempts"],
        "redrives": work.get("redrives", 0) + 1,
        "redrive_run": run_id,
    }
    return Message(_ENCODER.encode(body), entry["group"] or group_of(work["source"]), delay=delay)


def rescued(entry: Mapping[str, Any]) -> Row:
    """What a rescue keeps of a letter: all but the receipt, which is soon worth nothing."""
    return {name: value for name, value in entry.items() if name not in {"receipt", "fingerprint"}}


def put_back(kept: Mapping[str, Any]) -> Message:
    """The message of what a rescue kept, as it was."""
    return Message(kept["body"], kept["group"], kept["attributes"], typed=kept.get("typed_attributes", {}))


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
    work = entry["work"]
    payload = transform.apply(payload_with_sha(parse_json(data), work["payload_sha"]))
    event = {name: work[name] for name in ("source", "event_type", "entity_id", "event_time")}
    try:
        body = json.dumps({**event, "payload": payload}, ensure_ascii=False, separators=(",", ":")).encode()
        sha = payload_sha(parse_json(body)["payload"])
    except (InvalidEvent, TypeError, ValueError) as error:
        raise TransformFailed(f"the new payload is no JSON that the kit takes: {error}") from error
    if len(body) > MAX_EVENT_BYTES:
        raise TransformFailed(f"the new event has {len(body)} bytes; at most {MAX_EVENT_BYTES} are accepted")
    found = schemas.problems(work["event_type"], payload)
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
    return {**entry, "work": {**entry["work"], **ref.columns(), "payload_sha": sha}}
