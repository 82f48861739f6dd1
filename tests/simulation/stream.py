"""The stream of EventsTable and its mapping: lanes in order, retries from the lowest failure, bisection, a destination.

Lambda's rules: a batch that raised is halved and both halves are tried again, one after the other, and halving does not
use up attempts of their own; one that reports its failures is tried again from the lowest sequence number on. A batch
that runs out of attempts is kept at the failure destination, and the lane goes on.
"""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

from tests.simulation.scheduler import Task
from tests.simulation.service import ServiceContext, SimulatedService
from tests.simulation.violations import check

_BACKOFF_SECONDS: Final = (0.1, 5.0)

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Batch:
    records: list[Record]
    attempts: int = 0


@dataclass(slots=True)
class _StreamLane:
    waiting: list[Record] = field(default_factory=list)
    batches: deque[_Batch] = field(default_factory=deque)
    due: float = 0.0
    busy: bool = False

    @property
    def has_work(self) -> bool:
        return bool(self.waiting or self.batches) and not self.busy


class Stream(SimulatedService):
    """The mapping. `kept` are the batches at its failure destination."""

    def __init__(self, context: ServiceContext) -> None:
        super().__init__(context)
        self._lanes = [_StreamLane() for _ in range(context.conditions.lanes)]
        self._read_to = ""
        self.kept: list[list[Record]] = []

    def can_start(self) -> bool:
        return bool(self._ready())

    def wake(self) -> float | None:
        """When a lane may try again."""
        self._read()
        return min((lane.due for lane in self._lanes if lane.has_work), default=None)

    def start(self) -> None:
        """Hand a batch to the publisher."""
        ready = self._ready()
        lane = ready[self._rng.randrange(len(ready))]
        if not lane.batches:
            size = self._rng.randint(1, self._conditions.stream_batch)
            lane.batches.append(_Batch(lane.waiting[:size]))
            del lane.waiting[:size]
        batch = lane.batches.popleft()
        lane.busy = True
        event = {"Records": batch.records}
        self._deployment.invoke("publisher", event, lambda task: self._ended(lane, batch, task), dry=self.dry)

    def send_kept(self) -> None:
        """What the runbook says: the publisher is invoked with each kept batch until it answers that all is sent."""
        batches, self.kept = self.kept, []
        for records in batches:
            self._send_again(records)

    def _send_again(self, records: list[Record]) -> None:
        self._deployment.invoke("publisher", {"Records": records}, lambda task: self._sent_again(records, task))

    def _sent_again(self, records: list[Record], task: Task) -> None:
        if task.value is None or task.value["batchItemFailures"]:
            self.kept.append(records)

    def _ready(self) -> list[_StreamLane]:
        self._read()
        return [lane for lane in self._lanes if lane.has_work and lane.due <= self._now]

    def _read(self) -> None:
        for record in self._aws.dynamodb.stream_records(self._names.events_table, after=self._read_to):
            self._read_to = record["dynamodb"]["SequenceNumber"]
            row = record["dynamodb"].get("NewImage", {})
            # The filter of the mapping.
            if record["eventName"] == "INSERT" and row.get("status") == {"S": "ACCEPTED"}:
                key = hashlib.sha256(row["PK"]["S"].encode()).digest()[0]
                self._lanes[key % len(self._lanes)].waiting.append(record)

    def _ended(self, lane: _StreamLane, batch: _Batch, task: Task) -> None:
        lane.busy = False
        if task.value is not None and not task.value["batchItemFailures"]:
            return
        lane.due = self._now + self._rng.uniform(*_BACKOFF_SECONDS)
        if batch.attempts + 1 >= self._conditions.stream_attempts:
            self.kept.append(batch.records)
        elif task.value is not None:
            lane.batches.appendleft(_Batch(_from_failure(batch.records, task.value), batch.attempts + 1))
        elif len(batch.records) > 1:
            half = len(batch.records) // 2
            lane.batches.extendleft(
                [_Batch(part, batch.attempts) for part in (batch.records[half:], batch.records[:half])]
            )
        else:
            lane.batches.appendleft(_Batch(batch.records, batch.attempts + 1))


def _from_failure(records: list[Record], answer: Any) -> list[Record]:
    """The records from the lowest that is reported as failed on."""
    failed = {it["itemIdentifier"] for it in answer["batchItemFailures"]}
    numbers = [it["dynamodb"]["SequenceNumber"] for it in records]
    check(failed <= set(numbers), "the publisher reports numbers of its batch", failed)
    return records[min(numbers.index(it) for it in failed) :]
