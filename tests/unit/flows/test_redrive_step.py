"""Redrive steps: what is taken, what is sent, what it costs, and what stops it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pik.adapters.dynamodb.items import to_item
from pik.domain.redrive.request import Canary
from pik.domain.redrive.selection import Criteria
from pik.domain.redrive.transform import Transform
from pik.domain.shared.limits import REDRIVE_MAX_CHECKS, REDRIVE_STEP_MS, SWEEP_THREADS
from tests.support.aws.stack import FAILURES_TABLE
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
    ("updates", "queries", "reads", "time"), [(5, 1, 0, 2 * REDRIVE_STEP_MS), (7, 2, 1, REDRIVE_STEP_MS)]
)
def test_a_redrive_of_a_thousand_makes_at_most_320_calls(updates: int, queries: int, reads: int, time: int) -> None:
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
    assert harness.ask("wave") == {"run_id": RUN_ID, "next": "WAIT", "wait_seconds": 15}
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
    assert row["totals"]["unconfirmed"] == 300, "of a big day eight reads tell about 700 events"


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


def test_every_message_that_is_left_has_a_reason() -> None:
    harness = RedriveHarness()
    young, tired, other = (
        harness.pipeline.orders(1),
        harness.pipeline.orders(1, first=1),
        harness.pipeline.orders(3, first=2, source="web"),
    )
    fine = harness.pipeline.orders(4, first=5)
    harness.letters.bury(young, age=10)
    harness.letters.bury([replace(work, redrives=3, redrive_run=RUN_ID) for work in tired])
    harness.letters.bury(other)
    harness.letters.bury(fine)
    url = harness.pipeline.names.work_dead_letter_queue_url
    harness.aws.sqs.send_message(QueueUrl=url, MessageBody="no work message")
    harness.begin(criteria=Criteria(source="shop", min_age_seconds=60, attempt_budget=3), max_messages=3)
    row = harness.run()
    # Stops as soon as it has enough, so what it met till then is judged.
    assert row["totals"]["redriven"] == 3
    skipped = {"filtered": 4, "too_young": 1, "budget_exhausted": 1, "limit_reached": 1}
    assert row["totals"]["skipped"] == skipped
    assert harness.letters.visible() == len(harness.letters.all()) == 7
    balanced(row)


def test_an_unreadable_message_stays_and_is_counted() -> None:
    harness = RedriveHarness()
    url = harness.pipeline.names.work_dead_letter_queue_url
    harness.aws.sqs.send_message(QueueUrl=url, MessageBody="no work message")
    harness.begin()
    row = harness.run()
    assert row["status"] == "COMPLETE"
    assert row["totals"]["skipped"] == {"unreadable": 1}
    assert harness.letters.visible() == 1


def test_messages_that_sqs_moved_itself_are_judged_by_the_ledger() -> None:
    harness = RedriveHarness()
    known, unknown = harness.pipeline.orders(1), harness.pipeline.orders(1, first=1)
    for it in (*known, *unknown):
        harness.aws.sqs.send_message(QueueUrl=harness.pipeline.names.work_queue_url, MessageBody=it.message().body)
    works = {it.event_id: it for it in harness.work_queue.drain()}
    for it in works.values():
        harness.aws.sqs.send_message(
            QueueUrl=harness.pipeline.names.work_dead_letter_queue_url, MessageBody=it.message().body
        )
    row = {"category": "TRANSIENT", "error_type": "ThrottlingException", "fingerprint": "b" * 32, "message": "slow"}
    key = {"PK": f"EVENT#{known[0].event_id}", "SK": f"AT#{harness.text(3600)}#005"}
    harness.aws.dynamodb.put_item(
        TableName=FAILURES_TABLE, Item=to_item({**key, **row, "attempt": 7, "failed_at": harness.text(3600)})
    )
    harness.begin(criteria=Criteria(category="TRANSIENT", min_age_seconds=60, attempt_budget=3))
    done = harness.run()
    assert done["totals"]["redriven"] == 1
    assert done["totals"]["skipped"] == {"filtered": 1}
    (sent,) = harness.work_queue.all()
    assert (sent.event_id, sent.attempts_before) == (known[0].event_id, 7)


def test_a_manifest_is_taken_as_it_was_shown() -> None:
    harness = RedriveHarness()
    works = harness.pipeline.orders(6)
    harness.letters.bury(works)
    shown = [it.message_id for it in harness.letters.all()[:3]]
    manifest = {"manifest_id": "mft-1", "message_ids": [*shown, "gone"]}
    harness.aws.s3.put_object(
        Bucket=harness.pipeline.names.raw_bucket, Key="redrive/manifests/mft-1.json", Body=json.dumps(manifest).encode()
    )
    harness.letters.bury(harness.pipeline.orders(4, first=6))  # since it was shown
    harness.begin(manifest_id="mft-1")
    row = harness.run()
    assert row["totals"]["redriven"] == 3
    assert row["totals"]["already_gone"] == 1
    assert row["totals"]["skipped"] == {"filtered": 7}
    assert {it.message_id for it in harness.letters.all()}.isdisjoint(shown)
    balanced(row)


def test_a_manifest_that_is_gone_fails_the_run_and_holds_nothing() -> None:
    harness = RedriveHarness()
    harness.letters.bury(harness.pipeline.orders(2))
    harness.begin(manifest_id="mft-1")
    with pytest.raises(LookupError, match="preview again"):
        harness.ask("freeze")
    harness.ask("finish", error={"Error": "LookupError", "Cause": "the manifest is gone"})
    row = harness.runs.row()
    assert (row["status"], row["stopped"], row["because"]) == (
        "FAILED",
        "LookupError",
        {"cause": "the manifest is gone"},
    )
    assert harness.letters.visible() == 2


def test_a_cancelled_run_gives_back_what_it_did_not_send() -> None:
    harness = RedriveHarness()
    harness.letters.bury(harness.pipeline.orders(40))
    harness.begin(canary=CAREFUL)

    def operator() -> None:
        harness.apply()
        harness.runs.change(status="CANCELLING", cancel_requested=True)

    row = harness.run(work=operator)
    assert row["status"] == "CANCELLED"
    assert (row["totals"]["redriven"], row["totals"]["skipped"]) == (5, {"cancelled": 35})
    assert harness.letters.visible() == 35
    balanced(row)
    assert harness.ask("wave")["next"] == "END", "a step that comes late does nothing"
    assert len(harness.letters.all()) == 35


def test_entries_that_sqs_refuses_stay_and_are_visible_and_counted() -> None:
    harness = RedriveHarness()
    works = harness.pipeline.orders(25)
    harness.letters.bury(works)
    harness.begin()
    refused = {it.event_id for it in works[:4]}

    def partial(_: str, operation: str, request: Any) -> set[int]:
        if operation != "send_message_batch":
            return set()
        return {n for n, it in enumerate(request["Entries"]) if json.loads(it["MessageBody"])["event_id"] in refused}

    harness.aws.partial = partial
    row = harness.run()
    assert (row["totals"]["redriven"], row["totals"]["failed"]) == (21, 4)
    assert set(harness.letters.ids()) == refused
    assert harness.letters.visible() == 4
    balanced(row)


def test_letters_that_cannot_be_deleted_are_redriven_and_reported() -> None:
    harness = RedriveHarness()
    harness.letters.bury(harness.pipeline.orders(25))
    harness.begin()
    harness.aws.partial = lambda _, operation, __: {0, 3} if operation == "delete_message_batch" else set()
    row = harness.run()
    assert (row["totals"]["redriven"], row["totals"]["kept"]) == (25, 6)
    assert len(harness.work_queue.all()) == 25
    assert len(harness.letters.all()) == 6
    balanced(row)


def test_a_queue_that_takes_nothing_ends_the_run_after_one_wave() -> None:
    harness = RedriveHarness()
    harness.letters.bury(harness.pipeline.orders(40))
    harness.begin(canary=CAREFUL)
    harness.aws.partial = lambda _, operation, request: (
        set(range(len(request["Entries"]))) if operation == "send_message_batch" else set()
    )
    row = harness.run()
    assert (row["status"], row["stopped"]) == ("STOPPED", "nothing_sent")
    assert (row["totals"]["failed"], row["totals"]["skipped"]) == (5, {"stopped": 35})
    assert harness.letters.visible() == 40
    balanced(row)


def test_events_that_come_back_again_and_again_are_delayed() -> None:
    harness = RedriveHarness()
    works = harness.pipeline.orders(1) + harness.pipeline.orders(1, first=1, redrives=2, redrive_run="rdr-1")
    harness.letters.bury(works)
    harness.begin(jitter_seconds=10)
    harness.ask("freeze")
    assert harness.ask("wave") == {"run_id": RUN_ID, "next": "WAIT", "wait_seconds": 15 + 125}
    now = harness.clock()
    delays = {it.visible_at - now for it in harness.aws.sqs.messages(harness.pipeline.names.work_queue_url)}
    assert delays == {5, 125}


def test_a_transform_makes_a_new_raw_object_and_keeps_the_event() -> None:
    harness = RedriveHarness()
    (work,) = harness.pipeline.orders(1)
    harness.letters.bury([work])
    harness.begin(transform=Transform({"payload.amount": 12.5}, ""))
    row = harness.run(work=harness.apply)
    (version,) = harness.pipeline.versions()
    assert version.metrics["daily_amount_sum"] == "12.5"
    assert version.added == (work.event_id,)
    (changed,) = harness.file(f"redrive/runs/{RUN_ID}/wave-0000.json")["changed"]
    assert changed["before"] == work.payload_sha
    assert changed["to"].startswith(f"raw/transformed/run={RUN_ID}/{work.event_id}-")
    assert harness.file(changed["to"])["payload"] == {"orderId": "order-0", "amount": 12.5}
    assert row["totals"]["redriven"] == 1


def test_a_payload_that_the_transform_does_not_fit_stays_where_it_is() -> None:
    harness = RedriveHarness()
    harness.letters.bury(harness.pipeline.orders(3))
    harness.begin(transform=Transform({"orderId.part": 1}, ""))
    row = harness.run()
    assert row["totals"]["failed"] == 3
    assert harness.work_queue.all() == []
    assert harness.letters.visible() == 3


def test_a_rescue_keeps_whole_messages_and_a_put_back_brings_them_back() -> None:
    harness = RedriveHarness()
    harness.letters.bury(harness.pipeline.orders(12))
    url = harness.pipeline.names.work_dead_letter_queue_url
    foreign = {
        "trace": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
        "weight": {"DataType": "Number", "StringValue": "1.50"},
        "kind": {"DataType": "String.colour", "StringValue": "red"},
        "name": {"DataType": "String", "StringValue": "Ada"},
    }
    harness.aws.sqs.send_message(QueueUrl=url, MessageBody="not a work message", MessageAttributes=foreign)
    before = sorted((it.body, it.group_id, dict(it.attributes)) for it in harness.letters.all())
    harness.begin(action="rescue", criteria=Criteria())
    row = harness.run()
    assert (row["status"], row["totals"]["rescued"], row["totals"]["redriven"]) == ("COMPLETE", 13, 0)
    assert harness.letters.all() == []
    balanced(row)
    back = "rdr-20261120T111530Z-00000000"
    harness.begin(back, action="put_back", criteria=Criteria(), rescue_id=RUN_ID, max_messages=None)
    row = harness.run(back)
    assert (row["status"], row["totals"]["redriven"]) == ("COMPLETE", 13)
    after = sorted((it.body, it.group_id, dict(it.attributes)) for it in harness.letters.all())
    assert after == before
    balanced(row)


def test_a_dry_stack_does_nothing() -> None:
    harness = RedriveHarness()
    harness.letters.bury(harness.pipeline.orders(2))
    harness.begin()
    harness.step = harness.new_step(dry_run=True)
    assert harness.ask("freeze")["next"] == "END"
    assert harness.calls.take() == {}
