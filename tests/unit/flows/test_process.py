"""The processor: a batch becomes versions and announcements; what fails, fails alone and says why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from pik.domain.event.fields import RawRef
from pik.domain.process.versions import announce
from pik.flows import process as module
from tests.support.aws.stack import RAW_BUCKET
from tests.support.makers import FakeContext, make_work, sqs_event, sqs_record
from tests.support.pipeline import CountedPipeline, assert_counted_once, refused, timeout

READS = {"query", "get_item", "batch_get_item", "get_object"}


@pytest.fixture
def stage() -> CountedPipeline:
    return CountedPipeline()


def test_one_event_becomes_a_version_and_an_event_on_the_bus(stage: CountedPipeline) -> None:
    (work,) = stage.orders(1, first=7)
    assert stage.process(work) == []
    (version,) = stage.versions()
    assert version.added == (work.event_id,)
    assert version.metrics == {
        "daily_event_count": 1,
        "daily_amount_sum": "1.75",
        "first_event_time": "2026-11-20T10:15:30.250000Z",
        "last_event_time": "2026-11-20T10:15:30.250000Z",
    }
    assert version.computed_at == "2026-11-20T12:00:00.000000Z"
    (entry,) = stage.aws.events.published
    assert (entry["Source"], entry["DetailType"]) == ("pipeline-investigation-kit", "events.processed")
    assert entry["Detail"] == announce(version).detail
    assert stage.failures() == []


def test_an_event_alone_costs_four_calls(stage: CountedPipeline) -> None:
    works = stage.orders(1)
    stage.calls()
    stage.process(*works)
    assert stage.calls() == {"get_object": 1, "query": 1, "put_item": 1, "put_events": 1}


def test_ten_events_of_one_request_share_their_read(stage: CountedPipeline) -> None:
    works = stage.orders(10, key="raw/batch.ndjson")
    stage.calls()
    assert stage.process(*reversed(works)) == []
    assert stage.calls() == {"get_object": 1, "query": 1, "put_item": 1, "put_events": 1}
    assert_counted_once(stage, works)


@pytest.mark.parametrize(("count", "per_event"), [(10, 1.3), (50, 1.06), (100, 1.03)])
def test_calls_an_event_when_each_has_an_object_of_its_own(
    stage: CountedPipeline, count: int, per_event: float
) -> None:
    works = stage.orders(count)
    stage.calls()
    assert stage.process(*works) == []
    assert sum(stage.calls().values()) / count == per_event
    assert_counted_once(stage, works)


def test_entities_days_and_runs_are_counted_apart_and_announced_together(stage: CountedPipeline) -> None:
    works = [
        *stage.orders(2),
        *stage.orders(1, entity_id="other"),
        *stage.orders(1, event_time="2026-11-21T00:00:00.000000Z"),
        *stage.orders(1, run="shadow-1"),
    ]
    stage.calls()
    assert stage.process(*works) == []
    assert stage.calls() == {"get_object": 2, "query": 4, "put_item": 4, "put_events": 1}
    counts = {(it["entity_id"], it["day"], it["run"]): it["input_count"] for it in stage.announced()}
    assert counts == {
        ("customer-17", "2026-11-20", "LIVE"): 2,
        ("other", "2026-11-20", "LIVE"): 1,
        ("customer-17", "2026-11-21", "LIVE"): 1,
        ("customer-17", "2026-11-20", "shadow-1"): 1,
    }


def test_twelve_days_need_two_calls_to_the_bus(stage: CountedPipeline) -> None:
    works = [it for n in range(12) for it in stage.orders(1, entity_id=f"customer-{n}")]
    stage.calls()
    assert stage.process(*works) == []
    assert stage.calls()["put_events"] == 2
    assert len(stage.announced()) == 12


def test_a_group_over_a_hundred_becomes_several_versions_without_reading_again(stage: CountedPipeline) -> None:
    works = stage.orders(230, key="raw/batch.ndjson")
    stage.calls()
    assert stage.process(*works) == []
    assert stage.calls() == {"get_object": 1, "query": 1, "put_item": 3, "batch_write_item": 4 + 4, "put_events": 1}
    assert [len(it.added) for it in stage.versions()] == [100, 100, 30]
    assert [len(it["event_ids"]) for it in stage.announced()] == [100, 100, 30]
    assert_counted_once(stage, works)


def test_one_event_in_two_messages_of_a_batch_counts_once_and_both_succeed(stage: CountedPipeline) -> None:
    one, two = stage.orders(2)
    assert stage.process(one, two, one, replace(one, origin="replay")) == []
    assert_counted_once(stage, [one, two])
    assert len(stage.announced()) == 1


def test_replayed_events_say_so(stage: CountedPipeline) -> None:
    stage.process(*stage.orders(1, origin="replay"))
    stage.process(*stage.orders(1, first=1, origin="redrive"))
    assert [it["replayed"] for it in stage.announced()] == [True, False]


# --- failures ---------------------------------------------------------------------------------------------------------


def test_a_missing_object_fails_its_own_messages_only(stage: CountedPipeline) -> None:
    works = stage.orders(5)
    gone = make_work({"gone": 1}, ref=RawRef(RAW_BUCKET, "raw/gone.json", 0, 9))
    assert stage.process(*works[:2], gone, *works[2:]) == [2]
    assert_counted_once(stage, works)
    (row,) = stage.failures()
    assert (row["category"], row["error_type"], row["PK"]) == ("PERMANENT", "NoSuchKey", f"EVENT#{gone.event_id}")


def test_each_kind_of_bad_event_has_its_category_and_its_row_and_fails_alone(stage: CountedPipeline) -> None:
    good, tampered, malformed, short_object = stage.orders(4)
    (over,) = stage.store([{"orderId": "order-9", "amount": 1_000_000.01}])
    for work, body in (
        (tampered, b'{"payload":{"amount":9}}' + b" " * 100),
        (malformed, b"{" * 200),
        (short_object, b""),
    ):
        stage.aws.s3.put_object(Bucket=RAW_BUCKET, Key=work.ref.key, Body=body)
    elsewhere = replace(good, ref=replace(good.ref, bucket="secrets"), event_id="e" * 64)
    event = sqs_event(good, tampered, malformed, short_object, over, elsewhere)
    event["Records"].append(sqs_record("not json", 6))
    assert stage.failed(event) == []
    assert_counted_once(stage, [good])
    rows = {
        row["message_id"]: (row["PK"].removeprefix("EVENT#"), row["category"], row["error_type"])
        for row in stage.failures()
    }
    reasons = [it.reason for it in stage.dead_letters()]
    assert sorted((it.category, it.error_type) for it in reasons if it) == sorted(row[1:] for row in rows.values())
    assert rows == {
        "message-1": (tampered.event_id, "VALIDATION", "HashMismatch"),
        "message-2": (malformed.event_id, "VALIDATION", "MalformedJson"),
        "message-3": (short_object.event_id, "VALIDATION", "InvalidRange"),
        "message-4": (over.event_id, "PROCESSING", "AmountOverLimit"),
        "message-5": ("e" * 64, "VALIDATION", "BrokenReference"),
        "message-6": ("unknown-message-6", "VALIDATION", "BadWork"),
    }


def test_a_ledger_row_leads_back_to_the_log_and_the_bytes(stage: CountedPipeline) -> None:
    (work,) = stage.orders(1)
    stage.always("put_item", refused("ProvisionedThroughputExceededException"))
    assert stage.process(replace(work, attempts_before=2), receive_count=5) == []
    (row,) = stage.failures()
    assert row["SK"] == "AT#2026-11-20T12:00:00.000000Z#007"
    assert {name: row[name] for name in ("function", "request_id", "log_stream", "attempt", "disposition")} == {
        "function": "processor",
        "request_id": "request-1",
        "log_stream": "2026/11/20/[$LATEST]abc",
        "attempt": 7,
        "disposition": "DEAD_LETTER",
    }
    assert (row["category"], row["error_type"]) == ("TRANSIENT", "ProvisionedThroughputExceededException")
    assert (row["s3_key"], row["event_time"], row["run"]) == (work.ref.key, work.event_time, "LIVE")
    assert row["place"].startswith("pik.adapters.dynamodb.aggregate_store:")


def test_versions_that_were_written_stand_when_the_next_one_fails(stage: CountedPipeline) -> None:
    works = stage.orders(220, key="raw/all.ndjson")
    written: list[int] = []

    def hook(_: str, called: str, request: Mapping[str, Any], when: str) -> None:
        if (called, when) == ("put_item", "before"):
            written.append(1)
            if len(written) == 2:
                raise timeout()

    stage.aws.on_call = hook
    assert stage.process(*works) == list(range(100, 220))
    assert len(stage.announced()) == 1
    stage.calm()
    assert stage.process(*works[100:], receive_count=2) == []
    assert_counted_once(stage, works)


def test_a_day_that_cannot_be_read_fails_alone(stage: CountedPipeline) -> None:
    mine, other = stage.orders(2), stage.orders(2, entity_id="other")

    def hook(_: str, called: str, request: Mapping[str, Any], when: str) -> None:
        if called == "query" and "ENTITY#other" in str(request):
            raise refused("ThrottlingException")

    stage.aws.on_call = hook
    assert stage.process(*mine, *other) == [2, 3]
    assert_counted_once(stage, mine)


def test_a_bus_that_refuses_an_entry_gets_it_again(stage: CountedPipeline) -> None:
    works = [it for n in range(3) for it in stage.orders(1, entity_id=f"customer-{n}")]
    calls: list[int] = []

    def partial(_: str, operation: str, request: Mapping[str, Any]) -> set[int]:
        calls.append(len(request["Entries"]))
        return {1} if len(calls) == 1 else set()

    stage.aws.partial = partial
    assert stage.process(*works) == []
    assert calls == [3, 1]
    assert len(stage.announced()) == 3


def test_a_version_that_the_bus_never_takes_fails_its_messages_and_comes_back(stage: CountedPipeline) -> None:
    works = [it for n in range(3) for it in stage.orders(2, entity_id=f"customer-{n}")]

    def partial(_: str, operation: str, request: Mapping[str, Any]) -> set[int]:
        entries = request["Entries"] if operation == "put_events" else []
        return {place for place, it in enumerate(entries) if "customer-1" in it["Detail"]}

    stage.aws.partial = partial
    stage.calls()
    assert stage.process(*works) == [2, 3]
    assert stage.calls()["put_events"] == 3
    assert {row["error_type"] for row in stage.failures()} == {"InternalFailure"}
    stage.calm()
    assert stage.process(*works[2:4], receive_count=2) == []
    assert Counter(it["entity_id"] for it in stage.announced()) == {"customer-0": 1, "customer-1": 1, "customer-2": 1}


def test_a_bus_that_cannot_be_reached_fails_the_messages_but_keeps_the_version(stage: CountedPipeline) -> None:
    works = stage.orders(2)
    stage.always("put_events", refused("AccessDeniedException"))
    stage.calls()
    assert stage.process(*works) == [0, 1]
    assert stage.calls()["put_events"] == 1
    assert [row["category"] for row in stage.failures()] == ["PERMANENT", "PERMANENT"]
    stage.calm()
    assert stage.process(*works, receive_count=2) == []
    assert_counted_once(stage, works)
    assert len(stage.announced()) == 1


def test_a_ledger_that_fails_neither_hides_the_failure_nor_makes_it_a_success(
    stage: CountedPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(module.logger, "exception", lambda message, **facts: said.append(message))
    good = stage.orders(1)
    bad = make_work({"gone": 1}, ref=RawRef(RAW_BUCKET, "raw/gone.json", 0, 9))
    stage.always("batch_write_item", refused("AccessDeniedException"))
    assert stage.process(*good, bad) == [1]
    assert said == ["the failure ledger was not written"]
    assert_counted_once(stage, good)


def test_ledger_rows_that_dynamodb_leaves_out_are_written_again(stage: CountedPipeline) -> None:
    bad = [make_work({"gone": n}, ref=RawRef(RAW_BUCKET, "raw/gone.json", 0, 9)) for n in range(30)]
    left = iter([{0, 5}, {1}, set(), {3}, set()])
    stage.aws.partial = lambda service, operation, request: next(left) if operation == "batch_write_item" else set()
    stage.calls()
    assert stage.process(*bad) == list(range(30))
    calls = stage.calls()
    assert (calls["get_object"], calls["query"], calls["batch_write_item"]) == (1, 1, 5)
    assert len(stage.failures()) == 30


def test_a_permanent_failure_is_critical_and_says_what_to_do(
    stage: CountedPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[dict[str, Any]] = []
    monkeypatch.setattr(module.logger, "critical", lambda message, **facts: said.append(facts))
    works = stage.orders(1)
    stage.always("put_item", refused("AccessDeniedException"))
    assert stage.process(*works) == [0]
    (facts,) = said
    assert facts["category"] == "PERMANENT"
    assert "permission" in facts["fix"]
    assert facts["event_id"] == works[0].event_id


def test_a_failure_that_nobody_knows_is_logged_with_its_stack(
    stage: CountedPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[dict[str, Any]] = []
    monkeypatch.setattr(module.logger, "error", lambda message, **facts: said.append(facts))
    works = stage.orders(1)
    stage.always("put_item", ZeroDivisionError("a bug"))
    assert stage.process(*works) == [0]
    (facts,) = said
    assert facts["exception"].startswith("Traceback (most recent call last):")
    assert "aggregate_store.py" in facts["exception"]
    assert facts["exception"].endswith("ZeroDivisionError: a bug\n")
    assert stage.failures()[0]["category"] == "TRANSIENT"


def test_no_write_begins_when_the_functions_time_is_nearly_over(stage: CountedPipeline) -> None:
    works = stage.orders(2)
    stage.calls()
    answer = stage.processor(sqs_event(*works), FakeContext(remaining_ms=2_999))  # type: ignore[arg-type]
    assert len(answer["batchItemFailures"]) == 2
    assert "put_item" not in stage.calls()
    assert {(row["category"], row["error_type"]) for row in stage.failures()} == {("TIMEOUT", "DeadlineNear")}


def test_when_all_messages_fail_they_are_reported_one_by_one(stage: CountedPipeline) -> None:
    works = stage.orders(3)
    stage.always("get_object", refused("SlowDown"))
    assert stage.process(*works) == [0, 1, 2]


# --- switches ---------------------------------------------------------------------------------------------------------


def test_a_dry_run_writes_nothing_and_drains_nothing(stage: CountedPipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[dict[str, Any]] = []
    works = stage.orders(3)
    stage.process(works[0])
    dry = stage.new_processor(dry_run=True)
    monkeypatch.setattr(module.logger, "info", lambda message, **facts: said.append(facts))
    before = stage.rows()
    stage.calls()
    event = sqs_event(*works, receive_count=5)
    event["Records"].append(sqs_record("{", 3))
    assert stage.failed(event, dry) == [0, 1, 2, 3]
    assert set(stage.calls()) <= READS
    assert stage.rows() == before
    assert stage.failures() == []
    assert said[0]["would_write"]["version"] == 2
    assert said[0]["would_write"]["event_ids"] == (works[1].event_id, works[2].event_id)
    assert said[0]["already_applied"] == [works[0].event_id]
    assert said[1]["category"] == "VALIDATION"


def test_a_dry_run_on_a_big_day_asks_markers_and_writes_none(
    stage: CountedPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[dict[str, Any]] = []
    works = stage.orders(50, key="raw/all.ndjson")
    for batch in (works[:45], works[45:46], works[46:48]):
        stage.process(*batch)
    dry = stage.new_processor(dry_run=True)
    monkeypatch.setattr(module.logger, "info", lambda message, **facts: said.append(facts))
    marked = stage.markers()
    stage.calls()
    assert stage.process(works[0], works[47], works[48], processor=dry) == [0, 1, 2]
    assert stage.calls() == {"get_object": 1, "query": 1, "batch_get_item": 1}
    assert stage.markers() == marked
    assert said[0]["would_write"]["event_ids"] == (works[48].event_id,)
    assert said[0]["already_applied"] == [works[0].event_id, works[47].event_id]


def test_a_dry_run_that_cannot_read_says_so_and_still_drains_nothing(stage: CountedPipeline) -> None:
    dry = stage.new_processor(dry_run=True)
    works = stage.orders(1)
    stage.always("query", refused("AccessDeniedException"))
    assert stage.process(*works, processor=dry) == [0]
