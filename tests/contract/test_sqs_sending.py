"""SQS: what a queue takes, one message at a time and in batches, and what it says of itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.contract.queues import MEBIBYTE, PREFIX, VISIBILITY, ContractQueue, entry
from tests.contract.refusals import code, refusal


@pytest.fixture
def queue(aws: Any) -> ContractQueue:
    return ContractQueue(aws)


def test_a_message_comes_back_as_it_was_sent(queue: ContractQueue) -> None:
    sent = queue.send("金額 🎉 <&>", MessageAttributes={"kind": {"DataType": "String", "StringValue": "x"}})
    (got,) = queue.receive(MessageAttributeNames=["All"])
    assert got["Body"] == "金額 🎉 <&>"
    assert got["MessageId"] == sent["MessageId"]
    assert got["MD5OfBody"] == sent["MD5OfMessageBody"] == "93c42d1655487abd45507f5f7f5abd2a"
    assert got["MessageAttributes"] == {"kind": {"DataType": "String", "StringValue": "x"}}
    assert got["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]


def test_the_digest_of_attributes_is_the_manuals(queue: ContractQueue) -> None:
    attributes = {
        "General": {"DataType": "String", "StringValue": "Kenobi"},
        "Hello": {"DataType": "String", "StringValue": "There"},
        "Help.Me": {"DataType": "String", "StringValue": "Me"},
    }
    sent = queue.send("msg", MessageAttributes=attributes)
    assert sent["MD5OfMessageAttributes"] == "4c360f3fdafd970e05fae2f149d997f5", "as recorded from AWS"


def test_bytes_can_be_an_attribute(queue: ContractQueue) -> None:
    attributes = {
        "data": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
        "n": {"DataType": "Number", "StringValue": "1"},
    }
    queue.send(MessageAttributes=attributes)
    (got,) = queue.receive(MessageAttributeNames=["data"])
    assert got["MessageAttributes"] == {"data": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}}


def test_attributes_come_only_when_asked_for(queue: ContractQueue) -> None:
    queue.send(MessageAttributes={"kind": {"DataType": "String", "StringValue": "x"}})
    (got,) = queue.sqs.receive_message(QueueUrl=queue.url)["Messages"]
    assert {"MessageAttributes", "Attributes"}.isdisjoint(got)


def test_a_group_may_be_named_on_a_standard_queue(queue: ContractQueue) -> None:
    queue.send(MessageGroupId="shop")
    queue.sqs.send_message_batch(QueueUrl=queue.url, Entries=[entry(1, MessageGroupId="shop")])
    got = queue.receive()
    assert [one["Attributes"]["MessageGroupId"] for one in got] == ["shop", "shop"], "a group in flight holds nobody up"


@pytest.mark.moto_differs("moto takes any group on a standard queue")
@pytest.mark.parametrize("group", ["two words", "x" * 129, "金額"])
def test_a_group_is_of_visible_ascii(queue: ContractQueue, group: str) -> None:
    assert (
        code(queue.sqs.send_message, QueueUrl=queue.url, MessageBody="x", MessageGroupId=group)
        == "InvalidParameterValue"
    )


def test_an_empty_queue_answers_no_messages(queue: ContractQueue) -> None:
    assert "Messages" not in queue.sqs.receive_message(QueueUrl=queue.url)


def test_a_delayed_message_waits(queue: ContractQueue) -> None:
    queue.send(DelaySeconds=30)
    assert queue.counts() == (0, 0, 1)
    assert queue.bodies() == []
    queue.wait(31)
    assert queue.counts() == (1, 0, 0)
    assert queue.bodies() == ["body"]


def test_a_message_has_a_mebibyte(queue: ContractQueue) -> None:
    queue.send("x" * MEBIBYTE)
    response = refusal(queue.sqs.send_message, QueueUrl=queue.url, MessageBody="x" * (MEBIBYTE + 1))
    assert response["Error"]["Code"] == "InvalidParameterValue"
    said = f"One or more parameters are invalid. Reason: Message must be shorter than {MEBIBYTE} bytes."
    assert response["Error"]["Message"] == said


@pytest.mark.moto_differs("moto counts characters")
def test_a_message_is_measured_in_bytes(queue: ContractQueue) -> None:
    assert (
        code(queue.sqs.send_message, QueueUrl=queue.url, MessageBody="é" * (MEBIBYTE // 2 + 1))
        == "InvalidParameterValue"
    )


@pytest.mark.moto_differs("moto does not count attributes")
def test_attributes_count_as_bytes_of_the_message(queue: ContractQueue) -> None:
    attributes = {"k": {"DataType": "String", "StringValue": "x"}}
    request = {"QueueUrl": queue.url, "MessageAttributes": attributes}
    queue.sqs.send_message(MessageBody="x" * (MEBIBYTE - 8), **request)
    assert code(queue.sqs.send_message, MessageBody="x" * (MEBIBYTE - 7), **request) == "InvalidParameterValue"


@pytest.mark.moto_differs("moto takes every character")
def test_a_character_that_xml_has_not_is_refused(queue: ContractQueue) -> None:
    assert code(queue.sqs.send_message, QueueUrl=queue.url, MessageBody="a\x00b") == "InvalidMessageContents"


def test_a_delay_has_15_minutes(queue: ContractQueue) -> None:
    queue.send(DelaySeconds=900)
    assert (
        code(queue.sqs.send_message, QueueUrl=queue.url, MessageBody="x", DelaySeconds=901) == "InvalidParameterValue"
    )


# --- Batches ----------------------------------------------------------------------------------------------------------


def test_a_batch_sends_ten(queue: ContractQueue) -> None:
    entries = [entry(n, f"body {n}") for n in range(10)]
    answer = queue.sqs.send_message_batch(QueueUrl=queue.url, Entries=entries)
    assert [one["Id"] for one in answer["Successful"]] == [one["Id"] for one in entries]
    assert not answer.get("Failed")
    assert queue.bodies() == [f"body {n}" for n in range(10)]


def test_a_batch_of_a_mebibyte_is_sent_and_one_more_byte_is_not(queue: ContractQueue) -> None:
    halves = [entry(1, "x" * (MEBIBYTE // 2)), entry(2, "x" * (MEBIBYTE // 2))]
    assert len(queue.sqs.send_message_batch(QueueUrl=queue.url, Entries=halves)["Successful"]) == 2
    response = refusal(queue.sqs.send_message_batch, QueueUrl=queue.url, Entries=[*halves, entry(3, "x")])
    assert response["Error"]["Code"] == PREFIX + "BatchRequestTooLong"
    said = f"Batch requests cannot be longer than {MEBIBYTE} bytes. You have sent {MEBIBYTE + 1} bytes."
    assert response["Error"]["Message"] == said
    assert queue.counts() == (2, 0, 0)


@pytest.mark.parametrize(
    ("entries", "error"),
    [
        pytest.param([], "EmptyBatchRequest", id="none"),
        pytest.param([entry(n) for n in range(11)], "TooManyEntriesInBatchRequest", id="eleven"),
        pytest.param([entry(1), entry(1)], "BatchEntryIdsNotDistinct", id="twice"),
        pytest.param([{"Id": "a:b", "MessageBody": "x"}], "InvalidBatchEntryId", id="colon"),
        pytest.param([{"Id": "x" * 81, "MessageBody": "x"}], "InvalidBatchEntryId", id="long"),
    ],
)
def test_a_batch_that_is_wrong_is_refused_whole(
    queue: ContractQueue, entries: list[dict[str, Any]], error: str
) -> None:
    assert code(queue.sqs.send_message_batch, QueueUrl=queue.url, Entries=entries) == PREFIX + error
    assert queue.counts() == (0, 0, 0)


def test_an_entry_that_is_wrong_fails_alone(queue: ContractQueue) -> None:
    entries = [entry(1), entry(2, DelaySeconds=901), entry(3)]
    answer = queue.sqs.send_message_batch(QueueUrl=queue.url, Entries=entries)
    assert [one["Id"] for one in answer["Successful"]] == ["1", "3"]
    (failed,) = answer["Failed"]
    assert (failed["Id"], failed["Code"], failed["SenderFault"]) == ("2", "InvalidParameterValue", True)
    assert queue.counts() == (2, 0, 0)


def test_a_missing_queue_is_refused(queue: ContractQueue) -> None:
    url = queue.url.replace("work", "nowhere")
    response = refusal(queue.sqs.send_message, QueueUrl=url, MessageBody="x")
    assert response["Error"]["Code"] == PREFIX + "NonExistentQueue"
    with pytest.raises(queue.sqs.exceptions.QueueDoesNotExist):
        queue.sqs.receive_message(QueueUrl=url)


# --- Queues -----------------------------------------------------------------------------------------------------------


def test_a_queue_says_what_it_is(queue: ContractQueue) -> None:
    found = queue.attributes()
    assert found["QueueArn"] == "arn:aws:sqs:us-east-1:123456789012:work"
    assert found["VisibilityTimeout"] == str(VISIBILITY)
    assert found["MaximumMessageSize"] == str(MEBIBYTE)
    assert found["MessageRetentionPeriod"] == "345600"
    assert json.loads(found["RedrivePolicy"])["maxReceiveCount"] == 2


def test_attributes_of_a_queue_are_those_asked_for(queue: ContractQueue) -> None:
    request = {"QueueUrl": queue.url, "AttributeNames": ["ApproximateNumberOfMessages"]}
    assert queue.sqs.get_queue_attributes(**request)["Attributes"] == {"ApproximateNumberOfMessages": "0"}
    assert code(queue.sqs.get_queue_attributes, QueueUrl=queue.url, AttributeNames=["None"]) == "InvalidAttributeName"


def test_a_queue_may_be_made_again_as_it_is(queue: ContractQueue) -> None:
    assert queue.sqs.create_queue(QueueName="dead")["QueueUrl"] == queue.dead_url
    request = {"QueueName": "work", "Attributes": {"VisibilityTimeout": "1"}}
    assert code(queue.sqs.create_queue, **request) == "QueueAlreadyExists"
