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
from tests.support.aws.context import FakeContext
from tests.support.aws.stack import RAW_BUCKET
from tests.support.faults import refused, timeout
from tests.support.makers import make_work, sqs_event, sqs_record
from tests.support.pipeline import ProcessorHarness, assert_counted_once

READS = {"query", "get_item", "batch_get_item", "get_object"}


@pytest.fixture
def harness() -> ProcessorHarness:
    return ProcessorHarness()


def test_one_event_becomes_a_version_and_an_event_on_the_bus(harness: ProcessorHarness) -> None:
    (work,) = harness.pipeline.orders(1, first=7)
    assert harness.pipeline.process(work) == []
    (version,) = harness.pipeline.versions()
    assert version.added == (work.event_id,)
    assert version.metrics == {
        "daily_event_count": 1,
        "daily_amount_sum": {"XXX": "1.75"},
        "daily_amounts_not_counted": 0,
        "first_event_time": "2026-11-20T10:15:30.250000Z",
        "last_event_time": "2026-11-20T10:15:30.250000Z",
    }
    assert version.computed_at == "2026-11-20T12:00:00.000000Z"
    (entry,) = harness.aws.events.published
    assert (entry["Source"], entry["DetailType"]) == ("pipeline-investigation-kit", "events.processed")
    assert entry["Detail"] == announce(version).detail
    assert harness.pipeline.failures() == []


def test_an_event_alone_costs_four_calls(harness: ProcessorHarness) -> None:
    works = harness.pipeline.orders(1)
    harness.calls.forget()
    harness.pipeline.process(*works)
    assert harness.calls.take() == {"get_object": 1, "query": 1, "put_item": 1, "put_events": 1}


def test_ten_events_of_one_request_share_their_read(harness: ProcessorHarness) -> None:
    works = harness.pipeline.orders(10, key="raw/batch.ndjson")
    harness.calls.forget()
    assert harness.pipeline.process(*reversed(works)) == []
    assert harness.calls.take() == {"get_object": 1, "query": 1, "put_item": 1, "put_events": 1}
    assert_counted_once(harness.pipeline, works)


@pytest.mark.parametrize(("count", "per_event"), [(10, 1.3), (50, 1.06), (100, 1.03)])
def test_calls_an_event_when_each_has_an_object_of_its_own(
    harness: ProcessorHarness, count: int, per_event: float
) -> None:
    works = harness.pipeline.orders(count)
    harness.calls.forget()
    assert harness.pipeline.process(*works) == []
    assert sum(harness.calls.take().values()) / count == per_event
    assert_counted_once(harness.pipeline, works)


def test_entities_days_and_runs_are_counted_apart_and_announced_together(harness: ProcessorHarness) -> None:
    works = [
        *harness.pipeline.orders(2),
        *harness.pipeline.orders(1, entity_id="other"),
        *harness.pipeline.orders(1, event_time="2026-11-21T00:00:00.000000Z"),
        *harness.pipeline.orders(1, run="shadow-1"),
    ]
    harness.calls.forget()
    assert harness.pipeline.process(*works) == []
    assert harness.calls.take() == {"get_object": 2, "query": 4, "put_item": 4, "put_events": 1}
    counts = {(it["entity_id"], it["day"], it["run"]): it["input_count"] for it in harness.announced()}
    assert counts == {
        ("customer-17", "2026-11-20", "LIVE"): 2,
        ("other", "2026-11-20", "LIVE"): 1,
        ("customer-17", "2026-11-21", "LIVE"): 1,
        ("customer-17", "2026-11-20", "shadow-1"): 1,
    }


def test_twelve_days_need_two_calls_to_the_bus(harness: ProcessorHarness) -> None:
    works = [it for n in range(12) for it in harness.pipeline.orders(1, entity_id=f"customer-{n}")]
    harness.calls.forget()
    assert harness.pipeline.process(*works) == []
    assert harness.calls.take()["put_events"] == 2
    assert len(harness.announced()) == 12


def test_a_group_over_a_hundred_becomes_several_versions_without_reading_again(harness: ProcessorHarness) -> None:
    works = harness.pipeline.orders(230, key="raw/batch.ndjson")
    harness.calls.forget()
    assert harness.pipeline.process(*works) == []
    assert harness.calls.take() == {
        "get_object": 1,
        "query": 1,
        "put_item": 3,
        "batch_write_item": 4 + 4,
        "put_events": 1,
    }
    assert [len(it.added) for it in harness.pipeline.versions()] == [100, 100, 30]
    assert [len(it["event_ids"]) for it in harness.announced()] == [100, 100, 30]
    assert_counted_once(harness.pipeline, works)


