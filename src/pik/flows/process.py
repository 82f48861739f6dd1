"""WorkQueue to aggregates: read each event's bytes, count it once in its entity's day, announce it on the bus, answer
per message.

Outcomes are computed for the whole batch first, because events of one object share a read and events of one day share a
version; failed messages go to the dead-letter queue or wait for a retry; then the batch utility reports the messages
that stay.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from concurrent.futures import Future
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

from pik.adapters.dynamodb.aggregate_store import AggregateStore
from pik.adapters.dynamodb.applied_events import AppliedEvents
from pik.adapters.eventbridge import EventBus
from pik.adapters.s3.raw_store import RawStore
from pik.domain.http.redaction import Clean, cleaner
from pik.domain.process.amounts import AmountRules
from pik.domain.process.batch import (
    DayOutcome,
    Delivery,
    Due,
    ObjectRead,
    StaysInQueue,
    group_by_day,
    ids_by_day,
    judge,
    plan_reads,
    read_deliveries,
)
from pik.domain.process.dispositions import Failed
from pik.domain.process.inputs import Input
from pik.domain.process.versions import DayKey, Past, Version, announce, plan_version
from pik.domain.shared import times
from pik.domain.shared.failures import Cause, mark_injected
from pik.domain.shared.limits import DEADLINE_RESERVE_MS, PROCESS_THREADS, READ_TIME_SHARE
from pik.flows.day import DayWriter, Left
from pik.flows.failing_path import FailingPath
from pik.observability import (
    EVENTS_ALREADY_APPLIED,
    EVENTS_APPLIED,
    EVENTS_DEAD_LETTERED,
    FAILED_ATTEMPTS,
    VERSIONS_WRITTEN,
    MetricUnit,
    logger,
    metrics,
)
from pik.schemas import load_schemas
from pik.settings import ProcessorSettings
from pik.workers import Workers

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from pik.adapters.client.clients import Clients

Clock = Callable[[], datetime]
Opened = dict[str, Input | Exception]
Outcomes = dict[str, Exception | None]
Pasts = dict[DayKey, Future[Past | Exception]]
Sleep = Callable[[float], None]


class ProcessFlow:
    """One batch at a time; all of its dependencies are passed in."""

    def __init__(
        self,
        settings: ProcessorSettings,
        clients: Clients,
        now: Clock = lambda: datetime.now(UTC),
        sleep: Sleep = time.sleep,
    ) -> None:
        self._settings = settings
        self._now = now
        self._workers = Workers(PROCESS_THREADS)
        self._amounts = AmountRules(load_schemas())
        self._raw = _raw_store(settings, clients, sleep)
        self._days = AggregateStore(clients.dynamodb, settings.aggregates_table)
        applied = AppliedEvents(clients.dynamodb, settings.applied_table, sleep)
        self._writer = DayWriter(self._days, applied, now, sleep)
        self._bus = EventBus(clients.events, settings.event_bus_name, self._workers, sleep)
        self._failing = FailingPath(settings, clients, self._workers, self._bus, sleep)

    def __call__(self, event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
        deliveries, time_left = read_deliveries(event["Records"]), context.get_remaining_time_in_millis
        pasts = self._start_looking(deliveries)  # needs no event's bytes, so it does not wait for them
        opened = self._open(deliveries, time_left)
        judged = judge(opened, self._settings.order_amount_limits)
        if self._settings.dry_run:
            self._log_dry_run(opened, judged, pasts)
            return _answer(event, context, kept=opened.keys())
        tallies = self._count(judged, pasts, time_left)
        outcomes = self._announce(deliveries, judged, tallies)
        failed = self._failed(deliveries, opened, outcomes)
        buried = self._failing.take(failed, context)
        _observe(deliveries, tallies, failed, buried)
        return _answer(event, context, kept={it.message_id for it in failed} - buried)

    def _start_looking(self, deliveries: Sequence[Delivery]) -> Pasts:
        groups = ids_by_day(deliveries)
        pasts = self._workers.start(lambda group: self._writer.look(*group), groups.items())
        return dict(zip(groups, pasts, strict=True))

    def _open(self, deliveries: Sequence[Delivery], time_left: Left) -> Opened:
        """Each message's event, or the error that prevented it."""
        reads, refused = plan_reads(deliveries, self._settings.raw_bucket)
        opened: Opened = {**refused}
        seconds = _seconds_over_reserve(time_left) * READ_TIME_SHARE
        for read, events in zip(reads, self._workers.run(self._read, reads, seconds), strict=True):
            opened |= read.failed(events) if isinstance(events, Exception) else events
        return opened

    def _read(self, read: ObjectRead) -> Opened:
        data = self._raw.read(read.key, read.offset, read.length)
        opened = read.open(data, self._amounts)
        if mode := self._raw.injected_into(data):
            for error in opened.values():
                if isinstance(error, Exception):
                    mark_injected(error, mode)
        return opened

    def _count(self, opened: Opened, pasts: Pasts, time_left: Left) -> dict[DayKey, DayOutcome]:
        """Counts each day's events, days in parallel. The thread of a day that is given up may still write one version,
        which is found when its messages come back."""
        groups = group_by_day(it for it in opened.values() if isinstance(it, Input))
        tallies = self._workers.run(
            lambda group: self._writer.count(*group, pasts[group[0]].result(), time_left),
            groups.items(),
            _seconds_over_reserve(time_left),
        )
        return {
            key: it if isinstance(it, DayOutcome) else DayOutcome(key, error=it)
            for key, it in zip(groups, tallies, strict=True)
        }

    def _announce(
        self, deliveries: Sequence[Delivery], opened: Opened, tallies: Mapping[DayKey, DayOutcome]
    ) -> Outcomes:
        """Each message's outcome, after its version is on the bus: no message is done before that."""
        outcomes: Outcomes = {}
        waiting: dict[str, Due] = {}
        for delivery in deliveries:
            due_or_outcome = _due(delivery, opened[delivery.message_id], tallies)
            if isinstance(due_or_outcome, Due):
                waiting[delivery.message_id] = due_or_outcome
            else:
                outcomes[delivery.message_id] = due_or_outcome
        unannounced = self._publish(list(dict.fromkeys(waiting.values())), tallies)
        return outcomes | {message_id: unannounced.get(due) for message_id, due in waiting.items()}

    def _publish(self, due: Sequence[Due], tallies: Mapping[DayKey, DayOutcome]) -> dict[Due, Exception]:
        """Announces each version once; returns those that are not on the bus, with the reason."""
        versions = self._workers.run(
            lambda it: tallies[it.key].at_hand.get(it.number) or self._days.get(it.key, it.number), due
        )
        failed = {it: version for it, version in zip(due, versions, strict=True) if isinstance(version, Exception)}
        ready = {
            it: announce(version) for it, version in zip(due, versions, strict=True) if isinstance(version, Version)
        }
        refused = self._bus.publish(list(ready.values()))
        return failed | {it: refused[ready[it].id] for it in ready if ready[it].id in refused}

    def _failed(self, deliveries: Sequence[Delivery], opened: Opened, outcomes: Outcomes) -> list[Failed]:
        """The attempts that failed, each with its disposition."""
        errors = {message_id: error for message_id, error in outcomes.items() if error is not None}
        limit, failed_at = self._settings.max_receive_count, times.from_datetime(self._now())
        cleaners = self._cleaners(opened) if errors else {}
        return [
            Failed.of(it, errors[it.message_id], limit, failed_at, cleaners.get(it.message_id, str))
            for it in deliveries
            if it.message_id in errors
        ]

    def _cleaners(self, opened: Opened) -> dict[str, Clean]:
        """For each message, a function that removes secrets from a text: those of all events of its day, which may fail
        together. Events that could not be opened have none."""
        if not self._settings.redact_paths:
            return {}
        events = {message_id: it for message_id, it in opened.items() if isinstance(it, Input)}
        days = {
            key: cleaner([it.payload for it in of_day], self._settings.redact_paths)
            for key, of_day in group_by_day(events.values()).items()
        }
        return {message_id: days[DayKey.of(it.work)] for message_id, it in events.items()}

    def _log_dry_run(self, opened: Opened, judged: Opened, pasts: Pasts) -> None:
        """Logs what a dry run would have written."""
        for key, events in group_by_day(it for it in judged.values() if isinstance(it, Input)).items():
            past = pasts[key].result()
            if isinstance(past, Exception):
                logger.error("dry run: the day cannot be read", day=asdict(key), exc_info=past)
                continue
            fresh, known = past.sift(events)
            new = plan_version(key, past.latest, fresh, times.from_datetime(self._now())).version if fresh else None
            logger.info(
                "dry run: nothing written",
                day=asdict(key),
                would_write=new and {"version": new.number, "metrics": new.metrics, "event_ids": new.added},
                already_applied=list(known),
            )
        cleaners = self._cleaners(opened)
        for message_id, error in judged.items():
            if isinstance(error, Exception):
                cause = Cause.of(error, cleaners.get(message_id, str))
                logger.info("dry run: would fail", message_id=message_id, category=cause.category, reason=cause.message)


