"""An event that the processor refuses ends in the dead-letter queue, with its reason on record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.pipeline import Pipeline, eventually, order, plain


@pytest.fixture
def impatient(pipeline: Pipeline) -> Iterator[Pipeline]:
    """A failed message comes back after a second and not after minutes."""
    url = pipeline.output("WorkQueueUrl")
    before = pipeline.aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]
    pipeline.aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "1"})
    yield pipeline
    pipeline.aws.sqs.set_queue_attributes(QueueUrl=url, Attributes=before)


def test_an_order_over_the_limit_is_dead_with_a_reason_and_others_pass(impatient: Pipeline) -> None:
    pipeline = impatient
    refused = pipeline.post(order("limits", 1, amount=2_500_000)).json()
    pipeline.post(order("limits", 2, amount=7))

    def dead() -> dict[str, Any] | None:
        url = pipeline.output("WorkDeadLetterQueueUrl")
        answer = pipeline.aws.sqs.receive_message(QueueUrl=url, VisibilityTimeout=0, MaxNumberOfMessages=10)
        bodies = [json.loads(message["Body"]) for message in answer.get("Messages", [])]
        return next((body for body in bodies if body["event_id"] == refused["event_id"]), None)

    message = eventually(dead, "the order is in WorkDeadLetterQueue")

    assert message["entity_id"] == "limits"
    ledger = pipeline.aws.dynamodb.query(
        TableName=pipeline.output("FailuresTableName"),
        KeyConditionExpression="PK = :pk",
        ExpressionAttributeValues={":pk": {"S": f"EVENT#{refused['event_id']}"}},
    )["Items"]
    assert [plain(row)["category"] for row in ledger] == ["PROCESSING", "PROCESSING"]
    assert [plain(row)["disposition"] for row in ledger] == ["RETRY", "DEAD_LETTER"]
    assert pipeline.version("limits", "2026-11-20", 1)["metrics"]["daily_amount_sum"] == "7"
    counts = pipeline.drained()
    assert counts.dead == 1
    assert counts.accepted == counts.applied + counts.dead
