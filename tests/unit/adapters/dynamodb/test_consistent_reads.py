"""What was just written is read, also where an eventually consistent read would not see it yet."""

from __future__ import annotations

from typing import Any

import pytest

from pik.adapters.dynamodb.aggregate_store import AggregateStore
from pik.adapters.dynamodb.applied_events import AppliedEvents
from pik.adapters.dynamodb.event_reader import EventReader
from pik.adapters.dynamodb.failure_reader import FailureReader
from pik.adapters.dynamodb.items import to_item
from pik.adapters.dynamodb.run_store import RunStore
from pik.domain.process.versions import Marker, plan_version, short
from pik.domain.replay.request import Partition
from pik.workers import Workers
from tests.support.aws.account import FakeAws
from tests.support.aws.stack import (
    AGGREGATES_TABLE,
    APPLIED_TABLE,
    EVENTS_TABLE,
    FAILURES_TABLE,
    RUNS_TABLE,
    deployed,
)
from tests.support.lagging import LaggingDynamoDb
from tests.support.makers import index_row, make_input, make_work
from tests.support.pipeline import KEY

NOW = "2026-11-20T12:00:00.000000Z"
FIRST = plan_version(KEY, None, [make_input(0)], NOW).version
SECOND = plan_version(KEY, FIRST, [make_input(1)], NOW).version


@pytest.fixture
def lagging(fake_aws: FakeAws) -> Any:
    """The first version is everywhere; all that a test writes is not seen by eventually consistent reads."""
    deployed(fake_aws)
    AggregateStore(fake_aws.dynamodb, AGGREGATES_TABLE).append(FIRST)  # type: ignore[arg-type]
    return LaggingDynamoDb(fake_aws.dynamodb)


def test_the_double_itself_lags(lagging: Any) -> None:
    key = {"TableName": AGGREGATES_TABLE, "Key": to_item({"PK": KEY.pk, "SK": KEY.version_sk(2)})}
    AggregateStore(lagging, AGGREGATES_TABLE).append(SECOND)
    assert "Item" not in lagging.get_item(**key)
    assert "Item" in lagging.get_item(**key, ConsistentRead=True)


def test_the_version_that_another_processor_just_wrote_is_the_latest(lagging: Any) -> None:
    store = AggregateStore(lagging, AGGREGATES_TABLE)
    store.append(SECOND)
    assert store.latest(KEY) == SECOND


def test_a_version_that_was_just_written_is_not_missing(lagging: Any) -> None:
    store = AggregateStore(lagging, AGGREGATES_TABLE)
    store.append(SECOND)
    assert store.get(KEY, 2) == SECOND


def test_markers_that_were_just_written_are_seen(lagging: Any) -> None:
    applied = AppliedEvents(lagging, APPLIED_TABLE, lambda _: None)
    event_id = short(make_input(1).work.event_id)
    applied.mark([Marker(KEY, event_id, 2)])
    assert applied.versions(KEY, [event_id]) == {event_id: 2}


def test_a_failure_that_just_happened_is_in_the_ledger(lagging: Any) -> None:
    row = {"PK": "EVENT#a", "SK": "AT#2026-11-20T10:15:00.000000Z#001", "attempt": 1}
    lagging.put_item(TableName=FAILURES_TABLE, Item=to_item(row))
    assert FailureReader(lagging, FAILURES_TABLE, Workers(1)).latest(["a"]) == {"a": row}


def test_a_run_that_just_began_is_known(lagging: Any) -> None:
    runs = RunStore(lagging, RUNS_TABLE)
    runs.begin({"PK": "RUN#rdr-1", "request_id": "request-1"})
    assert runs.get("rdr-1") == {"PK": "RUN#rdr-1", "request_id": "request-1"}


def test_a_replay_of_an_entity_sees_the_event_that_was_just_indexed(lagging: Any) -> None:
    row = index_row(make_work({"orderId": "order-1", "amount": 1}))
    lagging.put_item(TableName=EVENTS_TABLE, Item=to_item(row))
    page = EventReader(lagging, EVENTS_TABLE).page(Partition(row["PK"], indexed=False), "", "TS#", "TS~", 10)
    assert [found["SK"] for found in page.rows] == [row["SK"]]
