"""The processor on big days: markers, the way to them, and a price that does not grow."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pik.adapters.dynamodb.items import to_item
from pik.domain.event.work import Input
from pik.domain.process.versions import Version, plan_version, short
from tests.support.aws.stack import AGGREGATES_TABLE
from tests.support.makers import make_work
from tests.support.pipeline import KEY, CountedPipeline, assert_counted_once
from tests.support.pricing import Bill


@pytest.fixture
def stage() -> CountedPipeline:
    return CountedPipeline()


def seed_big_day(stage: CountedPipeline, count: int = 100_000) -> Version:
    """The latest version of a day of so many events, which added one of them."""
    step = plan_version(KEY, None, [Input(make_work({"n": 1}), {"n": 1})], "2026-11-20T11:00:00.000000Z")
    metrics = {**step.version.metrics, "daily_event_count": count, "daily_amount_sum": "123456.75"}
    version = replace(step.version, number=count - 9, input_count=count, metrics=metrics, applied=None)
    stage.aws.dynamodb.put_item(TableName=AGGREGATES_TABLE, Item=to_item(version.row()))
    return version


def test_the_next_event_is_a_put_on_a_small_day_and_a_lookup_and_a_marker_more_on_a_big_one(
    stage: CountedPipeline,
) -> None:
    works = stage.orders(10)
    stage.process(*works)
    (small,) = stage.orders(1, first=10)
    stage.calls()
    stage.process(small)
    at_ten = stage.calls()

    big_stage = CountedPipeline()
    before = seed_big_day(big_stage)
    (big,) = big_stage.orders(1, first=10)
    big_stage.calls()
    assert big_stage.process(big) == []
    at_a_hundred_thousand = big_stage.calls()

    assert at_ten == {"get_object": 1, "query": 1, "put_item": 1, "put_events": 1}
    assert at_a_hundred_thousand == {**at_ten, "batch_get_item": 1, "batch_write_item": 1}
    last = big_stage.versions()[-1]
    assert (last.number, last.input_count) == (before.number + 1, 100_001)
    assert last.metrics["daily_event_count"] == 100_001
    assert big_stage.markers() == {short(before.added[0]): before.number}


def price_of_the_next_event(count: int) -> float:
    """Dollars for a million events like the one that follows `count` others, each of which was a version of its own."""
    stage = CountedPipeline(validate=False)
    (*earlier, work) = stage.orders(min(count, 200) + 1)
    if count > 200:
        seed_big_day(stage, count)
    else:
        for it in earlier:
            stage.process(it)
    bill = Bill(stage)
    assert stage.process(work) == []
    return bill.dollars_a_million


def test_the_next_event_costs_no_more_than_half_as_much_again_on_a_big_day() -> None:
    at_ten = price_of_the_next_event(10)
    assert at_ten == pytest.approx(2.15)
    for count in (60, 200, 100_000):
        assert price_of_the_next_event(count) == pytest.approx(2.90)
    assert price_of_the_next_event(100_000) / at_ten <= 1.5


def test_a_repeated_event_costs_no_write_on_a_big_day(stage: CountedPipeline) -> None:
    works = stage.orders(50, key="raw/all.ndjson")
    stage.process(*works[:45])
    stage.process(*works[45:])
    bill = Bill(stage)
    assert stage.process(works[3]) == []
    assert bill.dollars_a_million == pytest.approx(0.40 + 0.125 + 0.125)


def test_the_rows_of_a_big_day_are_no_larger_than_those_of_a_small_one(stage: CountedPipeline) -> None:
    seed_big_day(stage)
    stage.process(*stage.orders(1, first=10))
    *_, big = stage.rows()
    small_stage = CountedPipeline()
    small_stage.process(*small_stage.orders(10))
    *_, small = small_stage.rows()
    assert len(str(big)) < len(str(small))


def test_the_event_beyond_forty_turns_ids_into_markers_before_its_version(stage: CountedPipeline) -> None:
    works = stage.orders(43, key="raw/all.ndjson")
    stage.process(*works[:40])
    assert stage.markers() == {}
    stage.calls()
    assert stage.process(works[40]) == []
    assert [operation for _, operation in stage.aws.calls if operation not in {"get_object", "query"}] == [
        "batch_write_item",
        "batch_write_item",
        "put_item",
        "put_events",
    ]
    assert stage.markers() == {short(it.event_id): 1 for it in works[:40]}
    assert stage.process(works[41]) == []
    assert stage.process(works[42], works[0], works[40], works[41]) == []
    assert_counted_once(stage, works)
    assert [it.input_count for it in stage.versions()] == [40, 41, 42, 43]


def test_a_marker_that_is_there_takes_its_event_out_and_the_others_count(stage: CountedPipeline) -> None:
    works = stage.orders(50, key="raw/all.ndjson")
    stage.process(*works[:45])
    stage.process(works[45])
    stage.calls()
    assert stage.process(*works[43:]) == []
    assert stage.calls() == {
        "get_object": 1,
        "query": 1,
        "batch_get_item": 1,
        "batch_write_item": 1,
        "put_item": 1,
        "put_events": 1,
    }
    assert stage.slept == []
    assert stage.versions()[-1].added == tuple(it.event_id for it in works[46:])
    assert_counted_once(stage, works)
    assert len(stage.announced()) == 3


def test_nothing_is_written_when_every_event_was_counted(stage: CountedPipeline) -> None:
    works = stage.orders(46, key="raw/all.ndjson")
    stage.process(*works[:45])
    stage.process(works[45])
    marked = stage.markers()
    stage.calls()
    assert stage.process(*works[10:13], works[45]) == []
    assert stage.calls() == {"get_object": 1, "query": 1, "batch_get_item": 1}
    assert len(stage.versions()) == 2
    assert stage.markers() == marked
    stage.calls()
    assert stage.process(works[45]) == []
    assert stage.calls() == {"get_object": 1, "query": 1}  # carried by the latest version: no marker is asked


def test_a_batch_of_many_looks_its_events_up_in_hundreds_and_writes_markers_in_twenty_fives(
    stage: CountedPipeline,
) -> None:
    works = stage.orders(300, key="raw/all.ndjson")
    stage.process(*works[:45])
    stage.process(works[45])
    stage.calls()
    assert stage.process(*works) == []
    assert stage.calls() == {
        "get_object": 1,
        "query": 1,
        "batch_get_item": 3,
        "batch_write_item": 1 + 4 + 4,
        "put_item": 3,
        "put_events": 1,
    }
    assert [len(it.added) for it in stage.versions()] == [45, 1, 100, 100, 54]
    assert_counted_once(stage, works)


def test_a_repeated_delivery_in_a_big_day_announces_the_versions_of_its_markers_once(stage: CountedPipeline) -> None:
    works = stage.orders(60, key="raw/all.ndjson")
    for batch in (works[:20], works[20:45], works[45:50], works[50:]):
        stage.process(*batch)
    first = {it["version"]: it for it in stage.announced()}
    stage.aws.events.published.clear()
    stage.calls()
    assert stage.process(*works[15:48], works[59], receive_count=2) == []
    assert stage.calls() == {"get_object": 1, "query": 1, "batch_get_item": 1, "get_item": 3, "put_events": 1}
    assert sorted(stage.announced(), key=lambda it: it["version"]) == [first[number] for number in (1, 2, 3, 4)]


def test_a_marker_of_a_version_that_is_gone_is_not_called_done(stage: CountedPipeline) -> None:
    works = stage.orders(46, key="raw/all.ndjson")
    stage.process(*works[:45])
    stage.process(works[45])
    stage.aws.dynamodb.delete_item(
        TableName=AGGREGATES_TABLE, Key={"PK": {"S": KEY.pk}, "SK": {"S": KEY.version_sk(1)}}
    )
    assert stage.process(works[0], receive_count=2) == [0]
    (row,) = stage.failures()
    assert (row["category"], row["error_type"]) == ("PERMANENT", "MissingVersion")
