"""DayReader: which of some events a day has counted, small or big."""

from __future__ import annotations

import pytest

from pik.adapters.dynamodb.aggregate_store import AggregateStore
from pik.adapters.dynamodb.applied_events import AppliedEvents
from pik.flows.day import DayReader
from tests.support.aws.stack import AGGREGATES_TABLE, APPLIED_TABLE
from tests.support.pipeline import KEY, ProcessorHarness


@pytest.mark.parametrize(("batches", "reads"), [((3, 5), {"query": 1}), ((45, 46), {"query": 1, "batch_get_item": 1})])
def test_what_was_counted_is_told_with_its_version_and_nothing_else_is(
    batches: tuple[int, int], reads: dict[str, int]
) -> None:
    harness = ProcessorHarness()
    works = harness.pipeline.orders(50, key="raw/all.ndjson")
    first, second = batches
    harness.pipeline.process(*works[:first])
    harness.pipeline.process(*works[first:second])
    days = AggregateStore(harness.aws.dynamodb, AGGREGATES_TABLE)  # type: ignore[arg-type]
    reader = DayReader(days, AppliedEvents(harness.aws.dynamodb, APPLIED_TABLE, harness.pipeline.slept.append))  # type: ignore[arg-type]
    harness.calls.forget()
    past = reader.look(KEY, [it.event_id for it in works])
    assert harness.calls.take() == reads
    expected = {it.event_id: 1 for it in works[:first]} | {it.event_id: 2 for it in works[first:second]}
    assert past.counted == expected
    assert past.latest == harness.pipeline.versions()[-1]


def test_a_day_without_versions_has_counted_nothing() -> None:
    harness = ProcessorHarness()
    days = AggregateStore(harness.aws.dynamodb, AGGREGATES_TABLE)  # type: ignore[arg-type]
    reader = DayReader(days, AppliedEvents(harness.aws.dynamodb, APPLIED_TABLE, harness.pipeline.slept.append))  # type: ignore[arg-type]
    past = reader.look(KEY, ["e" * 64])
    assert (past.latest, past.counted) == (None, {})
