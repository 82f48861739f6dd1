"""The processor on big days: markers, the way to them, and a price that does not grow."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pik.adapters.dynamodb.items import to_item
from pik.domain.process.inputs import Input
from pik.domain.process.versions import Version, plan_version, short
from tests.support.aws.stack import AGGREGATES_TABLE
from tests.support.makers import make_work
from tests.support.pipeline import KEY, ProcessorHarness, assert_counted_once
from tests.support.pricing import Bill


@pytest.fixture
def harness() -> ProcessorHarness:
    return ProcessorHarness()


def seed_big_day(harness: ProcessorHarness, count: int = 100_000) -> Version:
    """The latest version of a day of so many events, which added one of them."""
    step = plan_version(KEY, None, [Input(make_work({"n": 1}), {"n": 1})], "2026-11-20T11:00:00.000000Z")
    metrics = {**step.version.metrics, "daily_event_count": count, "daily_amount_sum": {"XXX": "123456.75"}}
    version = replace(step.version, number=count - 9, input_count=count, metrics=metrics, applied=None)
    harness.aws.dynamodb.put_item(TableName=AGGREGATES_TABLE, Item=to_item(version.row()))
    return version


def test_the_next_event_is_a_put_on_a_small_day_and_a_lookup_and_a_marker_more_on_a_big_one(
    harness: ProcessorHarness,
) -> None:
    works = harness.pipeline.orders(10)
    harness.pipeline.process(*works)
    (small,) = harness.pipeline.orders(1, first=10)
    harness.calls.forget()
    harness.pipeline.process(small)
    at_ten = harness.calls.take()

    grown = ProcessorHarness()
    before = seed_big_day(grown)
    (big,) = grown.pipeline.orders(1, first=10)
    grown.calls.forget()
    assert grown.pipeline.process(big) == []
    at_a_hundred_thousand = grown.calls.take()

    assert at_ten == {"get_object": 1, "query": 1, "put_item": 1, "put_events": 1}
    assert at_a_hundred_thousand == {**at_ten, "batch_get_item": 1, "batch_write_item": 1}
    last = grown.pipeline.versions()[-1]
    assert (last.number, last.input_count) == (before.number + 1, 100_001)
    assert last.metrics["daily_event_count"] == 100_001
    assert grown.pipeline.markers() == {short(before.added[0]): before.number}


def price_of_the_next_event(count: int) -> float:
    """Dollars for a million events like the one that follows `count` others, each of which was a version of its own."""
    harness = ProcessorHarness(validate=False)
    (*earlier, work) = harness.pipeline.orders(min(count, 200) + 1)
    if count > 200:
        seed_big_day(harness, count)
    else:
        for each in earlier:
            harness.pipeline.process(each)
    bill = Bill(harness.aws)
    assert harness.pipeline.process(work) == []
    return bill.dollars_a_million


def test_the_next_event_costs_no_more_than_half_as_much_again_on_a_big_day() -> None:
    at_ten = price_of_the_next_event(10)
    assert at_ten == pytest.approx(2.15)
    for count in (60, 200, 100_000):
        assert price_of_the_next_event(count) == pytest.approx(2.90)
    assert price_of_the_next_event(100_000) / at_ten <= 1.5


def test_a_repeated_event_costs_no_write_on_a_big_day(harness: ProcessorHarness) -> None:
    works = harness.pipeline.orders(50, key="raw/all.ndjson")
    harness.pipeline.process(*works[:45])
    harness.pipeline.process(*works[45:])
    bill = Bill(harness.aws)
    assert harness.pipeline.process(works[3]) == []
    assert bill.dollars_a_million == pytest.approx(0.40 + 0.125 + 0.125)


def test_the_rows_of_a_big_day_are_no_larger_than_those_of_a_small_one(harness: ProcessorHarness) -> None:
    seed_big_day(harness)
    harness.pipeline.process(*harness.pipeline.orders(1, first=10))
    *_, big = harness.pipeline.rows()
    fresh = ProcessorHarness()
    fresh.pipeline.process(*fresh.pipeline.orders(10))
    *_, small = fresh.pipeline.rows()
    assert len(str(big)) < len(str(small))


def test_the_event_beyond_forty_turns_ids_into_markers_before_its_version(harness: ProcessorHarness) -> None:
    works = harness.pipeline.orders(43, key="raw/all.ndjson")
    harness.pipeline.process(*works[:40])
    assert harness.pipeline.markers() == {}
    harness.calls.forget()
    assert harness.pipeline.process(works[40]) == []
    assert [operation for _, operation in harness.aws.calls if operation not in {"get_object", "query"}] == [
        "batch_write_item",
        "batch_write_item",
        "put_item",
        "put_events",
    ]
    assert harness.pipeline.markers() == {short(it.event_id): 1 for it in works[:40]}
    assert harness.pipeline.process(works[41]) == []
    assert harness.pipeline.process(works[42], works[0], works[40], works[41]) == []
    assert_counted_once(harness.pipeline, works)
    assert [it.input_count for it in harness.pipeline.versions()] == [40, 41, 42, 43]


def test_a_marker_that_is_there_takes_its_event_out_and_the_others_count(harness: ProcessorHarness) -> None:
    works = harness.pipeline.orders(50, key="raw/all.ndjson")
    harness.pipeline.process(*works[:45])
    harness.pipeline.process(works[45])
    harness.calls.forget()
    assert harness.pipeline.process(*works[43:]) == []
    assert harness.calls.take() == {
        "get_object": 1,
        "query": 1,
        "batch_get_item": 1,
        "batch_write_item": 1,
        "put_item": 1,
        "put_events": 1,
    }
    assert harness.pipeline.slept == []
    assert harness.pipeline.versions()[-1].added == tuple(it.event_id for it in works[46:])
    assert_counted_once(harness.pipeline, works)
    assert len(harness.announced()) == 3


def test_nothing_is_written_when_every_event_was_counted(harness: ProcessorHarness) -> None:
    works = harness.pipeline.orders(46, key="raw/all.ndjson")
    harness.pipeline.process(*works[:45])
    harness.pipeline.process(works[45])
    marked = harness.pipeline.markers()
    harness.calls.forget()
    assert harness.pipeline.process(*works[10:13], works[45]) == []
    assert harness.calls.take() == {"get_object": 1, "query": 1, "batch_get_item": 1}
    assert len(harness.pipeline.versions()) == 2
    assert harness.pipeline.markers() == marked
    harness.calls.forget()
    assert harness.pipeline.process(works[45]) == []
    assert harness.calls.take() == {"get_object": 1, "query": 1}  # carried by the latest version: no marker is asked


def test_a_batch_of_many_looks_its_events_up_in_hundreds_and_writes_markers_in_twenty_fives(
    harness: ProcessorHarness,
) -> None:
    works = harness.pipeline.orders(300, key="raw/all.ndjson")
    harness.pipeline.process(*works[:45])
    harness.pipeline.process(works[45])
    harness.calls.forget()
    assert harness.pipeline.process(*works) == []
    assert harness.calls.take() == {
        "get_object": 1,
        "query": 1,
        "batch_get_item": 3,
        "batch_write_item": 1 + 4 + 4,
        "put_item": 3,
        "put_events": 1,
    }
    assert [len(it.added) for it in harness.pipeline.versions()] == [45, 1, 100, 100, 54]
    assert_counted_once(harness.pipeline, works)


def test_a_repeated_delivery_in_a_big_day_announces_the_versions_of_its_markers_once(harness: ProcessorHarness) -> None:
    works = harness.pipeline.orders(60, key="raw/all.ndjson")
    for batch in (works[:20], works[20:45], works[45:50], works[50:]):
        harness.pipeline.process(*batch)
    first = {it["version"]: it for it in harness.announced()}
    harness.aws.events.published.clear()
    harness.calls.forget()
    assert harness.pipeline.process(*works[15:48], works[59], receive_count=2) == []
    assert harness.calls.take() == {"get_object": 1, "query": 1, "batch_get_item": 1, "get_item": 3, "put_events": 1}
    assert sorted(harness.announced(), key=lambda it: it["version"]) == [first[number] for number in (1, 2, 3, 4)]


def test_a_marker_of_a_version_that_is_gone_is_not_called_done(harness: ProcessorHarness) -> None:
    works = harness.pipeline.orders(46, key="raw/all.ndjson")
    harness.pipeline.process(*works[:45])
    harness.pipeline.process(works[45])
    harness.aws.dynamodb.delete_item(
        TableName=AGGREGATES_TABLE, Key={"PK": {"S": KEY.pk}, "SK": {"S": KEY.version_sk(1)}}
    )
    assert harness.pipeline.process(works[0], receive_count=2) == [0]
    (row,) = harness.pipeline.failures()
    assert (row["category"], row["error_type"]) == ("PERMANENT", "MissingVersion")
