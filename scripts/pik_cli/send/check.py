"""`pik send --dry-run`: the same cutting, and each event judged by the code that ingest runs, without a request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pik.domain.event.intake import take_in
from pik.domain.event.rows import REJECTED
from pik.domain.http.messages import render
from pik.domain.http.requests import split
from pik.domain.http.validation import SchemaRegistry
from pik.domain.shared import times
from pik.domain.shared.problems import InvalidEvent
from pik.schemas import load_schemas
from pik_cli.send.batches import Batch
from pik_cli.send.summary import EventCounts, EventFinding, all_as, too_long, within

_REMEMBERED_IDS = 1_000_000  # event ids for counting repeats; beyond it the count is a lower bound


@dataclass
class FileCheck:
    """What a send would bring: counts, the types of sound events, and what ingest would reject."""

    tally: EventCounts = field(default_factory=EventCounts)
    batches: int = 0
    body_bytes: int = 0
    sound: int = 0
    repeated: int = 0
    types: Counter[str] = field(default_factory=Counter)
    _seen: set[bytes] = field(default_factory=set, repr=False)

    @property
    def events(self) -> int:
        """How many events the file holds."""
        return self.sound + self.tally.events

    def see(self, event_id: str, event_type: str) -> None:
        """Count a sound event; one with an id that came before would be a DUPLICATE or a CONFLICT."""
        self.sound += 1
        self.types[event_type] += 1
        key = bytes.fromhex(event_id)[:16]
        if key in self._seen:
            self.repeated += 1
        elif len(self._seen) < _REMEMBERED_IDS:
            self._seen.add(key)

    def as_json(self) -> dict[str, Any]:
        """Stable form."""
        return {
            "events": self.events,
            "sound": self.sound,
            "would_be_rejected": self.tally.counts[REJECTED],
            "repeated_in_file": self.repeated,
            "types": dict(self.types.most_common()),
            "batches": self.batches,
            "body_bytes": self.body_bytes,
        }


def check(batches: Iterable[Batch], default_type: str, allow_unknown: bool) -> FileCheck:
    """Judge every event as ingest would with these switches. Reads the file to its end and sends nothing."""
    schemas = SchemaRegistry(load_schemas(), allow_unknown=allow_unknown)
    found = FileCheck()
    for batch in batches:
        found.batches += 1
        found.tally.add(too_long(batch.refused))
        if batch.items:
            found.body_bytes += len(batch.body)
            _judge(batch, schemas, default_type, found)
    return found


def _judge(batch: Batch, schemas: SchemaRegistry, default_type: str, found: FileCheck) -> None:
    try:
        request = split(batch.body, {"content-type": batch.content_type})
    except InvalidEvent as error:  # the body as a whole: every event of it falls with it
        first = error.problems[0]
        message = render(first.code, first.params, "en")
        found.tally.add(all_as(REJECTED, batch.items, first.path, message))
        return
    taken, refused = take_in(
        request, schemas, default_type, times.from_datetime(datetime.now(UTC)), f"batch-{batch.number}"
    )
    for event in (it.event for it in taken):
        found.see(event.event_id, event.event_type)
    for refusal in refused:
        item, tally = batch.items[refusal.index], EventCounts()
        tally.counts[REJECTED] = 1
        tally.findings = [
            EventFinding(
                item.line,
                item.number,
                REJECTED,
                within(problem.path, refusal.index),
                render(problem.code, problem.params, "en"),
            )
            for problem in refusal.problems
        ]
        found.tally.add(tally)
