"""The stack on the in-memory AWS, its functions, and events of about 1 KB to put through them."""

from __future__ import annotations

import gc
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from math import ceil
from pathlib import Path
from typing import Any, Final, TypeVar

from benchmarks.prices import API_CHUNK_BYTES, Usage, chunks
from benchmarks.wire import Wire
from pik.flows.ingest import IngestFlow
from pik.flows.process import ProcessFlow
from pik.flows.publish import PublishFlow
from pik.settings import IngestSettings, ProcessorSettings, PublisherSettings
from tests.support.aws.account import FakeAws
from tests.support.aws.context import FakeContext
from tests.support.aws.stack import EVENTS_TABLE, deployed

T = TypeVar("T")

TEMPLATE: Final = Path(__file__).parents[1] / "template.yaml"
EVENT_BYTES: Final = 1_000
NAMES: Final = deployed(FakeAws(validate=False))
"""What the stack's resources are called: the same in every world."""


@dataclass
class WorkCost:
    """What a piece of work used and took. `responder` is the CPU of the in-memory AWS, in seconds, part of `wall` and
    `cpu`."""

    usage: Usage
    wall: float
    cpu: float
    responder: float


class BenchmarkWorld:
    """A deployed stack. Functions are built as Lambda builds them, once, on the clients of one process."""

    def __init__(self) -> None:
        self.aws = FakeAws(validate=False)
        self.wire = Wire(self.aws)
        self.clients = self.wire.clients
        self.names = deployed(self.clients)
        self._requests = count(1)

    @cached_property
    def ingest(self) -> IngestFlow:
        return IngestFlow(IngestSettings.from_env(self.names.environment("ingest")), self.clients)

    @cached_property
    def publisher(self) -> PublishFlow:
        return PublishFlow(PublisherSettings.from_env(self.names.environment("publisher")), self.clients)

    @cached_property
    def processor(self) -> ProcessFlow:
        return ProcessFlow(ProcessorSettings.from_env(self.names.environment("processor")), self.clients)

    def post(self, events: Sequence[Mapping[str, Any]]) -> Any:
        """One request to the API, of one event or of many; its answer. Raises RuntimeError unless it is 202."""
        body = json.dumps(events[0] if len(events) == 1 else events)
        self.wire.meter.usage.api_requests += chunks(len(body), API_CHUNK_BYTES)
        answer = self.ingest(api_request(body, f"benchmark-{next(self._requests)}="), None)
        if answer["statusCode"] != 202:
            raise RuntimeError(f"an event of the benchmark was not accepted: {answer['body']}")
        return json.loads(answer["body"])

    def stream_batches(self, size: int) -> Iterator[dict[str, Any]]:
        """What the stream's mapping would hand to the publisher, in batches."""
        records = self.aws.dynamodb.stream_records(EVENTS_TABLE)
        for at in range(0, len(records), size):
            yield {"Records": records[at : at + size]}

    def message_batches(self, size: int) -> Iterator[dict[str, Any]]:
        """What the queue's mapping would hand to the processor, in batches; its own requests are priced here."""
        held = self.aws.sqs.messages(self.names.work_queue_url)
        received: list[Any] = []
        for _ in range(ceil(len(held) / 10)):
            answer = self.aws.sqs.receive_message(
                QueueUrl=self.names.work_queue_url,
                MaxNumberOfMessages=10,
                MessageSystemAttributeNames=["All"],
            )
            received += answer.get("Messages", [])
        for at in range(0, len(received), size):
            batch = received[at : at + size]
            self.wire.meter.usage.sqs_requests += 2 * ceil(len(batch) / 10)  # receives ten at once, and deletes ten
            yield self.aws.sqs.lambda_event(batch)

    def measured(self, work: Callable[[], T], delays: Mapping[str, float] | None = None) -> tuple[T, WorkCost]:
        """Do a piece of work, its log lines unseen, and say what it used and took."""
        self.wire.meter.usage, self.wire.responder_seconds, self.wire.delays = Usage(), 0.0, delays or {}
        with silence():
            wall, cpu = time.perf_counter(), time.process_time()
            value = work()
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        self.wire.delays = {}
        return value, WorkCost(self.wire.meter.usage, wall, cpu, self.wire.responder_seconds)


@contextmanager
def as_in_lambda() -> Iterator[None]:
    """On one core, as a function with one vCPU is, and without looking for garbage in what was there before, as a
    function that is ready does not: here that holds the whole in-memory AWS."""
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    gc.collect()
    gc.freeze()
    try:
        if cores:
            os.sched_setaffinity(0, {min(cores)})
        yield
    finally:
        if cores:
            os.sched_setaffinity(0, cores)
        gc.unfreeze()


@contextmanager
def silence() -> Iterator[None]:
    """Log lines and metrics go nowhere; by file descriptor, for the logger holds on to the stream that it found."""
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 1)
        yield
        sys.stdout.flush()
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def api_request(body: str, request_id: str) -> dict[str, Any]:
    """What the API hands to ingest (payload format 2.0), as far as ingest looks at it."""
    return {
        "routeKey": "POST /events",
        "headers": {"content-type": "application/json"},
        "body": body,
        "isBase64Encoded": False,
        "requestContext": {"requestId": request_id},
    }


def event(number: int, *, entity: str | None = None) -> dict[str, Any]:
    """An order of about EVENT_BYTES, different for each number; amounts are quarters, whose sums are exact."""
    envelope = {
        "source": "shop",
        "event_type": "order",
        "entity_id": entity or f"customer-{number:06d}",
        "event_time": f"2026-11-20T10:{number // 60_000 % 60:02d}:{number // 1000 % 60:02d}.{number % 1000:03d}Z",
        "payload": {
            "orderId": f"order-{number:08d}",
            "amount": number / 4,
            "items": [{"sku": f"sku-{number:06d}-{it}", "quantity": it + 1, "price": 9.25 + it} for it in range(8)],
        },
    }
    envelope["payload"]["note"] = ""
    envelope["payload"]["note"] = "n" * (EVENT_BYTES - len(json.dumps(envelope)))
    return envelope


def context(timeout_seconds: int = 30) -> Any:
    """Lambda's context object at the beginning of an invocation."""
    return FakeContext(remaining_ms=timeout_seconds * 1000)


def memory_mb(function: str) -> int:
    """A function's memory, from the template: `IngestFunction`."""
    return int(_found(rf"^  {function}:\n(?:    .*\n|\n)*?      MemorySize: (\d+)"))


def timeout_seconds(function: str) -> int:
    """How long a function may take, from the template: `RedriveStepFunction`."""
    return int(_found(rf"^  {function}:\n(?:    .*\n|\n)*?      Timeout: (\d+)"))


def mapping_batch_size(mapping: str) -> int:
    """Records a batch of an event source mapping, from the template; a parameter's default where it is a parameter."""
    value = _found(rf"^  {mapping}:\n(?:    .*\n|\n)*?      BatchSize: (\S+)")
    return int(_found(r"^  BatchSize:\n(?:    .*\n)*?    Default: (\d+)") if value == "!Ref" else value)


def _found(pattern: str) -> str:
    match = re.search(pattern, TEMPLATE.read_text("utf-8"), re.MULTILINE)
    if match is None:
        raise LookupError(f"template.yaml has nothing like {pattern}")
    return match[1]
