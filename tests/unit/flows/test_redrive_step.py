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
from tests.support.pipeline import refused
from tests.support.redrive_steps import CAREFUL, RUN_ID, RedriveHarness, balanced, ids


def test_all_messages_go_back_to_the_queue_with_their_history() -> None:
    stage = RedriveHarness()
    works = stage.orders(12, attempts_before=4)
    stage.bury(works)
    stage.begin()
    row = stage.run()
    assert stage.queued_ids() == ids(works)
    assert stage.dead() == []
    sent = stage.queued()[0]
    assert (sent.origin, sent.redrives, sent.redrive_run) == ("redrive", 1, RUN_ID)
    assert (sent.attempts_before, sent.run) == (5, "LIVE")
    assert {it.group_id for it in stage.aws.sqs.messages(stage.names.work_queue_url)} == {"shop"}
    balanced(row)
    assert row["status"] == "COMPLETE"
    assert (row["totals"]["redriven"], row["totals"]["skipped"]) == (12, {})


@pytest.mark.parametrize(
    ("updates", "queries", "reads", "time"), [(5, 1, 0, 2 * REDRIVE_STEP_MS), (7, 2, 1, REDRIVE_STEP_MS)]
)
def test_a_redrive_of_a_thousand_makes_at_most_320_calls(updates: int, queries: int, reads: int, time: int) -> None:
    stage = RedriveHarness(validate=False)
    stage.bury(stage.orders(1000, key="raw/all.ndjson"))
    stage.begin(max_messages=None)
    stage.lasting.remaining_ms = time
    stage.restart_each_step()
    row = stage.run()
    calls = Counter(stage.aws.calls)
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
    stage = RedriveHarness()
    stage.bury(stage.orders(12))
    stage.begin()
    assert stage.ask("freeze")["next"] == "WAVE", "it has no time for another step"
    assert stage.queued() == []
    stage.context = stage.lasting
    assert stage.ask("wave") == {"run_id": RUN_ID, "next": "WAIT", "wait_seconds": 15}
    stage.clock.advance(15)
    assert stage.ask("wave")["next"] == "END"
    assert stage.row()["status"] == "COMPLETE"


def test_a_cancel_stops_a_step_that_goes_on_before_its_next_wave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pik.domain.redrive.state.REDRIVE_WAVE_MESSAGES", 10)
    stage = RedriveHarness()
    stage.bury(stage.orders(30))
    stage.begin()
    stage.once("send_message_batch", "after", lambda: stage.set_row(status="CANCELLING", cancel_requested=True))
    stage.context = stage.lasting
    assert stage.ask("freeze")["next"] == "END"
    row = stage.row()
    assert (row["status"], row["totals"]["redriven"], row["totals"]["skipped"]) == ("CANCELLED", 10, {"cancelled": 20})
    assert stage.visible() == 20


def test_a_filtered_redrive_reads_each_message_of_a_large_queue_once() -> None:
    stage = RedriveHarness(validate=False)
    works = stage.orders(10_000, key="raw/all.ndjson")
    stage.bury(works[:9000], fingerprint="a" * 32)
    stage.bury(works[9000:], fingerprint="b" * 32)
    stage.begin(criteria=Criteria(fingerprint="b" * 32), max_messages=None)
    row = stage.run()
    assert row["totals"]["redriven"] == 1000
    assert row["totals"]["skipped"] == {"filtered": 9000}
    assert {it.received for it in stage.dead()} == {1}
    assert Counter(stage.aws.calls)["sqs", "receive_message"] == 1002
    assert stage.queued_ids() == ids(works[9000:])