def _raw_store(settings: ProcessorSettings, clients: Clients, sleep: Sleep) -> RawStore:
    """The real store, or one with fault injection on a stack for trials."""
    if not settings.failure_mode_parameter:
        return RawStore(clients.s3, settings.raw_bucket)
    from pik.adapters.fault_injection import FaultModeParameter, FaultyRawStore  # noqa: PLC0415 (only trials pay for it)

    mode = FaultModeParameter(clients.ssm, settings.failure_mode_parameter, time.monotonic, _no_mode)
    return FaultyRawStore(clients.s3, settings.raw_bucket, mode, sleep, random.random)


def _no_mode(error: Exception) -> None:
    logger.warning("no failure mode could be read, so no fault is injected", exc_info=error)


def _due(delivery: Delivery, event: Input | Exception, tallies: Mapping[DayKey, DayOutcome]) -> Due | Exception | None:
    if isinstance(event, Exception):
        return event
    try:
        return tallies[DayKey.of(event.work)].due(delivery, event.work.event_id)
    # The failure that prevented the event from being counted is this message's outcome.
    except Exception as error:  # noqa: BLE001
        return error


def _seconds_over_reserve(time_left: Left) -> float:
    """The seconds that may be used before the bus, the failing path and the answer."""
    return max(0, time_left() - DEADLINE_RESERVE_MS) / 1000


