"""What the pipeline puts on its bus while a person tries it: one line for each new version of an aggregate."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pik.domain.process.metrics import sums_text
from scripts.local.aws import EngineAws

_QUEUE: Final = "pik-local-feed"
_WAIT_SECONDS: Final = 1  # long enough to be quiet, short enough to notice that the engine has ended


class Feed:
    """A queue of this machine's own on the stack's topic; the deployed template knows nothing of it."""

    def __init__(self, aws: EngineAws, topic_arn: str) -> None:
        self._sqs = aws.sqs
        self._url = self._sqs.create_queue(QueueName=_QUEUE)["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        self._sqs.set_queue_attributes(QueueUrl=self._url, Attributes={"Policy": json.dumps(_policy(arn, topic_arn))})
        raw = {"RawMessageDelivery": "true"}
        aws.sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=arn, Attributes=raw)

    def lines(self) -> Iterator[str]:
        """What has arrived since the last look; waits a moment for something. Raises botocore's exceptions."""
        answer = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10, WaitTimeSeconds=_WAIT_SECONDS)
        for message in answer.get("Messages", []):
            yield line_of(json.loads(message["Body"]))
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])


def _policy(queue_arn: str, topic_arn: str) -> dict[str, Any]:
    """Who may write to the queue: the topic, as on AWS."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def line_of(event: Mapping[str, Any]) -> str:
    """An event of the bus in a line."""
    detail = event["detail"]
    if event["detail-type"] != "events.processed":
        return f"{event['detail-type']}: {json.dumps(detail, ensure_ascii=False)}"
    added, metrics = len(detail["event_ids"]), detail["metrics"]
    sums = sums_text(metrics.get("daily_amount_sum", {}))
    total = f", sum {sums}" if sums else ""
    plural = "" if added == 1 else "s"
    return (
        f"counted: {detail['entity_id']} on {detail['day']}, version {detail['version']}: {added} event{plural} more, "
        f"now {metrics['daily_event_count']}{total}"
    )
