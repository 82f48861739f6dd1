"""The part of the stack that the publisher and the processor work on, over any boto3-shaped clients."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from functools import reduce
from typing import Any

from pik.adapters.dynamodb.items import from_item
from pik.domain.event.fields import RawRef
from pik.domain.event.work import Work
from pik.domain.process.dead_letters import DeadLetter
from pik.domain.process.inputs import Input
from pik.domain.process.metrics import measure
from pik.domain.process.versions import DayKey, Version, combine_hashes, input_hash, short
from pik.domain.shared import identity
from pik.flows.process import ProcessFlow
from pik.settings import ProcessorSettings
from tests.support.aws.account import FakeAws
from tests.support.aws.context import FakeContext
from tests.support.aws.stack import AGGREGATES_TABLE, APPLIED_TABLE, FAILURES_TABLE, RAW_BUCKET, AnyClients, deployed
from tests.support.faults import CallRecorder, FaultPlan
from tests.support.makers import AMOUNT_RULES, make_work, sqs_event

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
KEY = DayKey("customer-17", "2026-11-20", "LIVE")
ORDERS = ({"orderId": f"order-{n}", "amount": n / 4} for n in range(400))
PAYLOADS = {identity.payload_sha(order): order for order in ORDERS}


class Pipeline:
    """A deployed stack, a processor on it, and ways to put events in and to see what came out."""

    def __init__(self, aws: AnyClients) -> None:
        self.aws = aws
        self.names = deployed(aws)
        self.settings = ProcessorSettings.from_env(self.names.environment("processor"))
        self.slept: list[float] = []
        self.processor = self.new_processor()

    def new_processor(self, aws: Any = None, **changes: Any) -> ProcessFlow:
        """A processor as another process has it, with other clients or settings."""
        settings = replace(self.settings, **changes)
        return ProcessFlow(settings, aws or self.aws, now=lambda: NOW, sleep=self.slept.append)

    def store(self, payloads: Iterable[Any], key: str | None = None, **changes: Any) -> list[Work]:
        """Puts events into raw objects, one each or all in the object `key`, and returns their messages."""
        works, body = [], b""
        for payload in payloads:
            piece = json.dumps({"source": "shop", "event_type": "order", "payload": payload}).encode()
            name = key or f"raw/{identity.payload_sha(payload)}.json"
            works.append(make_work(payload, ref=RawRef(RAW_BUCKET, name, len(body), len(piece)), **changes))
            if key:
                body += piece + b"\n"
            else:
                self.aws.s3.put_object(Bucket=RAW_BUCKET, Key=name, Body=piece)
        if key:
            self.aws.s3.put_object(Bucket=RAW_BUCKET, Key=key, Body=body)
        return works

    def orders(self, count: int, key: str | None = None, first: int = 0, **changes: Any) -> list[Work]:
        """Messages of `count` stored orders; that of order n is n quarters."""
        numbers = range(first, first + count)
        return self.store(({"orderId": f"order-{n}", "amount": n / 4} for n in numbers), key, **changes)

    def process(self, *works: Work, receive_count: int = 1, processor: ProcessFlow | None = None) -> list[int]:
        """One batch; the places of the messages that failed."""
        return self.failed(sqs_event(*works, receive_count=receive_count), processor)

    def failed(self, event: dict[str, Any], processor: ProcessFlow | None = None) -> list[int]:
        """The places of the messages of an event that failed."""
        answer = (processor or self.processor)(event, FakeContext())  # type: ignore[arg-type]
        return sorted(int(it["itemIdentifier"].removeprefix("message-")) for it in answer["batchItemFailures"])

    def rows(self, table: str = AGGREGATES_TABLE) -> list[dict[str, Any]]:
        """All rows of a table in key order."""
        items = self.aws.dynamodb.scan(TableName=table)["Items"]
        return sorted((from_item(it) for it in items), key=lambda row: (row["PK"], row.get("SK")))

    def versions(self, key: DayKey = KEY) -> list[Version]:
        """The versions of a day, in order."""
        rows = [row for row in self.rows() if row["PK"] == key.pk and row["SK"].startswith(key.versions)]
        return [Version.of(row) for row in rows]

    def markers(self, key: DayKey = KEY) -> dict[str, int]:
        """The version of each marker of a day, by short event id."""
        prefix = key.marker_pk("")
        rows = [row for row in self.rows(APPLIED_TABLE) if row["PK"].startswith(prefix)]
        return {row["PK"].removeprefix(prefix): row["version"] for row in rows}

    def failures(self) -> list[dict[str, Any]]:
        """The ledger."""
        return self.rows(FAILURES_TABLE)

    def dead_letters(self) -> list[DeadLetter]:
        """What came into the dead-letter queue since the last call, in the order of their events' ids."""
        found: list[DeadLetter] = []
        while True:
            answer = self.aws.sqs.receive_message(
                QueueUrl=self.names.work_dead_letter_queue_url,
                MaxNumberOfMessages=10,
                VisibilityTimeout=43_200,
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
            if not answer.get("Messages"):
                return sorted(found, key=lambda it: (it.work.event_id if it.work else "", it.message_id))
            found += map(DeadLetter.of, answer["Messages"])


class ProcessorHarness:
    """A pipeline on the in-memory AWS, whose calls are counted and can fail."""

    def __init__(self, *, validate: bool = True) -> None:
        self.aws = FakeAws(validate=validate)
        self.pipeline = Pipeline(self.aws)
        self.faults = FaultPlan(self.aws)
        self.calls = CallRecorder(self.aws)

    def announced(self, kind: str = "events.processed") -> list[dict[str, Any]]:
        """What is on the bus of a kind, in order."""
        return [json.loads(entry["Detail"]) for entry in self.aws.events.published if entry["DetailType"] == kind]


def assert_counted_once(pipeline: Pipeline, works: list[Work]) -> None:
    """All of these events, each once, in versions without a gap, with exact metrics; what the latest version does not
    carry has a marker, so that the next writer will know it."""
    versions = pipeline.versions()
    unique = {it.event_id: it for it in works}
    assert [it.number for it in versions] == list(range(1, len(versions) + 1))
    assert Counter(event_id for it in versions for event_id in it.added) == Counter(unique.keys())
    inputs = [Input.of(it, PAYLOADS[it.payload_sha], AMOUNT_RULES) for it in unique.values()]
    assert versions[-1].metrics == measure({}, inputs)
    hashes = (input_hash(it.event_id, it.payload_sha) for it in unique.values())
    assert versions[-1].inputs_hash == reduce(combine_hashes, hashes)
    assert versions[-1].input_count == len(unique)
    added_by = {short(event_id): it.number for it in versions for event_id in it.added}
    assert pipeline.markers().items() <= added_by.items()
    assert {**pipeline.markers(), **versions[-1].carried} == added_by
