"""What may be replayed: one scope, both ends of a window, nothing that nobody knows."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pik.domain.event.rows import source_day_key, time_key
from pik.domain.replay.request import ReplayFilters, days_touched, read_request
from pik.domain.shared.limits import MAX_REPLAY_DAYS
from pik.domain.shared.problems import InvalidEvent

WINDOW = {"start_time": "2026-11-20T00:00:00Z", "end_time": "2026-11-21T00:00:00Z"}
ENTITY = {"entity_id": "customer-17", **WINDOW}
SOURCE = {"source": "shop", "event_type": "order", **WINDOW}


def found(body: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidEvent) as caught:
        read_request(body, dry_run=False)
    assert caught.value.status == 400
    return [(it.path, it.code) for it in caught.value.problems]


def test_an_entitys_window_is_one_partition_of_the_table() -> None:
    filters, token = read_request(ENTITY, dry_run=False)
    assert token is None
    assert filters == ReplayFilters("2026-11-20T00:00:00.000000Z", "2026-11-21T00:00:00.000000Z", "customer-17")
    assert filters.partition_count == 1
    assert (filters.partition(0).key, filters.partition(0).indexed) == ("ENTITY#customer-17", False)


def test_a_sources_window_is_sixteen_partitions_a_day_in_order_of_days() -> None:
    filters, _ = read_request({**SOURCE, "end_time": "2026-11-22T00:00:00.000001Z"}, dry_run=False)
    assert filters.partition_count == 3 * 16
    assert filters.partition(0).key == source_day_key("shop", "order", "2026-11-20", 0)
    assert filters.partition(33).key == source_day_key("shop", "order", "2026-11-22", 1)
    assert filters.partition(33).indexed


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        ([], [("body", "request_not_an_object")]),
        (None, [("body", "request_not_an_object")]),
        ({}, [("/end_time", "unscoped_window"), ("/start_time", "unscoped_window"), ("body", "replay_without_scope")]),
        ({"entity_id": "e"}, [("/end_time", "unscoped_window"), ("/start_time", "unscoped_window")]),
        ({**ENTITY, "end_time": None}, [("/end_time", "unscoped_window")]),
        (WINDOW, [("body", "replay_without_scope")]),
        ({**ENTITY, **SOURCE}, [("body", "replay_with_two_scopes")]),
        ({**WINDOW, "source": "shop"}, [("/event_type", "missing_member")]),
        ({**WINDOW, "event_type": "order"}, [("/source", "missing_member")]),
        ({**ENTITY, "entity_id": 17}, [("/entity_id", "wrong_type")]),
        ({**ENTITY, "entity_id": " "}, [("/entity_id", "blank")]),
        ({**ENTITY, "entity_id": "x" * 1025}, [("/entity_id", "too_many_bytes")]),
        ({**ENTITY, "start_time": "yesterday"}, [("/start_time", "bad_time")]),
        ({**ENTITY, "start_time": "2026-11-20T00:00:00"}, [("/start_time", "time_without_offset")]),
        ({**ENTITY, "end_time": 1}, [("/end_time", "wrong_type")]),
        ({**ENTITY, "end_time": ENTITY["start_time"]}, [("/start_time", "empty_window")]),
        ({**ENTITY, "end_time": "2026-11-19T00:00:00Z"}, [("/start_time", "empty_window")]),
        ({**ENTITY, "limit": 0}, [("/limit", "minimum")]),
        ({**ENTITY, "limit": 1_000_001}, [("/limit", "maximum")]),
        ({**ENTITY, "limit": True}, [("/limit", "wrong_type")]),
        ({**ENTITY, "limit": 1.5}, [("/limit", "wrong_type")]),
        ({**ENTITY, "dry_run": "yes"}, [("/dry_run", "wrong_type")]),
        ({**ENTITY, "shadow": 1}, [("/shadow", "wrong_type")]),
        ({**ENTITY, "include_duplicates": "true"}, [("/include_duplicates", "wrong_type")]),
        ({**ENTITY, "next_token": 1}, [("/next_token", "wrong_type")]),
        (
            {**ENTITY, "entity": "x", "a/b": 1},
            [("/a~1b", "additional_properties"), ("/entity", "additional_properties")],
        ),
        ({**SOURCE, "end_time": "2027-11-22T00:00:00Z"}, [("/end_time", "window_too_long")]),
    ],
)
def test_what_is_wrong_is_named_with_its_place(body: Any, problems: list[tuple[str, str]]) -> None:
    assert found(body) == problems


def test_a_source_may_be_replayed_for_a_leap_year_and_an_entity_for_ever() -> None:
    year, _ = read_request({**SOURCE, "end_time": "2027-11-21T00:00:00Z"}, dry_run=False)
    assert year.partition_count == MAX_REPLAY_DAYS * 16
    for_ever, _ = read_request(
        {**ENTITY, "start_time": "1970-01-01T00:00:00Z", "end_time": "9999-12-31T23:59:59Z"}, dry_run=False
    )
    assert for_ever.partition_count == 1


def test_the_stacks_dry_run_is_lifted_by_no_request() -> None:
    assert read_request({**ENTITY, "dry_run": False}, dry_run=True)[0].dry_run
    assert read_request({**ENTITY, "dry_run": True}, dry_run=False)[0].dry_run
    assert not read_request(ENTITY, dry_run=False)[0].dry_run


moments = st.datetimes(datetime(1970, 1, 1)).map(lambda it: it.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))  # noqa: DTZ001


@given(moments, moments, moments)
def test_the_keys_of_a_window_hold_its_rows_and_no_others(start: str, end: str, moment: str) -> None:
    filters = ReplayFilters(start, end, "e")
    for key in (time_key(moment, "0" * 64), time_key(moment, "f" * 64) + "#DUPLICATE#z"):
        assert (filters.first_key <= key <= filters.last_key) == filters.holds(moment)


@given(moments, moments)
def test_the_days_of_a_window_are_those_with_a_moment_in_it(one: str, other: str) -> None:
    start, end = sorted((one, other))
    if start == end:
        return
    count = days_touched(start, end)
    last = ReplayFilters(start, end, None, "s", "t").partition((count - 1) * 16).key
    day = end[:10]
    assert (f"DAY#{day}#" in last) == (end[10:] != "T00:00:00.000000Z")