def test_a_step_that_is_repeated_while_it_is_still_at_work_counts_once() -> None:
    stage = RedriveHarness()
    stage.bury(stage.orders(40))
    stage.begin(canary=CAREFUL)
    stage.ask("freeze")
    answers: list[Any] = []
    stage.once("send_message_batch", "before", lambda: answers.append(stage.ask("wave")))
    answers.append(stage.ask("wave"))
    row = stage.row()
    assert (row["sent_to"], len(row["waves"]), row["totals"]["redriven"]) == (5, 1, 5)
    assert [it["next"] for it in answers] == ["WAIT", "WAVE"], "the one that came late asks again"
    assert stage.ask("wave") == {"run_id": RUN_ID, "next": "WAIT", "wait_seconds": 15}
    assert len(stage.queued()) == 10, "each twice in the queue"
    stage.apply()
    assert stage.versions()[-1].input_count == 5, "and counted once"


def test_a_step_whose_answer_was_lost_waits_for_the_wave_that_it_sent() -> None:
    stage = RedriveHarness()
    stage.bury(stage.orders(40))
    stage.begin(canary=CAREFUL)
    stage.ask("freeze")
    stage.ask("wave")
    stage.clock.advance(4)
    assert stage.ask("wave") == {"run_id": RUN_ID, "next": "WAIT", "wait_seconds": 11}
    assert len(stage.queued()) == 5


def test_a_freeze_that_raises_leaves_nothing_hidden() -> None:
    stage = RedriveHarness()
    stage.bury(stage.orders(25))
    stage.begin()
    stage.always("put_object", refused("AccessDenied"))
    with pytest.raises(ClientError, match="AccessDenied"):
        stage.ask("freeze")
    stage.calm()
    assert stage.visible() == 25


def test_a_freeze_takes_what_there_is_time_for() -> None:
    stage = RedriveHarness()
    stage.bury(stage.orders(25))
    stage.begin()
    stage.context.remaining_ms = 20_000
    stage.ask("freeze")
    row = stage.row()
    assert 0 < row["frozen"] < 25
    assert row["frozen"] + stage.visible() == 25


def test_a_limit_that_is_met_ends_the_reading() -> None:
    stage = RedriveHarness(validate=False)
    stage.bury(stage.orders(1000, key="raw/all.ndjson"))
    stage.begin(max_messages=300)
    row = stage.run()
    assert row["totals"]["redriven"] == 300
    assert 30 <= stage.calls()["receive_message"] <= 30 + SWEEP_THREADS, "only what was under way came on top"
    assert stage.visible() == 700


def test_a_careful_redrive_of_a_thousand_costs_a_third_of_a_call_each() -> None:
    stage = RedriveHarness(validate=False)
    stage.bury(stage.orders(1000, key="raw/all.ndjson"))
    stage.begin(max_messages=1000, canary=CAREFUL)
    calls: Counter[Any] = Counter()

    def processor() -> None:
        calls.update(stage.aws.calls)
        stage.apply()
        stage.aws.calls.clear()

    row = stage.run(work=processor)
    calls.update(stage.aws.calls)
    assert row["status"] == "COMPLETE"
    assert [it["size"] for it in row["waves"]] == [5, 25, 125, 625, 220]
    assert calls.total() <= 340, calls
    assert row["totals"]["unconfirmed"] == 300, "of a big day eight reads tell about 700 events"


def test_a_wrong_fix_costs_the_first_wave_and_says_why() -> None:
    stage = RedriveHarness()
    stage.bury(stage.orders(40))
    stage.begin(canary=CAREFUL)
    row = stage.run(work=stage.fail)
    assert (row["status"], row["stopped"]) == ("STOPPED", "too_many_failing")
    assert row["totals"]["redriven"] == 5
    assert row["totals"]["skipped"] == {"stopped": 35}
    because = row["because"]
    assert (because["failing"], because["redriven"], because["left"]) == (5, 5, 35)
    assert (because["fingerprint"], because["error_type"]) == ("f" * 32, "HashMismatch")
    assert len(stage.dead()) == 40
    assert stage.visible() == 40, "what was not sent is visible again"
    balanced(row)


def test_a_processor_that_is_off_leaves_the_first_wave_undecided() -> None:
    stage = RedriveHarness()
    stage.bury(stage.orders(40))
    stage.begin(canary=CAREFUL)
    waits: list[int] = []
    row = stage.run(work=lambda: waits.append(1))
    assert (row["status"], row["stopped"]) == ("STOPPED", "undecided")
    assert row["because"]["undecided"] == 5
    assert len(waits) == REDRIVE_MAX_CHECKS
    assert (row["totals"]["redriven"], row["totals"]["unconfirmed"]) == (5, 5)
    balanced(row)


