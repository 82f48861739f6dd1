"""What the pipeline puts on its bus while a person tries it: one line for each new version of an aggregate."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pik.domain.process.metrics import sums_text
from pik.domain.shared.runs import LIVE
from pik_cli.shell.output import safe
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
    """An event of the bus in a line, with what producers chose escaped; a failure has the next command below it."""
    kind = str(event["detail-type"])
    line = safe(_TEXTS.get(kind, _as_it_is)(event)).replace("\n", "\\n")
    return f"{line}\n  .venv/bin/pik dlq analyze" if kind == "event.failed" else line


def _counted(event: Mapping[str, Any]) -> str:
    """A new version of an aggregate, and the run that it belongs to: only LIVE is what consumers read."""
    detail = event["detail"]
    added, metrics, run = len(detail["event_ids"]), detail["metrics"], str(detail.get("run", LIVE))
    sums = sums_text(metrics.get("daily_amount_sum", {}))
    total = f", sum {sums}" if sums else ""
    what = "counted" if run == LIVE else f"shadow {run}, LIVE is unchanged"
    again = " by a replay" if run == LIVE and detail.get("replayed") else ""
    return (
        f"{what}: {detail['entity_id']} on {detail['day']}, version {detail['version']}: {_plural(added, 'event')} more"
        f"{again}, now {metrics['daily_event_count']}{total}"
    )


def _failed(event: Mapping[str, Any]) -> str:
    """A dead letter: which event, why, in which run, and where to look."""
    detail = event["detail"]
    kind, entity, source = (detail.get(name) for name in ("event_type", "entity_id", "source"))
    # A message that could not be read names no event.
    what = f"{kind} of {entity} from {source}" if entity else f"message {detail.get('message_id')}, which is unreadable"
    run = str(detail.get("run") or LIVE)
    which = "" if run == LIVE else f", in shadow {run}"
    redriven = f", redriven {_plural(int(detail['redrives']), 'time')} before" if detail.get("redrives") else ""
    tries = _plural(int(detail.get("attempts") or 1), "attempt")
    return (
        f"failed: {what}{which}, after {tries}{redriven}: {detail.get('category')} {detail.get('error_type')}: "
        f"{detail.get('reason')}. It is in the dead-letter queue; see:"
    )


def _as_it_is(event: Mapping[str, Any]) -> str:
    return f"{event['detail-type']}: {json.dumps(event['detail'], ensure_ascii=False)}"


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


_TEXTS: Final = {"events.processed": _counted, "event.failed": _failed}
