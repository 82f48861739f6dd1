"""WorkQueue, or its dead-letter queue: sends messages in batches and reports which of them are not known to be
there."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from pik.adapters.client.failures import AWS_FAILURES
from pik.adapters.client.isolation import isolated, worth_repeating
from pik.adapters.sqs.entries import refused
from pik.domain.event.work import Message
from pik.domain.shared.failures import http_status
from pik.domain.shared.limits import MAX_SEND_BYTES, MAX_SEND_ENTRIES, SEND_ROUNDS
from pik.domain.shared.packing import packs

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

    from pik.workers import Workers


_SERVER_ERROR: Final = 500
"""From this status on nobody knows whether a call took effect; below it, SQS has refused it."""


@dataclass(slots=True)
class SendReport:
    """What is known of messages that were sent once; those in neither are in the queue. `refused` are certainly not
    there. Of `unknown` there was no answer. `repeated`: how many the SDK may have sent twice, as it repeated a call."""

    refused: dict[int, Exception] = field(default_factory=dict)
    unknown: dict[int, Exception] = field(default_factory=dict)
    repeated: int = 0

    def add(self, other: SendReport) -> None:
        self.refused |= other.refused
        self.unknown |= other.unknown
        self.repeated += other.repeated


class WorkQueue:
    """One standard queue. SQS refuses some batches because of one message; then that one alone is not sent."""

    def __init__(self, sqs: SQSClient, url: str, workers: Workers) -> None:
        self._sqs = sqs
        self._url = url
        self._workers = workers

    def send(self, messages: Mapping[int, Message]) -> dict[int, Exception]:
        """Sends messages that the caller has numbered, batches in parallel, and sends failed ones once more at once.

        Returns the numbers of those that are not known to be in the queue, with the reason.
        """
        failed: dict[int, Exception] = {}
        pending = dict(messages)
        for _ in range(SEND_ROUNDS):
            failed = {number: error for number, error in failed.items() if number not in pending}
            failed |= self._send_once(pending)
            pending = {number: messages[number] for number, error in failed.items() if worth_repeating(error)}
            if not pending:
                break
        return failed

    def send_pack(self, messages: Mapping[int, Message]) -> dict[int, Exception]:
        """Like `send`, for what fits one call, in the caller's thread: for callers that have their own threads."""
        failed: dict[int, Exception] = {}
        pending = list(messages)
        for _ in range(SEND_ROUNDS):
            if not pending:
                break
            failed = {number: error for number, error in failed.items() if number not in pending}
            try:
                failed |= self._send_batch(pending, messages)
            except AWS_FAILURES as error:
                failed |= dict.fromkeys(pending, error)
            pending = [number for number, error in failed.items() if worth_repeating(error)]
        return failed

    def send_each(self, messages: Mapping[int, Message]) -> SendReport:
        """Sends messages once, for a caller that must not send any twice: it says of which nothing is known."""
        batches = list(packs(messages, lambda number: messages[number].size, MAX_SEND_ENTRIES, MAX_SEND_BYTES))
        report = SendReport()
        outcomes = self._workers.run(lambda batch: self._attempt_batch(batch, messages), batches)
        for batch, outcome in zip(batches, outcomes, strict=True):
            report.add(SendReport(unknown=dict.fromkeys(batch, outcome)) if isinstance(outcome, Exception) else outcome)
        return report

    def _attempt_batch(self, batch: Sequence[int], messages: Mapping[int, Message]) -> SendReport:
        try:
            answer = self._sqs.send_message_batch(
                QueueUrl=self._url, Entries=[_entry(number, messages[number]) for number in batch]
            )
        except ClientError as error:
            if http_status(error) >= _SERVER_ERROR:
                raise
            return SendReport(refused=dict.fromkeys(batch, error))
        metadata: Mapping[str, Any] = answer.get("ResponseMetadata", {})
        left = refused(answer, {str(number): number for number in batch})
        named = {int(entry["Id"]) for entry in answer.get("Failed", [])}
        return SendReport(
            refused={number: error for number, error in left.items() if number in named},
            unknown={number: error for number, error in left.items() if number not in named},
            repeated=(len(batch) - len(left)) * bool(metadata.get("RetryAttempts")),
        )

    def _send_once(self, messages: Mapping[int, Message]) -> dict[int, Exception]:
        batches = list(packs(messages, lambda number: messages[number].size, MAX_SEND_ENTRIES, MAX_SEND_BYTES))
        outcomes = self._workers.run(lambda batch: self._send_batch(batch, messages), batches)
        failed: dict[int, Exception] = {}
        for batch, outcome in zip(batches, outcomes, strict=True):
            failed |= dict.fromkeys(batch, outcome) if isinstance(outcome, Exception) else outcome
        return failed

    def _send_batch(self, batch: Sequence[int], messages: Mapping[int, Message]) -> dict[int, Exception]:
        def send(numbers: Sequence[int]) -> dict[int, Exception]:
            entries = [_entry(number, messages[number]) for number in numbers]
            answer = self._sqs.send_message_batch(QueueUrl=self._url, Entries=entries)
            return refused(answer, {str(number): number for number in numbers})

        return isolated(send, batch)


def _entry(number: int, message: Message) -> SendMessageBatchRequestEntryTypeDef:
    entry: SendMessageBatchRequestEntryTypeDef = {
        "Id": str(number),
        "MessageBody": message.body,
    }
    if message.group:
        entry["MessageGroupId"] = message.group
    if message.attributes or message.typed:
        attributes: Any = {
            name: {"DataType": "String", "StringValue": value} for name, value in message.attributes.items()
        }
        entry["MessageAttributes"] = attributes | {name: _attribute(value) for name, value in message.typed.items()}
    if message.delay:
        entry["DelaySeconds"] = message.delay
    return entry


def _attribute(value: Mapping[str, str]) -> dict[str, Any]:
    return {**value, "BinaryValue": b64decode(value["BinaryValue"])} if "BinaryValue" in value else dict(value)
