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

from pik.domain.event.work import Work
from pik.flows import process as module
from tests.support.aws.context import FakeContext
from tests.support.aws.stack import FAILURES_TABLE
from tests.support.delivery import DeliveryHarness, gone, reason_of, tampered
from tests.support.faults import refused
from tests.support.makers import sqs_event
from tests.support.pipeline import KEY, Pipeline, ProcessorHarness, assert_counted_once

CALLS = ("batch_write_item", "put_events", "send_message_batch", "change_message_visibility_batch")
"""Of the failing path, in order."""

KILLS = [None, *product(CALLS, ("before", "after"))]


@pytest.fixture
def harness() -> DeliveryHarness:
    return DeliveryHarness()


# --- what goes where --------------------------------------------------------------------------------------------------


def test_what_no_retry_can_change_is_dead_at_its_first_failure_with_its_reason(harness: DeliveryHarness) -> None:
    (good,), bad = harness.pipeline.orders(1), tampered(harness.pipeline, attempts_before=2)
    harness.put(good, bad)
    harness.calls.forget()
    assert harness.deliver()
    calls = harness.calls.take()
    assert [calls[it] for it in CALLS[:3]] == [1, 2, 1]
    assert "change_message_visibility_batch" not in calls
    assert harness.waiting() == []
    (letter,) = harness.dead()
    assert letter.body == bad.message().body
    assert letter.group_id == "shop"
    (row,) = harness.pipeline.failures()
    reason = reason_of(letter).reason
    assert reason is not None
    assert (reason.category, reason.error_type, reason.fingerprint) == (
        "VALIDATION",
        "HashMismatch",
        row["fingerprint"],
    )
    assert (reason.event_id, reason.attempts, reason.run) == (bad.event_id, 3, "LIVE")
    assert (row["disposition"], row["attempt"]) == ("DEAD_LETTER", 3)
    (announced,) = harness.announced("event.failed")
    assert (announced["event_id"], announced["fingerprint"]) == (bad.event_id, row["fingerprint"])


def test_what_may_pass_comes_back_after_a_wait_that_grows_and_is_dead_after_its_last_receive(
    harness: DeliveryHarness,
) -> None:
    harness.put(gone())
    for receive in range(1, 5):
        assert harness.deliver()
        (message,) = harness.waiting()
        hidden = message.visible_at - harness.aws.clock()
        assert 1 <= hidden <= min(300 * 2 ** (receive - 1), 1_800)
        assert harness.dead() == []
        harness.wait(hidden)
    assert harness.deliver()
    assert harness.waiting() == []
    (letter,) = harness.dead()
    assert letter.attributes["attempts"]["StringValue"] == "5"
    assert [row["disposition"] for row in harness.pipeline.failures()] == ["RETRY"] * 4 + ["DEAD_LETTER"]
    assert len(harness.announced("event.failed")) == 1


def test_an_unreadable_message_is_dead_as_it_came(harness: DeliveryHarness) -> None:
    harness.aws.sqs.send_message(QueueUrl=harness.pipeline.names.work_queue_url, MessageBody="héllo")
    assert harness.deliver()
    (letter,) = harness.dead()
    assert (letter.body, letter.group_id) == ("héllo", None)
    assert letter.attributes["error_type"]["StringValue"] == "BadWork"
    assert "event_id" not in harness.announced("event.failed")[0]


def test_a_redriven_message_that_fails_again_is_found_by_its_run(harness: DeliveryHarness) -> None:
    harness.put(
        replace(tampered(harness.pipeline), origin="redrive", redrives=2, redrive_run="rdr-1", attempts_before=7)
    )
    assert harness.deliver()
    found = harness.aws.dynamodb.query(
        TableName=FAILURES_TABLE,
        IndexName="ByRedriveRun",
        KeyConditionExpression="redrive_run = :run",
        ExpressionAttributeValues={":run": {"S": "rdr-1"}},
    )["Items"]
    assert [(row["attempt"], row["redrives"]) for row in found] == [({"N": "8"}, {"N": "2"})]
    (announced,) = harness.announced("event.failed")
    assert (announced["redrives"], announced["redrive_run"], announced["attempts"]) == (2, "rdr-1", 8)