def test_a_fix_that_helps_most_messages_goes_on() -> None:
    stage = RedriveHarness()
    works = stage.orders(60)
    stage.bury(works)
    stage.begin(canary=CAREFUL)

    def processor() -> None:
        stage.apply() if len(stage.row()["waves"]) < 3 else stage.fail()

    row = stage.run(work=processor)
    assert [it["size"] for it in row["waves"]] == [5, 25, 30]
    assert [it["failing"] for it in row["waves"]] == [0, 0, 30]
    assert (row["status"], row["stopped"]) == ("STOPPED", "too_many_failing")
    assert row["totals"]["unconfirmed"] == 0
    balanced(row)


def test_the_first_wave_holds_one_message_of_each_cause() -> None:
    stage = RedriveHarness()
    stage.bury(stage.orders(30))
    stage.bury(stage.orders(1, first=30), fingerprint="a" * 32)
    stage.begin(canary=Canary(2, 5, 0.1, 15))
    assert stage.ask("freeze")["next"] == "WAVE"
    assert stage.ask("wave") == {"run_id": RUN_ID, "next": "WAIT", "wait_seconds": 15}
    entries = stage.file(f"redrive/runs/{RUN_ID}/selection.json")["entries"]
    assert [it["fingerprint"][0] for it in entries[:3]] == ["f", "a", "f"]
    assert len(stage.queued()) == 2


def test_every_message_that_is_left_has_a_reason() -> None:
    stage = RedriveHarness()
    young, tired, other = stage.orders(1), stage.orders(1, first=1), stage.orders(3, first=2, source="web")
    fine = stage.orders(4, first=5)
    stage.bury(young, age=10)
    stage.bury([replace(work, redrives=3, redrive_run=RUN_ID) for work in tired])
    stage.bury(other)
    stage.bury(fine)
    url = stage.names.work_dead_letter_queue_url
    stage.aws.sqs.send_message(QueueUrl=url, MessageBody="no work message")
    stage.begin(criteria=Criteria(source="shop", min_age_seconds=60, attempt_budget=3), max_messages=3)
    row = stage.run()
    # Stops as soon as it has enough, so what it met till then is judged.
    assert row["totals"]["redriven"] == 3
    skipped = {"filtered": 4, "too_young": 1, "budget_exhausted": 1, "limit_reached": 1}
    assert row["totals"]["skipped"] == skipped
    assert stage.visible() == len(stage.dead()) == 7
    balanced(row)


def test_an_unreadable_message_stays_and_is_counted() -> None:
    stage = RedriveHarness()
    url = stage.names.work_dead_letter_queue_url
    stage.aws.sqs.send_message(QueueUrl=url, MessageBody="no work message")
    stage.begin()
    row = stage.run()
    assert row["status"] == "COMPLETE"
    assert row["totals"]["skipped"] == {"unreadable": 1}
    assert stage.visible() == 1


def test_messages_that_sqs_moved_itself_are_judged_by_the_ledger() -> None:
    stage = RedriveHarness()
    known, unknown = stage.orders(1), stage.orders(1, first=1)
    for it in (*known, *unknown):
        stage.aws.sqs.send_message(QueueUrl=stage.names.work_queue_url, MessageBody=it.message().body)
    works = {it.event_id: it for it in stage.drain()}
    for it in works.values():
        stage.aws.sqs.send_message(QueueUrl=stage.names.work_dead_letter_queue_url, MessageBody=it.message().body)
    row = {"category": "TRANSIENT", "error_type": "ThrottlingException", "fingerprint": "b" * 32, "message": "slow"}
    key = {"PK": f"EVENT#{known[0].event_id}", "SK": f"AT#{stage.text(3600)}#005"}
    stage.aws.dynamodb.put_item(
        TableName=FAILURES_TABLE, Item=to_item({**key, **row, "attempt": 7, "failed_at": stage.text(3600)})
    )
    stage.begin(criteria=Criteria(category="TRANSIENT", min_age_seconds=60, attempt_budget=3))
    done = stage.run()
    assert done["totals"]["redriven"] == 1
    assert done["totals"]["skipped"] == {"filtered": 1}
    (sent,) = stage.queued()
    assert (sent.event_id, sent.attempts_before) == (known[0].event_id, 7)


