"""WorkQueue: every message is sent or named, and one that SQS refuses costs no other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from pik.adapters.sqs.work_queue import WorkQueue
from pik.domain.event.work import Message
from pik.workers import Workers
from tests.support.aws.account import FakeAws
from tests.support.faults import CallRecorder, FaultPlan

SENDS = "send_message_batch"


class QueueHarness:
    """A queue in memory, and both ways to send to it."""

    def __init__(self, aws: FakeAws, way: str) -> None:
        self.aws = aws
        self.url = aws.sqs.create_queue(QueueName="work")["QueueUrl"]
        self.queue = WorkQueue(aws.sqs, self.url, Workers(2))  # type: ignore[arg-type]
        self.way = way
        self.faults = FaultPlan(aws)
        self.calls = CallRecorder(aws)

    def send(self, messages: Mapping[int, Message]) -> dict[int, Exception]:
        failed: dict[int, Exception] = getattr(self.queue, self.way)(messages)
        return failed

    def bodies(self) -> Counter[str]:
        return Counter(it.body for it in self.aws.sqs.messages(self.url))


@pytest.fixture(params=["send", "send_pack"])
def harness(fake_aws: FakeAws, request: pytest.FixtureRequest) -> QueueHarness:
    return QueueHarness(fake_aws, request.param)


MESSAGES = {number: Message(f"body {number}", "shop") for number in range(10)}
OTHERS = Counter(it.body for number, it in MESSAGES.items() if number != 3)


def test_a_batch_that_is_refused_because_of_one_message_costs_that_one_alone(harness: QueueHarness) -> None:
    harness.faults.refuse_batches(SENDS, "InvalidMessageContents", "body 3")
    failed = harness.send(MESSAGES)
    assert list(failed) == [3]
    assert "InvalidMessageContents" in str(failed[3])
    assert harness.bodies() == OTHERS
    assert harness.calls.counts()[SENDS] == 11, "the batch, and one call per message; no second round"


@pytest.mark.parametrize(
    "wrong",
    [
        Message("body 3", "shop", typed={"a": {"DataType": "Binary", "BinaryValue": "not base64"}}),
        Message("a\x00b", "shop"),
        Message("", "shop"),
        Message("body 3", "a group with spaces"),
        Message("x" * 1_100_000, "shop"),
    ],
    ids=["attribute", "character", "empty", "group", "size"],
)
def test_a_message_that_sqs_or_its_client_refuses_costs_no_other(harness: QueueHarness, wrong: Message) -> None:
    assert list(harness.send({**MESSAGES, 3: wrong})) == [3]
    assert harness.bodies() == OTHERS


def test_what_fails_for_a_moment_is_sent_once_more_and_what_is_refused_is_not(harness: QueueHarness) -> None:
    tries: list[int] = []

    def partial(_: str, __: str, request: Any) -> set[int]:
        tries.append(len(request["Entries"]))
        return {0} if len(tries) == 2 else set()

    harness.aws.partial = partial
    harness.faults.refuse_batches(SENDS, "InvalidMessageContents", "body 3")
    assert list(harness.send(MESSAGES)) == [3]
    assert harness.bodies() == OTHERS


def test_an_outage_is_not_asked_about_message_by_message(harness: QueueHarness) -> None:
    harness.faults.refuse(SENDS, "ThrottlingException")
    assert harness.send(MESSAGES).keys() == MESSAGES.keys()
    harness.faults.refuse(SENDS, "AccessDenied")
    assert harness.send(MESSAGES).keys() == MESSAGES.keys()
    assert harness.bodies() == Counter()
