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
from tests.support.pipeline import KEY, CountedPipeline

IDS = [make_input(n).work.event_id for n in range(230)]
MARKERS = [Marker(KEY, event_id, 1 + n % 7) for n, event_id in enumerate(IDS)]
VERSIONS = {it.event_id: it.version for it in MARKERS}


@pytest.fixture
def stage() -> CountedPipeline:
    return CountedPipeline()


@pytest.fixture
def applied(stage: CountedPipeline) -> AppliedEvents:
    client: Any = stage.aws.dynamodb
    return AppliedEvents(client, APPLIED_TABLE, stage.slept.append)


def leave(stage: CountedPipeline, operation: str, *places: set[int]) -> None:
    """Let DynamoDB leave these entries of one call after the other unprocessed, and then none."""
    left: Iterator[set[int]] = iter(places)
    stage.aws.partial = lambda _, called, __: next(left, set()) if called == operation else set()


def test_markers_are_written_and_found_in_few_calls(stage: CountedPipeline, applied: AppliedEvents) -> None:
    stage.calls()
    applied.mark(MARKERS)
    assert stage.calls() == {"batch_write_item": 10}
    assert applied.versions(KEY, IDS) == VERSIONS
    assert stage.calls() == {"batch_get_item": 3}
    assert stage.slept == []


def test_nothing_to_write_and_nothing_to_find_are_no_calls(stage: CountedPipeline, applied: AppliedEvents) -> None:
    stage.calls()
    applied.mark([])
    assert applied.versions(KEY, []) == {}
    assert stage.calls() == {}


def test_a_marker_is_of_its_event_day_and_run_alone(applied: AppliedEvents) -> None:
    applied.mark(MARKERS[:3])
    assert applied.versions(KEY, IDS[2:5]) == {IDS[2]: 3}
    assert applied.versions(replace(KEY, run="shadow-1"), IDS) == {}
    assert applied.versions(replace(KEY, day="2026-11-21"), IDS) == {}


def test_markers_can_be_written_again(stage: CountedPipeline, applied: AppliedEvents) -> None:
    applied.mark(MARKERS[:30])
    before = stage.rows(APPLIED_TABLE)
    applied.mark(MARKERS[:30])
    assert stage.rows(APPLIED_TABLE) == before


def test_markers_are_read_consistently(stage: CountedPipeline, applied: AppliedEvents) -> None:
    asked: list[Any] = []

    def hook(_: str, __: str, request: Mapping[str, Any], phase: str) -> None:
        asked.append(request["RequestItems"][APPLIED_TABLE]["ConsistentRead"])

    leave(stage, "batch_get_item", {0})
    stage.aws.on_call = hook
    applied.versions(KEY, IDS[:2])
    assert set(asked) == {True}
    assert len(asked) == 2 * 2


def test_markers_that_are_left_out_are_written_again_after_a_wait(
    stage: CountedPipeline, applied: AppliedEvents
) -> None:
    leave(stage, "batch_write_item", {0, 7, 24}, {1}, set(), {0})
    stage.calls()
    applied.mark(MARKERS[:50])
    assert stage.calls() == {"batch_write_item": 3 + 2}
    assert len(stage.slept) == 3
    assert applied.versions(KEY, IDS[:50]) == dict(list(VERSIONS.items())[:50])


def test_keys_that_are_left_out_are_asked_for_again_after_a_wait(
    stage: CountedPipeline, applied: AppliedEvents
) -> None:
    applied.mark(MARKERS)
    leave(stage, "batch_get_item", set(range(60)), {3, 4}, set(), {99})
    stage.calls()
    assert applied.versions(KEY, IDS) == VERSIONS
    assert stage.calls() == {"batch_get_item": 3 + 2 + 1}
    assert len(stage.slept) == 3
    assert all(0 <= wait <= 0.1 for wait in stage.slept)


@pytest.mark.parametrize("operation", ["batch_get_item", "batch_write_item"])
def test_what_is_left_out_to_the_end_is_a_passing_failure(
    stage: CountedPipeline, applied: AppliedEvents, operation: str
) -> None:
    leave(stage, operation, *[{0}] * 9)
    stage.calls()
    with pytest.raises(RowsUnprocessed, match=APPLIED_TABLE) as raised:
        applied.mark(MARKERS[:2]) if operation == "batch_write_item" else applied.versions(KEY, IDS[:2])
    assert classify(raised.value) is Category.TRANSIENT
    assert stage.calls() == {operation: 4}
    assert len(stage.slept) == 3
