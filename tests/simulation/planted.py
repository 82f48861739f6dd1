"""Faults planted in the real code, one at a time, to show that the simulation finds them: each a bug that somebody
could write. None of them is in src/; each is set on the loaded modules for the length of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, Final

from pik.adapters.dynamodb.aggregate_store import AggregateStore
from pik.adapters.dynamodb.batch_table import BatchTable
from pik.adapters.dynamodb.event_index import EventIndex
from pik.adapters.dynamodb.items import to_item
from pik.adapters.eventbridge import EventBus
from pik.adapters.s3 import raw_store
from pik.adapters.sqs.work_queue import WorkQueue
from pik.domain.event import plan as ingest_plan
from pik.domain.event import rows
from pik.domain.event.plan import ActionResult, Note, Settled
from pik.domain.process.batch import DayOutcome
from pik.domain.process.versions import Past, VersionWrite
from pik.domain.replay.progress import Progress
from pik.flows import day
from pik.flows import process as processor
from pik.flows import publish as publisher
from pik.flows.failing_path import FailingPath
from pik.flows.ingest import EventIntake
from tests.simulation.patches import Patches
from tests.simulation.planted_redrives import REDRIVES

Plant = Callable[[Patches], None]
PLANTED: Final[dict[str, Plant]] = {}
"""The planted faults by name; docs/simulation.md lists them."""


def _plant(name: str) -> Callable[[Plant], Plant]:
    def register(plant: Plant) -> Plant:
        PLANTED[name] = plant
        return plant

    return register


@_plant("dedupe before raw")
def _dedupe_before_raw(patches: Patches) -> None:
    real = EventIntake._accept

    def accept(self: Any, call: Any, request: Any, taken: Any) -> Any:
        raw, late = getattr(self, "_raw", None), []
        self._raw = SimpleNamespace(put=lambda *asked: late.append(asked))
        try:
            results = real(self, call, request, taken)
        finally:
            self._raw = raw
        for asked in late:
            raw.put(*asked)  # type: ignore[union-attr]
        return results

    patches.set(EventIntake, "_accept", accept)


@_plant("raw overwritten")
def _raw_overwritten(patches: Patches) -> None:
    def put(self: Any, key: str, body: bytes, content_type: str, metadata: Mapping[str, str]) -> None:
        self._s3.put_object(Bucket=self.bucket, Key=key, Body=body, ContentType=content_type, Metadata=dict(metadata))

    patches.set(raw_store.RawStore, "put", put)


@_plant("duplicate over the first row")
def _duplicate_over_the_first(patches: Patches) -> None:
    real_row, real_arguments = ingest_plan.noted_row, EventIndex._put_arguments

    def noted_row(event: Any, *more: Any) -> Any:
        return real_row(event, *more) | {"SK": rows.time_key(event.event_time, event.event_id)}

    def arguments(self: Any, action: Any) -> Any:
        found = real_arguments(self, action)
        if action.row.get("status", "ACCEPTED") == "ACCEPTED":
            return found
        return {"TableName": found["TableName"], "Item": to_item(action.row)}

    patches.set(ingest_plan, "noted_row", noted_row)
    patches.set(EventIndex, "_put_arguments", arguments)


@_plant("conflict taken for a duplicate")
def _conflict_as_duplicate(patches: Patches) -> None:
    patches.set(Note, "status", property(lambda self: "DUPLICATE"))


@_plant("repair removed")
def _repair_removed(patches: Patches) -> None:
    def following(self: Note, outcomes: Any) -> Any:
        return self if outcomes[0] is ActionResult.NOT_WRITTEN else Settled(self.status, self.first)

    patches.set(Note, "actions", lambda self: (self._own_row(),))
    patches.set(Note, "next", following)


@_plant("Failed ignored")
def _failed_ignored(patches: Patches) -> None:
    real = WorkQueue._send_batch

    def send_batch(self: Any, batch: Any, messages: Any) -> Any:
        real(self, batch, messages)
        return {}

    patches.set(WorkQueue, "_send_batch", send_batch)


@_plant("highest failure reported")
def _highest_reported(patches: Patches) -> None:
    def answer(records: Any, unsent: Any) -> Any:
        failures = [{"itemIdentifier": publisher._sequence(records[max(unsent)])}] if unsent else []
        return {"batchItemFailures": failures}

    patches.set(publisher, "_answer", answer)


@_plant("done before sent")
def _done_before_sent(patches: Patches) -> None:
    real = publisher.PublishFlow.__call__

    def call(self: Any, event: Any, context: Any) -> Any:
        if self._settings.dry_run:
            return real(self, event, context)
        late, self._late = getattr(self, "_late", None), event
        if late is not None:
            real(self, late, context)
        return {"batchItemFailures": []}

    patches.set(publisher.PublishFlow, "__call__", call)


@_plant("deleted before written")
def _deleted_before_written(patches: Patches) -> None:
    real_init, real_call = processor.ProcessFlow.__init__, processor.ProcessFlow.__call__

    def init(self: Any, settings: Any, clients: Any, *more: Any) -> None:
        real_init(self, settings, clients, *more)
        self._sqs = clients.sqs

    def call(self: Any, event: Any, context: Any) -> Any:
        for record in () if self._settings.dry_run else event["Records"]:
            *_, region, account, queue = record["eventSourceARN"].split(":")
            url = f"https://sqs.{region}.amazonaws.com/{account}/{queue}"
            self._sqs.delete_message(QueueUrl=url, ReceiptHandle=record["receiptHandle"])
        return real_call(self, event, context)

    patches.set(processor.ProcessFlow, "__init__", init)
    patches.set(processor.ProcessFlow, "__call__", call)


@_plant("redelivery counted twice")
def _counted_twice(patches: Patches) -> None:
    patches.set(Past, "sift", lambda self, events: (list(events), {}))


@_plant("wall-clock version")
def _wall_clock_version(patches: Patches) -> None:
    real = day.plan_version

    def plan_version(key: Any, latest: Any, fresh: Any, computed_at: str) -> VersionWrite:
        step = real(key, latest, fresh, computed_at)
        number = int(computed_at[11:13]) * 10 + int(computed_at[14:16]) // 6  # tenths of hours fit a byte
        applied = step.version.applied and {
            event_id: number if by == step.version.number else by for event_id, by in step.version.applied.items()
        }
        return replace(step, version=replace(step.version, number=number, applied=applied))

    patches.set(day, "plan_version", plan_version)


@_plant("version put without its condition")
def _unconditional_version(patches: Patches) -> None:
    def append(self: Any, version: Any) -> bool:
        self._dynamodb.put_item(TableName=self._table, Item=to_item(version.row()))
        return True

    patches.set(AggregateStore, "append", append)


@_plant("markers after their version")
def _markers_late(patches: Patches) -> None:
    def write(self: Any, step: VersionWrite) -> bool:
        written: bool = self._days.append(step.version)
        if written:
            self._applied.mark(step.markers)
        return written

    patches.set(day.DayWriter, "_write", write)


@_plant("UnprocessedItems ignored")
def _unprocessed_items_ignored(patches: Patches) -> None:
    real = BatchTable._put

    def put(self: Any, requests: Any) -> None:
        real(self, requests)

    patches.set(BatchTable, "_put", put)


@_plant("UnprocessedKeys ignored")
def _unprocessed_keys_ignored(patches: Patches) -> None:
    real = BatchTable._send_until_done

    def send_until_done(self: Any, send: Any, request: Any) -> Any:
        if "Keys" in request:
            send(request)
            return None
        return real(self, send, request)

    patches.set(BatchTable, "_send_until_done", send_until_done)


@_plant("error swallowed")
def _error_swallowed(patches: Patches) -> None:
    real = processor._due

    def due(delivery: Any, event: Any, tallies: Any) -> Any:
        found = real(delivery, event, tallies)
        return None if isinstance(found, Exception) else found

    patches.set(processor, "_due", due)


@_plant("bus failures ignored")
def _bus_failures_ignored(patches: Patches) -> None:
    real = EventBus.publish

    def publish(self: Any, announcements: Any) -> dict[str, Exception]:
        real(self, announcements)
        return {}

    patches.set(EventBus, "publish", publish)


@_plant("repeated put not announced")
def _repeated_put_silent(patches: Patches) -> None:
    real = DayOutcome.due

    def due(self: DayOutcome, delivery: Any, event_id: str) -> Any:
        self.contested.clear()
        return real(self, delivery, event_id)

    patches.set(DayOutcome, "due", due)


@_plant("failure without a ledger row")
def _no_ledger(patches: Patches) -> None:
    patches.set(FailingPath, "_record", lambda *_: set())


@_plant("done before the dead letter is sent")
def _done_before_buried(patches: Patches) -> None:
    real = FailingPath._bury

    def bury(self: Any, dead: Any) -> set[str]:
        real(self, dead)
        return {it.message_id for it in dead}

    patches.set(FailingPath, "_bury", bury)


@_plant("dead letter without an announcement")
def _dead_in_silence(patches: Patches) -> None:
    real = FailingPath._bury

    def bury(self: Any, dead: Any) -> set[str]:
        self._bus = SimpleNamespace(publish=lambda _: {})
        return real(self, dead)

    patches.set(FailingPath, "_bury", bury)


@_plant("dry run that writes")
def _dry_run_writes(patches: Patches) -> None:
    real = processor.ProcessFlow.__init__

    def init(self: Any, settings: Any, *more: Any) -> None:
        real(self, replace(settings, dry_run=False), *more)

    patches.set(processor.ProcessFlow, "__init__", init)


@_plant("replay goes on behind what it did not send")
def _replay_skips(patches: Patches) -> None:
    patches.set(Progress, "_is_settled", lambda self, outcome: True)


PLANTED.update(REDRIVES)
