"""The rows of EventsTable and DedupeTable, and the names of raw objects: how an accepted event is found again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final, Literal
from urllib.parse import quote

from pik.domain.event.envelope import Event
from pik.domain.event.fields import REMEMBERED, RawRef, first_members, members_of, remembered_members
from pik.domain.shared import times
from pik.domain.shared.keys import key_part
from pik.domain.shared.limits import SOURCE_DAY_SHARDS
from pik.domain.shared.row import Row

Status = Literal["ACCEPTED", "DUPLICATE", "CONFLICT"]

ACCEPTED: Final = "ACCEPTED"
DUPLICATE: Final = "DUPLICATE"
CONFLICT: Final = "CONFLICT"
REJECTED: Final = "REJECTED"

_SECONDS_A_DAY: Final = 86_400
_MAX_PARTITION_CHARS: Final = 150  # two of them, the rest of the key and S3's own limit of 1,024 bytes leave room
_MIXED: Final = "_mixed"


def entity_key(entity_id: str) -> str:
    """PK of everything that is kept by entity."""
    return f"ENTITY#{entity_id}"


def time_key(event_time: str, event_id: str) -> str:
    """SK of an accepted event: text order is time order."""
    return f"TS#{event_time}#EID#{event_id}"


def source_day_key(source: str, event_type: str, day: str, shard: int) -> str:
    """Hash key of index BySourceDay. `#` in a name is encoded, so that no two pairs of names share a key."""
    return f"SRC#{key_part(source)}#TYPE#{key_part(event_type)}#DAY#{day}#{shard:02d}"


def shard_of(event_id: str) -> int:
    """The shard of an event: a hash, so every source spreads evenly."""
    return int(event_id[:8], 16) % SOURCE_DAY_SHARDS


def accepted_row(event: Event, ref: RawRef, request_id: str) -> Row:
    """The index row that is the event: its INSERT in the stream sends it on its way."""
    return _index_row(event, ref, request_id, ACCEPTED, time_key(event.event_time, event.event_id))


def noted_row(event: Event, ref: RawRef, request_id: str, index: int, status: Status, first: Mapping[str, Any]) -> Row:
    """The row of a duplicate or a conflict: its own row, which never replaces the first's. `first` is the dedupe
    row; its event time is the one that counts, should the duplicate ever be replayed."""
    key = f"{time_key(event.event_time, event.event_id)}#{status}#{event.received_at}#{request_id}#{index:03d}"
    return _index_row(event, ref, request_id, status, key) | {"first_event_time": first["event_time"]}


def dedupe_row(event: Event, ref: RawRef, request_id: str, ttl_days: int) -> Row:
    """What remembers an event id, and all that is needed to write its index row again."""
    return {
        **remembered_members(event),
        **_compared(event),
        "pk": entity_key(event.entity_id),
        "sk": time_key(event.event_time, event.event_id),
        "first_seen": event.received_at,
        "request_id": request_id,
        **ref.columns(),
        "expires_at": times.epoch_seconds(event.received_at) + ttl_days * _SECONDS_A_DAY,
    }


def first_row(event: Event, dedupe: Mapping[str, Any]) -> Row:
    """The index row of the first event, from its dedupe row and another event of the same identity."""
    first = Event(
        **first_members(event, dedupe),
        received_at=dedupe["first_seen"],
        idempotency_key=event.idempotency_key,
        language=None,
        compared_sha=dedupe.get("compared_sha", ""),
    )
    return accepted_row(first, RawRef.of(dedupe), dedupe["request_id"])


def known_from_index(row: Mapping[str, Any]) -> Row:
    """What a dedupe row would say, read from the index row: for events that outlived their dedupe row."""
    return {
        **{name: row[name] for name in (*REMEMBERED, "compared_sha") if name in row},
        "pk": row["PK"],
        "sk": row["SK"],
        "first_seen": row["received_at"],
        "request_id": row["request_id"],
        **RawRef.of(row).columns(),
    }


def raw_key(events: list[Event], received_at: str, request_id: str, suffix: str) -> str:
    """The key of a request's raw object, partitioned as query engines expect, by day of arrival."""
    sources = {event.source for event in events}
    types = {event.event_type for event in events}
    source = _partition(sources.pop()) if len(sources) == 1 else _MIXED
    event_type = _partition(types.pop()) if len(types) == 1 else _MIXED
    day = times.day_of(received_at)
    return f"raw/source={source}/event_type={event_type}/date={day}/{_object_name(received_at, request_id)}.{suffix}"


def rejected_key(received_at: str, request_id: str) -> str:
    """The key of the object that keeps a rejected body with its reasons."""
    return f"rejected/date={times.day_of(received_at)}/{_object_name(received_at, request_id)}.json"


def _index_row(event: Event, ref: RawRef, request_id: str, status: Status, sort_key: str) -> Row:
    day = times.day_of(event.event_time)
    return {
        "PK": entity_key(event.entity_id),
        "SK": sort_key,
        "source_day": source_day_key(event.source, event.event_type, day, shard_of(event.event_id)),
        **members_of(event, ref),
        **_compared(event),
        "received_at": event.received_at,
        "ingest_lag_ms": event.lag_ms,
        "status": status,
        "request_id": request_id,
        "idempotency_key": event.idempotency_key,
    }


def is_repeat(event: Event, first: Mapping[str, Any]) -> bool:
    """Whether an event says what the first event with its id said; `first` is the dedupe row. The payload decides, as a
    whole or without what is volatile: a schema may have begun to name that in between."""
    if first["payload_sha"] == event.payload_sha:
        return True
    compared_sha: str = first.get("compared_sha", first["payload_sha"])
    return compared_sha == (event.compared_sha or event.payload_sha)


def _compared(event: Event) -> Row:
    return {"compared_sha": event.compared_sha} if event.compared_sha else {}


def _object_name(received_at: str, request_id: str) -> str:
    return f"{received_at.replace(':', '')}-{quote(request_id, safe='-_=')}"


def _partition(name: str) -> str:
    quoted = quote(name, safe="-_.~")
    return quoted if len(quoted) <= _MAX_PARTITION_CHARS else hashlib.sha256(name.encode()).hexdigest()