def test_one_event_in_two_messages_of_a_batch_counts_once_and_both_succeed(harness: ProcessorHarness) -> None:
    one, two = harness.pipeline.orders(2)
    assert harness.pipeline.process(one, two, one, replace(one, origin="replay")) == []
    assert_counted_once(harness.pipeline, [one, two])
    assert len(harness.announced()) == 1


def test_replayed_events_say_so(harness: ProcessorHarness) -> None:
    harness.pipeline.process(*harness.pipeline.orders(1, origin="replay"))
    harness.pipeline.process(*harness.pipeline.orders(1, first=1, origin="redrive"))
    assert [it["replayed"] for it in harness.announced()] == [True, False]


# --- failures ---------------------------------------------------------------------------------------------------------


def test_a_missing_object_fails_its_own_messages_only(harness: ProcessorHarness) -> None:
    works = harness.pipeline.orders(5)
    gone = make_work({"gone": 1}, ref=RawRef(RAW_BUCKET, "raw/gone.json", 0, 9))
    assert harness.pipeline.process(*works[:2], gone, *works[2:]) == [2]
    assert_counted_once(harness.pipeline, works)
    (row,) = harness.pipeline.failures()
    assert (row["category"], row["error_type"], row["PK"]) == ("PERMANENT", "NoSuchKey", f"EVENT#{gone.event_id}")


def test_each_kind_of_bad_event_has_its_category_and_its_row_and_fails_alone(harness: ProcessorHarness) -> None:
    good, tampered, malformed, short_object = harness.pipeline.orders(4)
    (over,) = harness.pipeline.store([{"orderId": "order-9", "amount": 1_000_000.01}])
    for work, body in (
        (tampered, b'{"payload":{"amount":9}}' + b" " * 100),
        (malformed, b"{" * 200),
        (short_object, b""),
    ):
        harness.aws.s3.put_object(Bucket=RAW_BUCKET, Key=work.ref.key, Body=body)
    elsewhere = replace(good, ref=replace(good.ref, bucket="secrets"), event_id="e" * 64)
    event = sqs_event(good, tampered, malformed, short_object, over, elsewhere)
    event["Records"].append(sqs_record("not json", 6))
    assert harness.pipeline.failed(event) == []
    assert_counted_once(harness.pipeline, [good])
    rows = {
        row["message_id"]: (row["PK"].removeprefix("EVENT#"), row["category"], row["error_type"])
        for row in harness.pipeline.failures()
    }
    reasons = [it.reason for it in harness.pipeline.dead_letters()]
    assert sorted((it.category, it.error_type) for it in reasons if it) == sorted(row[1:] for row in rows.values())
    assert rows == {
        "message-1": (tampered.event_id, "VALIDATION", "HashMismatch"),
        "message-2": (malformed.event_id, "VALIDATION", "MalformedJson"),
        "message-3": (short_object.event_id, "VALIDATION", "InvalidRange"),
        "message-4": (over.event_id, "PROCESSING", "AmountOverLimit"),
        "message-5": ("e" * 64, "VALIDATION", "BrokenReference"),
        "message-6": ("unknown-message-6", "VALIDATION", "BadWork"),
    }


def test_a_ledger_row_leads_back_to_the_log_and_the_bytes(harness: ProcessorHarness) -> None:
    (work,) = harness.pipeline.orders(1)
    harness.faults.always("put_item", refused("ProvisionedThroughputExceededException"))
    assert harness.pipeline.process(replace(work, attempts_before=2), receive_count=5) == []
    (row,) = harness.pipeline.failures()
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


def test_versions_that_were_written_stand_when_the_next_one_fails(harness: ProcessorHarness) -> None:
    works = harness.pipeline.orders(220, key="raw/all.ndjson")
    harness.faults.always("put_item", timeout(), after=1)
    assert harness.pipeline.process(*works) == list(range(100, 220))
    assert len(harness.announced()) == 1
    harness.faults.calm()
    assert harness.pipeline.process(*works[100:], receive_count=2) == []
    assert_counted_once(harness.pipeline, works)


