"""Dead letters through the queue again: all of a thousand, how fast, at how many calls; and with the canary."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from benchmarks.figures import Figure, within
from benchmarks.prices import MILLION
from benchmarks.stages import process_all
from benchmarks.wire import DELAYS
from benchmarks.world import (
    BenchmarkWorld,
    WorkCost,
    api_request,
    as_in_lambda,
    context,
    event,
    mapping_batch_size,
    memory_mb,
    timeout_seconds,
)
from pik.domain.process.dead_letters import Reason
from pik.flows.redrive_api import RedriveApiFlow
from pik.flows.redrive_step import WAIT, WAVE, RedriveStepFlow
from pik.settings import RedriveSettings, RedriveStepSettings

_NO_CANARY: Final = {"all": True, "force": True, "min_age_seconds": 0, "canary": False}
_CANARY: Final = {"all": True, "force": True, "min_age_seconds": 0}
_STATES_A_STEP: Final = 2
"""Transitions of the state machine for each step: its task, and the choice after it."""


def redrive(messages: int = 1_000, rounds: int = 20) -> Figure:
    """Messages that failed for one reason, all wanted; from the request that starts the run to its report."""
    runs = [_run(messages, _NO_CANARY) for _ in range(rounds)]
    values = max(runs, key=lambda run: run["messages_per_second"])
    careful = _run(messages, _CANARY)
    return Figure(
        f"redrive of {messages:,} messages",
        f"{values['applied']:,.0f} applied, {values['messages_per_second']:,.0f}/s, "
        f"{values['calls']:.3f} calls/message ({careful['calls']:.3f} with the canary), "
        f"${values['dollars_per_million']:.2f}/M",
        "≥ 3,500/s, ≤ 0.42 calls/message",
        all(run["applied"] == messages and run["left"] == 0 for run in (*runs, careful))
        and within(values, {"calls": 0.42}, {"messages_per_second": 3_500}),
        "the request, the freeze, one wave, the look at what became of every event and the report, without the canary, "
        "whose waits are no work; wall time "
        "under the fixed delays, less the CPU of the responder, which holds Python's one lock and which no function "
        f"has; the best of {rounds} rounds",
        {**values, "calls_with_canary": careful["calls"]},
    )


def _run(messages: int, wanted: dict[str, Any]) -> dict[str, float]:
    world = BenchmarkWorld()
    _bury(world, messages)
    with as_in_lambda():
        works = _from_request_to_report(world, wanted)
    process_all(world, mapping_batch_size("ProcessorQueueMapping"))
    wall, responder = sum(it.wall for it in works), sum(it.responder for it in works)
    return {
        "applied": float(_applied(world)),
        "left": float(len(world.aws.sqs.messages(world.names.work_dead_letter_queue_url))),
        "calls": sum(it.usage.total_calls for it in works) / messages,
        "messages_per_second": messages / (wall - responder),
        "cpu_ms_per_message": sum(it.cpu - it.responder for it in works) / messages * 1000,
        "dollars_per_million": sum(it.usage.total() for it in works) / messages * MILLION,
    }


def _from_request_to_report(world: BenchmarkWorld, wanted: dict[str, Any]) -> list[WorkCost]:
    later = timedelta()

    def now() -> datetime:
        return datetime.now(UTC) + later

    start = RedriveApiFlow(RedriveSettings.from_env(world.names.environment("redrive")), world.clients, now)
    step = RedriveStepFlow(RedriveStepSettings.from_env(world.names.environment("redrive_step")), world.clients, now)
    request = api_request(json.dumps(wanted), "redrive=") | {"routeKey": "POST /redrive/start"}
    answer, work = world.measured(lambda: start(request, context()), DELAYS)
    if answer["statusCode"] != 202:
        raise RuntimeError(f"the benchmark's redrive was refused: {answer['body']}")
    work.usage.api_requests += 1
    work.usage.invoked(work.wall - work.responder, memory_mb("RedriveFunction"))
    at_work = context(timeout_seconds("RedriveStepFunction"))
    works, run_id, name = [work], json.loads(answer["body"])["run_id"], "freeze"
    while name != "end":
        event = {"step": name, "run_id": run_id}
        answer, work = world.measured(lambda event=event: step(event, at_work), DELAYS)
        work.usage.invoked(work.wall - work.responder, memory_mb("RedriveStepFunction"))
        work.usage.state_transitions += _STATES_A_STEP
        works.append(work)
        later += timedelta(seconds=answer["wait_seconds"])  # the state machine's waits, in which events are applied
        if answer["next"] == WAIT:
            process_all(world, mapping_batch_size("ProcessorQueueMapping"))
        name = {WAIT: WAVE}.get(answer["next"], answer["next"]).lower()
    return works


def _applied(world: BenchmarkWorld) -> int:
    """Events in the last versions of all days."""
    last: dict[str, int] = {}
    for row in world.aws.dynamodb.items(world.names.aggregates_table):
        if "#VER#" in row["SK"]["S"]:
            last[row["PK"]["S"]] = max(last.get(row["PK"]["S"], 0), int(row["input_count"]["N"]))
    return sum(last.values())


def _bury(world: BenchmarkWorld, messages: int) -> None:
    """Events that were accepted, and whose messages are dead letters as the processor sends them."""
    events = [event(n, entity=f"customer-{n % 97}") for n in range(messages)]
    world.measured(lambda: [world.post(events[at : at + 100]) for at in range(0, messages, 100)])
    world.measured(lambda: [world.publisher(batch, None) for batch in world.stream_batches(100)])
    for record in (it for batch, _ in _batches(world) for it in batch["Records"]):
        reason = Reason(
            category="PROCESSING",
            error_type="AmountOverLimit",
            fingerprint="0" * 32,
            message="order amount 1000001 is over the limit of 1000000",
            event_id=json.loads(record["body"])["event_id"],
            attempts=1,
            failed_at="2026-11-20T10:15:31.000000Z",
            first_sent_at="2026-11-20T10:15:30.000000Z",
            run="LIVE",
        )
        world.aws.sqs.send_message(
            QueueUrl=world.names.work_dead_letter_queue_url,
            MessageBody=record["body"],
            MessageGroupId=record["attributes"]["MessageGroupId"],
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value} for name, value in reason.attributes().items()
            },
        )
        world.aws.sqs.delete_message(QueueUrl=world.names.work_queue_url, ReceiptHandle=record["receiptHandle"])


def _batches(world: BenchmarkWorld) -> Iterator[tuple[Any, WorkCost]]:
    batches = world.message_batches(100)
    while True:
        batch, work = world.measured(lambda: next(batches, None))
        if batch is None:
            return
        yield batch, work
