"""Redrive steps: what becomes of each message, and the reason of each that is left."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from pik.adapters.dynamodb.items import to_item
from pik.domain.redrive.selection import Criteria
from pik.domain.redrive.transform import Transform
from tests.support.aws.stack import FAILURES_TABLE
from tests.support.redrive_steps import CAREFUL, RUN_ID, RedriveHarness, balanced


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
    assert harness.ask("wave") == {"run_id": RUN_ID, "next": "WAIT", "wait_seconds": 5 + 125}
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
    assert version.metrics["daily_amount_sum"] == {"XXX": "12.5"}
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
