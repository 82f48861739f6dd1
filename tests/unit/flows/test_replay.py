"""POST /replay: every accepted event of the window reaches the queue, every other row is counted with its reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pik.adapters.dynamodb.items import to_item
from tests.support.aws.stack import EVENTS_TABLE
from tests.support.parts import ids
from tests.support.replay import ENTITY, OPERATOR, RUN_ID, SOURCE, WRITES, ReplayHarness, order, request, row_of


@pytest.fixture
def harness() -> ReplayHarness:
    return ReplayHarness()


@pytest.mark.parametrize("scope", [ENTITY, SOURCE])
def test_every_accepted_event_of_the_window_is_sent_as_a_replay(harness: ReplayHarness, scope: dict[str, Any]) -> None:
    works = harness.accept(range(57))
    answer = harness.ok(**scope)
    assert (answer["status"], answer["sent"], answer["scanned"], answer["skipped"]) == ("COMPLETE", 57, 57, {})
    assert {it.event_id: it for it in harness.work_queue.all()} == {
        it.event_id: replace(it, origin="replay") for it in works
    }
    assert harness.calls.counts()["send_message_batch"] == 6


def test_the_window_is_half_open(harness: ReplayHarness) -> None:
    edges = ["2026-11-20T10:00:00.000000Z", "2026-11-20T10:59:59.999999Z", "2026-11-20T11:00:00.000000Z"]
    inside, late, after = (order(n, event_time=moment) for n, moment in enumerate(edges))
    harness.store(row_of(inside), row_of(late), row_of(after))
    for scope in (ENTITY, SOURCE):
        window = {**scope, "start_time": "2026-11-20T10:00:00Z", "end_time": "2026-11-20T20:00:00+09:00"}
        assert harness.ok(**window)["scanned"] == 2
    assert harness.work_queue.ids() == ids([inside, late, inside, late])


def test_a_sources_window_of_several_days_is_read_whole(harness: ReplayHarness) -> None:
    works = [order(n, event_time=f"2026-11-{18 + n % 4:02d}T10:00:00.{n:06d}Z", entity_id=f"c-{n}") for n in range(90)]
    harness.store(*(row_of(it) for it in works))
    harness.accept(range(5), source="other")
    window = {**SOURCE, "start_time": "2026-11-18T00:00:00Z", "end_time": "2026-11-22T00:00:00Z"}
    assert harness.ok(**window)["sent"] == 90
    assert harness.work_queue.ids() == ids(works)
    assert harness.calls.counts()["query"] == 4 * 16
    assert harness.calls.counts()["send_message_batch"] == 9


def test_each_row_that_is_not_sent_has_its_reason(harness: ReplayHarness) -> None:
    first = order(1)
    harness.store(
        row_of(first),
        row_of(order(1), "DUPLICATE", 1),
        row_of(order(1), "DUPLICATE", 2),
        row_of(order(2), "CONFLICT"),
        row_of(order(3), s3_key=None),
        row_of(order(4), s3_bucket=""),
        row_of(order(5), payload_sha="gone"),
        row_of(order(6), status="SOMETHING"),
    )
    answer = harness.ok(**ENTITY)
    assert answer["skipped"] == {"duplicate": 2, "conflict": 1, "missing_raw_reference": 2, "unreadable": 2}
    assert (answer["sent"], answer["scanned"], answer["failed"]) == (1, 8, 0)
    assert harness.work_queue.ids() == ids([first])


def test_an_attribute_that_the_kit_never_writes_makes_its_row_unreadable(harness: ReplayHarness) -> None:
    item = to_item(row_of(order(1))) | {"s3_key": {"NULL": True}}
    harness.aws.dynamodb.put_item(TableName=EVENTS_TABLE, Item=item)
    assert harness.ok(**ENTITY)["skipped"] == {"unreadable": 1}


def test_a_duplicate_goes_out_at_the_firsts_time_and_only_when_asked_for(harness: ReplayHarness) -> None:
    first = order(1)
    harness.store(
        row_of(
            replace(first, event_time="2026-11-20T09:00:00.000000Z"), "DUPLICATE", 1, first_event_time=first.event_time
        )
    )
    assert harness.ok(**ENTITY)["skipped"] == {"duplicate": 1}
    assert harness.ok(**ENTITY, include_duplicates=True)["sent"] == 1
    (sent,) = harness.work_queue.all()
    assert sent == replace(first, origin="replay")


def test_a_duplicate_whose_first_lies_outside_the_window_is_not_of_the_window(harness: ReplayHarness) -> None:
    harness.store(
        row_of(order(1), "DUPLICATE", 1, first_event_time="2026-11-19T23:59:59.999999Z"),
        row_of(order(2), "DUPLICATE", 2, first_event_time=None),
    )
    answer = harness.ok(**ENTITY, include_duplicates=True)
    assert answer["skipped"] == {"outside_window": 1, "unreadable": 1}


def test_the_limit_bounds_what_is_sent_over_all_tokens_and_says_so(harness: ReplayHarness) -> None:
    works = harness.accept(range(40))
    answer = harness.ok(**ENTITY, limit=15)
    assert (answer["status"], answer["sent"]) == ("COMPLETE", 15)
    assert answer["skipped"] in ({}, {"limit_reached": answer["scanned"] - 15})
    assert "limit of 15" in answer["explanation"]
    assert harness.work_queue.ids() == ids(works[:15])


def test_rows_read_beyond_the_limit_are_counted(harness: ReplayHarness) -> None:
    harness.accept(range(40))
    answer = harness.ok(**ENTITY, limit=3)
    assert (answer["sent"], answer["scanned"], answer["skipped"]) == (3, 10, {"limit_reached": 7})


def test_a_limit_that_the_run_has_used_up_is_told_as_the_reason(harness: ReplayHarness) -> None:
    harness.accept(range(40))
    harness.context.remaining_ms = 0
    partial = harness.ok(**ENTITY, limit=3)
    assert (partial["status"], partial["sent"]) == ("PARTIAL", 0)
    assert "no row has been read yet" in partial["explanation"]
    harness.context.remaining_ms = 30_000
    answer = harness.ok(**ENTITY, limit=3, next_token=partial["next_token"])
    assert (answer["run_id"], answer["status"], answer["totals"]["sent"]) == (partial["run_id"], "COMPLETE", 3)


@pytest.mark.parametrize(
    ("store", "words"),
    [
        ([], "holds no event"),
        ([row_of(order(1), "CONFLICT")], "conflict: 1"),
        ([row_of(order(1), "DUPLICATE"), row_of(order(2), s3_key=None)], "duplicate: 1, missing_raw_reference: 1"),
    ],
)
def test_sent_0_comes_with_the_reason_in_words(harness: ReplayHarness, store: list[dict[str, Any]], words: str) -> None:
    harness.store(*store)
    answer = harness.ok(**ENTITY)
    assert (answer["status"], answer["sent"]) == ("COMPLETE", 0)
    assert words in answer["explanation"]
    assert "Nothing was sent" in answer["explanation"]


def test_the_explanation_is_in_the_readers_language(harness: ReplayHarness) -> None:
    _, answer = harness.ask(ENTITY, **{"Accept-Language": "ja"})
    assert answer["explanation"].startswith("何も送っていません")


def test_a_shadow_replay_goes_into_its_own_run(harness: ReplayHarness) -> None:
    works = harness.accept(range(4))
    answer = harness.ok(**ENTITY, shadow=True)
    assert {it.run for it in harness.work_queue.all()} == {answer["run_id"]} == {RUN_ID}
    assert {it.origin for it in harness.work_queue.all()} == {"replay"}
    assert harness.work_queue.ids() == ids(works)


def test_the_run_is_on_record_before_the_first_send_with_who_asked(harness: ReplayHarness) -> None:
    harness.accept(range(12))
    seen: list[dict[str, Any]] = []
    harness.faults.once("send_message_batch", "before", lambda: seen.append(harness.runs.row()))
    answer = harness.ok(**ENTITY, limit=11)
    (before,) = seen
    assert (before["status"], before["totals"]["scanned"]) == ("RUNNING", 0)
    record = harness.runs.find()
    assert record is not None
    assert record == {
        **before,
        "status": "COMPLETE",
        "totals": answer["totals"],
        "stopped": "",
    }
    assert record["requested_by"] == OPERATOR
    assert record["filters"] == {
        "entity_id": "customer-17",
        "start_time": "2026-11-20T00:00:00.000000Z",
        "end_time": "2026-11-21T00:00:00.000000Z",
        "limit": 11,
        "include_duplicates": False,
        "dry_run": False,
        "shadow": False,
    }


@pytest.mark.parametrize(
    ("context", "who"),
    [({"authorizer": {"iam": {"callerId": "AIDA"}}}, "AIDA"), ({"authorizer": {}}, "unknown"), ({}, "unknown")],
)
def test_who_asked_is_unknown_only_when_nobody_says(harness: ReplayHarness, context: dict[str, Any], who: str) -> None:
    harness.replay({**request(ENTITY), "requestContext": {"requestId": "r", **context}}, harness.context)
    record = harness.runs.find()
    assert record is not None
    assert record["requested_by"] == who


@pytest.mark.parametrize("by_stack", [True, False])
def test_a_dry_run_reads_only_and_says_what_it_would_send(by_stack: bool) -> None:
    harness = ReplayHarness(dry_run=by_stack)
    harness.accept(range(25))
    harness.store(row_of(order(99), "CONFLICT"))
    answer = harness.ok(**ENTITY, **({} if by_stack else {"dry_run": True}))
    assert (answer["dry_run"], answer["sent"], answer["skipped"]) == (True, 25, {"conflict": 1})
    assert "dry run" in answer["explanation"]
    assert set(harness.calls.counts()) == {"query"}
    assert not WRITES & set(harness.calls.counts())
    assert harness.work_queue.all() == []
    assert harness.runs.find() is None


def test_no_request_lifts_the_stacks_dry_run() -> None:
    harness = ReplayHarness(dry_run=True)
    harness.accept(range(3))
    assert harness.ok(**ENTITY, dry_run=False)["dry_run"] is True
    assert harness.work_queue.all() == []


def test_ten_thousand_events_take_less_than_0_11_calls_each() -> None:
    for scope in (ENTITY, SOURCE):
        harness = ReplayHarness(validate=False)
        works = harness.accept(range(8_000 if scope is ENTITY else 10_000), event_time="2026-11-20T10:00:00.000000Z")
        assert harness.ok(**scope)["sent"] == len(works)
        assert len(harness.aws.calls) <= 0.11 * len(works)
        assert harness.work_queue.ids() == ids(works)
