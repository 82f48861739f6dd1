"""Foreign messages in a batch of the processor: each becomes its own dead letter, and its neighbours are counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from pik.domain.event.fields import RawRef
from pik.domain.shared.failures import Cause
from pik.domain.shared.limits import MAX_CAUSE_CHARS, MAX_NAME_CHARS
from tests.support.aws.stack import FAILURES_TABLE, RAW_BUCKET
from tests.support.foreign import FOREIGN
from tests.support.makers import make_work, sqs_event, sqs_record
from tests.support.pipeline import ProcessorHarness, assert_counted_once


@pytest.fixture
def harness() -> ProcessorHarness:
    return ProcessorHarness(validate=False)


def batch(bodies: list[str], changes: Mapping[int, Mapping[str, Any]] | None = None) -> dict[str, Any]:
    records = [sqs_record(body, number) for number, body in enumerate(bodies)]
    for number, change in (changes or {}).items():
        records[number] = {**records[number], **change}
    return {"Records": records}


def test_every_foreign_message_is_a_dead_letter_with_its_reason_and_the_others_are_counted(
    harness: ProcessorHarness,
) -> None:
    works = harness.pipeline.orders(2)
    foreign = {message.body for message in FOREIGN.values()}
    bodies = [works[0].message().body, *sorted(foreign), works[1].message().body]
    assert harness.pipeline.failed(batch(bodies)) == [], "every message is done"
    assert_counted_once(harness.pipeline, works)
    letters = harness.pipeline.dead_letters()
    assert {it.body for it in letters} == foreign
    for letter in letters:
        assert letter.reason is not None
        assert (letter.reason.category, letter.reason.error_type) == ("VALIDATION", "BadWork")
        assert letter.reason.message.startswith("work message: ")
    assert len(harness.pipeline.failures()) == len(harness.announced("event.failed")) == len(foreign)


@pytest.mark.parametrize(
    "attributes",
    [None, {}, {"SentTimestamp": "1"}, {"ApproximateReceiveCount": "٣"}, {"ApproximateReceiveCount": "9" * 5_000}],
)
def test_a_record_without_a_count_of_its_receives_is_a_dead_letter_of_its_own(
    harness: ProcessorHarness, attributes: Any
) -> None:
    works = harness.pipeline.orders(3)
    bodies = [it.message().body for it in works]
    assert harness.pipeline.failed(batch(bodies, {1: {"attributes": attributes}})) == []
    assert_counted_once(harness.pipeline, [works[0], works[2]])
    (letter,) = harness.pipeline.dead_letters()
    assert letter.work == works[1], "it can be redriven"
    assert letter.reason is not None
    assert "ApproximateReceiveCount" in letter.reason.message


def test_attributes_of_5000_digits_on_a_sound_message_mean_nothing(harness: ProcessorHarness) -> None:
    works = harness.pipeline.orders(2)
    given = FOREIGN["attributes: attempts of 5,000 digits"].attributes
    attributes = {name: {"dataType": "String", "stringValue": value} for name, value in given.items()}
    event = batch([it.message().body for it in works], {0: {"messageAttributes": attributes}})
    assert harness.pipeline.failed(event) == []
    assert_counted_once(harness.pipeline, works)


def test_a_ledger_row_that_dynamodb_refuses_keeps_its_own_message_and_no_other(harness: ProcessorHarness) -> None:
    harness.faults.refuse_batches("batch_write_item", "ValidationException", "unknown-message-1")
    assert harness.pipeline.failed(batch(["x", "y", "z"])) == [1]
    assert {it.body for it in harness.pipeline.dead_letters()} == {"x", "z"}
    assert {row["message_id"] for row in harness.pipeline.failures()} == {"message-0", "message-2"}


def test_the_last_attempt_of_a_message_whose_row_is_refused_is_a_dead_letter_all_the_same(
    harness: ProcessorHarness,
) -> None:
    harness.faults.refuse_batches("batch_write_item", "ValidationException", FAILURES_TABLE)
    gone = make_work({"gone": 1}, ref=RawRef(RAW_BUCKET, "raw/gone.json", 0, 9))
    assert harness.pipeline.failed(sqs_event(gone, receive_count=5)) == []
    assert [it.work for it in harness.pipeline.dead_letters()] == [gone]


def test_a_message_that_names_a_place_far_away_does_not_make_its_neighbours_object_be_read_to_there(
    harness: ProcessorHarness,
) -> None:
    works = harness.pipeline.orders(2, key="raw/both.ndjson")
    far = make_work({"far": 1}, ref=RawRef(RAW_BUCKET, "raw/both.ndjson", 2**52, 4_000_000))
    ranges: list[str] = []

    def hook(_: str, operation: str, request: Mapping[str, Any], phase: str) -> None:
        if (operation, phase) == ("get_object", "before"):
            ranges.append(request["Range"])

    harness.aws.on_call = hook
    harness.pipeline.process(*works, far)
    assert_counted_once(harness.pipeline, works)
    assert len(ranges) == 2
    assert all(int(it.rpartition("-")[2]) - int(it[6:].partition("-")[0]) < 4_194_304 for it in ranges)


@pytest.mark.parametrize("text", ["“" * 1_000_000, "'a" * 500_000, "9" * 1_000_000, "\ud800" * 10_000])
def test_the_text_of_a_failure_is_bounded_before_anything_is_searched_for_in_it(text: str) -> None:
    cause = Cause.of(ValueError(text))
    assert len(cause.message) == MAX_CAUSE_CHARS
    assert len(cause.fingerprint) == 32
    assert len(Cause.of(type("E" * 9_000, (Exception,), {})("x")).error_type) == MAX_NAME_CHARS
