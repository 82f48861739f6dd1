"""Sweeping the dead-letter queue: each letter once, no more calls than it needs, nothing left hidden by mistake."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from pik.adapters.sqs.dead_letter_queue import DeadLetterQueue, QueueState
from pik.domain.process.dead_letters import DeadLetter
from pik.workers import Workers
from tests.support.aws.account import FakeAws
from tests.support.faults import FaultPlan, refused
from tests.support.workers import InlineWorkers

HOLD = 600


def never(_: DeadLetter) -> bool:
    return False


class SweepHarness:
    """A dead-letter queue in memory that holds a number of letters."""

    def __init__(self, letters: int, workers: Any = None) -> None:
        self.aws = FakeAws(validate=False)
        self.url = self.aws.sqs.create_queue(QueueName="dead")["QueueUrl"]
        for number in range(letters):
            self.aws.sqs.send_message(QueueUrl=self.url, MessageBody=f"letter {number}")
        self.aws.calls.clear()
        self.queue = DeadLetterQueue(self.aws.sqs, self.url, workers or Workers(16))  # type: ignore[arg-type]

    def receives(self) -> int:
        return sum(operation == "receive_message" for _, operation in self.aws.calls)

    def visible(self) -> int:
        return sum(it.visible_at <= self.aws.clock() for it in self.aws.sqs.messages(self.url))

    def sweep(self, most: int = 10_000, enough: Callable[[DeadLetter], bool] = never, count: int | None = None) -> Any:
        state = QueueState(count, 0, 0, 1_209_600) if count is not None else None
        return self.queue.sweep(HOLD, most, enough, state)


def bodies(letters: list[DeadLetter]) -> list[str]:
    return sorted(it.body for it in letters)


def test_a_thousand_letters_take_a_hundred_receives_and_two_that_find_nothing() -> None:
    harness = SweepHarness(1000)
    swept = harness.sweep()
    assert (len(swept.letters), swept.complete) == (1000, True)
    assert harness.receives() == 102
    assert harness.visible() == 0


def test_an_empty_queue_takes_two_receives() -> None:
    harness = SweepHarness(0)
    swept = harness.sweep()
    assert (swept.letters, swept.complete) == ([], True)
    assert harness.receives() == 2


@pytest.mark.parametrize("count", [0, 3, 250, 5_000])
def test_a_count_that_is_wrong_leaves_nothing_out(count: int) -> None:
    harness = SweepHarness(250)
    swept = harness.sweep(count=count)
    assert (len(swept.letters), swept.complete) == (250, True)
    assert harness.receives() <= 25 + 2 + 16, "those that were under way when the end was found"


def test_a_receive_that_is_empty_by_chance_does_not_hide_what_later_ones_bring() -> None:
    harness = SweepHarness(2, InlineWorkers(1))
    answers = iter([False, True, False, True])

    def receive(**asked: Any) -> Any:
        return real(**{**asked, "MaxNumberOfMessages": 1}) if next(answers, True) else {}

    real, harness.aws.sqs.receive_message = harness.aws.sqs.receive_message, receive  # type: ignore[method-assign]
    swept = harness.sweep(count=0)
    assert (bodies(swept.letters), swept.complete) == (["letter 0", "letter 1"], True)


def test_a_slow_receive_does_not_have_the_end_looked_for_again() -> None:
    harness = SweepHarness(10, Workers(3))
    found_nothing = threading.Semaphore(0)

    def receive(**asked: Any) -> Any:
        answer = real(**asked)
        if "Messages" in answer:
            assert found_nothing.acquire(timeout=5)
            assert found_nothing.acquire(timeout=5)
        else:
            found_nothing.release()
        return answer

    real, harness.aws.sqs.receive_message = harness.aws.sqs.receive_message, receive  # type: ignore[method-assign]
    swept = harness.sweep(count=10)
    assert (len(swept.letters), swept.complete) == (10, True)
    assert harness.receives() == 3


@given(letters=st.integers(0, 60), count=st.integers(0, 80), most=st.integers(1, 70), seed=st.integers())
def test_it_ends_with_all_or_with_as_many_as_are_asked_for(letters: int, count: int, most: int, seed: int) -> None:
    harness = SweepHarness(letters, InlineWorkers(1))
    chance, real = random.Random(seed), harness.aws.sqs.receive_message
    # SQS often brings fewer than it could.
    harness.aws.sqs.receive_message = lambda **asked: real(  # type: ignore[method-assign]
        **{**asked, "MaxNumberOfMessages": chance.randint(1, asked["MaxNumberOfMessages"])}
    )
    swept = harness.sweep(most, count=count)
    assert len({it.message_id for it in swept.letters}) == len(swept.letters) == min(letters, most)
    assert swept.complete == (letters < most)


def test_it_stops_as_soon_as_there_is_enough_and_says_that_there_may_be_more() -> None:
    harness = SweepHarness(1000, InlineWorkers(1))
    found: list[DeadLetter] = []

    def enough(letter: DeadLetter) -> bool:
        found.append(letter)
        return len(found) >= 35

    swept = harness.sweep(enough=enough)
    assert (len(swept.letters), swept.complete) == (40, False)
    assert harness.receives() == 4


def test_a_letter_that_comes_again_counts_once_with_its_last_receipt() -> None:
    harness = SweepHarness(3, InlineWorkers(1))
    swept = harness.queue.sweep(0, 100, never, QueueState(3, 0, 0, 1))
    assert len(swept.letters) == 3
    assert swept.complete, "a queue that gives only what it gave before has been seen"
    assert harness.queue.delete(swept.letters) == {}
    assert harness.aws.sqs.messages(harness.url) == []


def test_a_receive_that_fails_for_a_moment_is_made_up_for() -> None:
    harness = SweepHarness(50, InlineWorkers(1))
    failures = iter([True, False, True, False, False])

    def hook(_: str, operation: str, __: Any, phase: str) -> None:
        if (operation, phase) == ("receive_message", "before") and next(failures, False):
            raise refused("ThrottlingException", "ReceiveMessage")

    harness.aws.on_call = hook
    swept = harness.sweep()
    assert (len(swept.letters), swept.complete) == (50, True)


@pytest.mark.parametrize(("code", "most"), [("ThrottlingException", 4 + 6), ("AccessDenied", 4 + 1)])
def test_an_error_that_stays_is_raised_and_what_was_received_is_visible(code: str, most: int) -> None:
    harness = SweepHarness(100, InlineWorkers(1))
    FaultPlan(harness.aws).refuse("receive_message", code, after=4)
    with pytest.raises(ClientError, match=code):
        harness.sweep()
    assert harness.receives() == most
    assert harness.visible() == 100


def test_a_judge_that_raises_leaves_nothing_hidden() -> None:
    harness = SweepHarness(30)

    def broken(_: DeadLetter) -> bool:
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        harness.sweep(enough=broken)
    assert harness.visible() == 30


def test_letters_are_released_and_deleted_ten_a_call() -> None:
    harness = SweepHarness(25)
    letters = harness.sweep().letters
    harness.aws.calls.clear()
    assert harness.queue.release(letters[:12]) == {}
    assert harness.visible() == 12
    assert harness.queue.delete(letters[12:]) == {}
    assert len(harness.aws.sqs.messages(harness.url)) == 12
    operations = [operation for _, operation in harness.aws.calls]
    assert operations.count("change_message_visibility_batch") == 2
    assert operations.count("delete_message_batch") == 2


def test_entries_that_fail_once_are_tried_again_and_those_that_keep_failing_are_told() -> None:
    harness = SweepHarness(12)
    letters = harness.sweep().letters
    twice = {letters[3].receipt}

    def partial(_: str, __: str, request: Any) -> set[int]:
        return {n for n, it in enumerate(request["Entries"]) if it["ReceiptHandle"] in twice}

    harness.aws.partial = partial
    failed = harness.queue.delete(letters)
    assert set(failed) == {letters[3].message_id}
    assert "InternalError" in str(failed[letters[3].message_id])
    assert [it.message_id for it in harness.aws.sqs.messages(harness.url)] == [letters[3].message_id]


def test_a_release_of_a_letter_that_is_gone_says_so() -> None:
    harness = SweepHarness(2)
    letters = harness.sweep().letters
    assert harness.queue.delete(letters[:1]) == {}
    failed = harness.queue.release(letters)
    assert set(failed) == {letters[0].message_id}
    assert "InvalidParameterValue" in str(failed[letters[0].message_id])


def test_a_call_that_fails_fails_all_of_its_entries() -> None:
    harness = SweepHarness(2)
    letters = harness.sweep().letters
    FaultPlan(harness.aws).refuse("delete_message_batch", "ServiceUnavailable")
    assert set(harness.queue.delete_pack({it.message_id: it.receipt for it in letters})) == {
        it.message_id for it in letters
    }


def test_an_answer_that_forgets_an_entry_does_not_count_as_done(monkeypatch: pytest.MonkeyPatch) -> None:
    harness = SweepHarness(2)
    letters = harness.sweep().letters
    monkeypatch.setattr(harness.aws.sqs, "delete_message_batch", lambda **_: {"Successful": [{"Id": "0"}]})
    failed = harness.queue.delete_pack({it.message_id: it.receipt for it in letters})
    assert set(failed) == {letters[1].message_id}


def test_the_state_of_the_queue_tells_counts_and_retention() -> None:
    harness = SweepHarness(5)
    harness.queue.sweep(HOLD, 2, never)
    assert harness.queue.state() == QueueState(visible=3, in_flight=2, delayed=0, retention_seconds=345_600)


@pytest.mark.parametrize("act", ["release", "delete"])
def test_a_call_that_is_refused_because_of_one_receipt_costs_that_one_alone(act: str) -> None:
    harness = SweepHarness(25)
    letters = harness.sweep().letters
    operation = {"release": "change_message_visibility_batch", "delete": "delete_message_batch"}[act]
    FaultPlan(harness.aws).refuse_batches(operation, "InvalidParameterValue", letters[3].receipt)
    assert set(getattr(harness.queue, act)(letters)) == {letters[3].message_id}
    assert harness.visible() == (24 if act == "release" else 0)
    assert len(harness.aws.sqs.messages(harness.url)) == (25 if act == "release" else 1)


def test_letters_are_held_for_as_long_as_is_said_from_now_on() -> None:
    harness = SweepHarness(12)
    letters = harness.sweep().letters
    assert harness.queue.hold_receipts({it.message_id: it.receipt for it in letters}, 3 * HOLD) == {}
    assert {it.visible_at - harness.aws.clock() for it in harness.aws.sqs.messages(harness.url)} == {3 * HOLD}