def test_a_dead_letter_that_is_moved_back_as_it_was_dies_with_all_its_attempts(harness: DeliveryHarness) -> None:
    harness.put(tampered(harness.pipeline))
    assert harness.deliver()
    (letter,) = harness.dead()
    harness.aws.sqs.send_message(
        QueueUrl=harness.pipeline.names.work_queue_url, MessageBody=letter.body, MessageAttributes=letter.attributes
    )
    assert harness.deliver()
    assert [it.attributes["attempts"]["StringValue"] for it in harness.dead()] == ["1", "2"]
    assert len({it["id"] for it in harness.announced("event.failed")}) == 2


def test_a_batch_of_failures_is_told_in_batches_and_each_message_has_its_own_end(harness: DeliveryHarness) -> None:
    bad = [tampered(harness.pipeline, first=300 + n) for n in range(6)]
    harness.put(*bad, *(gone(event_id=f"{n:064x}") for n in range(4)))
    harness.calls.forget()
    assert harness.deliver()
    calls = harness.calls.take()
    assert [calls[it] for it in CALLS] == [1, 1, 1, 1]
    assert {json.loads(it.body)["event_id"] for it in harness.dead()} == {it.event_id for it in bad}
    assert {json.loads(it.body)["event_id"] for it in harness.waiting()} == {f"{n:064x}" for n in range(4)}
    assert len(harness.pipeline.failures()) == 10


# --- what fails on the way --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["batch_write_item", "put_events"])
def test_what_cannot_be_recorded_or_announced_has_another_turn(harness: DeliveryHarness, call: str) -> None:
    harness.put(tampered(harness.pipeline))
    harness.faults.always(call, refused("AccessDeniedException"))
    assert harness.deliver()
    assert harness.dead() == []
    (message,) = harness.waiting()
    assert message.visible_at - harness.aws.clock() <= 30
    harness.faults.calm()
    harness.wait()
    assert harness.deliver()
    assert (len(harness.waiting()), len(harness.dead())) == (0, 1)


@pytest.mark.parametrize("call", ["batch_write_item", "put_events"])
def test_the_last_time_a_dead_letter_is_sent_although_it_cannot_be_recorded_or_announced(
    harness: DeliveryHarness, call: str
) -> None:
    harness.put(tampered(harness.pipeline))
    harness.faults.always(call, refused("AccessDeniedException"))
    for _ in range(5):
        assert harness.deliver()
        harness.wait()
    assert harness.waiting() == []
    (letter,) = harness.dead()
    assert letter.attributes["attempts"]["StringValue"] == "5"


def test_one_that_the_bus_refuses_stays_and_the_others_are_sent(harness: DeliveryHarness) -> None:
    one, other = tampered(harness.pipeline, first=300), tampered(harness.pipeline, first=301)
    harness.put(one, other)

    def partial(_: str, operation: str, request: Mapping[str, Any]) -> set[int]:
        entries = request["Entries"] if operation == "put_events" else []
        return {place for place, it in enumerate(entries) if one.event_id in it["Detail"]}

    harness.aws.partial = partial
    assert harness.deliver()
    assert [json.loads(it.body)["event_id"] for it in harness.waiting()] == [one.event_id]
    assert [json.loads(it.body)["event_id"] for it in harness.dead()] == [other.event_id]


def test_one_that_the_dead_letter_queue_refuses_stays_and_the_others_are_done(harness: DeliveryHarness) -> None:
    bad = [tampered(harness.pipeline, first=300 + n) for n in range(3)]
    harness.put(*bad)
    harness.aws.partial = lambda service, operation, request: (
        {place for place, it in enumerate(request["Entries"]) if bad[1].event_id in it["MessageBody"]}
        if operation == "send_message_batch"
        else set()
    )
    assert harness.deliver()
    assert [json.loads(it.body)["event_id"] for it in harness.waiting()] == [bad[1].event_id]
    assert len(harness.dead()) == 2


def test_when_it_cannot_be_sent_to_the_last_sqs_moves_it_and_the_ledger_has_the_reason(
    harness: DeliveryHarness,
) -> None:
    harness.put(tampered(harness.pipeline))
    harness.faults.always("send_message_batch", refused("AccessDenied"))
    for _ in range(5):
        assert harness.deliver()
        harness.wait()
    assert harness.deliver()
    assert harness.waiting() == []
    (letter,) = harness.dead()
    assert letter.attributes == {}
    assert {row["error_type"] for row in harness.pipeline.failures()} == {"HashMismatch"}
    assert len(harness.pipeline.failures()) == 5


