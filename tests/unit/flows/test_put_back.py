"""A put-back: each letter goes back once, wherever a step dies, and what may be doubled is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from pik.domain.redrive.selection import Criteria
from tests.support.faults import Killed
from tests.support.redrive_steps import RUN_ID, RedriveHarness, balanced

FIRST, SECOND = "rdr-20261120T111530Z-00000000", "rdr-20261120T111530Z-00000001"


def rescued(monkeypatch: pytest.MonkeyPatch, count: int = 12) -> RedriveHarness:
    monkeypatch.setattr("pik.flows.put_back.PUT_BACK_CHUNK", 5)
    harness = RedriveHarness()
    harness.letters.bury(harness.pipeline.orders(count))
    harness.begin(action="rescue", criteria=Criteria())
    harness.run()
    assert harness.letters.all() == []
    return harness


def begin(harness: RedriveHarness, run_id: str, **changes: Any) -> None:
    harness.begin(run_id, action="put_back", criteria=Criteria(), rescue_id=RUN_ID, max_messages=None, **changes)


def copies(harness: RedriveHarness) -> Counter[int]:
    """How many events have how many letters."""
    return Counter(harness.letters.ids().values())


def die() -> None:
    raise Killed


def test_a_second_put_back_sends_nothing_and_again_sends_all(monkeypatch: pytest.MonkeyPatch) -> None:
    harness = rescued(monkeypatch)
    begin(harness, FIRST)
    assert harness.run(FIRST)["totals"]["redriven"] == 12
    begin(harness, SECOND)
    row = harness.run(SECOND)
    assert (row["totals"]["redriven"], row["totals"]["skipped"]) == (0, {"already_put_back": 12})
    balanced(row)
    assert copies(harness) == {1: 12}
    begin(harness, "rdr-20261120T111530Z-00000002", again=True)
    assert harness.run("rdr-20261120T111530Z-00000002")["totals"]["redriven"] == 12
    assert copies(harness) == {2: 12}


def test_two_put_backs_at_once_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    harness = rescued(monkeypatch)
    begin(harness, FIRST)
    begin(harness, SECOND)
    harness.ask("freeze", FIRST)
    row = harness.run(SECOND)
    assert (row["status"], row["totals"]["skipped"]) == ("COMPLETE", {"being_put_back": 12})
    assert harness.run(FIRST)["totals"]["redriven"] == 12
    assert copies(harness) == {1: 12}


@pytest.mark.parametrize("phase", ["before", "after"])
@pytest.mark.parametrize("nth", [1, 2, 3])
@pytest.mark.parametrize("operation", ["send_message_batch", "update_item"])
def test_a_step_that_dies_around_a_write_is_repeated_and_doubles_nothing(
    monkeypatch: pytest.MonkeyPatch, operation: str, nth: int, phase: str
) -> None:
    harness = rescued(monkeypatch)
    begin(harness, FIRST)
    harness.restart_each_step()
    seen = 0

    def kill(_: str, called: str, __: Mapping[str, Any], when: str) -> None:
        nonlocal seen
        seen += (called, when) == (operation, phase)
        if (called, when, seen) == (operation, phase, nth):
            seen += 1
            raise Killed

    harness.aws.on_call = kill
    row = harness.run(FIRST)
    assert seen > nth, "it was killed"
    assert copies(harness) == {1: 12}
    assert (row["status"], row["totals"]["redriven"]) == ("COMPLETE", 12)
    balanced(row)


@pytest.mark.parametrize(("sends", "back"), [(0, 0), (1, 5), (2, 10)])
def test_a_put_back_that_breaks_off_within_a_file_counts_what_its_marks_say(
    monkeypatch: pytest.MonkeyPatch, sends: int, back: int
) -> None:
    harness = rescued(monkeypatch)
    begin(harness, FIRST)
    harness.faults.always("send_message_batch", Killed(), after=sends)
    harness.ask("freeze", FIRST)
    with pytest.raises(Killed):
        harness.ask("wave", FIRST)
    harness.ask("finish", FIRST, error={"Error": "Killed"})
    row = harness.runs.row(FIRST)
    assert (row["status"], row["totals"]["redriven"]) == ("FAILED", back)
    balanced(row)
    assert copies(harness) == ({1: back} if back else {})


def test_letters_that_are_not_seen_in_the_queue_are_sent_again_and_counted_as_perhaps_doubled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    harness = rescued(monkeypatch)
    begin(harness, FIRST)
    url = harness.pipeline.names.work_dead_letter_queue_url

    def hide_and_die() -> None:
        harness.aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=600)
        raise Killed

    harness.faults.once("send_message_batch", "after", hide_and_die)
    row = harness.run(FIRST)
    assert (row["totals"]["redriven"], row["totals"]["doubled"]) == (12, 5)
    assert copies(harness) == {1: 7, 2: 5}


def test_what_sqs_refused_is_put_back_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    harness = rescued(monkeypatch)
    begin(harness, FIRST)
    harness.aws.partial = lambda _, operation, __: {0} if operation == "send_message_batch" else set()
    row = harness.run(FIRST)
    assert (row["totals"]["redriven"], row["totals"]["failed"]) == (9, 3)
    balanced(row)
    harness.aws.partial = lambda *_: set()
    begin(harness, SECOND)
    row = harness.run(SECOND)
    assert (row["totals"]["redriven"], row["totals"]["skipped"]) == (3, {"already_put_back": 9})
    assert copies(harness) == {1: 12}


def test_a_claim_that_the_sdk_repeats_is_still_this_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pik.flows.put_back._CLAIMS", 1)
    harness = rescued(monkeypatch)
    begin(harness, FIRST)
    real = harness.aws.dynamodb.update_item

    def update_item(**request: Any) -> Any:
        if RUN_ID in request["Key"]["PK"]["S"]:
            real(**request)  # its answer is lost
        return real(**request)

    monkeypatch.setattr(harness.aws.dynamodb, "update_item", update_item)
    assert harness.ask("freeze", FIRST)["next"] == "WAVE"
    assert harness.run(FIRST)["totals"]["redriven"] == 12
    assert copies(harness) == {1: 12}


def test_a_strangers_letter_in_doubt_is_sent_again_and_never_taken_for_its_twin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    harness = RedriveHarness()
    url = harness.pipeline.names.work_dead_letter_queue_url
    for _ in range(2):
        harness.aws.sqs.send_message(QueueUrl=url, MessageBody="no work message")
    harness.begin(action="rescue", criteria=Criteria())
    harness.run()
    harness.aws.sqs.send_message(QueueUrl=url, MessageBody="no work message")  # a third of the kind
    begin(harness, FIRST)
    harness.faults.once("send_message_batch", "before", die)
    totals = harness.run(FIRST)["totals"]
    assert (totals["redriven"], totals["doubled"]) == (2, 2)
    assert len(harness.letters.all()) == 3
