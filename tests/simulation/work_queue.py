"""WorkQueue and its mapping: batches of any size in any order, deliveries that repeat, deletes that do not arrive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.simulation import stored
from tests.simulation.scheduler import Task
from tests.simulation.service import ServiceContext, SimulatedService
from tests.simulation.violations import check

Message = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """A message that an invocation reported as failed."""

    task: str
    message_id: str
    receive_count: int
    body: str


class WorkQueueMapping(SimulatedService):
    """The mapping. `failed` are all failures that were reported; `enabled` is the kill switch."""

    def __init__(self, context: ServiceContext) -> None:
        super().__init__(context)
        self._running = 0
        self.careful = False
        """No delivery repeats and no delete is lost any more."""
        self.enabled = True
        self.failed: list[FailedAttempt] = []

    def can_start(self) -> bool:
        if not self.enabled or self._running >= self._conditions.processors:
            return False
        return any(it.visible_at <= self._now for it in self._queue.messages.values())

    def wake(self) -> float | None:
        """When a message can be seen again."""
        if not self.enabled or self._running >= self._conditions.processors:
            return None
        return min((it.visible_at for it in self._queue.messages.values()), default=None)

    @property
    def _queue(self) -> Any:
        return stored.queue(self._aws, self._names.work_queue_url)

    def start(self) -> None:
        """Hand messages to a processor."""
        messages = self._receive(self._rng.randint(1, self._conditions.queue_batch))
        if not messages:
            return  # those that there were went to the dead-letter queue
        self._running += 1
        event = self._aws.sqs.lambda_event(messages)
        self._deployment.invoke("processor", event, lambda task: self._ended(messages, task), dry=self.dry)

    def _receive(self, most: int) -> list[Message]:
        queue = self._queue
        shuffled = list(queue.messages.items())
        self._rng.shuffle(shuffled)
        queue.messages = dict(shuffled)
        found: list[Message] = []
        while len(found) < most:
            size = min(10, most - len(found))
            part = self._aws.sqs.receive_message(
                QueueUrl=self._names.work_queue_url,
                MaxNumberOfMessages=size,
                AttributeNames=["All"],
                MessageAttributeNames=["All"],
            ).get("Messages", [])
            found.extend(part)
            if len(part) < size:
                break
        if not self.careful:
            for message in found:
                if self._rng.random() < self._conditions.twice:
                    queue.messages[message["MessageId"]].visible_at = self._now
        return found

    def _ended(self, messages: list[Message], task: Task) -> None:
        self._running -= 1
        if task.value is None:
            return
        failed = {it["itemIdentifier"] for it in task.value["batchItemFailures"]}
        check(failed <= {it["MessageId"] for it in messages}, "the processor reports messages of its batch", failed)
        for message in messages:
            if message["MessageId"] in failed:
                count = int(message["Attributes"]["ApproximateReceiveCount"])
                if not task.dry:
                    self.failed.append(FailedAttempt(task.name, message["MessageId"], count, message["Body"]))
            elif self.careful or self._rng.random() >= self._conditions.lost_deletes:
                self._aws.sqs.delete_message(
                    QueueUrl=self._names.work_queue_url, ReceiptHandle=message["ReceiptHandle"]
                )
