"""Ingest, publish and process: AWS calls and dollars an event, and events a second under fixed delays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from benchmarks.figures import Figure, within
from benchmarks.prices import MILLION, Usage
from benchmarks.wire import DELAYS
from benchmarks.world import BenchmarkWorld, WorkCost, context, event, mapping_batch_size, memory_mb
from pik.domain.process.amounts import NO_CURRENCY

HOT: Final = "customer-hot"


def ingest_single(requests: int = 50) -> Figure:
    """One event a request."""
    values = ingest_cost(1, requests)
    return Figure(
        "ingest, one event per request",
        f"{values['calls']:.0f} calls, ${values['dollars_per_million']:.2f}/M",
        "≤ 3 calls, ≤ $8.6/M",
        within(values, {"calls": 3, "dollars_per_million": 8.6}),
        f"{requests} requests, one after the other; Lambda for the time of the quickest",
        values,
    )


def ingest_batch(requests: int = 20, batch: int = 100) -> Figure:
    """Many events a request."""
    values = ingest_cost(batch, requests)
    return Figure(
        f"ingest, {batch} per request",
        f"{values['calls']:.2f} calls/event, ${values['dollars_per_million']:.2f}/M",
        "≤ 0.05 calls/event, ≤ $3.4/M",
        within(values, {"calls": 0.05, "dollars_per_million": 3.4}),
        f"{requests} requests of {batch} events, one after the other; Lambda for the time of the quickest",
        values,
    )


def ingest_cost(batch: int, requests: int) -> dict[str, float]:
    """Calls an event, dollars a million events, and events a second of one function, for requests of `batch` events."""
    world = BenchmarkWorld()
    bodies = [[event(at * batch + n) for n in range(batch)] for at in range(requests + 1)]
    world.measured(lambda: world.post(bodies[0]))  # builds what is built once
    usage, seconds = Usage(), []
    for body in bodies[1:]:
        _, work = world.measured(lambda body=body: world.post(body), DELAYS)
        seconds.append(work.wall - work.responder)
        usage = work.usage
    quickest = min(seconds)  # the machine is shared, and what others take is no property of this code
    usage.invoked(quickest, memory_mb("IngestFunction"))
    return {
        "calls": usage.total_calls / batch,
        "dollars_per_million": usage.total() / batch * MILLION,
        "events_per_second": batch / quickest,
        **{f"{part}_dollars_per_million": dollars / batch * MILLION for part, dollars in usage.dollars().items()},
    }


def publish(events: int = 1_000) -> Figure:
    """Full batches of the stream."""
    world, size = BenchmarkWorld(), mapping_batch_size("PublisherStreamMapping")
    world.measured(lambda: [world.post([event(at + n) for n in range(100)]) for at in range(0, events, 100)])
    batches = list(world.stream_batches(size))
    works = [world.measured(lambda batch=batch: world.publisher(batch, None), DELAYS)[1] for batch in batches]
    records = sum(len(batch["Records"]) for batch in batches)
    values = _stage_values(works, records, "PublisherFunction")
    return Figure(
        "publish",
        f"{values['calls']:.2f} calls/event, ${values['dollars_per_million']:.2f}/M, "
        f"{values['events_per_second']:,.0f}/s per lane",
        "≤ 0.11 calls/event",
        within(values, {"calls": 0.11}),
        f"{records:,} stream records in batches of {size}, the mapping's own",
        values,
    )


def process_hot(events: int = 1_000) -> Figure:
    """All events of one entity and day, each in a raw object of its own, one processor."""
    world, size = BenchmarkWorld(), mapping_batch_size("ProcessorQueueMapping")
    bodies = [event(n, entity=HOT) for n in range(events)]
    world.measured(lambda: [world.post([body]) for body in bodies])
    world.measured(lambda: [world.publisher(batch, None) for batch in world.stream_batches(100)])
    works = process_all(world, size)
    exact = _is_exact(world, events)
    values = _stage_values(works, events, "ProcessorFunction")
    return Figure(
        f"process {events:,} events, one hot entity",
        f"{values['events_per_second']:,.0f}/s, {values['calls']:.2f} calls/event, "
        f"${values['dollars_per_million']:.2f}/M, {'exact' if exact else 'WRONG COUNTS'}",
        "≥ 250/s, ≤ 1.2 calls/event, exact",
        exact and within(values, {"calls": 1.2}, {"events_per_second": 250}),
        f"batches of {size}, the mapping's own, one after the other by one processor; every event in a raw object of "
        "its own; rate by wall time, the in-memory AWS's CPU included; count and sum of the last version compared",
        {**values, "exact": float(exact)},
    )


def process_all(world: BenchmarkWorld, size: int) -> list[WorkCost]:
    """Processes what is in the queue, batch by batch. Raises RuntimeError when a message fails."""
    works = []
    batches = world.message_batches(size)
    while True:
        batch, mapping = world.measured(lambda: next(batches, None))
        if batch is None:
            return works
        answer, work = world.measured(lambda batch=batch: world.processor(batch, context()), DELAYS)
        if answer["batchItemFailures"]:
            raise RuntimeError(f"messages of the benchmark failed: {answer}")
        work.usage.sqs_requests += mapping.usage.sqs_requests
        works.append(work)


def _is_exact(world: BenchmarkWorld, events: int) -> bool:
    """Whether the last version counts each event once: by number and by sum."""
    rows = world.aws.dynamodb.items(world.names.aggregates_table)
    metrics = max(rows, key=lambda row: str(row["SK"]["S"]))["metrics"]["M"]
    count, total = metrics["daily_event_count"], metrics["daily_amount_sum"]["M"][NO_CURRENCY]
    return int(_plain(count)) == events and float(_plain(total)) == sum(n / 4 for n in range(events))


def _plain(attribute: dict[str, str]) -> str:
    return next(iter(attribute.values()))


def _stage_values(works: Sequence[WorkCost], events: int, function: str) -> dict[str, float]:
    memory = memory_mb(function)
    for work in works:
        work.usage.invoked(work.wall - work.responder, memory)
    return {
        "calls": sum(work.usage.total_calls for work in works) / events,
        "dollars_per_million": sum(work.usage.total() for work in works) / events * MILLION,
        "events_per_second": events / sum(work.wall for work in works),
        "cpu_ms_per_event": sum(work.cpu - work.responder for work in works) / events * 1000,
    }
