"""AppliedEvents: markers are written in twenty-fives and looked up in hundreds, and nothing is left unprocessed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from pik.adapters.dynamodb.applied_events import AppliedEvents
from pik.domain.process.versions import Marker
from pik.domain.shared.failures import Category, RowsUnprocessed, classify
from tests.support.aws.stack import APPLIED_TABLE
from tests.support.makers import make_input
from tests.support.pipeline import KEY, ProcessorHarness

IDS = [make_input(n).work.event_id for n in range(230)]
MARKERS = [Marker(KEY, event_id, 1 + n % 7) for n, event_id in enumerate(IDS)]
VERSIONS = {it.event_id: it.version for it in MARKERS}


@pytest.fixture
def harness() -> ProcessorHarness:
    return ProcessorHarness()


@pytest.fixture
def applied(harness: ProcessorHarness) -> AppliedEvents:
    client: Any = harness.aws.dynamodb
    return AppliedEvents(client, APPLIED_TABLE, harness.pipeline.slept.append)


def leave(harness: ProcessorHarness, operation: str, *places: set[int]) -> None:
    """Let DynamoDB leave these entries of one call after the other unprocessed, and then none."""
    left: Iterator[set[int]] = iter(places)
    harness.aws.partial = lambda _, called, __: next(left, set()) if called == operation else set()


def test_markers_are_written_and_found_in_few_calls(harness: ProcessorHarness, applied: AppliedEvents) -> None:
    harness.calls.forget()
    applied.mark(MARKERS)
    assert harness.calls.take() == {"batch_write_item": 10}
    assert applied.versions(KEY, IDS) == VERSIONS
    assert harness.calls.take() == {"batch_get_item": 3}
    assert harness.pipeline.slept == []


def test_nothing_to_write_and_nothing_to_find_are_no_calls(harness: ProcessorHarness, applied: AppliedEvents) -> None:
    harness.calls.forget()
    applied.mark([])
    assert applied.versions(KEY, []) == {}
    assert harness.calls.take() == {}


def test_a_marker_is_of_its_event_day_and_run_alone(applied: AppliedEvents) -> None:
    applied.mark(MARKERS[:3])
    assert applied.versions(KEY, IDS[2:5]) == {IDS[2]: 3}
    assert applied.versions(replace(KEY, run="shadow-1"), IDS) == {}
    assert applied.versions(replace(KEY, day="2026-11-21"), IDS) == {}


def test_markers_can_be_written_again(harness: ProcessorHarness, applied: AppliedEvents) -> None:
    applied.mark(MARKERS[:30])
    before = harness.pipeline.rows(APPLIED_TABLE)
    applied.mark(MARKERS[:30])
    assert harness.pipeline.rows(APPLIED_TABLE) == before


def test_markers_are_read_consistently(harness: ProcessorHarness, applied: AppliedEvents) -> None:
    asked: list[Any] = []

    def hook(_: str, __: str, request: Mapping[str, Any], phase: str) -> None:
        asked.append(request["RequestItems"][APPLIED_TABLE]["ConsistentRead"])

    leave(harness, "batch_get_item", {0})
    harness.aws.on_call = hook
    applied.versions(KEY, IDS[:2])
    assert set(asked) == {True}
    assert len(asked) == 2 * 2


def test_markers_that_are_left_out_are_written_again_after_a_wait(
    harness: ProcessorHarness, applied: AppliedEvents
) -> None:
    leave(harness, "batch_write_item", {0, 7, 24}, {1}, set(), {0})
    harness.calls.forget()
    applied.mark(MARKERS[:50])
    assert harness.calls.take() == {"batch_write_item": 3 + 2}
    assert len(harness.pipeline.slept) == 3
    assert applied.versions(KEY, IDS[:50]) == dict(list(VERSIONS.items())[:50])


def test_keys_that_are_left_out_are_asked_for_again_after_a_wait(
    harness: ProcessorHarness, applied: AppliedEvents
) -> None:
    applied.mark(MARKERS)
    leave(harness, "batch_get_item", set(range(60)), {3, 4}, set(), {99})
    harness.calls.forget()
    assert applied.versions(KEY, IDS) == VERSIONS
    assert harness.calls.take() == {"batch_get_item": 3 + 2 + 1}
    assert len(harness.pipeline.slept) == 3
    assert all(0 <= wait <= 0.1 for wait in harness.pipeline.slept)


@pytest.mark.parametrize("operation", ["batch_get_item", "batch_write_item"])
def test_what_is_left_out_to_the_end_is_a_passing_failure(
    harness: ProcessorHarness, applied: AppliedEvents, operation: str
) -> None:
    leave(harness, operation, *[{0}] * 9)
    harness.calls.forget()
    with pytest.raises(RowsUnprocessed, match=f"{APPLIED_TABLE} unprocessed after 4 calls") as raised:
        applied.mark(MARKERS[:2]) if operation == "batch_write_item" else applied.versions(KEY, IDS[:2])
    assert classify(raised.value) is Category.TRANSIENT
    assert harness.calls.take() == {operation: 4}
    assert len(harness.pipeline.slept) == 3
