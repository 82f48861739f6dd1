"""WorkQueue to aggregates: read each event's bytes, count it once in its entity's day, tell the bus, answer by message.

Outcomes are computed for the whole batch first, because events of one object share a read and events of one day share a
version; then the batch utility asks for each message's outcome and reports those that failed.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

from pik import startup
from pik.adapters.aggregate_store import AggregateStore
from pik.adapters.applied_events import AppliedEvents
from pik.adapters.clients import Clients
from pik.adapters.event_bus import EventBus
from pik.adapters.failure_ledger import FailureLedger
from pik.adapters.raw_store import RawStore
from pik.adapters.workers import Workers
from pik.domain import times
from pik.domain.aggregates import DayKey, Past, Step, Version, announce, in_doubt, next_step
from pik.domain.failures import Attempt, Category, Invocation, advice, classify, is_known, ledger_rows
from pik.domain.limits import (
    DEADLINE_RESERVE_MS,
    MAX_VERSION_ATTEMPTS,
    MAX_VERSION_BACKOFF_SECONDS,
    PROCESS_THREADS,
    VERSION_BACKOFF_SECONDS,
)
from pik.domain.processing import (
    Contended,
    DeadlineNear,
    Delivery,
    DryRun,
    Due,
    Read,
    Tally,
    group_by_day,
    ids_by_day,
    plan_reads,
    read_deliveries,
)
from pik.domain.work import Input
from pik.observability import (
    EVENTS_ALREADY_APPLIED,
    EVENTS_APPLIED,
    FAILED_ATTEMPTS,
    VERSIONS_WRITTEN,
    MetricUnit,
    logger,
    metrics,
)
from pik.settings import ProcessorSettings, environment, in_lambda

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext

Clock = Callable[[], datetime]
Opened = dict[str, Input | Exception]
Outcomes = dict[str, Exception | None]
Pasts = dict[DayKey, Future[Past | Exception]]
Left = Callable[[], int]  # milliseconds of the function's time


class DayWriter:
    """Counts events in an entity's day: look, decide, write; when another processor was first, again."""

    def __init__(
        self, days: AggregateStore, applied: AppliedEvents, now: Clock, sleep: Callable[[float], None]
    ) -> None:
        self._days = days
        self._applied = applied
        self._now = now
        self._sleep = sleep

    def look(self, key: DayKey, event_ids: Sequence[str]) -> Past:
        """The day's latest version and what became of these events: one read, on a big day two."""
        latest = self._days.latest(key)
        return Past.of(latest, event_ids, self._applied.versions(key, in_doubt(latest, event_ids)))

    def count(self, key: DayKey, events: Sequence[Input], past: Past | Exception, time_left: Left) -> Tally:
        """Never raises: versions that were written stand, and a failure belongs to the other events alone."""
        tally = Tally(key)
        try:
            if isinstance(past, Exception):
                raise past
            self._count(tally, events, past, time_left)
        # Whatever it is, it is the outcome of the events that are left, and their messages fail with it.
        except Exception as error:  # noqa: BLE001
            tally.error = error
        return tally

    def _count(self, tally: Tally, events: Sequence[Input], past: Past, time_left: Left) -> None:
        latest, pending, lost = past.latest, tally.sift(past, events), 0
        while pending:
            if time_left() < DEADLINE_RESERVE_MS:
                raise DeadlineNear(f"less than {DEADLINE_RESERVE_MS} ms are left")
            step = next_step(tally.key, latest, pending, times.from_datetime(self._now()))
            if self._write(step):
                latest, lost = step.version, 0
                tally.add(latest)
                pending = pending[len(latest.added) :]
                continue
            # The SDK repeats a put whose answer was lost, and then meets its own version: that one is announced.
            tally.contested |= set(step.version.added)
            lost += 1
            if lost == MAX_VERSION_ATTEMPTS:
                raise Contended(f"{lost} writes in a row lost their race for {tally.key}")
            self._sleep(_backoff(lost))
            past = self.look(tally.key, [it.work.event_id for it in pending])
            latest, pending = past.latest, tally.sift(past, pending)

    def _write(self, step: Step) -> bool:
        """Whether the version was written. The markers come first: whoever can read the version relies on them."""
        self._applied.mark(step.markers)
        return self._days.append(step.version)


