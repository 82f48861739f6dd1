"""The processor: every event counts once, whatever is repeated, lost, killed or done by others at the same time."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pik.domain.event.work import Work
from pik.flows import day
from pik.flows import process as module
from tests.support.aws.stack import APPLIED_TABLE
from tests.support.faults import Killed, raises, timeout
from tests.support.pipeline import ProcessorHarness, assert_counted_once


@pytest.fixture
def harness() -> ProcessorHarness:
    return ProcessorHarness()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_order_batches_and_redelivery_end_in_the_same_day(data: st.DataObject) -> None:
    harness = ProcessorHarness(validate=False)
    count = data.draw(st.integers(1, 60))
    works = harness.pipeline.orders(count, key="raw/all.ndjson")
    again = data.draw(st.lists(st.sampled_from(works), max_size=30))
    queue = list(data.draw(st.permutations([*works, *again])))
    while queue:
        size = data.draw(st.integers(1, 30))
        batch, queue = queue[:size], queue[size:]
        assert harness.pipeline.process(*batch, receive_count=data.draw(st.sampled_from([1, 2]))) == []
    assert_counted_once(harness.pipeline, works)
    announced = {it["version"]: it["event_ids"] for it in harness.announced()}
    assert announced == {it.number: list(it.added) for it in harness.pipeline.versions()}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_process_killed_between_any_two_calls_loses_and_doubles_nothing(data: st.DataObject) -> None:
    harness = ProcessorHarness(validate=False)
    works = harness.pipeline.orders(data.draw(st.sampled_from([1, 10, 39, 45, 90, 100])), key="raw/all.ndjson")
    receive_count = 0
    for before in (works[: len(works) // 4], works[len(works) // 4 : len(works) // 2]):
        if before:
            harness.pipeline.process(*before)
    pending = works[len(works) // 3 :]
    for _ in range(data.draw(st.integers(1, 3))):
        receive_count += 1
        operation = data.draw(
            st.sampled_from(["query", "get_object", "batch_get_item", "batch_write_item", "put_item", "put_events"])
        )
        harness.faults.once(operation, data.draw(st.sampled_from(["before", "after"])), raises(Killed()))
        try:
            harness.pipeline.process(*pending, receive_count=receive_count)
        except Killed:
            continue
    harness.faults.calm()
    assert harness.pipeline.process(*pending, receive_count=receive_count + 1) == []
    assert_counted_once(harness.pipeline, works)
    assert {it["version"] for it in harness.announced()} == {it.number for it in harness.pipeline.versions()}


def test_a_first_delivery_that_was_counted_before_succeeds_in_silence(harness: ProcessorHarness) -> None:
    works = harness.pipeline.orders(2)
    harness.pipeline.process(*works)
    harness.calls.forget()
    assert harness.pipeline.process(*works) == []
    assert harness.calls.take() == {"get_object": 2, "query": 1}
    assert len(harness.announced()) == 1


def test_what_died_between_its_version_and_the_bus_is_announced_when_it_comes_back(harness: ProcessorHarness) -> None:
    works = harness.pipeline.orders(3, key="raw/three.ndjson")
    harness.faults.once("put_events", "before", raises(Killed()))
    with pytest.raises(Killed):
        harness.pipeline.process(*works)
    assert harness.announced() == []
    harness.calls.forget()
    assert harness.pipeline.process(*works, receive_count=2) == []
    assert harness.calls.take() == {"get_object": 1, "query": 1, "put_events": 1}
    assert_counted_once(harness.pipeline, works)
    assert [it["event_ids"] for it in harness.announced()] == [[it.event_id for it in works]]


def test_versions_are_announced_again_once_a_batch_and_in_the_same_words(harness: ProcessorHarness) -> None:
    works = harness.pipeline.orders(6)
    harness.pipeline.process(*works[:2])
    harness.pipeline.process(*works[2:5])
    harness.pipeline.process(*works[5:])
    first = harness.aws.events.published.copy()
    harness.aws.events.published.clear()
    harness.calls.forget()
    assert harness.pipeline.process(*works[:4], receive_count=3) == []
    assert harness.calls.take() == {"get_object": 4, "query": 1, "get_item": 2, "put_events": 1}
    again = harness.aws.events.published
    assert [it["Detail"] for it in again] == [it["Detail"] for it in first[:2]]


def test_a_redriven_event_is_announced_again_although_its_message_is_new(harness: ProcessorHarness) -> None:
    (work,) = harness.pipeline.orders(1)
    harness.pipeline.process(work)
    harness.pipeline.process(replace(work, attempts_before=5))
    harness.pipeline.process(replace(work, origin="redrive"))
    assert len({it["id"] for it in harness.announced()}) == 1
    assert len(harness.announced()) == 3


def test_a_put_whose_answer_was_lost_and_that_the_sdk_repeats_is_announced(harness: ProcessorHarness) -> None:
    works = harness.pipeline.orders(2)

    class Repeating:
        """A client whose every put is sent twice, as botocore does when the first answer does not arrive."""

        def __getattr__(self, name: str) -> Any:
            return getattr(harness.aws.dynamodb, name)

        def put_item(self, **request: Any) -> Any:
            harness.aws.dynamodb.put_item(**request)
            return harness.aws.dynamodb.put_item(**request)

    clients = SimpleNamespace(s3=harness.aws.s3, dynamodb=Repeating(), sqs=harness.aws.sqs, events=harness.aws.events)
    processor = harness.pipeline.new_processor(clients)
    assert harness.pipeline.process(*works, processor=processor) == []
    assert_counted_once(harness.pipeline, works)
    assert len(harness.announced()) == 1


def test_a_write_without_an_answer_fails_and_is_found_when_it_comes_back(harness: ProcessorHarness) -> None:
    works = harness.pipeline.orders(2)
    harness.faults.once("put_item", "after", raises(timeout()))
    assert harness.pipeline.process(*works) == [0, 1]
    assert {row["category"] for row in harness.pipeline.failures()} == {"TIMEOUT"}
    assert harness.pipeline.process(*works, receive_count=2) == []
    assert_counted_once(harness.pipeline, works)
    assert len(harness.announced()) == 1


# --- in company -------------------------------------------------------------------------------------------------------


STEPS = ["query", "batch_get_item", "batch_write_item", "put_item"]
"""What a processor asks of DynamoDB for a version of a big day, in order."""


def grown(harness: ProcessorHarness, count: int, more: int) -> list[Work]:
    """Orders of which the first `count` have been counted, in two versions."""
    works = harness.pipeline.orders(count + more, key="raw/all.ndjson")
    if count:
        harness.pipeline.process(*works[: count - 1])
        harness.pipeline.process(works[count - 1])
    return works


@pytest.mark.parametrize("phase", ["before", "after"])
@pytest.mark.parametrize(("before", "operation"), [(0, "put_item"), (39, "put_item"), *((45, it) for it in STEPS)])
def test_a_version_that_another_processor_wrote_in_between_is_built_upon(
    harness: ProcessorHarness, before: int, operation: str, phase: str
) -> None:
    works = grown(harness, before, 5)
    mine, theirs, both = works[before : before + 2], works[before + 2 : before + 4], works[before + 4 :]
    other = harness.pipeline.new_processor()
    harness.faults.once(
        operation, phase, lambda: assert_none(harness.pipeline.process(*theirs, *both, processor=other))
    )
    harness.calls.forget()
    assert harness.pipeline.process(*mine, *both) == []
    late = (operation, phase) in {("query", "before"), ("put_item", "after")}  # then nobody lost a race
    assert harness.calls.take()["query"] == 2 + (not late)
    assert_counted_once(harness.pipeline, works)
    assert len(harness.pipeline.slept) == (not late)
    assert {it["version"] for it in harness.announced()} == {it.number for it in harness.pipeline.versions()}


def assert_none(failed: list[int]) -> None:
    assert failed == []


@pytest.mark.parametrize("phase", ["before", "after"])
@pytest.mark.parametrize(("before", "operation"), [(0, "put_item"), (39, "put_item"), *((45, it) for it in STEPS)])
def test_events_that_another_processor_counted_in_between_are_not_counted_again(
    harness: ProcessorHarness, before: int, operation: str, phase: str
) -> None:
    works = grown(harness, before, 3)
    other = harness.pipeline.new_processor()
    harness.faults.once(
        operation, phase, lambda: assert_none(harness.pipeline.process(*works[before:], processor=other))
    )
    assert harness.pipeline.process(*works[before:]) == []
    assert_counted_once(harness.pipeline, works)


@pytest.mark.parametrize("phase", ["before", "after"])
@pytest.mark.parametrize("operation", STEPS)
def test_what_another_processor_counted_two_versions_ago_is_not_counted_again(
    harness: ProcessorHarness, operation: str, phase: str
) -> None:
    """Then neither the version that this one looked at nor the one that it lost to carries it, but it has a marker."""
    works = grown(harness, 45, 3)
    other = harness.pipeline.new_processor()

    def rival() -> None:
        for work in works[45:]:
            assert harness.pipeline.process(work, processor=other) == []

    harness.faults.once(operation, phase, rival)
    assert harness.pipeline.process(works[45]) == []
    assert_counted_once(harness.pipeline, works)


@pytest.mark.parametrize(
    ("count", "operation", "phase", "marked"),
    # A day of forty has its markers written in two calls, and the process dies after one of them or after both.
    [(40, "batch_write_item", "after", 25), (40, "put_item", "before", 40), (45, "batch_write_item", "after", 45)],
)
def test_what_died_between_its_markers_and_its_version_is_counted_when_it_comes_back(
    harness: ProcessorHarness, count: int, operation: str, phase: str, marked: int
) -> None:
    works = grown(harness, count, 4)
    harness.faults.once(operation, phase, raises(Killed()))
    with pytest.raises(Killed):
        harness.pipeline.process(*works[count:])
    assert [it.number for it in harness.pipeline.versions()] == [1, 2]
    assert len(harness.pipeline.markers()) == marked
    assert harness.pipeline.process(*works[count + 2 :]) == []  # another batch is first to write the next version
    assert harness.pipeline.process(*works[count:], receive_count=2) == []
    assert_counted_once(harness.pipeline, works)
    assert {it["version"] for it in harness.announced()} == {it.number for it in harness.pipeline.versions()}


def test_markers_and_keys_that_dynamodb_leaves_out_are_asked_for_until_they_are_done(harness: ProcessorHarness) -> None:
    works = grown(harness, 60, 5)
    left = {"batch_get_item": iter([{0, 3}, {1}]), "batch_write_item": iter([{0}])}
    harness.aws.partial = lambda service, operation, request: next(left.get(operation, iter(())), set())
    harness.calls.forget()
    assert harness.pipeline.process(*works[55:]) == []
    calls = harness.calls.take()
    assert (calls["batch_get_item"], calls["batch_write_item"], calls["put_item"]) == (3, 2, 1)
    assert_counted_once(harness.pipeline, works)


@pytest.mark.parametrize("operation", ["batch_get_item", "batch_write_item"])
def test_no_version_is_written_while_markers_cannot_be_read_or_written(
    harness: ProcessorHarness, operation: str
) -> None:
    works = grown(harness, 60, 5)
    harness.aws.partial = lambda service, called, request: (
        {0} if called == operation and APPLIED_TABLE in request["RequestItems"] else set()
    )
    assert harness.pipeline.process(*works[58:]) == (
        [0, 1, 2, 3, 4, 5, 6] if operation == "batch_get_item" else [2, 3, 4, 5, 6]
    )
    assert len(harness.pipeline.versions()) == 2
    assert {(row["category"], row["error_type"]) for row in harness.pipeline.failures()} == {
        ("TRANSIENT", "RowsUnprocessed")
    }
    harness.faults.calm()
    assert harness.pipeline.process(*works[58:], receive_count=2) == []
    assert_counted_once(harness.pipeline, works)


def test_a_day_that_another_processor_carries_over_to_markers_in_between_goes_on(harness: ProcessorHarness) -> None:
    works = harness.pipeline.orders(45, key="raw/all.ndjson")
    harness.pipeline.process(*works[:38])
    other = harness.pipeline.new_processor()
    # This one plans a small version of forty; the other makes the day big first.
    harness.faults.once(
        "put_item", "before", lambda: assert_none(harness.pipeline.process(*works[40:], processor=other))
    )
    assert harness.pipeline.process(*works[38:40]) == []
    assert [it.applied is None for it in harness.pipeline.versions()] == [False, True, True]
    assert_counted_once(harness.pipeline, works)


def test_many_processors_on_one_entity_end_in_the_exact_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_observe", lambda *_: None)  # processes do not share metrics; these threads would
    harness = ProcessorHarness(validate=False)
    works = harness.pipeline.orders(300, key="raw/all.ndjson")
    deliveries = [works[at : at + 7] for at in range(0, 300, 5)]  # overlapping: each batch repeats two of its neighbour
    queue: Iterator[list[Work]] = iter(deliveries)
    lock = threading.Lock()
    failed: list[int] = []

    def work() -> None:
        mine = harness.pipeline.new_processor()
        while True:
            with lock:
                batch = next(queue, None)
            if batch is None:
                return
            failed.extend(harness.pipeline.process(*batch, processor=mine))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert_counted_once(harness.pipeline, works)
    assert {it["version"] for it in harness.announced()} == {it.number for it in harness.pipeline.versions()}


def test_a_race_that_is_lost_for_ever_ends_as_a_passing_failure(
    harness: ProcessorHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(day, "MAX_VERSION_ATTEMPTS", 5)
    (work,) = harness.pipeline.orders(1)
    rivals = harness.pipeline.orders(20, first=100)
    other = harness.pipeline.new_processor()

    def hook(_: str, called: str, request: Mapping[str, Any], when: str) -> None:
        if (called, when) == ("put_item", "before") and work.event_id in str(request["Item"]["sample_event_ids"]):
            assert harness.pipeline.process(rivals.pop(), processor=other) == []

    harness.aws.on_call = hook
    assert harness.pipeline.process(work) == [0]
    harness.faults.calm()
    (row,) = harness.pipeline.failures()
    assert (row["category"], row["error_type"]) == ("TRANSIENT", "Contended")
    assert len(harness.pipeline.slept) == 4
    assert harness.pipeline.process(work, receive_count=2) == []
    assert sum(it.added == (work.event_id,) for it in harness.pipeline.versions()) == 1


def test_waits_grow_and_are_bounded() -> None:
    longest = [max(day._backoff(lost) for _ in range(300)) for lost in (1, 3, 6, 40)]
    assert [round(it, 2) for it in longest] == [0.01, 0.04, 0.32, 0.32]
