"""WorkQueue in front of a processor, and messages that fail there."""

from __future__ import annotations

from typing import Any

from pik.domain.event.fields import RawRef
from pik.domain.event.work import Work
from pik.domain.process.dead_letters import DeadLetter
from pik.flows.process import ProcessFlow
from tests.support.aws.clock import Clock
from tests.support.aws.context import FakeContext
from tests.support.aws.stack import RAW_BUCKET
from tests.support.faults import Killed, raises
from tests.support.makers import make_work
from tests.support.pipeline import Pipeline, ProcessorHarness

_LONGEST = 1_800  # seconds that any of the messages here stays hidden


class DeliveryHarness:
    """A processor whose messages come from WorkQueue and are deleted there as Lambda does it."""

    def __init__(self) -> None:
        held = ProcessorHarness(validate=False)
        self.aws, self.pipeline, self.faults, self.calls = held.aws, held.pipeline, held.faults, held.calls
        self.announced = held.announced
        self.answered: set[tuple[str, str]] = set()
        """Request id and message id of what was handed to an invocation that answered and could write its ledger."""
        self.ledger_fails = False
        self._requests = 0

    def put(self, *works: Work) -> None:
        for work in works:
            message = work.message()
            self.aws.sqs.send_message(
                QueueUrl=self.pipeline.names.work_queue_url, MessageBody=message.body, MessageGroupId=message.group
            )

    def wait(self, seconds: float = _LONGEST) -> None:
        assert isinstance(self.aws.clock, Clock)
        self.aws.clock.advance(seconds)

    def deliver(self, *, lose_deletes: bool = False, processor: ProcessFlow | None = None) -> bool:
        """Hands what is visible to a processor; False when it died. Deletes what it did not report."""
        url = self.pipeline.names.work_queue_url
        found = self.aws.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"], MessageAttributeNames=["All"]
        ).get("Messages", [])
        if not found:
            return True  # SQS has moved the last ones, or none can be seen: then Lambda starts nothing
        self._requests += 1
        context = FakeContext(aws_request_id=f"request-{self._requests}")
        try:
            answer = (processor or self.pipeline.processor)(self.aws.sqs.lambda_event(found), context)  # type: ignore[arg-type]
        except Killed:
            return False
        failed = {it["itemIdentifier"] for it in answer["batchItemFailures"]}
        for message in found:
            if not self.ledger_fails:
                self.answered.add((context.aws_request_id, message["MessageId"]))
            if message["MessageId"] not in failed and not lose_deletes:
                self.aws.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return True

    def waiting(self) -> list[Any]:
        return self.aws.sqs.messages(self.pipeline.names.work_queue_url)

    def dead(self) -> list[Any]:
        return self.aws.sqs.messages(self.pipeline.names.work_dead_letter_queue_url)

    def kill(self, call: str, phase: str) -> None:
        """The process dies at its next such call that is about a failure."""
        self.faults.once(call, phase, raises(Killed()))


def tampered(pipeline: Pipeline, **changes: Any) -> Work:
    """What can never be processed: its bytes are not what was accepted."""
    (work,) = pipeline.orders(1, first=changes.pop("first", 300), **changes)
    pipeline.aws.s3.put_object(Bucket=RAW_BUCKET, Key=work.ref.key, Body=b'{"payload":{"amount":9}}' + b" " * 100)
    return work


def gone(**changes: Any) -> Work:
    """What can be processed when somebody brings its bytes back."""
    return make_work({"gone": 1}, ref=RawRef(RAW_BUCKET, "raw/gone.json", 0, 9), **changes)


def reason_of(letter: Any) -> DeadLetter:
    return DeadLetter.of(
        {
            "MessageId": letter.message_id,
            "ReceiptHandle": "",
            "Body": letter.body,
            "MessageAttributes": letter.attributes,
        }
    )