def _observe(
    deliveries: Sequence[Delivery], tallies: Mapping[DayKey, DayOutcome], failed: Sequence[Failed], buried: Set[str]
) -> None:
    counted = {event_id: number for it in tallies.values() for event_id, number in it.counted.items()}
    known = {event_id: number for it in tallies.values() for event_id, number in it.known.items()}
    versions = sum(len(set(it.counted.values())) for it in tallies.values())
    attempts = Counter(FAILED_ATTEMPTS[it.cause.category] for it in failed)
    dead = [it.attempt.ledger_event for it in failed if it.message_id in buried]
    counts = {
        EVENTS_APPLIED: len(counted),
        EVENTS_ALREADY_APPLIED: len(known),
        VERSIONS_WRITTEN: versions,
        EVENTS_DEAD_LETTERED: len(dead),
        **attempts,
    }
    for name, count in counts.items():
        metrics.add_metric(name, MetricUnit.Count, count)
    metrics.flush_metrics()
    facts: dict[str, Any] = {"applied": counted, "already_applied": known, "failed": attempts, "dead_letters": dead}
    logger.info("batch processed", messages=len(deliveries), **facts)


def _answer(event: dict[str, Any], context: LambdaContext, kept: Set[str]) -> PartialItemFailureResponse:
    """Only the batch utility reports failures: its record handler raises for the messages that stay."""

    def check(record: SQSRecord) -> None:
        if record.message_id in kept:
            raise StaysInQueue(record.message_id)

    batch = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
    return process_partial_response(event=event, record_handler=check, processor=batch, context=context)
