"""From a table's stream to the queue, against moto and the in-memory AWS alike."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pik.adapters.dynamodb.items import to_item
from pik.domain.event.outbox import discarded_records
from pik.domain.event.work import Work, parse_work
from pik.flows.publish import PublishFlow
from pik.settings import PublisherSettings
from tests.support.aws.stack import EVENTS_TABLE, Names, deployed
from tests.support.makers import index_row, make_work, stream_record

TEXT = "絵文字👩‍👩‍👧"
SOURCES = ("shop", "お店")
WORKS = [make_work({"n": n, "text": TEXT}, entity_id=f"顧客-{n}", source=SOURCES[n % 2]) for n in range(23)]


@pytest.fixture
def names(aws: Any) -> Names:
    return deployed(aws)


@pytest.fixture
def publisher(aws: Any, names: Names) -> PublishFlow:
    return PublishFlow(PublisherSettings.from_env(names.environment("publisher")), aws)


def records(aws: Any, works: list[Work], status: str = "ACCEPTED") -> list[dict[str, Any]]:
    """The stream's own records of rows that are written to EventsTable now."""
    for work in works:
        aws.dynamodb.put_item(TableName=EVENTS_TABLE, Item=to_item(index_row(work, status)))
    found: list[dict[str, Any]] = aws.stream_records(EVENTS_TABLE)
    return found[-len(works) :]


def received(aws: Any, url: str) -> list[dict[str, Any]]:
    """Everything in a queue."""
    messages: list[dict[str, Any]] = []
    while batch := aws.sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
    ).get("Messages"):
        messages += batch
    return messages


def test_new_rows_become_messages(aws: Any, names: Names, publisher: PublishFlow) -> None:
    assert publisher({"Records": records(aws, WORKS)}, None) == {"batchItemFailures": []}
    found = {parse_work(it["Body"]).event_id: it for it in received(aws, names.work_queue_url)}
    assert {event_id: parse_work(it["Body"]) for event_id, it in found.items()} == {it.event_id: it for it in WORKS}
    groups = {json.loads(it["Body"])["source"]: it["Attributes"]["MessageGroupId"] for it in found.values()}
    assert groups["shop"] == "shop"
    assert len(groups["お店"]) == 64


def test_duplicates_and_conflicts_are_not_sent(aws: Any, names: Names, publisher: PublishFlow) -> None:
    batch = records(aws, WORKS[:2], "DUPLICATE") + records(aws, WORKS[2:4], "CONFLICT")
    assert publisher({"Records": batch}, None) == {"batchItemFailures": []}
    assert received(aws, names.work_queue_url) == []


def test_a_poison_record_is_set_aside_once_and_the_lane_goes_on(aws: Any, names: Names, publisher: PublishFlow) -> None:
    row = index_row(WORKS[5])
    del row["s3_key"]
    batch = [*records(aws, WORKS[:3]), stream_record(row, 7), *records(aws, WORKS[3:5])]
    for _ in range(2):
        assert publisher({"Records": batch}, None) == {"batchItemFailures": []}
    (kept,) = aws.s3.list_objects_v2(Bucket=names.raw_bucket, Prefix="aws/lambda/")["Contents"]
    text = aws.s3.get_object(Bucket=names.raw_bucket, Key=kept["Key"])["Body"].read()
    assert discarded_records(text) == [batch[3]]
    assert len({parse_work(it["Body"]).event_id for it in received(aws, names.work_queue_url)}) == 5


def test_a_queue_that_is_not_there_holds_the_stream_where_it_is(aws: Any, names: Names) -> None:
    settings = PublisherSettings(f"{names.work_queue_url}-gone", dry_run=False, raw_bucket=names.raw_bucket)
    lost = PublishFlow(settings, aws)
    batch = records(aws, WORKS[:3])
    assert lost({"Records": batch}, None) == {
        "batchItemFailures": [{"itemIdentifier": batch[0]["dynamodb"]["SequenceNumber"]}]
    }
