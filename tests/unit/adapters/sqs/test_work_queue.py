"""WorkQueue: every message is sent or named, and one that SQS refuses costs no other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pik.adapters.sqs.work_queue import WorkQueue
from pik.domain.event.work import Message
from pik.workers import Workers
from tests.support.aws.account import FakeAws
from tests.support.faults import CallRecorder, FaultPlan, raises, timeout

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


def refused_with(status: int) -> ClientError:
    """AWS answers with an HTTP status."""
    response: Any = {"Error": {"Code": "X", "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, SENDS)


@pytest.mark.parametrize(
    ("error", "known"),
    [
        (refused_with(400), True),
        (refused_with(403), True),
        (refused_with(499), True),
        (refused_with(500), False),
        (refused_with(503), False),
        (timeout(), False),
    ],
    ids=str,
)
def test_what_is_sent_once_is_refused_or_unknown_by_what_sqs_answered(
    fake_aws: FakeAws, error: Exception, known: bool
) -> None:
    harness = QueueHarness(fake_aws, "send_each")
    harness.faults.once(SENDS, "before", raises(error))
    report = harness.queue.send_each(MESSAGES)
    lost, other = (report.refused, report.unknown) if known else (report.unknown, report.refused)
    assert (lost, other, report.repeated) == (dict.fromkeys(MESSAGES, error), {}, 0)
    assert harness.calls.counts()[SENDS] == 1


def test_of_a_batch_that_is_sent_once_those_that_sqs_names_are_refused(fake_aws: FakeAws) -> None:
    harness = QueueHarness(fake_aws, "send_each")
    fake_aws.partial = lambda *_: {3, 7}
    report = harness.queue.send_each(MESSAGES)
    assert (sorted(report.refused), report.unknown, report.repeated) == ([3, 7], {}, 0)
    assert harness.bodies().total() == 8


class ForgetfulSqs:
    """Answers for the first entry alone, after so many attempts of the SDK."""

    def __init__(self, attempts: int) -> None:
        self._attempts = attempts

    def send_message_batch(self, *, QueueUrl: str, Entries: list[Any]) -> Any:  # noqa: N803 (boto3's names)
        return {"Successful": Entries[:1], "Failed": [], "ResponseMetadata": {"RetryAttempts": self._attempts}}


@pytest.mark.parametrize(("attempts", "repeated"), [(0, 0), (1, 1), (2, 1)])
def test_what_sqs_does_not_mention_is_unknown_and_what_the_sdk_repeated_may_be_there_twice(
    attempts: int, repeated: int
) -> None:
    queue = WorkQueue(ForgetfulSqs(attempts), "https://queue", Workers(2))  # type: ignore[arg-type]
    report = queue.send_each({number: MESSAGES[number] for number in range(3)})
    assert (report.refused, sorted(report.unknown), report.repeated) == ({}, [1, 2], repeated)


def test_reports_of_batches_add_up(fake_aws: FakeAws) -> None:
    harness = QueueHarness(fake_aws, "send_each")
    many = {number: Message(f"body {number}", "shop") for number in range(25)}
    errors = iter([refused_with(400), refused_with(500)])

    def hook(_: str, __: str, request: Mapping[str, Any], phase: str) -> None:
        if phase == "before" and (error := next(errors, None)):
            raise error

    fake_aws.on_call = hook
    report = harness.queue.send_each(many)
    assert len(report.refused) + len(report.unknown) + harness.bodies().total() == 25
    assert report.refused
    assert report.unknown
    assert harness.bodies().total() in {5, 10}
