"""What one more event costs, when its entity's day already holds few or many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from benchmarks.figures import Figure
from benchmarks.prices import MILLION, Usage
from benchmarks.stages import HOT
from benchmarks.wire import DELAYS
from benchmarks.world import BenchmarkWorld, context, event, memory_mb
from pik.adapters.dynamodb.aggregate_store import AggregateStore
from pik.adapters.dynamodb.applied_events import AppliedEvents
from pik.domain.process.inputs import Input
from pik.domain.process.versions import DayKey
from pik.flows.process import DayWriter
from tests.support.makers import AMOUNT_RULES, make_work

SIZES: Final = (10, 1_000, 100_000)
_NEXT: Final = 10  # events, delivered one by one
_DAY: Final = DayKey(HOT, "2026-11-20", "LIVE")
_CHUNK: Final = 5_000


def next_event(sizes: Sequence[int] = SIZES) -> Figure:
    """The mean of the next ten events, each delivered alone."""
    costs = [_cost_at(size) for size in sizes]
    first, last = costs[0], costs[-1]
    ratio = last["dollars_per_million"] / first["dollars_per_million"]
    time_ratio = last["ms"] / first["ms"]
    measured = ", ".join(
        f"{size:,}: ${it['dollars_per_million']:.2f}/M {it['calls']:.0f} calls {it['ms']:.0f} ms"
        for size, it in zip(sizes, costs, strict=True)
    )
    values = {f"{name}_at_{size}": it[name] for size, it in zip(sizes, costs, strict=True) for name in it}
    return Figure(
        f"one more event in an entity-day of {', '.join(f'{size:,}' for size in sizes)}",
        f"{ratio:.2f} × in dollars, {time_ratio:.2f} × in time ({measured})",
        "≤ 1.5 × that at 10",
        ratio <= 1.5 and time_ratio <= 1.5,
        f"the day is filled by the processor's writer; then the mean of {_NEXT} events that come one by one, each in "
        "a raw object and a batch of its own: dollars, and milliseconds under the fixed delays",
        {"dollars_ratio": ratio, "time_ratio": time_ratio, **values},
    )


def _cost_at(size: int) -> dict[str, float]:
    world = BenchmarkWorld()
    fill_day(world, size)
    usage, seconds = Usage(), 0.0
    for number in range(size, size + _NEXT + 1):
        batch = _delivered(world, number)
        answer, work = world.measured(lambda batch=batch: world.processor(batch, context()), DELAYS)
        if answer["batchItemFailures"]:
            raise RuntimeError(f"an event of the benchmark failed: {answer}")
        if number == size:  # the first ends what was filled in bulk; the others are like one another
            continue
        usage = _sum(usage, work.usage)
        usage.invoked(work.wall - work.responder, memory_mb("ProcessorFunction"))
        seconds += work.wall - work.responder
    return {
        "dollars_per_million": usage.total() / _NEXT * MILLION,
        "calls": usage.total_calls / _NEXT,
        "ms": seconds / _NEXT * 1000,
    }


def fill_day(world: BenchmarkWorld, size: int) -> None:
    """Counts `size` events in the hot entity's day, without their raw objects and messages."""
    names, dynamodb = world.names, world.aws.dynamodb
    writer = DayWriter(
        AggregateStore(dynamodb, names.aggregates_table),
        AppliedEvents(dynamodb, names.applied_table, _never),
        world.processor._now,
        _never,
    )
    for at in range(0, size, _CHUNK):
        events = [_input(number) for number in range(at, min(at + _CHUNK, size))]
        past = writer.look(_DAY, [it.work.event_id for it in events])
        tally = writer.count(_DAY, events, past, lambda: 60_000)
        if tally.error is not None:
            raise tally.error


def _input(number: int) -> Input:
    payload = {"orderId": f"order-{number:08d}", "amount": number / 4}
    return Input.of(make_work(payload, entity_id=HOT), payload, AMOUNT_RULES)


def _delivered(world: BenchmarkWorld, number: int) -> dict[str, Any]:
    world.measured(lambda: world.post([event(number, entity=HOT)]))
    (stream,) = list(world.stream_batches(1))[-1:]
    world.measured(lambda: world.publisher(stream, None))
    (batch,) = list(world.message_batches(1))[-1:]
    return batch


def _sum(one: Usage, other: Usage) -> Usage:
    total = Usage(calls=one.calls + other.calls)
    for name in vars(total):
        if name != "calls":
            setattr(total, name, getattr(one, name) + getattr(other, name))
    return total


def _never(_: float) -> None:
    raise RuntimeError("the in-memory AWS leaves nothing unprocessed, so nothing waits")