def test_a_manifest_is_taken_as_it_was_shown() -> None:
    stage = RedriveHarness()
    works = stage.orders(6)
    stage.bury(works)
    shown = [it.message_id for it in stage.dead()[:3]]
    manifest = {"manifest_id": "mft-1", "message_ids": [*shown, "gone"]}
    stage.aws.s3.put_object(
        Bucket=stage.names.raw_bucket, Key="redrive/manifests/mft-1.json", Body=json.dumps(manifest).encode()
    )
    stage.bury(stage.orders(4, first=6))  # since it was shown
    stage.begin(manifest_id="mft-1")
    row = stage.run()
    assert row["totals"]["redriven"] == 3
    assert row["totals"]["already_gone"] == 1
    assert row["totals"]["skipped"] == {"filtered": 7}
    assert {it.message_id for it in stage.dead()}.isdisjoint(shown)
    balanced(row)


def test_a_manifest_that_is_gone_fails_the_run_and_holds_nothing() -> None:
    stage = RedriveHarness()
    stage.bury(stage.orders(2))
    stage.begin(manifest_id="mft-1")
    with pytest.raises(LookupError, match="preview again"):
        stage.ask("freeze")
    stage.ask("finish", error={"Error": "LookupError", "Cause": "the manifest is gone"})
    row = stage.row()
    assert (row["status"], row["stopped"], row["because"]) == (
        "FAILED",
        "LookupError",
        {"cause": "the manifest is gone"},
    )
    assert stage.visible() == 2


def test_a_cancelled_run_gives_back_what_it_did_not_send() -> None:
    stage = RedriveHarness()
    stage.bury(stage.orders(40))
    stage.begin(canary=CAREFUL)

    def operator() -> None:
        stage.apply()
        stage.set_row(status="CANCELLING", cancel_requested=True)

    row = stage.run(work=operator)
    assert row["status"] == "CANCELLED"
    assert (row["totals"]["redriven"], row["totals"]["skipped"]) == (5, {"cancelled": 35})
    assert stage.visible() == 35
    balanced(row)
    assert stage.ask("wave")["next"] == "END", "a step that comes late does nothing"
    assert len(stage.dead()) == 35


def test_entries_that_sqs_refuses_stay_and_are_visible_and_counted() -> None:
    stage = RedriveHarness()
    works = stage.orders(25)
    stage.bury(works)
    stage.begin()
    refused = {it.event_id for it in works[:4]}

    def partial(_: str, operation: str, request: Any) -> set[int]:
        if operation != "send_message_batch":
            return set()
        return {n for n, it in enumerate(request["Entries"]) if json.loads(it["MessageBody"])["event_id"] in refused}

    stage.aws.partial = partial
    row = stage.run()
    assert (row["totals"]["redriven"], row["totals"]["failed"]) == (21, 4)
    assert set(stage.dead_ids()) == refused
    assert stage.visible() == 4
    balanced(row)


def test_letters_that_cannot_be_deleted_are_redriven_and_reported() -> None:
    stage = RedriveHarness()
    stage.bury(stage.orders(25))
    stage.begin()
    stage.aws.partial = lambda _, operation, __: {0, 3} if operation == "delete_message_batch" else set()
    row = stage.run()
    assert (row["totals"]["redriven"], row["totals"]["kept"]) == (25, 6)
    assert len(stage.queued()) == 25
    assert len(stage.dead()) == 6
    balanced(row)


