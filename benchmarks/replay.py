"""A window's stored events through the queue again: all sent, how fast, at how many calls."""

from __future__ import annotations

import json
from typing import Any, Final

from benchmarks.figures import Figure, within
from benchmarks.prices import MILLION
from benchmarks.wire import DELAYS
from benchmarks.world import BenchmarkWorld, WorkCost, api_request, as_in_lambda, context, memory_mb
from pik.adapters.dynamodb.items import to_item
from pik.domain.event.envelope import Event
from pik.domain.event.fields import EVENT_MEMBERS, RawRef
from pik.domain.event.rows import accepted_row
from pik.flows.replay import ReplayFlow
from pik.settings import ReplaySettings
from tests.support.makers import make_work

_PER_OBJECT: Final = 100


def replay(events: int = 10_000, rounds: int = 8) -> Figure:
    """Events of one source and type and day, spread over many entities."""
    runs = [_run(events) for _ in range(rounds)]
    values = max(runs, key=lambda run: run["events_per_second"])
    return Figure(
        f"replay of {events:,} stored events",
        f"{values['sent']:,.0f} sent, {values['events_per_second']:,.0f}/s, {values['calls']:.2f} calls/event, "
        f"${values['dollars_per_million']:.2f}/M",
        "all sent, ≥ 8,000/s, ≤ 0.11 calls/event",
        all(run["sent"] == events for run in runs) and within(values, {"calls": 0.11}, {"events_per_second": 8_000}),
        f"by source, type and day, in {values['requests']:.0f} request; wall time under the fixed delays, less the CPU "
        f"of the responder, which holds Python's one lock and which no function has; the best of {rounds} rounds",
        values,
    )


def _run(events: int) -> dict[str, float]:
    world = BenchmarkWorld()
    _store(world, events)
    function = ReplayFlow(ReplaySettings.from_env(world.names.environment("replay")), world.clients)
    with as_in_lambda():
        works = _until_complete(world, function)
    for work in works:
        work.usage.api_requests += 1
        work.usage.invoked(work.wall - work.responder, memory_mb("ReplayFunction"))
    wall, responder = sum(it.wall for it in works), sum(it.responder for it in works)
    return {
        "sent": float(len(world.aws.sqs.messages(world.names.work_queue_url))),
        "calls": sum(work.usage.total_calls for work in works) / events,
        "events_per_second": events / (wall - responder),
        "cpu_ms_per_event": sum(it.cpu - it.responder for it in works) / events * 1000,
        "dollars_per_million": sum(it.usage.total() for it in works) / events * MILLION,
        "requests": float(len(works)),
    }


def _until_complete(world: BenchmarkWorld, function: Any) -> list[WorkCost]:
    works: list[WorkCost] = []
    wanted = {
        "source": "shop",
        "event_type": "order",
        "start_time": "2026-11-20T00:00:00Z",
        "end_time": "2026-11-21T00:00:00Z",
    }
    token = None
    while token or not works:
        body = json.dumps(wanted | ({"next_token": token} if token else {}))
        request = api_request(body, f"replay-{len(works)}=") | {"routeKey": "POST /replay"}
        answer, work = world.measured(lambda request=request: function(request, context()), DELAYS)
        if answer["statusCode"] != 200:
            raise RuntimeError(f"the benchmark's replay was refused: {answer['body']}")
        works.append(work)
        token = json.loads(answer["body"]).get("next_token")
    return works


def _store(world: BenchmarkWorld, events: int) -> None:
    """Index rows as ingest writes them, a hundred to a raw object."""
    for number in range(events):
        second = (
            f"2026-11-20T{number // 3600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d}.{number % 1_000_000:06d}Z"
        )
        work = make_work({"orderId": f"order-{number}"}, entity_id=f"customer-{number % 997}", event_time=second)
        event = Event(
            **{name: getattr(work, name) for name in EVENT_MEMBERS},
            received_at=work.event_time,
            idempotency_key=None,
            language=None,
        )
        name = f"2026-11-20T101530.250000Z-{number // _PER_OBJECT:08d}.json"
        key = f"raw/source=shop/event_type=order/date=2026-11-20/{name}"
        row = accepted_row(event, RawRef(world.names.raw_bucket, key, number % _PER_OBJECT * 1000, 999), "benchmark")
        world.aws.dynamodb.put_item(TableName=world.names.events_table, Item=to_item(row))
    world.wire.learn_sizes(world.names.events_table)
