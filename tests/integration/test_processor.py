"""From the queue to aggregates, bus and ledger, against moto and the in-memory AWS alike."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pik.domain.process.versions import announce
from tests.support.aws.stack import RAW_BUCKET, WORK_QUEUE
from tests.support.makers import sqs_record
from tests.support.pipeline import KEY, Pipeline, assert_counted_once


@pytest.fixture
def pipeline(aws: Any) -> Pipeline:
    return Pipeline(aws)


class Spied:
    """Clients that note the operations called on DynamoDB and let one of them be preceded by an act."""

    def __init__(self, aws: Any) -> None:
        self.s3, self.sqs, self.events = aws.s3, aws.sqs, aws.events
        self.dynamodb = self
        self.calls: list[str] = []
        self.before: dict[str, Callable[[], object]] = {}
        self._dynamodb = aws.dynamodb

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            self.calls.append(name)
            self.before.pop(name, lambda: None)()
            return getattr(self._dynamodb, name)(**request)

        return call


def test_a_batch_is_counted_and_repeated_without_effect(pipeline: Pipeline) -> None:
    works = pipeline.orders(12, key="raw/batch.ndjson")
    assert pipeline.process(*works[:7]) == []
    assert pipeline.process(*works[5:]) == []
    assert pipeline.process(*works, receive_count=2) == []
    assert_counted_once(pipeline, works)
    assert [len(it.added) for it in pipeline.versions()] == [7, 5]


def test_a_day_grows_through_forty_and_on(pipeline: Pipeline) -> None:
    works = pipeline.orders(110, key="raw/batch.ndjson")
    for start, end in ((0, 30), (25, 40), (40, 41), (35, 95), (95, 96), (90, 110)):
        assert pipeline.process(*works[start:end]) == []
    assert_counted_once(pipeline, works)
    assert [len(it.added) for it in pipeline.versions()] == [30, 10, 1, 54, 1, 14]
    assert [it.applied is None for it in pipeline.versions()] == [False, False, True, True, True, True]
    assert pipeline.process(*works, receive_count=2) == []
    assert_counted_once(pipeline, works)


def test_a_hundred_and_more_of_one_day_in_a_batch(pipeline: Pipeline) -> None:
    works = pipeline.orders(250, key="raw/batch.ndjson")
    assert pipeline.process(*works[:150]) == []
    assert pipeline.process(*works) == []
    assert [len(it.added) for it in pipeline.versions()] == [100, 50, 100]
    assert_counted_once(pipeline, works)


@pytest.mark.parametrize(
    ("before", "operation"),
    [(0, "put_item"), (38, "put_item"), (45, "batch_write_item"), (46, "batch_get_item"), (46, "put_item")],
)
def test_a_race_between_two_processors_is_lost_without_loss(
    aws: Any, pipeline: Pipeline, before: int, operation: str
) -> None:
    works = pipeline.orders(before + 6, key="raw/batch.ndjson")
    if before:
        pipeline.process(*works[: before - 1])
        pipeline.process(works[before - 1])
    spied = Spied(aws)
    spied.before[operation] = lambda: pipeline.process(*works[before + 2 :])
    assert pipeline.process(*works[before : before + 4], processor=pipeline.new_processor(spied)) == []
    assert spied.calls.count("query") == 2
    assert_counted_once(pipeline, works)


def test_an_announcement_says_what_the_table_says(pipeline: Pipeline) -> None:
    """Through a rule to a queue, as a consumer gets it."""
    queue = {"QueueUrl": pipeline.names.work_queue_url, "AttributeNames": ["QueueArn"]}
    arn = pipeline.aws.sqs.get_queue_attributes(**queue)["Attributes"]["QueueArn"]
    assert arn.endswith(WORK_QUEUE)
    if not hasattr(pipeline.aws.events, "put_rule"):
        announced = pipeline.aws.events.published
    else:
        bus = pipeline.names.event_bus
        pattern = json.dumps({"source": ["pipeline-investigation-kit"]})
        pipeline.aws.events.put_rule(Name="all", EventBusName=bus, EventPattern=pattern)
        pipeline.aws.events.put_targets(Rule="all", EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
        announced = []
    works = pipeline.orders(3)
    assert pipeline.process(*works) == []
    assert pipeline.process(*works, receive_count=2) == []
    if hasattr(pipeline.aws.events, "put_rule"):
        received = pipeline.aws.sqs.receive_message(QueueUrl=pipeline.names.work_queue_url, MaxNumberOfMessages=10)
        bodies = [json.loads(it["Body"]) for it in received["Messages"]]
        announced = [{"DetailType": it["detail-type"], "Detail": json.dumps(it["detail"])} for it in bodies]
    (version,) = pipeline.versions()
    assert [it["DetailType"] for it in announced] == ["events.processed"] * 2
    assert [json.loads(it["Detail"]) for it in announced] == [json.loads(announce(version).detail)] * 2


def test_failures_are_in_the_ledger_and_can_be_found_by_their_cause(aws: Any, pipeline: Pipeline) -> None:
    works = pipeline.orders(4)
    for work in works[1:3]:
        aws.s3.put_object(Bucket=RAW_BUCKET, Key=work.ref.key, Body=b'{"payload":{"amount":-1}}' + b" " * 99)
    gone = replace(works[3], ref=replace(works[3].ref, key="raw/gone.json"), event_id="f" * 64)
    event = {"Records": [sqs_record(it.message().body, n, 5) for n, it in enumerate([*works, gone])]}
    assert pipeline.failed(event) == []
    assert_counted_once(pipeline, [works[0], works[3]])
    letters = pipeline.dead_letters()
    assert [it.body for it in letters] == [
        it.message().body for it in sorted((works[1], works[2], gone), key=lambda it: it.event_id)
    ]
    rows = pipeline.failures()
    assert {row["PK"] for row in rows} == {f"EVENT#{it}" for it in (works[1].event_id, works[2].event_id, "f" * 64)}
    assert {row["disposition"] for row in rows} == {"DEAD_LETTER"}
    (cause,) = {row["fingerprint"] for row in rows if row["error_type"] == "HashMismatch"}
    found = aws.dynamodb.query(
        TableName=pipeline.names.failures_table,
        IndexName="ByFingerprint",
        KeyConditionExpression="fingerprint = :it",
        ExpressionAttributeValues={":it": {"S": cause}},
    )["Items"]
    assert len(found) == 2
    assert {row["fingerprint"] for row in rows} == {it.reason.fingerprint for it in letters if it.reason}


def test_a_redriven_message_that_fails_again_is_found_by_its_run(aws: Any, pipeline: Pipeline) -> None:
    works = pipeline.orders(3)
    for work in works:
        aws.s3.put_object(Bucket=RAW_BUCKET, Key=work.ref.key, Body=b'{"payload":{"amount":-1}}' + b" " * 99)
    redriven = [replace(it, origin="redrive", redrives=1, redrive_run="rdr-1", attempts_before=5) for it in works[:2]]
    assert pipeline.process(*redriven, works[2]) == []
    found = aws.dynamodb.query(
        TableName=pipeline.names.failures_table,
        IndexName="ByRedriveRun",
        KeyConditionExpression="redrive_run = :it",
        ExpressionAttributeValues={":it": {"S": "rdr-1"}},
    )["Items"]
    assert {row["event_id"]["S"]: row["attempt"]["N"] for row in found} == {it.event_id: "6" for it in redriven}


def test_what_may_pass_is_put_off_and_what_cannot_is_sent_on_with_its_reason(aws: Any, pipeline: Pipeline) -> None:
    (bad,) = pipeline.orders(1)
    aws.s3.put_object(Bucket=RAW_BUCKET, Key=bad.ref.key, Body=b'{"payload":{"amount":-1}}' + b" " * 99)
    gone = replace(bad, ref=replace(bad.ref, key="raw/gone.json"), event_id="f" * 64)
    url = pipeline.names.work_queue_url
    for work in (bad, gone):
        aws.sqs.send_message(QueueUrl=url, MessageBody=work.message().body, MessageGroupId=work.message().group)
    received = aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"])
    records = [sqs_record(it["Body"], n) for n, it in enumerate(received["Messages"])]
    for record, message in zip(records, received["Messages"], strict=True):
        record["receiptHandle"] = message["ReceiptHandle"]
        record["attributes"]["MessageGroupId"] = "shop"
    (stays,) = pipeline.failed({"Records": records})
    assert json.loads(records[stays]["body"])["event_id"] == "f" * 64
    (letter,) = pipeline.dead_letters()
    assert (letter.work, letter.group) == (bad, "shop")
    assert letter.reason is not None
    assert (letter.reason.category, letter.reason.attempts) == ("VALIDATION", 1)
    assert "Messages" not in aws.sqs.receive_message(QueueUrl=url)


def test_a_missing_table_fails_everything_and_loses_nothing(pipeline: Pipeline) -> None:
    works = pipeline.orders(2)
    blind = pipeline.new_processor(aggregates_table="no-such-table")
    assert pipeline.process(*works, processor=blind) == [0, 1]
    assert {(row["category"], row["error_type"]) for row in pipeline.failures()} == {
        ("PERMANENT", "ResourceNotFoundException")
    }
    assert pipeline.process(*works, receive_count=2) == []
    assert_counted_once(pipeline, works)


def test_a_dry_run_leaves_everything_as_it_was(aws: Any, pipeline: Pipeline) -> None:
    works = pipeline.orders(3)
    pipeline.process(works[0])
    before = pipeline.rows()
    spied = Spied(aws)
    assert pipeline.process(*works, receive_count=2, processor=pipeline.new_processor(spied, dry_run=True)) == [0, 1, 2]
    assert spied.calls == ["query"]
    assert pipeline.rows() == before
    assert pipeline.failures() == []
    assert pipeline.versions()[0].key == KEY
