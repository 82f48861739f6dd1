"""SQS in memory: standard queues, with visibility, dead letters and fair-queue groups."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from tests.support.aws.client import Answer, Request, ServiceClient, operation
from tests.support.aws.errors import CallRefused
from tests.support.aws.queues import (
    DEFAULTS,
    FakeQueue,
    StoredMessage,
    attributes_md5,
    bad_parameter,
    check_visibility,
    entry_size,
    md5,
    parse_handle,
)

if TYPE_CHECKING:
    from tests.support.aws.account import FakeAws

_MAX_ENTRIES: Final = 10
_MAX_BATCH_BYTES: Final = 1024 * 1024
_ENTRY_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,80}")
_SENDER: Final = "AIDAFAKESENDER"
_SETTABLE: Final = frozenset({*DEFAULTS, "RedrivePolicy", "Policy", "RedriveAllowPolicy"})
_COUNTS: Final = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)
_READABLE: Final = frozenset({*_SETTABLE, *_COUNTS, "QueueArn", "CreatedTimestamp", "LastModifiedTimestamp"})
_MESSAGE: Final = ("MessageBody", "MessageAttributes", "DelaySeconds", "MessageGroupId")
_RECEIVE: Final = (
    *("QueueUrl", "MaxNumberOfMessages", "VisibilityTimeout", "WaitTimeSeconds"),
    *("AttributeNames", "MessageSystemAttributeNames", "MessageAttributeNames"),
)


class FakeSqs(ServiceClient):
    """Queues. A call never waits, whatever its WaitTimeSeconds. Messages are received in the order of their arrival,
    which AWS does not promise."""

    service = "sqs"

    def __init__(self, aws: FakeAws) -> None:
        super().__init__(aws)
        self._queues: dict[str, FakeQueue] = {}

    def messages(self, queue_url: str) -> list[StoredMessage]:
        """The messages that a queue holds, seen or not, oldest first (not a call)."""
        queue = self._queues[queue_url.rpartition("/")[2]]
        queue.expire(self._aws.clock())
        return list(queue.messages.values())

    def lambda_event(self, messages: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        """The event with which Lambda would hand these messages, as receive_message gave them with all attributes,
        to a function."""
        return {"Records": [self._lambda_record(message) for message in messages]}

    @operation("QueueName", "Attributes", "tags")
    def create_queue(self, request: Request) -> Answer:
        name, given = request["QueueName"], dict(request.get("Attributes", {}))
        for attribute in sorted(given.keys() - _SETTABLE):
            raise CallRefused("InvalidAttributeName", f"Unknown Attribute {attribute}.")
        known = self._queues.get(name)
        if known is None:
            url = f"https://sqs.{self._aws.region}.amazonaws.com/{self._aws.account_id}/{name}"
            arn = self._aws.arn("sqs", name)
            self._queues[name] = FakeQueue(name, url, arn, self._aws.clock(), {**DEFAULTS, **given})
        elif differing := [one for one, value in given.items() if known.attributes.get(one) != value]:
            message = "A queue already exists with the same name and a different value for attribute"
            raise CallRefused("QueueAlreadyExists", f"{message} {differing[0]}")
        return {"QueueUrl": self._queues[name].url}

    @operation("QueueUrl", "AttributeNames")
    def get_queue_attributes(self, request: Request) -> Answer:
        queue = self._queue(request)
        names = request.get("AttributeNames", [])
        for name in names:
            if name not in _READABLE | {"All"}:
                raise CallRefused("InvalidAttributeName", f"Unknown Attribute {name}.")
        held = {**queue.attributes, **self._counts(queue), "QueueArn": queue.arn}
        held |= dict.fromkeys(("CreatedTimestamp", "LastModifiedTimestamp"), str(int(queue.created)))
        shown = {name: value for name, value in held.items() if "All" in names or name in names}
        return {"Attributes": shown} if shown else {}

    @operation("QueueUrl", *_MESSAGE)
    def send_message(self, request: Request) -> Answer:
        return self._send(self._queue(request), request)

    @operation("QueueUrl", "Entries")
    def send_message_batch(self, request: Request) -> Answer:
        queue = self._queue(request)
        _check_entries(request["Entries"], "SendMessageBatchRequestEntry")
        for entry in request["Entries"]:
            if unknown := sorted(entry.keys() - {"Id", *_MESSAGE}):
                raise NotImplementedError(f"the fake sqs.send_message_batch does not know {', '.join(unknown)}")
        size = sum(entry_size(entry) for entry in request["Entries"])
        if size > _MAX_BATCH_BYTES:
            message = f"Batch requests cannot be longer than {_MAX_BATCH_BYTES} bytes. You have sent {size} bytes."
            raise CallRefused("AWS.SimpleQueueService.BatchRequestTooLong", message)
        return self._batch("send_message_batch", request, lambda entry: self._send(queue, entry))

    @operation(*_RECEIVE)
    def receive_message(self, request: Request) -> Answer:
        queue, now = self._queue(request), self._aws.clock()
        most = request.get("MaxNumberOfMessages", 1)
        if not 1 <= most <= _MAX_ENTRIES:
            reason = "Must be between 1 and 10, if provided."
            raise bad_parameter(f"Value {most} for parameter MaxNumberOfMessages is invalid. Reason: {reason}")
        hidden = request.get("VisibilityTimeout", queue.number("VisibilityTimeout"))
        check_visibility(hidden)
        taken, dead = queue.due(most, now, self._most_receives(queue))
        for message in dead:
            self._bury(queue, message)
        for message in taken:
            queue.take(message, hidden, now)
        return {"Messages": [_shown(message, request) for message in taken]} if taken else {}

    @operation("QueueUrl", "ReceiptHandle")
    def delete_message(self, request: Request) -> Answer:
        self._queue(request).delete(request["ReceiptHandle"])
        return {}

    @operation("QueueUrl", "Entries")
    def delete_message_batch(self, request: Request) -> Answer:
        queue = self._queue(request)
        _check_entries(request["Entries"], "DeleteMessageBatchRequestEntry")

        def delete(entry: Request) -> Answer:
            queue.delete(entry["ReceiptHandle"])
            return {}

        return self._batch("delete_message_batch", request, delete)

    @operation("QueueUrl", "ReceiptHandle", "VisibilityTimeout")
    def change_message_visibility(self, request: Request) -> Answer:
        self._queue(request).hide(request["ReceiptHandle"], request["VisibilityTimeout"], self._aws.clock())
        return {}

    @operation("QueueUrl", "Entries")
    def change_message_visibility_batch(self, request: Request) -> Answer:
        queue = self._queue(request)
        _check_entries(request["Entries"], "ChangeMessageVisibilityBatchRequestEntry")

        def hide(entry: Request) -> Answer:
            queue.hide(entry["ReceiptHandle"], entry.get("VisibilityTimeout", 0), self._aws.clock())
            return {}

        return self._batch("change_message_visibility_batch", request, hide)

    def _queue(self, request: Request) -> FakeQueue:
        queue = self._queues.get(request["QueueUrl"].rpartition("/")[2])
        if queue is None:
            raise CallRefused("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")
        queue.expire(self._aws.clock())
        return queue

    def _counts(self, queue: FakeQueue) -> dict[str, str]:
        now = self._aws.clock()
        hidden = sum(message.in_flight(now) for message in queue.messages.values())
        delayed = sum(message.delayed(now) for message in queue.messages.values())
        numbers = (len(queue.messages) - hidden - delayed, hidden, delayed)
        return {name: str(number) for name, number in zip(_COUNTS, numbers, strict=True)}

    def _send(self, queue: FakeQueue, entry: Request) -> Answer:
        message = queue.new_message(self._aws.next_id(), entry, self._aws.clock())
        queue.add(message)
        answer = {"MessageId": message.message_id, "MD5OfMessageBody": md5(message.body.encode())}
        if message.attributes:
            answer["MD5OfMessageAttributes"] = attributes_md5(message.attributes)
        return answer

    def _most_receives(self, queue: FakeQueue) -> float:
        redrive = queue.redrive()
        return redrive[1] if redrive and redrive[0] in self._queues else math.inf

    def _bury(self, queue: FakeQueue, message: StoredMessage) -> None:
        """Move a message to the dead-letter queue, with its id, its age and its count of receives."""
        redrive = queue.redrive()
        assert redrive is not None, "only a queue with a redrive policy has dead letters"
        del queue.messages[message.message_id]
        message.receipt, message.source_arn = None, queue.arn
        message.visible_at = self._aws.clock()
        self._queues[redrive[0]].add(message)

    def _batch(self, name: str, request: Request, act: Callable[[Request], Answer]) -> Answer:
        """Act on each entry separately. Successful and Failed are only there when something is in them."""
        failing = self._aws.planned_failures(self.service, name, request)
        outcome: dict[str, list[Any]] = {}
        for index, entry in enumerate(request["Entries"]):
            try:
                if index in failing:
                    raise CallRefused(
                        "InternalError", "We encountered an internal error. Please try again.", status=500
                    )
                outcome.setdefault("Successful", []).append({"Id": entry["Id"], **act(entry)})
            except CallRefused as refusal:
                failed = {"Id": entry["Id"], "SenderFault": refusal.status < 500, "Code": refusal.code}
                outcome.setdefault("Failed", []).append({**failed, "Message": refusal.message})
        return dict(outcome)

    def _lambda_record(self, message: Mapping[str, Any]) -> dict[str, Any]:
        queue = self._queues[parse_handle(message["ReceiptHandle"])[0]]
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": dict(message.get("Attributes", {})),
            "messageAttributes": {
                name: _for_lambda(value) for name, value in message.get("MessageAttributes", {}).items()
            },
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": queue.arn,
            "awsRegion": self._aws.region,
        }


def _check_entries(entries: Sequence[Request], kind: str) -> None:
    if not entries:
        message = f"There should be at least one {kind} in the request."
        raise CallRefused("AWS.SimpleQueueService.EmptyBatchRequest", message)
    if len(entries) > _MAX_ENTRIES:
        message = f"Maximum number of entries per request are {_MAX_ENTRIES}. You have sent {len(entries)}."
        raise CallRefused("AWS.SimpleQueueService.TooManyEntriesInBatchRequest", message)
    seen: set[str] = set()
    for entry in entries:
        if not _ENTRY_ID.fullmatch(entry["Id"]):
            message = "A batch entry id can only contain alphanumeric characters, hyphens and underscores."
            message += " It can be at most 80 letters long."
            raise CallRefused("AWS.SimpleQueueService.InvalidBatchEntryId", message)
        if entry["Id"] in seen:
            raise CallRefused("AWS.SimpleQueueService.BatchEntryIdsNotDistinct", f"Id {entry['Id']} repeated.")
        seen.add(entry["Id"])


def _shown(message: StoredMessage, request: Request) -> Answer:
    answer: Answer = {
        "MessageId": message.message_id,
        "ReceiptHandle": message.receipt,
        "MD5OfBody": md5(message.body.encode()),
        "Body": message.body,
    }
    wanted = {*request.get("AttributeNames", []), *request.get("MessageSystemAttributeNames", [])}
    held = {
        "SenderId": _SENDER,
        "SentTimestamp": _milliseconds(message.sent),
        "ApproximateReceiveCount": str(message.received),
        "ApproximateFirstReceiveTimestamp": _milliseconds(message.first_received or 0),
        "MessageGroupId": message.group_id,
        "DeadLetterQueueSourceArn": message.source_arn,
    }
    shown = {name: value for name, value in held.items() if value is not None and ("All" in wanted or name in wanted)}
    if shown:
        answer["Attributes"] = shown
    names = request.get("MessageAttributeNames", [])
    attributes = {name: dict(value) for name, value in message.attributes.items() if _named(name, names)}
    if attributes:
        answer |= {"MessageAttributes": attributes, "MD5OfMessageAttributes": attributes_md5(attributes)}
    return answer


def _named(name: str, wanted: Sequence[str]) -> bool:
    return any(one in {"All", ".*", name} or (one.endswith(".*") and name.startswith(one[:-1])) for one in wanted)


def _milliseconds(seconds: float) -> str:
    """The whole milliseconds. By way of microseconds, as a time is rounded: the product of a float falls below them."""
    return str(round(seconds * 1_000_000) // 1000)


def _for_lambda(value: Mapping[str, Any]) -> dict[str, Any]:
    record: dict[str, Any] = {"stringListValues": [], "binaryListValues": [], "dataType": value["DataType"]}
    if "BinaryValue" in value:
        record["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode()
    else:
        record["stringValue"] = value["StringValue"]
    return record
