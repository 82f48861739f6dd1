"""The versions of an entity's day: which events are new to it, and what to write for them so that each counts once.

A version is one conditional put that fails if the version exists: version, lock and dedupe in one write. It carries
event ids: on a small day those of all events so far, on a big day those that it added itself. Before a version is
written, the ids that it no longer carries get markers, rows of another table that say which version counted an event:

    up to INLINE_IDS events    VER#1 (ids) -> VER#2 (ids) -> ...    one put per version
    from then on               markers of what VER#n carries, then VER#n+1 (the ids that it adds)

So once version n can be read, all events before it have markers, because its writer wrote them first: the ids that n
carries and those with a marker are the whole past. A writer that checks new events against both and then puts version
n+1 has checked and written in one step, because the put fails if anything was counted in between. A writer that dies in
between leaves markers that are true anyway; one that loses the race starts again from the version that won.

The next event costs the same after a hundred events and after a hundred thousand. Versions and markers are never
changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pik import __version__
from pik.domain.event.rows import entity_key
from pik.domain.event.work import Work
from pik.domain.process import metrics
from pik.domain.process.inputs import Input
from pik.domain.shared.identity import canonical_json
from pik.domain.shared.limits import EVENTS_PER_VERSION, INLINE_IDS, MAX_SAMPLE_IDS
from pik.domain.shared.row import Row

EMPTY_HASH: Final = "0" * 64
"""inputs_hash of no event."""

BUS_SOURCE: Final = "pipeline-investigation-kit"
PROCESSED: Final = "events.processed"

_MODULUS: Final = 1 << 256
_ID_BYTES: Final = 32
_SHORT_BYTES: Final = 16  # of an id; two events of a day collide once in 10**29 days of 100,000 events
_SHORT_DIGITS: Final = 2 * _SHORT_BYTES
_ENTRY_BYTES: Final = _SHORT_BYTES + 1  # a version's number fits one byte: each adds one of INLINE_IDS events or more


@dataclass(frozen=True, slots=True)
class DayKey:
    """An entity's day within a run."""

    entity_id: str
    day: str
    run: str

    @classmethod
    def of(cls, work: Work) -> DayKey:
        return cls(work.entity_id, work.day, work.run)

    @property
    def pk(self) -> str:
        return entity_key(self.entity_id)

    @property
    def versions(self) -> str:
        """What the sort keys of all versions begin with."""
        return f"DAY#{self.day}#RUN#{self.run}#VER#"

    def version_sk(self, number: int) -> str:
        return f"{self.versions}{number:010d}"

    def marker_pk(self, event_id: str) -> str:
        """The key of an event's marker: without the entity, which the event id implies, so a busy day has no hot
        key."""
        return f"RUN#{self.run}#DAY#{self.day}#EID#{short(event_id)}"


def short(event_id: str) -> str:
    """The digits of an event id that identify it in version rows and markers, which must agree. Fewer bytes in a
    version row are cheaper, and every event pays for them."""
    return event_id[:_SHORT_DIGITS]


def input_hash(event_id: str, payload_sha: str) -> str:
    """What one event adds to inputs_hash."""
    return hashlib.sha256(bytes.fromhex(event_id) + bytes.fromhex(payload_sha)).hexdigest()


def combine_hashes(a: str, b: str) -> str:
    """The sum of two hashes modulo 2**256: a set of events has one hash for every order and batching."""
    return f"{(int(a, 16) + int(b, 16)) % _MODULUS:064x}"


@dataclass(frozen=True, slots=True)
class Version:
    """One row of AggregatesTable. `applied` says which version added each event (short ids) while the day is small;
    it is None when the day is big. `added` has whole ids. `replayed`: every event added came from a replay."""

    key: DayKey
    number: int
    metrics: Mapping[str, metrics.Value]
    inputs_hash: str
    input_count: int
    added: tuple[str, ...]
    computed_at: str
    code_version: str
    replayed: bool
    applied: Mapping[str, int] | None

    @property
    def carried(self) -> Mapping[str, int]:
        """The events that this row carries (short ids), and the versions that counted them."""
        if self.applied is not None:
            return self.applied
        return {short(event_id): self.number for event_id in self.added}

    def row(self) -> Row:
        """As it is stored."""
        return {
            "PK": self.key.pk,
            "SK": self.key.version_sk(self.number),
            "entity_id": self.key.entity_id,
            "day": self.key.day,
            "run": self.key.run,
            "version": self.number,
            "metrics": dict(self.metrics),
            "inputs_hash": self.inputs_hash,
            "input_count": self.input_count,
            "sample_event_ids": sorted(self.added)[:MAX_SAMPLE_IDS],
            "added": b"".join(map(bytes.fromhex, self.added)),
            "computed_at": self.computed_at,
            "code_version": self.code_version,
            "replayed": self.replayed,
            "applied_ids": None if self.applied is None else _packed(self.applied),
        }

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Version:
        """From what is stored."""
        added: bytes = row["added"]
        applied: bytes | None = row.get("applied_ids")
        return cls(
            key=DayKey(row["entity_id"], row["day"], row["run"]),
            number=row["version"],
            metrics=row["metrics"],
            inputs_hash=row["inputs_hash"],
            input_count=row["input_count"],
            added=tuple(added[at : at + _ID_BYTES].hex() for at in range(0, len(added), _ID_BYTES)),
            computed_at=row["computed_at"],
            code_version=row["code_version"],
            replayed=row["replayed"],
            applied=None if applied is None else _unpacked(applied),
        )


