"""EventsTable's stream to WorkQueue: parse the records, decide which become messages, send them.

The stream is the outbox. Its mapping goes on from the lowest sequence number that is reported as failed, so the answer
names the first record that is not safely in the queue, or nothing.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pik.adapters.dynamodb.items import from_item
from pik.adapters.sqs.work_queue import WorkQueue
from pik.domain.event.rows import ACCEPTED
from pik.domain.event.work import Message, work_of_row
from pik.domain.shared.foreign import ForeignReader, shorten
from pik.domain.shared.limits import MAX_NAME_CHARS, SEND_THREADS
from pik.observability import EVENTS_SENT, EVENTS_UNSENT, MetricUnit, logger, metrics
from pik.settings import PublisherSettings
from pik.workers import Workers

if TYPE_CHECKING:
    from pik.adapters.client.clients import Clients

Response = dict[str, list[dict[str, str]]]


@dataclass(frozen=True, slots=True)
class PublishPlan:
    """What becomes of each record, by its place in the batch, which is stream order."""

    messages: Mapping[int, Message]
    poison: Mapping[int, Exception]
    skipped: Mapping[str, int]


class PublishFlow:
    """One batch at a time; everything that it needs from outside is handed in."""

    def __init__(self, settings: PublisherSettings, clients: Clients) -> None:
        self._settings = settings
        if not settings.dry_run:  # a dry run needs no AWS at all
            self._queue = _work_queue(settings, clients)

    def __call__(self, event: Mapping[str, Any], context: object) -> Response:
        records = event["Records"]
        plan = _plan(records)
        if self._settings.dry_run:
            return self._dry_run(records, plan)
        # Everything that can be sent is sent, also behind a poison record: should the mapping give up on the rest of
        # this batch together with the poison, the rest is safe. It may come again and be sent twice: consumers are
        # idempotent.
        unsent = {**plan.poison, **self._queue.send(plan.messages)}
        _observe(records, plan, unsent)
        return _answer(records, unsent)

    def _dry_run(self, records: Sequence[Any], plan: PublishPlan) -> Response:
        """Says what would be sent, and reports the first record, so that the stream stays where it is."""
        logger.info(
            "dry run: nothing sent",
            would_send=len(plan.messages),
            would_report=[_sequence(records[place]) for place in sorted(plan.poison)],
            skipped=plan.skipped,
        )
        return _answer(records, [0] if records else [])


def _work_queue(settings: PublisherSettings, clients: Clients) -> WorkQueue:
    """The real one, except on a stack for trials."""
    workers = Workers(SEND_THREADS)
    if not settings.failure_mode_parameter:
        return WorkQueue(clients.sqs, settings.work_queue_url, workers)
    from pik.adapters.fault_injection import FaultModeParameter, FaultyWorkQueue  # noqa: PLC0415 (only trials pay for it)

    mode = FaultModeParameter(clients.ssm, settings.failure_mode_parameter, time.monotonic, _no_mode)
    return FaultyWorkQueue(clients.sqs, settings.work_queue_url, workers, mode)


def _no_mode(error: Exception) -> None:
    logger.warning("no failure mode could be read, so no fault is injected", exc_info=error)


def _plan(records: Sequence[Mapping[str, Any]]) -> PublishPlan:
    messages: dict[int, Message] = {}
    poison: dict[int, Exception] = {}
    skipped: Counter[str] = Counter()
    for place, record in enumerate(records):
        try:
            # The mapping's filter passes new rows of accepted events only; nothing else may slip through without it.
            if record["eventName"] != "INSERT":
                skipped[shorten(str(record["eventName"]), MAX_NAME_CHARS)] += 1
                continue
            row = from_item(record["dynamodb"]["NewImage"])
            if row.get("status") != ACCEPTED:
                skipped[shorten(str(row.get("status")), MAX_NAME_CHARS)] += 1
                continue
            messages[place] = work_of_row(row).message()
        # Whatever a record raises, it alone is at fault: reported by its number, bisection isolates it.
        except Exception as error:  # noqa: BLE001
            poison[place] = error
    return PublishPlan(messages, poison, skipped)


def _answer(records: Sequence[Any], unsent: Mapping[int, Exception] | Sequence[int]) -> Response:
    if not unsent:
        return {"batchItemFailures": []}
    # The mapping goes on from the number that it is given: a failed record without one is reported by the last number
    # before it, and where there is none, the empty text has the whole batch come again.
    numbers = (_sequence(records[place]) for place in range(min(unsent), -1, -1))
    return {"batchItemFailures": [{"itemIdentifier": next(filter(None, numbers), "")}]}


def _sequence(record: Mapping[str, Any]) -> str:
    """The record's number in its stream; empty where it has none."""
    reader = ForeignReader()
    return reader.text(reader.members(record, "dynamodb"), "SequenceNumber", MAX_NAME_CHARS)


def _observe(records: Sequence[Any], plan: PublishPlan, unsent: Mapping[int, Exception]) -> None:
    for place, error in unsent.items():
        what = "a record that cannot become a message" if place in plan.poison else "a message was not sent"
        logger.error(what, sequence_number=_sequence(records[place]), exc_info=error)
    sent = [_event_id(records[place]) for place in plan.messages if place not in unsent]
    metrics.add_metric(EVENTS_SENT, MetricUnit.Count, len(sent))
    metrics.add_metric(EVENTS_UNSENT, MetricUnit.Count, len(unsent))
    metrics.flush_metrics()
    logger.info("batch published", records=len(records), sent=sent, unsent=len(unsent), skipped=plan.skipped)


def _event_id(record: Mapping[str, Any]) -> str:
    """For the log alone, so a row whose id is of another type is no reason to send a batch twice."""
    reader = ForeignReader()
    image = reader.members(reader.members(record, "dynamodb"), "NewImage")
    return reader.text(reader.members(image, "event_id"), "S", MAX_NAME_CHARS)
