"""AggregateStore: versions are appended where none is, and read back as they were written."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from pik.adapters.dynamodb.aggregate_store import AggregateStore
from pik.domain.process.batch import MissingVersion
from pik.domain.process.versions import plan_version
from tests.support.aws.stack import AGGREGATES_TABLE
from tests.support.faults import raises, refused
from tests.support.makers import make_input
from tests.support.pipeline import KEY, ProcessorHarness

EVENTS = [make_input(n) for n in range(160)]
NOW = "2026-11-20T12:00:00.000000Z"
SMALL = plan_version(KEY, None, EVENTS[:2], NOW).version
BIG = plan_version(KEY, SMALL, EVENTS[2:], NOW).version


@pytest.fixture
def harness() -> ProcessorHarness:
    return ProcessorHarness()


@pytest.fixture
def store(harness: ProcessorHarness) -> AggregateStore:
    client: Any = harness.aws.dynamodb
    return AggregateStore(client, AGGREGATES_TABLE)


def test_versions_that_were_appended_read_back(store: AggregateStore) -> None:
    assert store.latest(KEY) is None
    for version in (SMALL, BIG):
        assert store.append(version)
        assert store.latest(KEY) == version
        assert store.get(KEY, version.number) == version


def test_a_version_that_is_there_stays_as_it_is(harness: ProcessorHarness, store: AggregateStore) -> None:
    store.append(SMALL)
    before = harness.pipeline.rows()
    other = plan_version(KEY, None, EVENTS[2:4], NOW).version
    assert not store.append(other)
    assert not store.append(SMALL)
    assert harness.pipeline.rows() == before


def test_an_append_is_one_conditional_put(harness: ProcessorHarness, store: AggregateStore) -> None:
    harness.calls.forget()
    store.append(BIG)
    assert harness.calls.take() == {"put_item": 1}


def test_an_append_that_fails_otherwise_raises(harness: ProcessorHarness, store: AggregateStore) -> None:
    harness.faults.once("put_item", "before", raises(refused("AccessDeniedException")))
    with pytest.raises(ClientError, match="AccessDenied"):
        store.append(SMALL)


def test_a_version_that_is_not_there_is_missed(store: AggregateStore) -> None:
    store.append(SMALL)
    with pytest.raises(MissingVersion, match="version 3"):
        store.get(KEY, 3)


def test_only_versions_of_the_day_and_run_are_looked_at(harness: ProcessorHarness, store: AggregateStore) -> None:
    harness.pipeline.process(*harness.pipeline.orders(1, run="LIVE2"))
    harness.pipeline.process(*harness.pipeline.orders(1, event_time="2026-11-21T00:00:00.000000Z"))
    assert store.latest(KEY) is None