@dataclass(frozen=True, slots=True)
class Marker:
    """One row of AppliedTable: which version counted an event. It never changes, so it can be put again."""

    key: DayKey
    event_id: str
    version: int

    def row(self) -> Row:
        """As it is stored."""
        return {"PK": self.key.marker_pk(self.event_id), "version": self.version}


def in_doubt(latest: Version | None, event_ids: Iterable[str]) -> list[str]:
    """The events for which only markers can say whether they were counted; none if the latest version carries all."""
    carried = latest.carried if latest else {}
    if latest is None or len(carried) == latest.input_count:
        return []
    return [event_id for event_id in event_ids if short(event_id) not in carried]


@dataclass(frozen=True, slots=True)
class Past:
    """A day before its next version: the latest version, and the versions that counted the current events."""

    latest: Version | None
    counted: Mapping[str, int]

    @classmethod
    def of(cls, latest: Version | None, event_ids: Iterable[str], marked: Mapping[str, int]) -> Past:
        """`marked`: what markers say about the events that were in doubt."""
        carried = latest.carried if latest else {}
        known = {event_id: carried[short(event_id)] for event_id in event_ids if short(event_id) in carried}
        return cls(latest, {**known, **marked})

    def sift(self, events: Iterable[Input]) -> tuple[list[Input], dict[str, int]]:
        """The events that were not counted, and the versions that counted the others."""
        fresh: list[Input] = []
        known: dict[str, int] = {}
        for event in events:
            version = self.counted.get(event.work.event_id)
            if version is None:
                fresh.append(event)
            else:
                known[event.work.event_id] = version
        return fresh, known


@dataclass(frozen=True, slots=True)
class VersionWrite:
    """What to write: first the markers, which may be repeated, then the version, if it does not exist."""

    markers: tuple[Marker, ...]
    version: Version


def plan_version(key: DayKey, latest: Version | None, fresh: Sequence[Input], computed_at: str) -> VersionWrite:
    """What to write to count events that are new to the day; at most EVENTS_PER_VERSION of them."""
    events = fresh[:EVENTS_PER_VERSION]
    number = latest.number + 1 if latest else 1
    count = (latest.input_count if latest else 0) + len(events)
    applied = None
    if count <= INLINE_IDS:
        new = {short(event.work.event_id): number for event in events}
        applied = {**(latest.carried if latest else {}), **new}
    version = Version(
        key=key,
        number=number,
        metrics=metrics.measure(latest.metrics if latest else {}, events),
        inputs_hash=_hash_with(latest.inputs_hash if latest else EMPTY_HASH, events),
        input_count=count,
        added=tuple(event.work.event_id for event in events),
        computed_at=computed_at,
        code_version=__version__,
        replayed=all(event.work.origin == "replay" for event in events),
        applied=applied,
    )
    return VersionWrite(tuple(_markers_between(latest, version)) if latest else (), version)


def _markers_between(latest: Version, following: Version) -> Iterator[Marker]:
    """Markers of the events that the latest version carries and the following one will not."""
    kept = following.carried
    for event_id, by in latest.carried.items():
        if event_id not in kept:
            yield Marker(latest.key, event_id, by)


@dataclass(frozen=True, slots=True)
class Announcement:
    """An entry for the bus. `id` is the same for every repeat of an announcement, so that consumers can drop
    repeats."""

    id: str
    detail_type: str
    detail: str


def announce(version: Version) -> Announcement:
    """`events.processed` of a version; made from its row alone, so that a repeat is identical."""
    key = version.key
    stable_id = hashlib.sha256(canonical_json([key.pk, key.version_sk(version.number)])).hexdigest()
    detail = {
        "id": stable_id,
        "entity_id": key.entity_id,
        "day": key.day,
        "run": key.run,
        "version": version.number,
        "event_ids": list(version.added),
        "input_count": version.input_count,
        "inputs_hash": version.inputs_hash,
        "metrics": dict(sorted(version.metrics.items())),
        "computed_at": version.computed_at,
        "replayed": version.replayed,
    }
    return Announcement(stable_id, PROCESSED, json.dumps(detail, separators=(",", ":")))


def _hash_with(before: str, events: Iterable[Input]) -> str:
    for event in events:
        before = combine_hashes(before, input_hash(event.work.event_id, event.work.payload_sha))
    return before


def _packed(applied: Mapping[str, int]) -> bytes:
    return b"".join(bytes.fromhex(event_id) + bytes([version]) for event_id, version in applied.items())


def _unpacked(entries: bytes) -> dict[str, int]:
    return {
        entries[at : at + _SHORT_BYTES].hex(): entries[at + _SHORT_BYTES] for at in range(0, len(entries), _ENTRY_BYTES)
    }
