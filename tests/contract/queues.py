"""The queue of the SQS suites."""

from __future__ import annotations

import json
from typing import Any

MEBIBYTE = 1024 * 1024
PREFIX = "AWS.SimpleQueueService."
VISIBILITY = 60


class ContractQueue:
    """A queue with a dead-letter queue behind it, and short verbs for both."""

    def __init__(self, aws: Any, *, max_receives: int = 2) -> None:
        self.aws, self.sqs = aws, aws.sqs
        self.dead_url = self.sqs.create_queue(QueueName="dead")["QueueUrl"]
        arn = self.attributes(self.dead_url)["QueueArn"]
        policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": max_receives})
        attributes = {"VisibilityTimeout": str(VISIBILITY), "RedrivePolicy": policy}
        self.url = self.sqs.create_queue(QueueName="work", Attributes=attributes)["QueueUrl"]

    def send(self, body: str = "body", **more: Any) -> Any:
        return self.sqs.send_message(QueueUrl=self.url, MessageBody=body, **more)

    def receive(self, most: int = 10, url: str = "", **more: Any) -> list[dict[str, Any]]:
        request = {"QueueUrl": url or self.url, "MaxNumberOfMessages": most, "MessageSystemAttributeNames": ["All"]}
        found: list[dict[str, Any]] = self.sqs.receive_message(**request, **more).get("Messages", [])
        return found

    def bodies(self, most: int = 10, url: str = "") -> list[str]:
        return sorted(one["Body"] for one in self.receive(most, url))

    def attributes(self, url: str = "") -> dict[str, str]:
        request = {"QueueUrl": url or self.url, "AttributeNames": ["All"]}
        found: dict[str, str] = self.sqs.get_queue_attributes(**request)["Attributes"]
        return found

    def counts(self, url: str = "") -> tuple[int, int, int]:
        """Visible, in flight and delayed messages."""
        found = self.attributes(url)
        names = ("", "NotVisible", "Delayed")
        visible, hidden, delayed = (int(found[f"ApproximateNumberOfMessages{name}"]) for name in names)
        return visible, hidden, delayed

    def wait(self, seconds: float) -> None:
        self.aws.wait(seconds)


def entry(number: int, body: str = "body", **more: Any) -> dict[str, Any]:
    return {"Id": f"{number}", "MessageBody": body, **more}