def test_a_wait_that_cannot_be_set_is_the_queues_own(harness: DeliveryHarness) -> None:
    harness.put(gone())
    harness.faults.always("change_message_visibility_batch", refused("AccessDenied"))
    assert harness.deliver()
    (message,) = harness.waiting()
    assert message.visible_at - harness.aws.clock() == 180
    assert len(harness.pipeline.failures()) == 1


# --- dying anywhere ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [tampered, lambda _: gone()], ids=["hopeless", "may pass"])
def test_killed_at_any_two_calls_the_message_is_never_nowhere(make: Callable[[Pipeline], Work]) -> None:
    for kills in product(KILLS, repeat=2):
        harness = DeliveryHarness()
        work = make(harness.pipeline)
        harness.put(work)
        for kill in kills:
            deliver_and_look(harness, work, kill)
        settle(harness, work)


@settings(max_examples=60)
@given(st.data())
def test_whatever_dies_fails_or_is_lost_however_often_the_message_is_never_nowhere(data: st.DataObject) -> None:
    harness = DeliveryHarness()
    work = gone() if data.draw(st.booleans()) else tampered(harness.pipeline)
    harness.put(work)
    for _ in range(data.draw(st.integers(1, 7))):
        fails = data.draw(st.sets(st.sampled_from(CALLS)))
        harness.ledger_fails = "batch_write_item" in fails
        harness.aws.partial = lambda service, operation, request, fails=fails: {0} if operation in fails else set()  # type: ignore[misc]
        deliver_and_look(harness, work, data.draw(st.sampled_from(KILLS)), lose_deletes=data.draw(st.booleans()))
    settle(harness, work)


def deliver_and_look(
    harness: DeliveryHarness, work: Work, kill: tuple[str, str] | None, *, lose_deletes: bool = False
) -> None:
    if kill:
        harness.kill(*kill)
    harness.deliver(lose_deletes=lose_deletes)
    harness.faults.calm()
    held = [*harness.waiting(), *harness.dead()]
    assert {json.loads(it.body)["event_id"] for it in held} == {work.event_id}
    harness.wait()


def settle(harness: DeliveryHarness, work: Work) -> None:
    """Without faults it ends in the dead-letter queue alone, and everything about it has been reported."""
    harness.faults.calm()
    harness.ledger_fails = False
    for _ in range(6):
        harness.deliver()
        harness.wait()
    assert harness.waiting() == []
    assert {json.loads(it.body)["event_id"] for it in harness.dead()} == {work.event_id}
    announced = {it["event_id"] for it in harness.announced("event.failed")}
    for letter in harness.dead():
        reason = reason_of(letter).reason
        # One that SQS moved has no reason on it; one that was sent at the last receive may lack its announcement.
        assert reason is None or reason.attempts == 5 or announced == {work.event_id}
    assert harness.answered <= {(row["request_id"], row["message_id"]) for row in harness.pipeline.failures()}


# --- what is logged
# -----------------------------------------------------------------------------------------------------