class Processor:
    """One batch at a time; everything that it needs from outside is handed in."""

    def __init__(
        self,
        settings: ProcessorSettings,
        clients: Clients,
        now: Clock = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        self._now = now
        self._workers = Workers(PROCESS_THREADS)
        self._raw = RawStore(clients.s3, settings.raw_bucket)
        self._days = AggregateStore(clients.dynamodb, settings.aggregates_table)
        applied = AppliedEvents(clients.dynamodb, settings.applied_table, sleep)
        self._writer = DayWriter(self._days, applied, now, sleep)
        self._bus = EventBus(clients.events, settings.event_bus_name, self._workers, sleep)
        self._ledger = FailureLedger(clients.dynamodb, settings.failures_table, sleep)

    def __call__(self, event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
        deliveries = read_deliveries(event["Records"])
        pasts = self._start_looking(deliveries)  # needs no event's bytes, so it need not wait for them
        opened = self._open(deliveries)
        if self._settings.dry_run:
            return _answer(event, context, self._dry_run(opened, pasts))
        tallies = self._count(opened, pasts, context.get_remaining_time_in_millis)
        outcomes = self._announce(deliveries, opened, tallies)
        self._record_failures(deliveries, outcomes, context)
        _observe(tallies, outcomes)
        return _answer(event, context, outcomes)

    def _start_looking(self, deliveries: Sequence[Delivery]) -> Pasts:
        groups = ids_by_day(deliveries)
        pasts = self._workers.start(lambda group: self._writer.look(*group), groups.items())
        return dict(zip(groups, pasts, strict=True))

    def _open(self, deliveries: Sequence[Delivery]) -> Opened:
        """Each message's event, or why there is none."""
        reads, refused = plan_reads(deliveries, self._settings.raw_bucket)
        opened: Opened = {**refused}
        for read, found in zip(reads, self._workers.run(self._read, reads), strict=True):
            opened |= read.failed(found) if isinstance(found, Exception) else found
        return opened

    def _read(self, read: Read) -> Opened:
        return read.open(self._raw.read(read.key, read.offset, read.length))

    def _count(self, opened: Opened, pasts: Pasts, time_left: Left) -> dict[DayKey, Tally]:
        """Each day's events counted, days in parallel."""
        groups = group_by_day(it for it in opened.values() if isinstance(it, Input))
        tallies = self._workers.run(
            lambda group: self._writer.count(*group, pasts[group[0]].result(), time_left), groups.items()
        )
        return {
            key: it if isinstance(it, Tally) else Tally(key, error=it) for key, it in zip(groups, tallies, strict=True)
        }

    def _announce(self, deliveries: Sequence[Delivery], opened: Opened, tallies: Mapping[DayKey, Tally]) -> Outcomes:
        """Each message's outcome, after the versions that wait for it are on the bus: none is done before that."""
        outcomes: Outcomes = {}
        waiting: dict[str, Due] = {}
        for it in deliveries:
            what = _due(it, opened[it.message_id], tallies)
            if isinstance(what, Due):
                waiting[it.message_id] = what
            else:
                outcomes[it.message_id] = what
        unannounced = self._publish(list(dict.fromkeys(waiting.values())), tallies)
        return outcomes | {message_id: unannounced.get(due) for message_id, due in waiting.items()}

    def _publish(self, due: Sequence[Due], tallies: Mapping[DayKey, Tally]) -> dict[Due, Exception]:
        """Announces versions, each once; those that are not on the bus, with the reason."""
        found = self._workers.run(
            lambda it: tallies[it.key].at_hand.get(it.number) or self._days.get(it.key, it.number), due
        )
        failed = {it: version for it, version in zip(due, found, strict=True) if isinstance(version, Exception)}
        ready = {it: announce(version) for it, version in zip(due, found, strict=True) if isinstance(version, Version)}
        refused = self._bus.publish(list(ready.values()))
        return failed | {it: refused[ready[it].id] for it in ready if ready[it].id in refused}

    def _record_failures(self, deliveries: Sequence[Delivery], outcomes: Outcomes, context: LambdaContext) -> None:
        """Every failed attempt is logged and in the ledger before the batch answers."""
        limit = self._settings.max_receive_count
        failed = [(it.attempt(limit), error) for it in deliveries if (error := outcomes[it.message_id])]
        if not failed:
            return
        for attempt, error in failed:
            _log_failure(attempt, error)
        invocation = Invocation(context.function_name, context.aws_request_id, context.log_stream_name)
        failed_at = times.from_datetime(self._now())
        try:
            self._ledger.write(ledger_rows(failed, invocation, failed_at, self._settings.failures_ttl_days))
        # A ledger that fails, however it does, must not hide what failed first: the messages fail all the same.
        except Exception:  # noqa: BLE001
            logger.exception("the failure ledger was not written", messages=[it.message_id for it, _ in failed])

    def _dry_run(self, opened: Opened, pasts: Pasts) -> Outcomes:
        """Says what would be written; every message fails, so that the queue keeps them."""
        for key, events in group_by_day(it for it in opened.values() if isinstance(it, Input)).items():
            past = pasts[key].result()
            if isinstance(past, Exception):
                logger.error("dry run: the day cannot be read", day=asdict(key), exc_info=past)
                continue
            fresh, known = past.sift(events)
            new = next_step(key, past.latest, fresh, times.from_datetime(self._now())).version if fresh else None
            logger.info(
                "dry run: nothing written",
                day=asdict(key),
                would_write=new and {"version": new.number, "metrics": new.metrics, "event_ids": new.added},
                already_applied=list(known),
            )
        for message_id, error in opened.items():
            if isinstance(error, Exception):
                logger.info("dry run: would fail", message_id=message_id, category=classify(error), reason=str(error))
        return {message_id: DryRun("a dry run writes nothing; the message stays in the queue") for message_id in opened}


def _due(delivery: Delivery, event: Input | Exception, tallies: Mapping[DayKey, Tally]) -> Due | Exception | None:
    if isinstance(event, Exception):
        return event
    try:
        return tallies[DayKey.of(event.work)].due(delivery, event.work.event_id)
    # What kept the event from being counted, whatever it was, is this message's outcome.
    except Exception as error:  # noqa: BLE001
        return error


def _backoff(lost: int) -> float:
    longest = min(VERSION_BACKOFF_SECONDS * 2 ** (lost - 1), MAX_VERSION_BACKOFF_SECONDS)
    return random.uniform(0, longest)  # noqa: S311 (jitter, not a secret)


def _log_failure(attempt: Attempt, error: Exception) -> None:
    category = classify(error)
    facts: dict[str, Any] = {
        "message_id": attempt.message_id,
        "event_id": attempt.event_id,
        "attempt": attempt.number,
        "category": category,
        "reason": str(error),
    }
    if not is_known(error):
        logger.error("attempt failed for a reason that nobody has named yet", exc_info=error, **facts)
    elif category is Category.PERMANENT:
        logger.critical("attempt failed until a person acts", fix=advice(error), **facts)
    else:
        logger.warning("attempt failed", **facts)


def _observe(tallies: Mapping[DayKey, Tally], outcomes: Outcomes) -> None:
    counted = {event_id: number for it in tallies.values() for event_id, number in it.counted.items()}
    known = {event_id: number for it in tallies.values() for event_id, number in it.known.items()}
    versions = sum(len(set(it.counted.values())) for it in tallies.values())
    failed = Counter(FAILED_ATTEMPTS[classify(error)] for error in outcomes.values() if error)
    counts = {EVENTS_APPLIED: len(counted), EVENTS_ALREADY_APPLIED: len(known), VERSIONS_WRITTEN: versions, **failed}
    for name, count in counts.items():
        metrics.add_metric(name, MetricUnit.Count, count)
    metrics.flush_metrics()
    logger.info("batch processed", messages=len(outcomes), applied=counted, already_applied=known, failed=failed)


def _answer(event: dict[str, Any], context: LambdaContext, outcomes: Outcomes) -> PartialItemFailureResponse:
    """The batch utility alone reports failures: its record handler raises, or it does not."""

    def raise_outcome(record: SQSRecord) -> None:
        error = outcomes[record.message_id]
        if error:
            raise error

    batch = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
    return process_partial_response(event=event, record_handler=raise_outcome, processor=batch, context=context)


def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Lambda's entry point; a batch of WorkQueue."""
    return _built()(event, context)


@cache
def _built() -> Processor:
    """One for the life of the process: what it is made of is built once."""
    return Processor(ProcessorSettings.from_env(environment()), Clients())


if in_lambda(environment()):
    _built()
    startup.done()
