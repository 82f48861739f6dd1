"""The processor on big days: markers, the way to them, and a price that does not grow."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pik.adapters.items import to_item
from pik.domain.aggregates import Version, next_step, short
from pik.domain.work import Input
from tests.fakes.stack import AGGREGATES_TABLE
from tests.makers import make_work
from tests.world import KEY, Stage, assert_counted_once


@pytest.fixture
def stage() -> Stage:
    return Stage()


def seed_big_day(stage: Stage, count: int = 100_000) -> Version:
    step = next_step(KEY, None, [Input(make_work({"n": 1}), {"n": 1})], "2026-11-20T11:00:00.000000Z")
    version = replace(step.version, number=2_000, input_count=count, applied=None)
    stage.aws.dynamodb.put_item(TableName=AGGREGATES_TABLE, Item=to_item(version.row()))
    return version


def test_the_next_event_costs_the_same_calls_at_ten_and_at_a_hundred_thousand(stage: Stage) -> None:
    works = stage.orders(10)
    stage.process(*works)
    (small,) = stage.orders(1, first=10)
    stage.calls()
    stage.process(small)
    at_ten = stage.calls()

    big_stage = Stage()
    before = seed_big_day(big_stage)
    (big,) = big_stage.orders(1, first=10)
    big_stage.calls()
    assert big_stage.process(big) == []
    at_a_hundred_thousand = big_stage.calls()

    assert at_ten == {"get_object": 1, "query": 1, "put_item": 1, "put_events": 1}
    assert at_a_hundred_thousand == {"get_object": 1, "query": 1, "transact_write_items": 1, "put_events": 1}
    last = big_stage.versions()[-1]
    assert (last.number, last.input_count) == (2_001, 100_001)
    assert last.metrics["daily_event_count"] == before.metrics["daily_event_count"] + 1  # type: ignore[operator]
    assert big_stage.markers() == {short(big.event_id): 2_001}


def test_the_rows_of_a_big_day_are_no_larger_than_those_of_a_small_one(stage: Stage) -> None:
    seed_big_day(stage)
    stage.process(*stage.orders(1, first=10))
    *_, big = stage.rows()
    small_stage = Stage()
    small_stage.process(*small_stage.orders(10))
    *_, small = small_stage.rows()
    assert len(str(big)) < len(str(small))


def test_the_event_beyond_forty_turns_ids_into_markers_in_one_transaction(stage: Stage) -> None:
    works = stage.orders(42, key="raw/all.ndjson")
    stage.process(*works[:40])
    assert stage.markers() == {}
    stage.calls()
    assert stage.process(works[40]) == []
    assert stage.calls() == {"get_object": 1, "query": 1, "transact_write_items": 1, "put_events": 1}
    assert len(stage.markers()) == 41
    assert stage.process(works[41]) == []
    assert_counted_once(stage, works)


def test_a_marker_that_is_there_takes_its_event_out_and_the_others_count(stage: Stage) -> None:
    works = stage.orders(50, key="raw/all.ndjson")
    stage.process(*works[:45])
    stage.calls()
    assert stage.process(*works[43:]) == []
    assert stage.calls() == {"get_object": 1, "query": 1, "transact_write_items": 2, "put_events": 1}
    assert stage.slept == []
    assert stage.versions()[-1].added == tuple(it.event_id for it in works[45:])
    assert_counted_once(stage, works)
    assert len(stage.announced()) == 2


def test_nothing_is_written_when_every_marker_is_there(stage: Stage) -> None:
    works = stage.orders(45, key="raw/all.ndjson")
    stage.process(*works)
    stage.calls()
    assert stage.process(*works[10:13]) == []
    assert stage.calls() == {"get_object": 1, "query": 1, "transact_write_items": 1}
    assert len(stage.versions()) == 1


def test_a_repeated_delivery_in_a_big_day_announces_the_versions_of_its_markers_once(stage: Stage) -> None:
    works = stage.orders(60, key="raw/all.ndjson")
    for batch in (works[:20], works[20:45], works[45:50], works[50:]):
        stage.process(*batch)
    first = {it["version"]: it for it in stage.announced()}
    stage.aws.events.published.clear()
    stage.calls()
    assert stage.process(*works[15:48], receive_count=2) == []
    assert stage.calls() == {
        "get_object": 1,
        "query": 1,
        "transact_write_items": 1,
        "get_item": 3,
        "put_events": 1,
    }
    assert sorted(stage.announced(), key=lambda it: it["version"]) == [first[number] for number in (1, 2, 3)]


def test_a_marker_of_a_version_that_is_gone_is_not_called_done(stage: Stage) -> None:
    works = stage.orders(45, key="raw/all.ndjson")
    stage.process(*works)
    stage.aws.dynamodb.delete_item(
        TableName=AGGREGATES_TABLE, Key={"PK": {"S": KEY.pk}, "SK": {"S": KEY.version_sk(1)}}
    )
    seed_big_day(stage)
    assert stage.process(works[0], receive_count=2) == [0]
    (row,) = stage.failures()
    assert (row["category"], row["error_type"]) == ("PERMANENT", "MissingVersion")
