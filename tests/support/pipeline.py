"""The part of the stack that the publisher and the processor work on, over any boto3-shaped clients."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import reduce
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError

from pik.adapters.dynamodb.items import from_item
from pik.domain.event.rows import RawRef
from pik.domain.event.work import Input, Work
from pik.domain.process.dead_letters import DeadLetter
from pik.domain.process.metrics import measure
from pik.domain.process.versions import DayKey, Version, combine_hashes, input_hash, short
from pik.domain.shared import identity
from pik.flows.process import ProcessFlow
from pik.settings import ProcessorSettings
from tests.support.aws.account import FakeAws
from tests.support.aws.stack import AGGREGATES_TABLE, APPLIED_TABLE, FAILURES_TABLE, RAW_BUCKET, AnyClients, deployed
from tests.support.makers import FakeContext, make_work, sqs_event

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
        """A processor as if in its own process, with other clients or settings."""
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
        """What came into the dead-letter queue since the last look, in the order of their events' ids."""
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


class Killed(BaseException):
    """The function's process dies here."""


class CountedPipeline(Pipeline):
    """A world in memory, whose calls are counted and can fail."""

    aws: FakeAws

    def __init__(self, *, validate: bool = True) -> None:
        super().__init__(FakeAws(validate=validate))
        self.aws.calls.clear()

    def calls(self) -> dict[str, int]:
        """The AWS calls since the last look."""
        counted = Counter(operation for _, operation in self.aws.calls)
        self.aws.calls.clear()
        return dict(counted)

    def announced(self, kind: str = "events.processed") -> list[dict[str, Any]]:
        """What is on the bus of a kind, in order."""
        return [json.loads(entry["Detail"]) for entry in self.aws.events.published if entry["DetailType"] == kind]

    def once(self, operation: str, phase: str, act: Callable[[], None]) -> None:
        """Do something right before or after the next call of an operation; then never again."""

        def hook(_: str, called: str, request: Mapping[str, Any], when: str) -> None:
            if (called, when) == (operation, phase):
                self.aws.on_call = None
                act()

        self.aws.on_call = hook

    def always(self, operation: str, error: BaseException, phase: str = "before") -> None:
        """Let every call of an operation fail."""

        def hook(_: str, called: str, request: Mapping[str, Any], when: str) -> None:
            if (called, when) == (operation, phase):
                raise error

        self.aws.on_call = hook

    def calm(self) -> None:
        """Let nothing fail any more."""
        self.aws.on_call = None
        self.aws.partial = None


def raises(error: BaseException) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act


def timeout() -> ReadTimeoutError:
    return ReadTimeoutError(endpoint_url="https://dynamodb")


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "Call")


def assert_counted_once(world: Pipeline, works: list[Work]) -> None:
    """All of these events, each once, in versions without a gap, with exact metrics; what the latest version does not
    carry has a marker, so that the next writer will know it."""
    versions = world.versions()
    unique = {it.event_id: it for it in works}
    assert [it.number for it in versions] == list(range(1, len(versions) + 1))
    assert Counter(event_id for it in versions for event_id in it.added) == Counter(unique.keys())
    inputs = [Input(it, PAYLOADS[it.payload_sha]) for it in unique.values()]
    assert versions[-1].metrics == measure({}, inputs)
    hashes = (input_hash(it.event_id, it.payload_sha) for it in unique.values())
    assert versions[-1].inputs_hash == reduce(combine_hashes, hashes)
    assert versions[-1].input_count == len(unique)
    added_by = {short(event_id): it.number for it in versions for event_id in it.added}
    assert world.markers().items() <= added_by.items()
    assert {**world.markers(), **versions[-1].carried} == added_by