def test_a_secret_is_in_no_text_about_the_failure(harness: DeliveryHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[Any] = []
    for level in ("debug", "info", "warning", "error", "critical", "exception"):
        monkeypatch.setattr(module.logger, level, lambda *args, **facts: said.append((args, facts)))
    harness.pipeline.processor = harness.pipeline.new_processor(redact_paths=("/amount", "/name"))
    harness.put(*harness.pipeline.store([{"orderId": "o-1", "amount": 7654321.25, "name": "Jane Doe"}]))
    assert harness.deliver()
    (row,) = harness.pipeline.failures()
    assert row["message"] == "order amount <redacted> is over the limit of 1000000"
    (letter,) = harness.dead()
    assert letter.attributes["reason"]["StringValue"] == row["message"]
    assert harness.announced("event.failed")[0]["reason"] == row["message"]
    texts = repr([said, row, letter, harness.aws.events.published])
    assert "<redacted>" in texts
    assert "7654321" not in texts


def test_a_secret_of_another_event_of_the_day_and_one_in_a_bugs_stack_are_gone_too(
    harness: DeliveryHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[dict[str, Any]] = []
    monkeypatch.setattr(module.logger, "error", lambda message, **facts: said.append(facts))
    harness.pipeline.processor = harness.pipeline.new_processor(redact_paths=("/name",))
    harness.put(*harness.pipeline.store([{"orderId": "o-1", "name": "Jane Doe"}, {"orderId": "o-2", "name": "Joseph"}]))
    harness.faults.always("put_item", KeyError("Jane Doe met Joseph"))
    assert harness.deliver()
    assert {row["message"] for row in harness.pipeline.failures()} == {"'<redacted> met <redacted>'"}
    assert len(said) == 2
    for facts in said:
        assert "KeyError: '<redacted> met <redacted>'" in facts["exception"]
        assert not {"Jane", "Joseph"} & set(repr(facts).replace("'", " ").split())


def test_a_dry_run_tells_no_secret_and_touches_no_queue(
    harness: DeliveryHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[Any] = []
    monkeypatch.setattr(module.logger, "info", lambda message, **facts: said.append((message, facts)))
    harness.put(tampered(harness.pipeline), gone(), *harness.pipeline.store([{"orderId": "o-1", "amount": 7654321.25}]))
    harness.calls.forget()
    assert harness.deliver(processor=harness.pipeline.new_processor(dry_run=True, redact_paths=("/amount",)))
    assert set(harness.calls.take()) == {"receive_message", "get_object", "query"}
    assert len(harness.waiting()) == 3
    assert {message for message, _ in said} == {"dry run: would fail"}
    assert {facts["category"] for _, facts in said} == {"VALIDATION", "PERMANENT", "PROCESSING"}
    assert "7654321" not in repr(said)


# --- time -------------------------------------------------------------------------------------------------------------


def test_a_read_that_takes_too_long_costs_its_own_message_only(harness: DeliveryHarness) -> None:
    slow, *quick = harness.pipeline.orders(3)
    released = hold(harness, "get_object", slow.ref.key)
    assert process_in(harness, 5_000, slow, *quick) == [0]
    released.set()
    assert_counted_once(harness.pipeline, quick)
    (row,) = harness.pipeline.failures()
    assert (row["category"], row["error_type"], row["disposition"]) == ("TIMEOUT", "DeadlineNear", "RETRY")
    assert harness.pipeline.process(slow, receive_count=2) == []
    assert_counted_once(harness.pipeline, [slow, *quick])


def test_a_day_that_takes_too_long_costs_its_own_messages_only_and_may_be_counted_after_all(
    harness: DeliveryHarness,
) -> None:
    (slow,), quick = harness.pipeline.orders(1, entity_id="slow"), harness.pipeline.orders(2)
    released = hold(harness, "put_item", "ENTITY#slow")
    assert process_in(harness, 4_000, slow, *quick) == [0]
    assert_counted_once(harness.pipeline, quick)
    released.set()
    harness.pipeline.processor._workers._pool.shutdown()
    key = replace(KEY, entity_id="slow")
    assert [it.added for it in harness.pipeline.versions(key)] == [(slow.event_id,)]
    assert {it["entity_id"] for it in harness.announced()} == {"customer-17"}
    assert harness.pipeline.process(slow, receive_count=2, processor=harness.pipeline.new_processor()) == []
    assert [it.added for it in harness.pipeline.versions(key)] == [(slow.event_id,)]
    assert {it["entity_id"] for it in harness.announced()} == {"customer-17", "slow"}


def hold(harness: ProcessorHarness, operation: str, what: str) -> threading.Event:
    """Lets calls of an operation about something wait until the event is set."""
    released = threading.Event()

    def hook(_: str, called: str, request: Mapping[str, Any], when: str) -> None:
        if (called, when) == (operation, "before") and what in str(request):
            released.wait(10)

    harness.aws.on_call = hook
    return released


def process_in(harness: ProcessorHarness, milliseconds: int, *works: Work) -> list[int]:
    context = FakeContext(remaining_ms=milliseconds)
    answer = harness.pipeline.processor(sqs_event(*works), context)  # type: ignore[arg-type]
    return sorted(int(it["itemIdentifier"].removeprefix("message-")) for it in answer["batchItemFailures"])
