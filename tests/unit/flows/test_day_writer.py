"""DayWriter as the time runs out: what was written stays and is counted, and no write begins in the reserve."""

from __future__ import annotations

from typing import Any

import pytest

from pik.adapters.dynamodb.aggregate_store import AggregateStore
from pik.adapters.dynamodb.applied_events import AppliedEvents
from pik.domain.shared.failures import DeadlineNear
from pik.domain.shared.limits import DEADLINE_RESERVE_MS, EVENTS_PER_VERSION
from pik.flows.day import DayWriter
from tests.support.aws.stack import AGGREGATES_TABLE, APPLIED_TABLE
from tests.support.faults import refused
from tests.support.makers import make_input
from tests.support.pipeline import KEY, NOW, ProcessorHarness


@pytest.fixture
def harness() -> ProcessorHarness:
    return ProcessorHarness()


def day_writer(harness: ProcessorHarness, slept: list[float] | None = None) -> DayWriter:
    dynamodb: Any = harness.aws.dynamodb
    sleep = (slept if slept is not None else []).append
    days, applied = AggregateStore(dynamodb, AGGREGATES_TABLE), AppliedEvents(dynamodb, APPLIED_TABLE, sleep)
    return DayWriter(days, applied, lambda: NOW, sleep)


@pytest.mark.parametrize(("left", "written"), [(DEADLINE_RESERVE_MS - 1, 0), (1, 0), (DEADLINE_RESERVE_MS, 1)])
def test_no_write_begins_in_the_reserve(harness: ProcessorHarness, left: int, written: int) -> None:
    writer, events = day_writer(harness), [make_input(0)]
    harness.calls.forget()
    outcome = writer.count(KEY, events, writer.look(KEY, [events[0].work.event_id]), lambda: left)
    assert len(harness.pipeline.versions()) == written
    assert harness.calls.counts()["put_item"] == written
    assert isinstance(outcome.error, DeadlineNear) is not bool(written)


def test_what_was_written_before_the_reserve_began_stays_and_the_rest_fails(harness: ProcessorHarness) -> None:
    writer, events = day_writer(harness), [make_input(n) for n in range(2 * EVENTS_PER_VERSION)]
    left = iter([DEADLINE_RESERVE_MS, DEADLINE_RESERVE_MS - 1])
    past = writer.look(KEY, [event.work.event_id for event in events])
    outcome = writer.count(KEY, events, past, lambda: next(left))
    (version,) = harness.pipeline.versions()
    assert version.added == tuple(event.work.event_id for event in events[:EVENTS_PER_VERSION])
    assert isinstance(outcome.error, DeadlineNear)


def test_races_that_are_lost_until_the_reserve_begins_are_given_up(harness: ProcessorHarness) -> None:
    slept: list[float] = []
    writer, events = day_writer(harness, slept), [make_input(0)]
    left = iter([DEADLINE_RESERVE_MS, DEADLINE_RESERVE_MS, DEADLINE_RESERVE_MS - 1])
    past = writer.look(KEY, [events[0].work.event_id])
    harness.faults.always("put_item", refused("ConditionalCheckFailedException"))
    outcome = writer.count(KEY, events, past, lambda: next(left))
    assert isinstance(outcome.error, DeadlineNear)
    assert len(slept) == 2
