"""The redrive API: a start is written down before it runs, a dry one moves nothing, a cancel ends a run."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pik.adapters.dynamodb.items import to_item
from pik.domain.event.fields import RawRef
from pik.domain.redrive.request import RedriveRequest
from pik.domain.redrive.selection import Criteria
from pik.domain.shared.redrive_limits import REDRIVE_HOLD_SECONDS
from tests.support.aws.stack import RUNS_TABLE
from tests.support.faults import refused
from tests.support.redrive_api import MANIFEST_ID, OPERATOR, RedriveApiHarness
from tests.support.redrive_steps import RUN_ID, balanced

REDRIVE_ID = "rdr-20261120T101530Z-0a1b2c3d"


@pytest.fixture
def harness() -> RedriveApiHarness:
    return RedriveApiHarness()


# --- start


def test_a_start_is_written_down_and_handed_to_the_state_machine(harness: RedriveApiHarness) -> None:
    answer = harness.start(source="shop", max_messages=10)
    assert answer["run_id"] == REDRIVE_ID
    assert answer["status"] == "RUNNING"
    assert answer["state_machine_execution"].endswith(f":{REDRIVE_ID}")
    assert harness.aws.stepfunctions.started == {REDRIVE_ID: {"run_id": REDRIVE_ID}}
    row = harness.runs.row(REDRIVE_ID)
    assert (row["status"], row["requested_by"], row["request_id"]) == ("RUNNING", OPERATOR, "request-1")
    request = RedriveRequest.of(row["request"])
    assert request.criteria == Criteria(source="shop", min_age_seconds=60, attempt_budget=3)
    assert request.max_messages == 10
    assert harness.written() == {"put_item", "start_execution"}


def test_what_was_started_is_what_the_steps_do(harness: RedriveApiHarness) -> None:
    works = harness.pipeline.orders(8)
    harness.letters.bury(works)
    harness.preview(source="shop")
    answer = harness.start(manifest_id=MANIFEST_ID)
    row = harness.redrive.run(answer["run_id"], work=harness.redrive.apply)
    balanced(row)
    assert (row["status"], row["totals"]["redriven"], harness.letters.all()) == ("COMPLETE", 8, [])
    status, shown = harness.ask(f"GET /redrive/{answer['run_id']}")
    assert (status, shown["status"]) == (200, "COMPLETE")
    assert shown["explanation"].startswith("Of 8 messages that were selected, 8 went back to the queue.")


def test_a_start_that_is_repeated_by_the_sdk_is_one_run(harness: RedriveApiHarness) -> None:
    harness.start()
    harness.start()
    assert len(harness.runs.all()) == 1
    assert len(harness.aws.stepfunctions.started) == 1


@pytest.mark.parametrize("phase", ["before", "after"])
def test_a_start_whose_row_is_not_written_starts_nothing(harness: RedriveApiHarness, phase: str) -> None:
    harness.faults.refuse("put_item", "ThrottlingException", phase)
    status, answer = harness.ask("POST /redrive/start", {})
    assert (status, answer["error"]["code"]) == (503, "unavailable")
    assert harness.aws.stepfunctions.started == {}


@pytest.mark.parametrize("phase", ["before", "after"])
def test_a_run_whose_machine_was_not_started_is_failed_and_never_runs(harness: RedriveApiHarness, phase: str) -> None:
    harness.letters.bury(harness.pipeline.orders(3))
    harness.faults.refuse("start_execution", "ThrottlingException", phase)
    status, answer = harness.ask("POST /redrive/start", {})
    assert (status, answer["error"]["code"], answer["run_id"]) == (503, "unavailable", REDRIVE_ID)
    row = harness.runs.row(REDRIVE_ID)
    assert (row["status"], row["stopped"]) == ("FAILED", "not_started")
    assert row["updated_at"] == harness.redrive.text()
    # An execution of which only the answer was lost finds its run over.
    harness.faults.calm()
    assert harness.redrive.run(REDRIVE_ID)["status"] == "FAILED"
    assert len(harness.letters.all()) == 3


def test_a_start_that_aws_refuses_raises_and_the_run_is_failed(harness: RedriveApiHarness) -> None:
    harness.faults.refuse("start_execution", "AccessDeniedException")
    with pytest.raises(ClientError, match="AccessDenied"):
        harness.ask("POST /redrive/start", {})
    assert harness.runs.row(REDRIVE_ID)["status"] == "FAILED"


def test_a_run_that_began_although_its_start_failed_is_left_alone(harness: RedriveApiHarness) -> None:
    def begin_and_fail() -> None:
        harness.clock.advance(1)
        harness.redrive.step({"step": "freeze", "run_id": REDRIVE_ID}, harness.redrive.context)
        raise refused("InternalError", "start_execution")

    harness.faults.once("start_execution", "after", begin_and_fail)
    status, _ = harness.ask("POST /redrive/start", {})
    assert status == 503
    assert harness.runs.row(REDRIVE_ID)["status"] == "RUNNING"


def test_a_failed_note_does_not_hide_that_the_start_failed(harness: RedriveApiHarness) -> None:
    def hook(_: str, called: str, __: Any, when: str) -> None:
        if called in {"start_execution", "update_item"} and when == "before":
            raise refused("InternalError", called)

    harness.aws.on_call = hook
    assert harness.ask("POST /redrive/start", {})[0] == 503


@pytest.mark.parametrize(
    ("body", "path", "code"),
    [
        ({"manifest_id": MANIFEST_ID}, "/manifest_id", "unknown_manifest"),
        ({"action": "put_back", "rescue_id": RUN_ID}, "/rescue_id", "unknown_rescue"),
        ({"max_messages": "many"}, "/max_messages", "wrong_type"),
        ("{", "body", "malformed_json"),
        ([], "body", "request_not_an_object"),
    ],
)
def test_a_start_that_cannot_be_is_refused_before_anything_is_written(
    harness: RedriveApiHarness, body: Any, path: str, code: str
) -> None:
    status, answer = harness.ask("POST /redrive/start", body)
    assert (status, answer["error"]["code"]) == (400, code)
    assert answer["error"]["details"][0]["path"] == path
    assert harness.written() == set()


def test_a_redrive_is_not_a_rescue_to_put_back(harness: RedriveApiHarness) -> None:
    harness.start()
    status, answer = harness.ask("POST /redrive/start", {"action": "put_back", "rescue_id": REDRIVE_ID})
    assert (status, answer["error"]["code"]) == (400, "unknown_rescue")


def test_what_was_rescued_is_put_back(harness: RedriveApiHarness) -> None:
    harness.letters.bury(harness.pipeline.orders(4))
    rescue = harness.start(action="rescue")["run_id"]
    assert harness.redrive.run(rescue)["totals"]["rescued"] == 4
    assert harness.letters.all() == []
    dry = harness.start(action="put_back", rescue_id=rescue, dry_run=True)
    assert (dry["would"], dry["diffs"]) == ({"selected": 4, "skipped": {}}, [])
    harness.clock.advance(1)
    back = harness.start(action="put_back", rescue_id=rescue)["run_id"]
    assert harness.redrive.run(back)["totals"]["redriven"] == 4
    assert len(harness.letters.all()) == 4


# --- dry runs


def test_a_dry_start_says_what_it_would_take_and_writes_nothing(harness: RedriveApiHarness) -> None:
    harness.letters.bury(harness.pipeline.orders(3))
    harness.letters.bury(harness.pipeline.orders(2, first=3), age=10)
    answer = harness.start(dry_run=True)
    assert (answer["dry_run"], answer["action"], answer["read"], answer["matched"]) == (True, "redrive", 5, 3)
    assert answer["would"] == {"selected": 3, "skipped": {"too_young": 2}, "already_gone": 0}
    assert answer["diffs"] == []
    assert answer["explanation"].endswith("This was a dry run: nothing was moved or recorded.")
    assert (harness.written(), harness.runs.all(), harness.letters.visible()) == (set(), [], 5)


def test_a_dry_start_shows_what_a_transform_makes_of_payloads(harness: RedriveApiHarness) -> None:
    harness.letters.bury(harness.pipeline.orders(3))
    answer = harness.start(dry_run=True, samples=2, transform={"set": {"payload.amount": 9}})
    assert len(answer["diffs"]) == 2
    for diff in answer["diffs"]:
        assert diff["after"] == {**diff["before"], "amount": 9}
    assert harness.keys("raw/transformed/") == []
    assert harness.written() == set()


def test_a_payload_that_is_not_json_has_a_diff_that_says_so(harness: RedriveApiHarness) -> None:
    (work,) = harness.pipeline.orders(1)
    data = b"\x89PNG"
    ref = RawRef(work.ref.bucket, "raw/a.bin", 0, len(data))
    harness.aws.s3.put_object(Bucket=ref.bucket, Key=ref.key, Body=data)
    harness.letters.bury([replace(work, ref=ref, payload_sha=hashlib.sha256(data).hexdigest())])
    (diff,) = harness.start(dry_run=True, samples=1, transform={"set": {"payload.amount": 9}})["diffs"]
    assert diff["before"] == "4 bytes that are not JSON"
    assert "not JSON" in diff["error"]


def test_diffs_of_a_previews_samples_come_without_reading_the_queue(harness: RedriveApiHarness) -> None:
    works = harness.pipeline.orders(4)
    harness.letters.bury(works)
    preview = harness.preview(samples=2)
    harness.faults.always("receive_message", AssertionError("the queue is read"))
    answer = harness.start(
        dry_run=True,
        diffs_only=True,
        manifest_id=preview["manifest_id"],
        transform={"set": {"payload.amount": 9}},
    )
    assert [diff["message_id"] for diff in answer["diffs"]] == [it["message_id"] for it in preview["samples"]]
    for diff in answer["diffs"]:
        assert diff["after"] == {**diff["before"], "amount": 9}
    assert harness.written() == set()
    assert answer["manifest_id"] == preview["manifest_id"]


def test_a_manifest_without_samples_has_no_diffs(harness: RedriveApiHarness) -> None:
    harness.letters.bury(harness.pipeline.orders(2))
    preview = harness.preview(samples=0)
    request = {"dry_run": True, "diffs_only": True, "transform": {"set": {"payload.amount": 9}}}
    assert harness.start(manifest_id=preview["manifest_id"], **request)["diffs"] == []


@pytest.mark.parametrize("lacking", ["manifest_id", "transform", "dry_run"])
def test_diffs_need_a_manifest_a_transform_and_a_dry_run(harness: RedriveApiHarness, lacking: str) -> None:
    body = {"dry_run": True, "manifest_id": MANIFEST_ID, "transform": {"set": {"amount": 9}}, "diffs_only": True}
    del body[lacking]
    status, answer = harness.ask("POST /redrive/start", body)
    assert (status, answer["error"]["code"]) == (400, "diffs_only_needs")
    assert f'Send "{lacking}" as well' in answer["error"]["message"]
    assert harness.written() == set()


def test_a_preview_with_a_budget_matches_what_a_start_takes(harness: RedriveApiHarness) -> None:
    fine, tired = harness.pipeline.orders(2), harness.pipeline.orders(1, first=2)
    harness.letters.bury(fine)
    harness.letters.bury([replace(work, redrives=3, redrive_run="rdr-1") for work in tired])
    assert harness.preview()["matched"] == 3
    budgeted = harness.preview(attempt_budget=3)
    assert (budgeted["matched"], budgeted["skipped"]) == (2, {"budget_exhausted": 1})
    assert harness.start(dry_run=True)["would"] == {
        "selected": 2,
        "skipped": {"budget_exhausted": 1},
        "already_gone": 0,
    }


def test_a_dry_start_tells_what_a_transform_cannot_do(harness: RedriveApiHarness) -> None:
    empty, gone, elsewhere = harness.pipeline.orders(3)
    gone = replace(gone, ref=replace(gone.ref, key="raw/none.json"))
    elsewhere = replace(elsewhere, ref=replace(elsewhere.ref, bucket="another-bucket"))
    harness.letters.bury([empty, gone, elsewhere])
    url = harness.pipeline.names.work_dead_letter_queue_url
    harness.aws.sqs.send_message(QueueUrl=url, MessageBody="no json", MessageGroupId="g")
    answer = harness.start(
        dry_run=True, action="redrive", transform={"jmespath": "nothing_there"}, min_age_seconds=0, force=True
    )
    errors = {it["event_id"]: it["error"] for it in answer["diffs"]}
    assert "finds nothing" in errors[empty.event_id]
    assert "NoSuchKey" in errors[gone.event_id]
    assert errors[elsewhere.event_id] == f"the event is in 'another-bucket', not in {empty.ref.bucket!r}"
    assert answer["would"]["skipped"] == {"unreadable": 1}


def test_a_dry_start_of_a_manifest_tells_what_is_gone(harness: RedriveApiHarness) -> None:
    harness.letters.bury(harness.pipeline.orders(3))
    harness.preview()
    (taken, *_) = harness.aws.sqs.receive_message(QueueUrl=harness.pipeline.names.work_dead_letter_queue_url)[
        "Messages"
    ]
    harness.aws.sqs.delete_message(
        QueueUrl=harness.pipeline.names.work_dead_letter_queue_url, ReceiptHandle=taken["ReceiptHandle"]
    )
    answer = harness.start(manifest_id=MANIFEST_ID, dry_run=True)
    assert answer["would"] == {"selected": 2, "skipped": {}, "already_gone": 1}


def test_a_dry_stack_starts_nothing() -> None:
    harness = RedriveApiHarness(dry_run=True)
    harness.letters.bury(harness.pipeline.orders(2))
    answer = harness.start(dry_run=False)
    assert (answer["dry_run"], answer["would"]["selected"]) == (True, 2)
    assert (harness.written(), harness.aws.stepfunctions.started) == (set(), {})


# --- show and cancel


@pytest.mark.parametrize("run_id", ["rdr-20261120T101530Z-ffffffff", "rpl-20261120T101530Z-0a1b2c3d"])
def test_a_run_that_is_not_there_or_is_a_replay_is_not_found(harness: RedriveApiHarness, run_id: str) -> None:
    replay = {"PK": "RUN#rpl-20261120T101530Z-0a1b2c3d", "kind": "replay", "status": "RUNNING"}
    harness.aws.dynamodb.put_item(TableName=RUNS_TABLE, Item=to_item(replay))
    for status, answer in (
        harness.ask(f"GET /redrive/{run_id}"),
        harness.ask("POST /redrive/cancel", {"run_id": run_id}),
    ):
        assert (status, answer["error"]["code"]) == (404, "unknown_redrive")


def test_a_run_is_shown_with_all_that_was_asked(harness: RedriveApiHarness) -> None:
    harness.start(source="shop", canary={"max_failure_rate": 0.5})
    status, shown = harness.ask(f"GET /redrive/{REDRIVE_ID}")
    assert (status, shown["status"], shown["requested_by"]) == (200, "RUNNING", OPERATOR)
    assert shown["request"]["criteria"] == {"source": "shop", "min_age_seconds": 60, "attempt_budget": 3}
    assert shown["request"]["canary"]["max_failure_rate"] == 0.5
    assert "PK" not in shown


def test_a_cancel_stops_a_run_and_its_letters_stay(harness: RedriveApiHarness) -> None:
    harness.letters.bury(harness.pipeline.orders(3))
    harness.start()
    assert harness.ask("POST /redrive/cancel", {"run_id": REDRIVE_ID}) == (
        200,
        {"run_id": REDRIVE_ID, "status": "CANCELLING"},
    )
    assert harness.runs.row(REDRIVE_ID)["cancel_requested"] is True
    assert harness.ask("POST /redrive/cancel", {"run_id": REDRIVE_ID})[0] == 200, "a wish may be repeated"
    row = harness.redrive.run(REDRIVE_ID)
    assert (row["status"], len(harness.letters.all()), harness.letters.visible()) == ("CANCELLED", 3, 3)


@pytest.mark.parametrize("final", ["COMPLETE", "CANCELLED", "STOPPED", "FAILED"])
def test_a_run_that_is_over_is_not_cancelled_and_the_answer_says_how_it_ended(
    harness: RedriveApiHarness, final: str
) -> None:
    harness.start()
    harness.runs.change(REDRIVE_ID, status=final)
    status, answer = harness.ask("POST /redrive/cancel", {"run_id": REDRIVE_ID})
    assert (status, answer["error"]["code"], answer["status"]) == (409, "run_is_over", final)
    assert harness.runs.row(REDRIVE_ID)["cancel_requested"] is False


def test_a_run_that_never_began_is_cancelled_at_once_and_does_not_begin_later(harness: RedriveApiHarness) -> None:
    harness.letters.bury(harness.pipeline.orders(2))
    harness.start()
    harness.clock.advance(901)
    assert harness.ask("POST /redrive/cancel", {"run_id": REDRIVE_ID})[1]["status"] == "CANCELLED"
    assert harness.redrive.run(REDRIVE_ID)["status"] == "CANCELLED"
    assert harness.letters.visible() == 2


def test_a_run_whose_steps_all_failed_is_closed_by_a_cancel(harness: RedriveApiHarness) -> None:
    harness.letters.bury(harness.pipeline.orders(2))
    harness.start()
    harness.runs.change(REDRIVE_ID, updated_at=harness.redrive.text(ago=-1))
    harness.clock.advance(REDRIVE_HOLD_SECONDS)
    assert harness.ask("POST /redrive/cancel", {"run_id": REDRIVE_ID})[1]["status"] == "CANCELLING", (
        "it may still be alive"
    )
    harness.clock.advance(REDRIVE_HOLD_SECONDS + 1)
    assert "cancel it to close it" in harness.ask(f"GET /redrive/{REDRIVE_ID}")[1]["explanation"]
    assert harness.ask("POST /redrive/cancel", {"run_id": REDRIVE_ID})[1]["status"] == "CANCELLED"


def test_a_dry_stack_cancels_nothing() -> None:
    harness = RedriveApiHarness(dry_run=True)
    harness.redrive.begin(REDRIVE_ID)
    status, answer = harness.ask("POST /redrive/cancel", {"run_id": REDRIVE_ID})
    assert (status, answer) == (200, {"run_id": REDRIVE_ID, "status": "RUNNING", "dry_run": True})
    assert harness.written() == set()


@pytest.mark.parametrize("route", ["GET /redrive/rdr-1", "POST /redrive/cancel", "POST /redrive/start"])
def test_a_table_that_is_throttled_is_told_as_unavailable(harness: RedriveApiHarness, route: str) -> None:
    for operation in ("get_item", "put_item"):
        harness.faults.refuse(operation, "ThrottlingException")
        if (route.endswith("start")) == (operation == "put_item"):
            status, answer = harness.ask(route, {"run_id": "rdr-1"} if route.endswith("cancel") else {})
            assert (status, answer["error"]["code"]) == (503, "unavailable")


def test_a_route_that_nobody_knows_is_not_found(harness: RedriveApiHarness) -> None:
    status, answer = harness.ask("DELETE /redrive")
    assert (status, answer["error"]["code"]) == (404, "unknown_route")


def test_a_body_that_is_no_json_is_refused(harness: RedriveApiHarness) -> None:
    status, answer = harness.ask("POST /redrive/start", "x=1", **{"Content-Type": "text/plain"})
    assert (status, answer["error"]["code"]) == (415, "unsupported_media_type")
