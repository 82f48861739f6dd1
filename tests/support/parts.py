"""Parts of a deployed stack on the in-memory AWS that harnesses hold: its queues' messages and its rows of runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from pik.adapters.dynamodb.items import from_item, to_item
from pik.domain.event.work import Work, parse_work
from pik.domain.process.dead_letters import Reason
from tests.support.aws.account import FakeAws
from tests.support.aws.stack import RUNS_TABLE, Names
from tests.support.faults import CallRecorder, FaultPlan

FINGERPRINT = "f" * 32


def ids(works: Iterable[Work]) -> Counter[str]:
    """Each event once."""
    return Counter(it.event_id for it in works)


class WorkMessages:
    """What is in WorkQueue."""

    def __init__(self, aws: FakeAws, names: Names) -> None:
        self._aws = aws
        self._url = names.work_queue_url

    def all(self) -> list[Work]:
        """The messages, visible or not."""
        return [parse_work(it.body) for it in self._aws.sqs.messages(self._url)]

    def ids(self) -> Counter[str]:
        """Their events."""
        return ids(self.all())

    def drain(self) -> list[Work]:
        """Takes what is visible away, as the processor does."""
        taken: list[Work] = []
        while messages := self._aws.sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                self._aws.sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
                taken.append(parse_work(message["Body"]))
        return taken


class Letters:
    """What is in the dead-letter queue. `text` writes the time that is some seconds ago."""

    def __init__(self, aws: FakeAws, names: Names, text: Callable[[float], str]) -> None:
        self._aws = aws
        self._url = names.work_dead_letter_queue_url
        self._text = text

    def bury(self, works: Iterable[Work], *, age: int = 3600, fingerprint: str = FINGERPRINT, **changes: Any) -> None:
        """Puts messages in, as the processor does, with a reason in which `changes` replace members."""
        for work in works:
            reason = Reason(
                category="VALIDATION",
                error_type="HashMismatch",
                fingerprint=fingerprint,
                message="the stored event holds no payload",
                event_id=work.event_id,
                attempts=work.attempts_before + 1,
                failed_at=self._text(age),
                first_sent_at=self._text(age),
                run=work.run,
            )
            self._send(work, replace(reason, **changes).attributes())
        self._aws.calls.clear()

    def bury_unexplained(self, works: Iterable[Work]) -> None:
        """Puts messages in as SQS itself moves them: without attributes."""
        for work in works:
            self._send(work, {})
        self._aws.calls.clear()

    def _send(self, work: Work, attributes: dict[str, str]) -> None:
        message = work.message()
        typed = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
        more = {"MessageAttributes": typed} if typed else {}
        self._aws.sqs.send_message(QueueUrl=self._url, MessageBody=message.body, MessageGroupId=message.group, **more)

    def all(self) -> list[Any]:
        """The letters, visible or not."""
        return self._aws.sqs.messages(self._url)

    def ids(self) -> Counter[str]:
        """Their events."""
        return ids(parse_work(it.body) for it in self.all())

    def visible(self) -> int:
        """How many can be received now."""
        return sum(it.visible_at <= self._aws.clock() for it in self.all())


class RunRows:
    """The rows of RunsTable. Reading one is neither counted nor fails."""

    def __init__(self, aws: FakeAws, calls: CallRecorder, faults: FaultPlan, run_id: str) -> None:
        self._aws = aws
        self._calls = calls
        self._faults = faults
        self._run_id = run_id

    def find(self, run_id: str | None = None) -> dict[str, Any] | None:
        """A run's row if there is one; the test's usual run unless it names another."""
        key = {"PK": {"S": f"RUN#{run_id or self._run_id}"}}
        with self._calls.suspended(), self._faults.suspended():
            item = self._aws.dynamodb.get_item(TableName=RUNS_TABLE, Key=key).get("Item")
        return from_item(item) if item else None

    def row(self, run_id: str | None = None) -> dict[str, Any]:
        """A run's row."""
        found = self.find(run_id)
        assert found is not None, run_id
        return found

    def put(self, row: dict[str, Any]) -> None:
        """Writes a row."""
        self._aws.dynamodb.put_item(TableName=RUNS_TABLE, Item=to_item(row))

    def change(self, run_id: str | None = None, **changes: Any) -> None:
        """Writes a row again with other values."""
        self.put({**self.row(run_id), **changes})

    def all(self) -> list[dict[str, Any]]:
        """Every row."""
        return [from_item(it) for it in self._aws.dynamodb.scan(TableName=RUNS_TABLE)["Items"]]
