"""Visibility: each delivery hidden for its own time, ten a call, and what failed named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pik.adapters.sqs.visibility import Visibility
from pik.workers import Workers
from tests.support.aws.account import FakeAws
from tests.support.aws.clock import Clock
from tests.support.aws.errors import throttled
from tests.support.aws.stack import WORK_QUEUE
from tests.support.faults import FaultPlan


@pytest.fixture
def url(fake_aws: FakeAws) -> str:
    return str(fake_aws.sqs.create_queue(QueueName=WORK_QUEUE, Attributes={"VisibilityTimeout": "190"})["QueueUrl"])


def received(aws: Any, url: str, count: int) -> Iterator[str]:
    for number in range(count):
        aws.sqs.send_message(QueueUrl=url, MessageBody=f"body {number}")
    for _ in range(count):
        (message,) = aws.sqs.receive_message(QueueUrl=url)["Messages"]
        yield message["ReceiptHandle"]


def visible(aws: FakeAws, url: str) -> list[str]:
    now = aws.clock()
    return [it.body for it in aws.sqs.messages(url) if it.visible_at <= now]


def test_messages_come_back_each_when_its_own_time_is_over(fake_aws: FakeAws, clock: Clock, url: str) -> None:
    receipts = list(received(fake_aws, url, 12))
    fake_aws.calls.clear()
    seconds = {receipt: 10 * (place + 1) for place, receipt in enumerate(receipts)}
    assert Visibility(fake_aws.sqs, url, Workers(2)).hide(seconds) == {}  # type: ignore[arg-type]
    assert fake_aws.calls == [("sqs", "change_message_visibility_batch")] * 2
    clock.advance(9)
    assert visible(fake_aws, url) == []
    clock.advance(21)
    assert visible(fake_aws, url) == ["body 0", "body 1", "body 2"]


def test_what_sqs_refuses_is_named_and_the_others_are_hidden(fake_aws: FakeAws, clock: Clock, url: str) -> None:
    one, two, three = received(fake_aws, url, 3)
    fake_aws.partial = lambda service, operation, request: {1}
    failed = Visibility(fake_aws.sqs, url, Workers(2)).hide({one: 5, two: 5, three: 5})  # type: ignore[arg-type]
    assert list(failed) == [two]
    assert "InternalError" in str(failed[two])
    clock.advance(5)
    assert visible(fake_aws, url) == ["body 0", "body 2"]


def test_a_call_that_fails_names_its_own_messages_only(fake_aws: FakeAws, url: str) -> None:
    receipts = list(received(fake_aws, url, 12))
    calls: list[str] = []

    def hook(service: str, operation: str, request: object, phase: str) -> None:
        if phase == "before":
            calls.append(operation)
            if len(calls) == 2:
                raise throttled(service, operation)

    fake_aws.on_call = hook
    failed = Visibility(fake_aws.sqs, url, Workers(1)).hide(dict.fromkeys(receipts, 5))  # type: ignore[arg-type]
    assert list(failed) == receipts[10:]


def test_an_answer_that_forgets_an_entry_hides_nothing_for_certain(fake_aws: FakeAws, url: str) -> None:
    class HalfAnswered:
        """SQS that answers for the first entry only."""

        def change_message_visibility_batch(self, **request: Any) -> Any:
            return {"Successful": [{"Id": "0"}]}

    failed = Visibility(HalfAnswered(), url, Workers(1)).hide({"a": 1, "b": 1})  # type: ignore[arg-type]
    assert list(failed) == ["b"]
    assert "no answer" in str(failed["b"])


def test_nothing_to_hide_asks_nothing(fake_aws: FakeAws, url: str) -> None:
    fake_aws.calls.clear()
    assert Visibility(fake_aws.sqs, url, Workers(1)).hide({}) == {}  # type: ignore[arg-type]
    assert fake_aws.calls == []


def test_a_call_that_is_refused_because_of_one_receipt_costs_that_one_alone(fake_aws: FakeAws, url: str) -> None:
    receipts = list(received(fake_aws, url, 12))
    FaultPlan(fake_aws).refuse_batches("change_message_visibility_batch", "InvalidParameterValue", receipts[3])
    failed = Visibility(fake_aws.sqs, url, Workers(2)).hide(dict.fromkeys(receipts, 0))  # type: ignore[arg-type]
    assert list(failed) == [receipts[3]]
    assert len(visible(fake_aws, url)) == 11