def test_a_day_that_cannot_be_read_fails_alone(harness: ProcessorHarness) -> None:
    mine, other = harness.pipeline.orders(2), harness.pipeline.orders(2, entity_id="other")

    def hook(_: str, called: str, request: Mapping[str, Any], when: str) -> None:
        if called == "query" and "ENTITY#other" in str(request):
            raise refused("ThrottlingException")

    harness.aws.on_call = hook
    assert harness.pipeline.process(*mine, *other) == [2, 3]
    assert_counted_once(harness.pipeline, mine)


def test_a_bus_that_refuses_an_entry_gets_it_again(harness: ProcessorHarness) -> None:
    works = [it for n in range(3) for it in harness.pipeline.orders(1, entity_id=f"customer-{n}")]
    calls: list[int] = []

    def partial(_: str, operation: str, request: Mapping[str, Any]) -> set[int]:
        calls.append(len(request["Entries"]))
        return {1} if len(calls) == 1 else set()

    harness.aws.partial = partial
    assert harness.pipeline.process(*works) == []
    assert calls == [3, 1]
    assert len(harness.announced()) == 3


def test_a_version_that_the_bus_never_takes_fails_its_messages_and_comes_back(harness: ProcessorHarness) -> None:
    works = [it for n in range(3) for it in harness.pipeline.orders(2, entity_id=f"customer-{n}")]

    def partial(_: str, operation: str, request: Mapping[str, Any]) -> set[int]:
        entries = request["Entries"] if operation == "put_events" else []
        return {place for place, it in enumerate(entries) if "customer-1" in it["Detail"]}

    harness.aws.partial = partial
    harness.calls.forget()
    assert harness.pipeline.process(*works) == [2, 3]
    assert harness.calls.take()["put_events"] == 3
    assert {row["error_type"] for row in harness.pipeline.failures()} == {"InternalFailure"}
    harness.faults.calm()
    assert harness.pipeline.process(*works[2:4], receive_count=2) == []
    assert Counter(it["entity_id"] for it in harness.announced()) == {"customer-0": 1, "customer-1": 1, "customer-2": 1}


def test_a_bus_that_cannot_be_reached_fails_the_messages_but_keeps_the_version(harness: ProcessorHarness) -> None:
    works = harness.pipeline.orders(2)
    harness.faults.always("put_events", refused("AccessDeniedException"))
    harness.calls.forget()
    assert harness.pipeline.process(*works) == [0, 1]
    assert harness.calls.take()["put_events"] == 1
    assert [row["category"] for row in harness.pipeline.failures()] == ["PERMANENT", "PERMANENT"]
    harness.faults.calm()
    assert harness.pipeline.process(*works, receive_count=2) == []
    assert_counted_once(harness.pipeline, works)
    assert len(harness.announced()) == 1