def test_a_queue_that_takes_nothing_ends_the_run_after_one_wave() -> None:
    stage = RedriveHarness()
    stage.bury(stage.orders(40))
    stage.begin(canary=CAREFUL)
    stage.aws.partial = lambda _, operation, request: (
        set(range(len(request["Entries"]))) if operation == "send_message_batch" else set()
    )
    row = stage.run()
    assert (row["status"], row["stopped"]) == ("STOPPED", "nothing_sent")
    assert (row["totals"]["failed"], row["totals"]["skipped"]) == (5, {"stopped": 35})
    assert stage.visible() == 40
    balanced(row)


def test_events_that_come_back_again_and_again_are_delayed() -> None:
    stage = RedriveHarness()
    works = stage.orders(1) + stage.orders(1, first=1, redrives=2, redrive_run="rdr-1")
    stage.bury(works)
    stage.begin(jitter_seconds=10)
    stage.ask("freeze")
    assert stage.ask("wave") == {"run_id": RUN_ID, "next": "WAIT", "wait_seconds": 15 + 125}
    now = stage.clock()
    delays = {it.visible_at - now for it in stage.aws.sqs.messages(stage.names.work_queue_url)}
    assert delays == {5, 125}


def test_a_transform_makes_a_new_raw_object_and_keeps_the_event() -> None:
    stage = RedriveHarness()
    (work,) = stage.orders(1)
    stage.bury([work])
    stage.begin(transform=Transform({"payload.amount": 12.5}, ""))
    row = stage.run(work=stage.apply)
    (version,) = stage.versions()
    assert version.metrics["daily_amount_sum"] == "12.5"
    assert version.added == (work.event_id,)
    (changed,) = stage.file(f"redrive/runs/{RUN_ID}/wave-0000.json")["changed"]
    assert changed["before"] == work.payload_sha
    assert changed["to"].startswith(f"raw/transformed/run={RUN_ID}/{work.event_id}-")
    assert stage.file(changed["to"])["payload"] == {"orderId": "order-0", "amount": 12.5}
    assert row["totals"]["redriven"] == 1


def test_a_payload_that_the_transform_does_not_fit_stays_where_it_is() -> None:
    stage = RedriveHarness()
    stage.bury(stage.orders(3))
    stage.begin(transform=Transform({"orderId.part": 1}, ""))
    row = stage.run()
    assert row["totals"]["failed"] == 3
    assert stage.queued() == []
    assert stage.visible() == 3


def test_a_rescue_keeps_whole_messages_and_a_put_back_brings_them_back() -> None:
    stage = RedriveHarness()
    stage.bury(stage.orders(12))
    url = stage.names.work_dead_letter_queue_url
    foreign = {
        "trace": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
        "weight": {"DataType": "Number", "StringValue": "1.50"},
        "kind": {"DataType": "String.colour", "StringValue": "red"},
        "name": {"DataType": "String", "StringValue": "Ada"},
    }
    stage.aws.sqs.send_message(QueueUrl=url, MessageBody="not a work message", MessageAttributes=foreign)
    before = sorted((it.body, it.group_id, dict(it.attributes)) for it in stage.dead())
    stage.begin(action="rescue", criteria=Criteria())
    row = stage.run()
    assert (row["status"], row["totals"]["rescued"], row["totals"]["redriven"]) == ("COMPLETE", 13, 0)
    assert stage.dead() == []
    balanced(row)
    back = "rdr-20261120T111530Z-00000000"
    stage.begin(back, action="put_back", criteria=Criteria(), rescue_id=RUN_ID, max_messages=None)
    row = stage.run(back)
    assert (row["status"], row["totals"]["redriven"]) == ("COMPLETE", 13)
    after = sorted((it.body, it.group_id, dict(it.attributes)) for it in stage.dead())
    assert after == before
    balanced(row)


def test_a_dry_stack_does_nothing() -> None:
    stage = RedriveHarness()
    stage.bury(stage.orders(2))
    stage.begin()
    stage.step = stage.new_step(dry_run=True)
    assert stage.ask("freeze")["next"] == "END"
    assert stage.calls() == {}
