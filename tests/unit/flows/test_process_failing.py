"""The processor's failing path: straight to the dead-letter queue or back after a wait, and never nowhere."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pik.domain.event.rows import RawRef
from pik.domain.event.work import Work
from pik.domain.process.dead_letters import DeadLetter
from pik.flows import process as module
from pik.flows.process import ProcessFlow
from tests.support.aws.clock import Clock
from tests.support.aws.stack import FAILURES_TABLE, RAW_BUCKET
from tests.support.makers import FakeContext, make_work, sqs_event
from tests.support.pipeline import KEY, CountedPipeline, Killed, assert_counted_once, refused

CALLS = ("batch_write_item", "put_events", "send_message_batch", "change_message_visibility_batch")
"""Of the failing path, in order."""

KILLS = [None, *product(CALLS, ("before", "after"))]
_LONGEST = 1_800  # seconds that any of the messages here stays hidden


class Queued(CountedPipeline):
    """A stage whose messages come from WorkQueue and are deleted there as Lambda does it."""

    def __init__(self) -> None:
        super().__init__(validate=False)
        self.answered: set[tuple[str, str]] = set()
        """Request id and message id of what was handed to an invocation that answered and could write its ledger."""
        self.ledger_fails = False
        self._requests = 0

    def put(self, *works: Work) -> None:
        for work in works:
            message = work.message()
            self.aws.sqs.send_message(
                QueueUrl=self.names.work_queue_url, MessageBody=message.body, MessageGroupId=message.group
            )

    def wait(self, seconds: float = _LONGEST) -> None:
        assert isinstance(self.aws.clock, Clock)
        self.aws.clock.advance(seconds)

    def deliver(self, *, lose_deletes: bool = False, processor: ProcessFlow | None = None) -> bool:
        """Hands what is visible to a processor; False when it died. Deletes what it did not report."""
        url = self.names.work_queue_url
        found = self.aws.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"], MessageAttributeNames=["All"]
        ).get("Messages", [])
        if not found:
            return True  # SQS has moved the last ones, or none can be seen: then Lambda starts nothing
        self._requests += 1
        context = FakeContext(aws_request_id=f"request-{self._requests}")
        try:
            answer = (processor or self.processor)(self.aws.sqs.lambda_event(found), context)  # type: ignore[arg-type]
        except Killed:
            return False
        failed = {it["itemIdentifier"] for it in answer["batchItemFailures"]}
        for it in found:
            if not self.ledger_fails:
                self.answered.add((context.aws_request_id, it["MessageId"]))
            if it["MessageId"] not in failed and not lose_deletes:
                self.aws.sqs.delete_message(QueueUrl=url, ReceiptHandle=it["ReceiptHandle"])
        return True

    def waiting(self) -> list[Any]:
        return self.aws.sqs.messages(self.names.work_queue_url)

    def dead(self) -> list[Any]:
        return self.aws.sqs.messages(self.names.work_dead_letter_queue_url)

    def kill(self, call: str, phase: str) -> None:
        """The process dies at its next such call that is about a failure."""

        def hook(_: str, called: str, request: Mapping[str, Any], when: str) -> None:
            if (called, when) == (call, phase):
                self.aws.on_call = None
                raise Killed

        self.aws.on_call = hook


@pytest.fixture
def stage() -> Queued:
    return Queued()


def tampered(stage: CountedPipeline, **changes: Any) -> Work:
    """What can never be processed: its bytes are not what was accepted."""
    (work,) = stage.orders(1, first=changes.pop("first", 300), **changes)
    stage.aws.s3.put_object(Bucket=RAW_BUCKET, Key=work.ref.key, Body=b'{"payload":{"amount":9}}' + b" " * 100)
    return work


def gone(**changes: Any) -> Work:
    """What can be processed when somebody brings its bytes back."""
    return make_work({"gone": 1}, ref=RawRef(RAW_BUCKET, "raw/gone.json", 0, 9), **changes)


def reason_of(letter: Any) -> DeadLetter:
    return DeadLetter.of(
        {
            "MessageId": letter.message_id,
            "ReceiptHandle": "",
            "Body": letter.body,
            "MessageAttributes": letter.attributes,
        }
    )


# --- what goes where --------------------------------------------------------------------------------------------------


def test_what_no_retry_can_change_is_dead_at_its_first_failure_with_its_reason(stage: Queued) -> None:
    (good,), bad = stage.orders(1), tampered(stage, attempts_before=2)
    stage.put(good, bad)
    stage.calls()
    assert stage.deliver()
    calls = stage.calls()
    assert [calls[it] for it in CALLS[:3]] == [1, 2, 1]
    assert "change_message_visibility_batch" not in calls
    assert stage.waiting() == []
    (letter,) = stage.dead()
    assert letter.body == bad.message().body
    assert letter.group_id == "shop"
    (row,) = stage.failures()
    reason = reason_of(letter).reason
    assert reason is not None
    assert (reason.category, reason.error_type, reason.fingerprint) == (
        "VALIDATION",
        "HashMismatch",
        row["fingerprint"],
    )
    assert (reason.event_id, reason.attempts, reason.run) == (bad.event_id, 3, "LIVE")
    assert (row["disposition"], row["attempt"]) == ("DEAD_LETTER", 3)
    (announced,) = stage.announced("event.failed")
    assert (announced["event_id"], announced["fingerprint"]) == (bad.event_id, row["fingerprint"])


def test_what_may_pass_comes_back_after_a_wait_that_grows_and_is_dead_after_its_last_receive(stage: Queued) -> None:
    stage.put(gone())
    for receive in range(1, 5):
        assert stage.deliver()
        (message,) = stage.waiting()
        hidden = message.visible_at - stage.aws.clock()
        assert 1 <= hidden <= min(300 * 2 ** (receive - 1), 1_800)
        assert stage.dead() == []
        stage.wait(hidden)
    assert stage.deliver()
    assert stage.waiting() == []
    (letter,) = stage.dead()
    assert letter.attributes["attempts"]["StringValue"] == "5"
    assert [row["disposition"] for row in stage.failures()] == ["RETRY"] * 4 + ["DEAD_LETTER"]
    assert len(stage.announced("event.failed")) == 1


def test_an_unreadable_message_is_dead_as_it_came(stage: Queued) -> None:
    stage.aws.sqs.send_message(QueueUrl=stage.names.work_queue_url, MessageBody="héllo")
    assert stage.deliver()
    (letter,) = stage.dead()
    assert (letter.body, letter.group_id) == ("héllo", None)
    assert letter.attributes["error_type"]["StringValue"] == "BadWork"
    assert "event_id" not in stage.announced("event.failed")[0]


def test_a_redriven_message_that_fails_again_is_found_by_its_run(stage: Queued) -> None:
    stage.put(replace(tampered(stage), origin="redrive", redrives=2, redrive_run="rdr-1", attempts_before=7))
    assert stage.deliver()
    found = stage.aws.dynamodb.query(
        TableName=FAILURES_TABLE,
        IndexName="ByRedriveRun",
        KeyConditionExpression="redrive_run = :run",
        ExpressionAttributeValues={":run": {"S": "rdr-1"}},
    )["Items"]
    assert [(row["attempt"], row["redrives"]) for row in found] == [({"N": "8"}, {"N": "2"})]
    (announced,) = stage.announced("event.failed")
    assert (announced["redrives"], announced["redrive_run"], announced["attempts"]) == (2, "rdr-1", 8)


def test_a_dead_letter_that_is_moved_back_as_it_was_dies_with_all_its_attempts(stage: Queued) -> None:
    stage.put(tampered(stage))
    assert stage.deliver()
    (letter,) = stage.dead()
    stage.aws.sqs.send_message(
        QueueUrl=stage.names.work_queue_url, MessageBody=letter.body, MessageAttributes=letter.attributes
    )
    assert stage.deliver()
    assert [it.attributes["attempts"]["StringValue"] for it in stage.dead()] == ["1", "2"]
    assert len({it["id"] for it in stage.announced("event.failed")}) == 2


def test_a_batch_of_failures_is_told_in_batches_and_each_message_has_its_own_end(stage: Queued) -> None:
    bad = [tampered(stage, first=300 + n) for n in range(6)]
    stage.put(*bad, *(gone(event_id=f"{n:064x}") for n in range(4)))
    stage.calls()
    assert stage.deliver()
    calls = stage.calls()
    assert [calls[it] for it in CALLS] == [1, 1, 1, 1]
    assert {json.loads(it.body)["event_id"] for it in stage.dead()} == {it.event_id for it in bad}
    assert {json.loads(it.body)["event_id"] for it in stage.waiting()} == {f"{n:064x}" for n in range(4)}
    assert len(stage.failures()) == 10


# --- what fails on the way --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["batch_write_item", "put_events"])
def test_what_cannot_be_recorded_or_announced_has_another_turn(stage: Queued, call: str) -> None:
    stage.put(tampered(stage))
    stage.always(call, refused("AccessDeniedException"))
    assert stage.deliver()
    assert stage.dead() == []
    (message,) = stage.waiting()
    assert message.visible_at - stage.aws.clock() <= 30
    stage.calm()
    stage.wait()
    assert stage.deliver()
    assert (len(stage.waiting()), len(stage.dead())) == (0, 1)


@pytest.mark.parametrize("call", ["batch_write_item", "put_events"])
def test_the_last_time_a_dead_letter_is_sent_although_it_cannot_be_recorded_or_announced(
    stage: Queued, call: str
) -> None:
    stage.put(tampered(stage))
    stage.always(call, refused("AccessDeniedException"))
    for _ in range(5):
        assert stage.deliver()
        stage.wait()
    assert stage.waiting() == []
    (letter,) = stage.dead()
    assert letter.attributes["attempts"]["StringValue"] == "5"


def test_one_that_the_bus_refuses_stays_and_the_others_are_sent(stage: Queued) -> None:
    one, other = tampered(stage, first=300), tampered(stage, first=301)
    stage.put(one, other)

    def partial(_: str, operation: str, request: Mapping[str, Any]) -> set[int]:
        entries = request["Entries"] if operation == "put_events" else []
        return {place for place, it in enumerate(entries) if one.event_id in it["Detail"]}

    stage.aws.partial = partial
    assert stage.deliver()
    assert [json.loads(it.body)["event_id"] for it in stage.waiting()] == [one.event_id]
    assert [json.loads(it.body)["event_id"] for it in stage.dead()] == [other.event_id]


def test_one_that_the_dead_letter_queue_refuses_stays_and_the_others_are_done(stage: Queued) -> None:
    bad = [tampered(stage, first=300 + n) for n in range(3)]
    stage.put(*bad)
    stage.aws.partial = lambda service, operation, request: (
        {place for place, it in enumerate(request["Entries"]) if bad[1].event_id in it["MessageBody"]}
        if operation == "send_message_batch"
        else set()
    )
    assert stage.deliver()
    assert [json.loads(it.body)["event_id"] for it in stage.waiting()] == [bad[1].event_id]
    assert len(stage.dead()) == 2


def test_when_it_cannot_be_sent_to_the_last_sqs_moves_it_and_the_ledger_has_the_reason(stage: Queued) -> None:
    stage.put(tampered(stage))
    stage.always("send_message_batch", refused("AccessDenied"))
    for _ in range(5):
        assert stage.deliver()
        stage.wait()
    assert stage.deliver()
    assert stage.waiting() == []
    (letter,) = stage.dead()
    assert letter.attributes == {}
    assert {row["error_type"] for row in stage.failures()} == {"HashMismatch"}
    assert len(stage.failures()) == 5


def test_a_wait_that_cannot_be_set_is_the_queues_own(stage: Queued) -> None:
    stage.put(gone())
    stage.always("change_message_visibility_batch", refused("AccessDenied"))
    assert stage.deliver()
    (message,) = stage.waiting()
    assert message.visible_at - stage.aws.clock() == 180
    assert len(stage.failures()) == 1


# --- dying anywhere ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [tampered, lambda _: gone()], ids=["hopeless", "may pass"])
def test_killed_at_any_two_calls_the_message_is_never_nowhere(make: Callable[[CountedPipeline], Work]) -> None:
    for kills in product(KILLS, repeat=2):
        stage = Queued()
        work = make(stage)
        stage.put(work)
        for kill in kills:
            deliver_and_look(stage, work, kill)
        settle(stage, work)


@settings(max_examples=60)
@given(st.data())
def test_whatever_dies_fails_or_is_lost_however_often_the_message_is_never_nowhere(data: st.DataObject) -> None:
    stage = Queued()
    work = gone() if data.draw(st.booleans()) else tampered(stage)
    stage.put(work)
    for _ in range(data.draw(st.integers(1, 7))):
        fails = data.draw(st.sets(st.sampled_from(CALLS)))
        stage.ledger_fails = "batch_write_item" in fails
        stage.aws.partial = lambda service, operation, request, fails=fails: {0} if operation in fails else set()  # type: ignore[misc]
        deliver_and_look(stage, work, data.draw(st.sampled_from(KILLS)), lose_deletes=data.draw(st.booleans()))
    settle(stage, work)


def deliver_and_look(stage: Queued, work: Work, kill: tuple[str, str] | None, *, lose_deletes: bool = False) -> None:
    if kill:
        stage.kill(*kill)
    stage.deliver(lose_deletes=lose_deletes)
    stage.aws.on_call = None
    held = [*stage.waiting(), *stage.dead()]
    assert {json.loads(it.body)["event_id"] for it in held} == {work.event_id}
    stage.wait()


def settle(stage: Queued, work: Work) -> None:
    """Without faults it ends in the dead-letter queue alone, and everything about it has been reported."""
    stage.calm()
    stage.ledger_fails = False
    for _ in range(6):
        stage.deliver()
        stage.wait()
    assert stage.waiting() == []
    assert {json.loads(it.body)["event_id"] for it in stage.dead()} == {work.event_id}
    announced = {it["event_id"] for it in stage.announced("event.failed")}
    for letter in stage.dead():
        reason = reason_of(letter).reason
        # One that SQS moved has no reason on it; one that was sent at the last receive may lack its announcement.
        assert reason is None or reason.attempts == 5 or announced == {work.event_id}
    assert stage.answered <= {(row["request_id"], row["message_id"]) for row in stage.failures()}


# --- what is logged
# -----------------------------------------------------------------------------------------------------


def test_a_secret_is_in_no_text_about_the_failure(stage: Queued, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[Any] = []
    for level in ("debug", "info", "warning", "error", "critical", "exception"):
        monkeypatch.setattr(module.logger, level, lambda *args, **facts: said.append((args, facts)))
    stage.processor = stage.new_processor(redact_paths=("/amount", "/name"))
    stage.put(*stage.store([{"orderId": "o-1", "amount": 7654321.25, "name": "Jane Doe"}]))
    assert stage.deliver()
    (row,) = stage.failures()
    assert row["message"] == "order amount <redacted> is over the limit of 1000000"
    (letter,) = stage.dead()
    assert letter.attributes["reason"]["StringValue"] == row["message"]
    assert stage.announced("event.failed")[0]["reason"] == row["message"]
    told = repr([said, row, letter, stage.aws.events.published])
    assert "<redacted>" in told
    assert "7654321" not in told


def test_a_secret_of_another_event_of_the_day_and_one_in_a_bugs_stack_are_gone_too(
    stage: Queued, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[dict[str, Any]] = []
    monkeypatch.setattr(module.logger, "error", lambda message, **facts: said.append(facts))
    stage.processor = stage.new_processor(redact_paths=("/name",))
    stage.put(*stage.store([{"orderId": "o-1", "name": "Jane Doe"}, {"orderId": "o-2", "name": "Joseph"}]))
    stage.always("put_item", KeyError("Jane Doe met Joseph"))
    assert stage.deliver()
    assert {row["message"] for row in stage.failures()} == {"'<redacted> met <redacted>'"}
    assert len(said) == 2
    for facts in said:
        assert "KeyError: '<redacted> met <redacted>'" in facts["exception"]
        assert not {"Jane", "Joseph"} & set(repr(facts).replace("'", " ").split())


def test_a_dry_run_tells_no_secret_and_touches_no_queue(stage: Queued, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[Any] = []
    monkeypatch.setattr(module.logger, "info", lambda message, **facts: said.append((message, facts)))
    stage.put(tampered(stage), gone(), *stage.store([{"orderId": "o-1", "amount": 7654321.25}]))
    stage.calls()
    assert stage.deliver(processor=stage.new_processor(dry_run=True, redact_paths=("/amount",)))
    assert set(stage.calls()) == {"receive_message", "get_object", "query"}
    assert len(stage.waiting()) == 3
    assert {message for message, _ in said} == {"dry run: would fail"}
    assert {facts["category"] for _, facts in said} == {"VALIDATION", "PERMANENT", "PROCESSING"}
    assert "7654321" not in repr(said)


# --- time -------------------------------------------------------------------------------------------------------------


def test_a_read_that_takes_too_long_costs_its_own_message_only(stage: Queued) -> None:
    slow, *quick = stage.orders(3)
    released = hold(stage, "get_object", slow.ref.key)
    assert process_in(stage, 5_000, slow, *quick) == [0]
    released.set()
    assert_counted_once(stage, quick)
    (row,) = stage.failures()
    assert (row["category"], row["error_type"], row["disposition"]) == ("TIMEOUT", "DeadlineNear", "RETRY")
    assert stage.process(slow, receive_count=2) == []
    assert_counted_once(stage, [slow, *quick])


def test_a_day_that_takes_too_long_costs_its_own_messages_only_and_may_be_counted_after_all(stage: Queued) -> None:
    (slow,), quick = stage.orders(1, entity_id="slow"), stage.orders(2)
    released = hold(stage, "put_item", "ENTITY#slow")
    assert process_in(stage, 4_000, slow, *quick) == [0]
    assert_counted_once(stage, quick)
    released.set()
    stage.processor._workers._pool.shutdown()
    key = replace(KEY, entity_id="slow")
    assert [it.added for it in stage.versions(key)] == [(slow.event_id,)]
    assert {it["entity_id"] for it in stage.announced()} == {"customer-17"}
    assert stage.process(slow, receive_count=2, processor=stage.new_processor()) == []
    assert [it.added for it in stage.versions(key)] == [(slow.event_id,)]
    assert {it["entity_id"] for it in stage.announced()} == {"customer-17", "slow"}


def hold(stage: CountedPipeline, operation: str, what: str) -> threading.Event:
    """Lets calls of an operation about something wait until the event is set."""
    released = threading.Event()

    def hook(_: str, called: str, request: Mapping[str, Any], when: str) -> None:
        if (called, when) == (operation, "before") and what in str(request):
            released.wait(10)

    stage.aws.on_call = hook
    return released


def process_in(stage: CountedPipeline, milliseconds: int, *works: Work) -> list[int]:
    context = FakeContext(remaining_ms=milliseconds)
    answer = stage.processor(sqs_event(*works), context)  # type: ignore[arg-type]
    return sorted(int(it["itemIdentifier"].removeprefix("message-")) for it in answer["batchItemFailures"])