def test_a_ledger_that_fails_neither_hides_the_failure_nor_makes_it_a_success(
    harness: ProcessorHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(module.logger, "error", lambda message, **facts: said.append(message))
    good = harness.pipeline.orders(1)
    bad = make_work({"gone": 1}, ref=RawRef(RAW_BUCKET, "raw/gone.json", 0, 9))
    harness.faults.always("batch_write_item", refused("AccessDeniedException"))
    assert harness.pipeline.process(*good, bad) == [1]
    assert said == ["the failure ledger was not written"]
    assert_counted_once(harness.pipeline, good)


def test_ledger_rows_that_dynamodb_leaves_out_are_written_again(harness: ProcessorHarness) -> None:
    bad = [make_work({"gone": n}, ref=RawRef(RAW_BUCKET, "raw/gone.json", 0, 9)) for n in range(30)]
    left = iter([{0, 5}, {1}, set(), {3}, set()])
    harness.aws.partial = lambda service, operation, request: next(left) if operation == "batch_write_item" else set()
    harness.calls.forget()
    assert harness.pipeline.process(*bad) == list(range(30))
    calls = harness.calls.take()
    assert (calls["get_object"], calls["query"], calls["batch_write_item"]) == (1, 1, 5)
    assert len(harness.pipeline.failures()) == 30


def test_a_permanent_failure_is_critical_and_says_what_to_do(
    harness: ProcessorHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[dict[str, Any]] = []
    monkeypatch.setattr(module.logger, "critical", lambda message, **facts: said.append(facts))
    works = harness.pipeline.orders(1)
    harness.faults.always("put_item", refused("AccessDeniedException"))
    assert harness.pipeline.process(*works) == [0]
    (facts,) = said
    assert facts["category"] == "PERMANENT"
    assert "permission" in facts["fix"]
    assert facts["event_id"] == works[0].event_id


def test_a_failure_that_nobody_knows_is_logged_with_its_stack(
    harness: ProcessorHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[dict[str, Any]] = []
    monkeypatch.setattr(module.logger, "error", lambda message, **facts: said.append(facts))
    works = harness.pipeline.orders(1)
    harness.faults.always("put_item", ZeroDivisionError("a bug"))
    assert harness.pipeline.process(*works) == [0]
    (facts,) = said
    assert facts["exception"].startswith("Traceback (most recent call last):")
    assert "aggregate_store.py" in facts["exception"]
    assert facts["exception"].endswith("ZeroDivisionError: a bug\n")
    assert harness.pipeline.failures()[0]["category"] == "TRANSIENT"


def test_no_write_begins_when_the_functions_time_is_nearly_over(harness: ProcessorHarness) -> None:
    works = harness.pipeline.orders(2)
    harness.calls.forget()
    answer = harness.pipeline.processor(sqs_event(*works), FakeContext(remaining_ms=2_999))  # type: ignore[arg-type]
    assert len(answer["batchItemFailures"]) == 2
    assert "put_item" not in harness.calls.take()
    assert {(row["category"], row["error_type"]) for row in harness.pipeline.failures()} == {
        ("TIMEOUT", "DeadlineNear")
    }


def test_when_all_messages_fail_they_are_reported_one_by_one(harness: ProcessorHarness) -> None:
    works = harness.pipeline.orders(3)
    harness.faults.always("get_object", refused("SlowDown"))
    assert harness.pipeline.process(*works) == [0, 1, 2]


# --- switches ---------------------------------------------------------------------------------------------------------


def test_a_dry_run_writes_nothing_and_drains_nothing(
    harness: ProcessorHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[dict[str, Any]] = []
    works = harness.pipeline.orders(3)
    harness.pipeline.process(works[0])
    dry = harness.pipeline.new_processor(dry_run=True)
    monkeypatch.setattr(module.logger, "info", lambda message, **facts: said.append(facts))
    before = harness.pipeline.rows()
    harness.calls.forget()
    event = sqs_event(*works, receive_count=5)
    event["Records"].append(sqs_record("{", 3))
    assert harness.pipeline.failed(event, dry) == [0, 1, 2, 3]
    assert set(harness.calls.take()) <= READS
    assert harness.pipeline.rows() == before
    assert harness.pipeline.failures() == []
    assert said[0]["would_write"]["version"] == 2
    assert said[0]["would_write"]["event_ids"] == (works[1].event_id, works[2].event_id)
    assert said[0]["already_applied"] == [works[0].event_id]
    assert said[1]["category"] == "VALIDATION"


def test_a_dry_run_on_a_big_day_asks_markers_and_writes_none(
    harness: ProcessorHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[dict[str, Any]] = []
    works = harness.pipeline.orders(50, key="raw/all.ndjson")
    for batch in (works[:45], works[45:46], works[46:48]):
        harness.pipeline.process(*batch)
    dry = harness.pipeline.new_processor(dry_run=True)
    monkeypatch.setattr(module.logger, "info", lambda message, **facts: said.append(facts))
    marked = harness.pipeline.markers()
    harness.calls.forget()
    assert harness.pipeline.process(works[0], works[47], works[48], processor=dry) == [0, 1, 2]
    assert harness.calls.take() == {"get_object": 1, "query": 1, "batch_get_item": 1}
    assert harness.pipeline.markers() == marked
    assert said[0]["would_write"]["event_ids"] == (works[48].event_id,)
    assert said[0]["already_applied"] == [works[0].event_id, works[47].event_id]


def test_a_dry_run_that_cannot_read_says_so_and_still_drains_nothing(harness: ProcessorHarness) -> None:
    dry = harness.pipeline.new_processor(dry_run=True)
    works = harness.pipeline.orders(1)
    harness.faults.always("query", refused("AccessDeniedException"))
    assert harness.pipeline.process(*works, processor=dry) == [0]
