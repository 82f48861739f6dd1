"""The stack of the tests: the same on both backends, and what the functions read about it from their environment."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pik.settings import IngestSettings
from tests.support.aws.stack import Names, deployed


@pytest.fixture
def names(aws: Any) -> Names:
    return deployed(aws, max_receive_count=3, visibility_seconds=90)


def row(pk: str, sk: str, **more: str) -> dict[str, Any]:
    return {name: {"S": value} for name, value in {"PK": pk, "SK": sk, **more}.items()}


def test_every_store_takes_what_belongs_there(aws: Any, names: Names) -> None:
    aws.s3.put_object(Bucket=names.raw_bucket, Key="raw/a", Body=b"x", IfNoneMatch="*")
    aws.dynamodb.put_item(TableName=names.events_table, Item=row("ENTITY#e", "TS#1", source_day="SRC#s"))
    aws.dynamodb.put_item(TableName=names.dedupe_table, Item={"event_id": {"S": "e"}})
    aws.dynamodb.put_item(TableName=names.aggregates_table, Item=row("ENTITY#e", "DAY#1"))
    aws.dynamodb.put_item(TableName=names.applied_table, Item={"PK": {"S": "RUN#LIVE#DAY#1#EID#e"}})
    aws.dynamodb.put_item(TableName=names.failures_table, Item=row("EVENT#e", "AT#1", fingerprint="f"))
    aws.dynamodb.put_item(TableName=names.runs_table, Item={"PK": {"S": "RUN#1"}})
    entry = {"Source": "kit", "DetailType": "t", "Detail": "{}", "EventBusName": names.event_bus}
    assert aws.events.put_events(Entries=[entry])["FailedEntryCount"] == 0
    for url in (names.work_queue_url, names.work_dead_letter_queue_url, names.bus_dead_letter_queue_url):
        aws.sqs.send_message(QueueUrl=url, MessageBody="x", MessageGroupId="s")


@pytest.mark.parametrize(
    ("table", "index", "attribute"),
    [
        ("events_table", "BySourceDay", "source_day"),
        ("failures_table", "ByFingerprint", "fingerprint"),
        ("failures_table", "ByRedriveRun", "redrive_run"),
    ],
)
def test_the_indexes_find_whole_rows_in_the_order_of_sk(
    aws: Any, names: Names, table: str, index: str, attribute: str
) -> None:
    for n in (2, 1):
        aws.dynamodb.put_item(
            TableName=getattr(names, table), Item=row(f"p{9 - n}", f"TS#{n}", more="x", **{attribute: "k"})
        )
    found = aws.dynamodb.query(
        TableName=getattr(names, table),
        IndexName=index,
        KeyConditionExpression=f"{attribute} = :k",
        ExpressionAttributeValues={":k": {"S": "k"}},
    )["Items"]
    assert found == [row(f"p{9 - n}", f"TS#{n}", more="x", **{attribute: "k"}) for n in (1, 2)]


def test_only_events_have_a_stream_of_new_images(aws: Any, names: Names) -> None:
    aws.dynamodb.put_item(TableName=names.events_table, Item=row("p", "s", status="ACCEPTED"))
    (record,) = aws.stream_records(names.events_table)
    assert record["dynamodb"]["NewImage"]["status"] == {"S": "ACCEPTED"}
    assert "OldImage" not in record["dynamodb"]


def test_work_that_fails_is_set_aside_as_configured(aws: Any, names: Names) -> None:
    request = {"QueueUrl": names.work_queue_url, "AttributeNames": ["All"]}
    attributes = aws.sqs.get_queue_attributes(**request)["Attributes"]
    policy = json.loads(attributes["RedrivePolicy"])
    assert (policy["maxReceiveCount"], attributes["VisibilityTimeout"]) == (3, "90")
    aws.sqs.send_message(QueueUrl=names.work_queue_url, MessageBody="x")
    for _ in range(3):
        assert len(aws.sqs.receive_message(QueueUrl=names.work_queue_url)["Messages"]) == 1
        aws.wait(91)
    assert "Messages" not in aws.sqs.receive_message(QueueUrl=names.work_queue_url)
    (dead,) = aws.sqs.receive_message(QueueUrl=names.work_dead_letter_queue_url)["Messages"]
    assert dead["Body"] == "x"


def test_a_function_is_told_its_names(aws: Any, names: Names) -> None:
    settings = IngestSettings.from_env(names.environment("ingest", DRY_RUN="true"))
    assert (settings.raw_bucket, settings.events_table) == (names.raw_bucket, names.events_table)
    assert settings.dry_run is True
    assert names.environment("publisher")["WORK_QUEUE_URL"] == names.work_queue_url
    assert names.environment("processor")["MAX_RECEIVE_COUNT"] == "3"
    assert names.environment("processor")["POWERTOOLS_SERVICE_NAME"] == "processor"
