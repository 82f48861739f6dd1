"""The stack's queues: how many messages each holds; a queue that cannot be read says why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from pik_cli.shell.errors import concerns_caller, error_code
from pik_cli.shell.stack import Stack, StackAws

_T = TypeVar("_T")

QUEUES: Final = {
    "WorkQueue": "WorkQueueUrl",
    "WorkDeadLetterQueue": "WorkDeadLetterQueueUrl",
    "BusDeadLetterQueue": "BusDeadLetterQueueUrl",
}
"""Queues to the stack's outputs that hold their URLs."""


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """Messages of a queue, as SQS counts them (approximately); None for a count that the endpoint does not give."""

    name: str
    visible: int | None = None
    in_flight: int | None = None
    delayed: int | None = None
    problem: str = ""

    @property
    def total(self) -> int:
        """Messages in whatever state."""
        return sum(count or 0 for count in (self.visible, self.in_flight, self.delayed))


def read_queue(aws: StackAws, stack: Stack, name: str) -> QueueCounts:
    """The counts of one queue."""
    url = stack.outputs.get(QUEUES[name])
    if url is None:
        return QueueCounts(name, problem=no_output(QUEUES[name]))
    found, problem = attempt(lambda: aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"]))
    if found is None:
        return QueueCounts(name, problem=problem)
    attributes = found.get("Attributes", {})
    return QueueCounts(
        name,
        visible=_whole(attributes.get("ApproximateNumberOfMessages")),
        in_flight=_whole(attributes.get("ApproximateNumberOfMessagesNotVisible")),
        delayed=_whole(attributes.get("ApproximateNumberOfMessagesDelayed")),
    )


def attempt(call: Callable[[], _T]) -> tuple[_T | None, str]:
    """The result of a call, or why AWS refused it. Raises ClientError when every other call would be refused too."""
    from botocore.exceptions import ClientError

    try:
        return call(), ""
    except ClientError as error:
        if concerns_caller(error):
            raise
        return None, f"{error.operation_name}: {error_code(error)}"


def no_output(name: str) -> str:
    """Why a resource of the stack cannot be read when its output is missing."""
    return f"the stack has no output {name}"


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdigit() else None
