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

from pik.adapters.client.failures import AWS_FAILURES
from pik.adapters.dynamodb.items import from_item
from pik.adapters.s3.raw_store import RawStore
from pik.adapters.sqs.work_queue import WorkQueue
from pik.domain.event.outbox import INSERT, announced, sequence_of, set_aside, set_aside_key
from pik.domain.event.work import Message
from pik.domain.shared.foreign import ForeignReader, shorten
from pik.domain.shared.limits import MAX_NAME_CHARS, SEND_THREADS
from pik.observability import EVENTS_SENT, EVENTS_UNSENT, MetricUnit, count_set_aside, logger, metrics
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
        self._clients = clients
        if not settings.dry_run:  # a dry run needs no AWS at all
            self._queue = _work_queue(settings, clients)

    def __call__(self, event: Mapping[str, Any], context: object) -> Response:
        records = event["Records"]
        plan = _plan(records)
        if self._settings.dry_run:
            return self._dry_run(records, plan)
        # Everything that can be sent is sent, also behind one that fails: should the mapping give up on the rest of the
        # batch together with it, the rest is safe. It may come again and be sent twice: consumers are idempotent.
        failed = self._queue.send(plan.messages)
        unsent = {**self._set_aside(records, plan.poison, context), **failed}
        _observe(records, plan, unsent)
        return _answer(records, unsent)

    def _set_aside(
        self, records: Sequence[Any], poison: Mapping[int, Exception], context: object
    ) -> dict[int, Exception]:
        """Keeps records that cannot become messages, and returns those that it could not keep.

        No retry helps such a record, and the mapping retries for a day: reported, it would hold up every later event of
        its lane. Kept with the discarded batches, it is found by `pik publisher recover`.
        """
        left: dict[int, Exception] = {}
        for place, error in poison.items():
            key, reason = set_aside_key(records[place]), f"{type(error).__name__}: {error}"
            try:
                RawStore(self._clients.s3, self._settings.raw_bucket).put(
                    key, set_aside(records[place], reason), "application/json", {}
                )
            except AWS_FAILURES as failure:
                logger.error("a record could not be set aside", key=key, exc_info=failure)
                left[place] = error
        if len(left) < len(poison):
            count_set_aside(len(poison) - len(left), str(getattr(context, "function_name", "unknown")))
        return left

    def _dry_run(self, records: Sequence[Any], plan: PublishPlan) -> Response:
        """Says what would be sent, and reports the first record, so that the stream stays where it is."""
        logger.info(
            "dry run: nothing sent",
            would_send=len(plan.messages),
            would_report=[sequence_of(records[place]) for place in sorted(plan.poison)],
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
            name = record["eventName"]
            work = announced(name, from_item(record["dynamodb"]["NewImage"]) if name == INSERT else {})
            if isinstance(work, str):
                skipped[shorten(work, MAX_NAME_CHARS)] += 1
            else:
                messages[place] = work.message()
        # Whatever a record raises, it alone is at fault: reported by its number, bisection isolates it.
        except Exception as error:  # noqa: BLE001
            poison[place] = error
    return PublishPlan(messages, poison, skipped)


def _answer(records: Sequence[Any], unsent: Mapping[int, Exception] | Sequence[int]) -> Response:
    if not unsent:
        return {"batchItemFailures": []}
    # The mapping goes on from the number that it is given: a failed record without one is reported by the last number
    # before it, and where there is none, the empty text has the whole batch come again.
    numbers = (sequence_of(records[place]) for place in range(min(unsent), -1, -1))
    return {"batchItemFailures": [{"itemIdentifier": next(filter(None, numbers), "")}]}


def _observe(records: Sequence[Any], plan: PublishPlan, unsent: Mapping[int, Exception]) -> None:
    for place, error in plan.poison.items():
        logger.error(
            "a record that cannot become a message",
            sequence_number=sequence_of(records[place]),
            key=set_aside_key(records[place]),
            set_aside=place not in unsent,
            exc_info=error,
        )
    for place in unsent.keys() - plan.poison.keys():
        logger.error("a message was not sent", sequence_number=sequence_of(records[place]), exc_info=unsent[place])
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
