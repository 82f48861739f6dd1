"""Redrive steps: what is taken, what is sent, what it costs, and what stops it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pik.domain.redrive.request import Canary
from pik.domain.redrive.selection import Criteria
from pik.domain.shared.redrive_limits import REDRIVE_MAX_CHECKS, REDRIVE_STEP_MS, SWEEP_THREADS
from tests.support.faults import refused
from tests.support.parts import ids
from tests.support.redrive_steps import CAREFUL, RUN_ID, RedriveHarness, balanced


def test_all_messages_go_back_to_the_queue_with_their_history() -> None:
    harness = RedriveHarness()
    works = harness.pipeline.orders(12, attempts_before=4)
    harness.letters.bury(works)
    harness.begin()
    row = harness.run()
    assert harness.work_queue.ids() == ids(works)
    assert harness.letters.all() == []
    sent = harness.work_queue.all()[0]
    assert (sent.origin, sent.redrives, sent.redrive_run) == ("redrive", 1, RUN_ID)
    assert (sent.attempts_before, sent.run) == (5, "LIVE")
    assert {it.group_id for it in harness.aws.sqs.messages(harness.pipeline.names.work_queue_url)} == {"shop"}
    balanced(row)
    assert row["status"] == "COMPLETE"
    assert (row["totals"]["redriven"], row["totals"]["skipped"]) == (12, {})


@pytest.mark.parametrize(
    ("updates", "queries", "reads", "time"), [(7, 4, 2, 2 * REDRIVE_STEP_MS), (10, 5, 3, REDRIVE_STEP_MS)]
)
def test_a_redrive_of_a_thousand_makes_at_most_325_calls(updates: int, queries: int, reads: int, time: int) -> None:
    harness = RedriveHarness(validate=False)
    harness.letters.bury(harness.pipeline.orders(1000, key="raw/all.ndjson"))
    harness.begin(max_messages=None)
    harness.lasting.remaining_ms = time
    harness.restart_each_step()
    row = harness.run()
    calls = Counter(harness.aws.calls)
    assert row["totals"]["redriven"] == 1000
    assert calls == Counter(
        {
            ("sqs", "get_queue_attributes"): 1,
            ("sqs", "receive_message"): 102,
            ("sqs", "send_message_batch"): 100,
            ("sqs", "delete_message_batch"): 100,
            ("dynamodb", "update_item"): updates,
            ("dynamodb", "query"): queries,
            ("s3", "get_object"): reads,
            ("s3", "put_object"): 2,
        }
    )
    assert calls.total() == 305 + updates + queries + reads


def test_a_step_goes_on_with_the_next_while_there_is_time_for_it() -> None:
    harness = RedriveHarness()
    harness.letters.bury(harness.pipeline.orders(12))
    harness.begin()
    assert harness.ask("freeze")["next"] == "WAVE", "it has no time for another step"
    assert harness.work_queue.all() == []
    harness.context = harness.lasting
    assert harness.ask("wave") == {"run_id": RUN_ID, "next": "WAIT", "wait_seconds": 5}
    harness.clock.advance(5)
    assert harness.ask("wave") == {"run_id": RUN_ID, "next": "WAIT", "wait_seconds": 15}, "nothing was processed yet"
    harness.clock.advance(15)
    assert harness.ask("wave")["next"] == "END"
    assert harness.runs.row()["status"] == "COMPLETE"


def test_a_cancel_stops_a_step_that_goes_on_before_its_next_wave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pik.domain.redrive.state.REDRIVE_WAVE_MESSAGES", 10)
    harness = RedriveHarness()
    harness.letters.bury(harness.pipeline.orders(30))
    harness.begin()
    harness.faults.once(
        "send_message_batch", "after", lambda: harness.runs.change(status="CANCELLING", cancel_requested=True)
    )
    harness.context = harness.lasting
    assert harness.ask("freeze")["next"] == "END"
    row = harness.runs.row()
    assert (row["status"], row["totals"]["redriven"], row["totals"]["skipped"]) == ("CANCELLED", 10, {"cancelled": 20})
    assert harness.letters.visible() == 20


def test_a_filtered_redrive_reads_each_message_of_a_large_queue_once() -> None:
    harness = RedriveHarness(validate=False)
    works = harness.pipeline.orders(10_000, key="raw/all.ndjson")
    harness.letters.bury(works[:9000], fingerprint="a" * 32)
    harness.letters.bury(works[9000:], fingerprint="b" * 32)
    harness.begin(criteria=Criteria(fingerprint="b" * 32), max_messages=None)
    row = harness.run()
    assert row["totals"]["redriven"] == 1000
    assert row["totals"]["skipped"] == {"filtered": 9000}
    assert {it.received for it in harness.letters.all()} == {1}
    assert Counter(harness.aws.calls)["sqs", "receive_message"] == 1002
    assert harness.work_queue.ids() == ids(works[9000:])


def test_a_step_that_is_repeated_while_it_is_still_at_work_counts_once() -> None:
    harness = RedriveHarness()
    harness.letters.bury(harness.pipeline.orders(40))
    harness.begin(canary=CAREFUL)
    harness.ask("freeze")
    answers: list[Any] = []
    harness.faults.once("send_message_batch", "before", lambda: answers.append(harness.ask("wave")))
    answers.append(harness.ask("wave"))
    row = harness.runs.row()
    assert (row["sent_to"], len(row["waves"]), row["totals"]["redriven"]) == (5, 1, 5)
    assert [it["next"] for it in answers] == ["WAIT", "WAVE"], "the one that came late asks again"
    assert harness.ask("wave") == {"run_id": RUN_ID, "next": "WAIT", "wait_seconds": 15}
    assert len(harness.work_queue.all()) == 10, "each twice in the queue"
    harness.apply()
    assert harness.pipeline.versions()[-1].input_count == 5, "and counted once"


def test_a_step_whose_answer_was_lost_waits_for_the_wave_that_it_sent() -> None:
    harness = RedriveHarness()
    harness.letters.bury(harness.pipeline.orders(40))
    harness.begin(canary=CAREFUL)
    harness.ask("freeze")
    harness.ask("wave")
    harness.clock.advance(4)
    assert harness.ask("wave") == {"run_id": RUN_ID, "next": "WAIT", "wait_seconds": 11}
    assert len(harness.work_queue.all()) == 5


def test_a_freeze_that_raises_leaves_nothing_hidden() -> None:
    harness = RedriveHarness()
    harness.letters.bury(harness.pipeline.orders(25))
    harness.begin()
    harness.faults.always("put_object", refused("AccessDenied"))
    with pytest.raises(ClientError, match="AccessDenied"):
        harness.ask("freeze")
    harness.faults.calm()
    assert harness.letters.visible() == 25


def test_a_freeze_takes_what_there_is_time_for() -> None:
    harness = RedriveHarness()
    harness.letters.bury(harness.pipeline.orders(25))
    harness.begin()
    harness.context.remaining_ms = 20_000
    harness.ask("freeze")
    row = harness.runs.row()
    assert 0 < row["frozen"] < 25
    assert row["frozen"] + harness.letters.visible() == 25


def test_a_limit_that_is_met_ends_the_reading() -> None:
    harness = RedriveHarness(validate=False)
    harness.letters.bury(harness.pipeline.orders(1000, key="raw/all.ndjson"))
    harness.begin(max_messages=300)
    row = harness.run()
    assert row["totals"]["redriven"] == 300
    assert 30 <= harness.calls.take()["receive_message"] <= 30 + SWEEP_THREADS, "only what was under way came on top"
    assert harness.letters.visible() == 700


def test_a_careful_redrive_of_a_thousand_costs_a_third_of_a_call_each() -> None:
    harness = RedriveHarness(validate=False)
    harness.letters.bury(harness.pipeline.orders(1000, key="raw/all.ndjson"))
    harness.begin(max_messages=1000, canary=CAREFUL)
    calls: Counter[Any] = Counter()

    def processor() -> None:
        calls.update(harness.aws.calls)
        harness.apply()
        harness.aws.calls.clear()

    row = harness.run(work=processor)
    calls.update(harness.aws.calls)
    assert row["status"] == "COMPLETE"
    assert [it["size"] for it in row["waves"]] == [5, 25, 125, 625, 220]
    assert calls.total() <= 340, calls
    assert row["totals"]["unconfirmed"] == 0
    assert [it["decided"] for it in row["waves"]] == [5, 25, 125, 625, 220]


def test_a_wrong_fix_costs_the_first_wave_and_says_why() -> None:
    harness = RedriveHarness()
    harness.letters.bury(harness.pipeline.orders(40))
    harness.begin(canary=CAREFUL)
    row = harness.run(work=harness.fail)
    assert (row["status"], row["stopped"]) == ("STOPPED", "too_many_failing")
    assert row["totals"]["redriven"] == 5
    assert row["totals"]["skipped"] == {"stopped": 35}
    because = row["because"]
    assert (because["failing"], because["redriven"], because["left"]) == (5, 5, 35)
    assert (because["fingerprint"], because["error_type"]) == ("f" * 32, "HashMismatch")
    assert len(harness.letters.all()) == 40
    assert harness.letters.visible() == 40, "what was not sent is visible again"
    balanced(row)


def test_a_processor_that_is_off_leaves_the_first_wave_undecided() -> None:
    harness = RedriveHarness()
    harness.letters.bury(harness.pipeline.orders(40))
    harness.begin(canary=CAREFUL)
    waits: list[int] = []
    row = harness.run(work=lambda: waits.append(1))
    assert (row["status"], row["stopped"]) == ("STOPPED", "undecided")
    assert row["because"]["undecided"] == 5
    assert len(waits) == REDRIVE_MAX_CHECKS
    assert (row["totals"]["redriven"], row["totals"]["unconfirmed"]) == (5, 5)
    balanced(row)


def test_a_fix_that_helps_most_messages_goes_on() -> None:
    harness = RedriveHarness()
    works = harness.pipeline.orders(60)
    harness.letters.bury(works)
    harness.begin(canary=CAREFUL)

    def processor() -> None:
        harness.apply() if len(harness.runs.row()["waves"]) < 3 else harness.fail()

    row = harness.run(work=processor)
    assert [it["size"] for it in row["waves"]] == [5, 25, 30]
    assert [it["failing"] for it in row["waves"]] == [0, 0, 30]
    assert (row["status"], row["stopped"]) == ("STOPPED", "too_many_failing")
    assert row["totals"]["unconfirmed"] == 0
    balanced(row)


def test_the_first_wave_holds_one_message_of_each_cause() -> None:
    harness = RedriveHarness()
    harness.letters.bury(harness.pipeline.orders(30))
    harness.letters.bury(harness.pipeline.orders(1, first=30), fingerprint="a" * 32)
    harness.begin(canary=Canary(2, 5, 0.1, 15))
    assert harness.ask("freeze")["next"] == "WAVE"
    assert harness.ask("wave") == {"run_id": RUN_ID, "next": "WAIT", "wait_seconds": 15}
    entries = harness.file(f"redrive/runs/{RUN_ID}/selection.json")["entries"]
    assert [it["fingerprint"][0] for it in entries[:3]] == ["f", "a", "f"]
    assert len(harness.work_queue.all()) == 2


def works_of_days(harness: RedriveHarness, count: int) -> list[Any]:
    """Events of as many entities, so of as many days."""
    works = [work for n in range(count) for work in harness.pipeline.orders(1, first=n, entity_id=f"customer-{n}")]
    harness.letters.bury(works)
    return works


@pytest.mark.parametrize("canary", [CAREFUL, None])
def test_what_was_applied_is_reported_as_applied_however_many_days_it_is_of(canary: Canary | None) -> None:
    harness = RedriveHarness()
    works_of_days(harness, 8)
    harness.begin(canary=canary)
    began = harness.clock()
    row = harness.run(work=harness.apply)
    assert (row["status"], row["totals"]["redriven"], row["totals"]["unconfirmed"]) == ("COMPLETE", 8, 0)
    assert sum(it["decided"] for it in row["waves"]) == 8
    assert row["outcome"] == {"waiting": 0, "unchecked": 0, "samples": []}
    assert harness.clock() - began < 21, "the canary's wait, and five seconds for the rest"
    assert harness.file(f"redrive/runs/{RUN_ID}/report.json")["totals"]["unconfirmed"] == 0


def test_two_letters_of_one_event_are_both_confirmed() -> None:
    harness = RedriveHarness()
    harness.letters.bury(harness.pipeline.orders(3) + harness.pipeline.orders(1))
    harness.begin()
    row = harness.run(work=harness.apply)
    assert (row["totals"]["redriven"], row["totals"]["unconfirmed"]) == (4, 0)


def test_a_processor_that_makes_progress_is_waited_for() -> None:
    harness = RedriveHarness()
    works_of_days(harness, 12)
    harness.begin()
    backlog: list[Any] = []
    left: list[int] = []

    def slow() -> None:
        backlog.extend(harness.work_queue.drain())
        if left:
            assert harness.pipeline.process(backlog.pop()) == []
        left.append(len(backlog))

    row = harness.run(work=slow)
    assert left == list(range(12, -1, -1)), "nothing at the first check, then one more at each"
    assert row["totals"]["unconfirmed"] == 0


def test_what_is_not_decided_is_counted_and_named() -> None:
    harness = RedriveHarness()
    works = works_of_days(harness, 12)
    harness.begin()
    row = harness.run()
    assert (row["status"], row["totals"]["unconfirmed"]) == ("COMPLETE", 12)
    assert (row["outcome"]["waiting"], row["outcome"]["unchecked"]) == (12, 0)
    assert set(row["outcome"]["samples"]) < set(ids(works))


@pytest.mark.parametrize("time", [REDRIVE_STEP_MS, 2 * REDRIVE_STEP_MS])
def test_a_run_that_is_cancelled_says_what_became_of_what_it_had_sent(time: int) -> None:
    harness = RedriveHarness()
    works_of_days(harness, 30)
    harness.begin(canary=CAREFUL)
    harness.lasting.remaining_ms = time

    def cancel() -> None:
        if len(harness.runs.row()["waves"]) == 2:
            works = harness.work_queue.drain()
            assert harness.pipeline.process(*works[:20]) == []
            harness.runs.change(status="CANCELLING", cancel_requested=True)
        else:
            harness.apply()

    harness.letters.bury(harness.pipeline.orders(30, first=100))
    row = harness.run(work=cancel)
    assert (row["status"], row["totals"]["redriven"]) == ("CANCELLED", 30)
    assert (row["totals"]["unconfirmed"], [it["decided"] for it in row["waves"]]) == (5, [5, 20])
    balanced(row)


def test_a_table_that_cannot_be_read_at_the_end_does_not_keep_a_run_from_ending() -> None:
    harness = RedriveHarness()
    works_of_days(harness, 12)
    harness.begin()
    harness.ask("freeze")
    harness.ask("wave")
    harness.faults.always("query", refused("AccessDeniedException"))
    assert harness.ask("finish", error={"Error": "AccessDeniedException", "Cause": "query"})["next"] == "END"
    row = harness.runs.row()
    assert (row["status"], row["totals"]["unconfirmed"], row["outcome"]["unchecked"]) == ("FAILED", 12, 12)
    balanced(row)
