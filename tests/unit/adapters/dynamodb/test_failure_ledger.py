"""FailureLedger: it names each row that is not known to be written, and writes the others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pik.adapters.dynamodb.failure_ledger import FailureLedger
from pik.domain.shared.failures import RowsUnprocessed
from tests.support.aws.stack import FAILURES_TABLE
from tests.support.pipeline import ProcessorHarness


@pytest.fixture
def harness() -> ProcessorHarness:
    return ProcessorHarness()


def ledger(harness: ProcessorHarness) -> FailureLedger:
    client: Any = harness.aws.dynamodb
    return FailureLedger(client, FAILURES_TABLE, harness.pipeline.slept.append)


def rows(count: int) -> list[dict[str, Any]]:
    return [{"PK": "EVENT#e", "SK": f"AT#{n:03d}", "attempt": n} for n in range(count)]


def test_rows_go_in_twenty_fives(harness: ProcessorHarness) -> None:
    ledger(harness).write(rows(60))
    assert harness.calls.take() == {"batch_write_item": 3}
    assert harness.pipeline.failures() == rows(60)


def test_rows_that_are_left_out_are_written_again_after_a_wait(harness: ProcessorHarness) -> None:
    left: Iterator[set[int]] = iter([{0, 1, 2}, {1}, set()])
    harness.aws.partial = lambda *_: next(left)
    ledger(harness).write(rows(5))
    assert harness.pipeline.failures() == rows(5)
    assert len(harness.pipeline.slept) == 2


def test_rows_that_are_left_out_to_the_end_are_an_error(harness: ProcessorHarness) -> None:
    harness.aws.partial = lambda *_: {0}
    failed = ledger(harness).write(rows(3))
    assert list(failed) == [0]
    assert isinstance(failed[0], RowsUnprocessed)
    assert len(harness.pipeline.slept) == 3
    assert len(harness.pipeline.failures()) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"PK": ""},
        {"message": "m" * 500_000},
        {"attempt": 10**40},
        {"attempt": 10**5_000},
        {"fingerprint": ""},
        {"strange": {1.5}},
    ],
    ids=["empty key", "too large", "too many digits", "a number that is no text", "empty index key", "no type of ours"],
)
def test_a_row_that_dynamodb_refuses_does_not_take_its_neighbours_along(
    harness: ProcessorHarness, wrong: dict[str, Any]
) -> None:
    written = rows(30)
    failed = ledger(harness).write([*written[:12], {**written[12], **wrong}, *written[13:]])
    assert list(failed) == [12]
    assert harness.pipeline.failures() == [*written[:12], *written[13:]]


def test_a_call_that_fails_costs_its_own_rows_alone(harness: ProcessorHarness) -> None:
    harness.faults.refuse("batch_write_item", "ThrottlingException", after=1)
    assert list(ledger(harness).write(rows(60))) == list(range(25, 60))
    assert len(harness.pipeline.failures()) == 25


def test_rows_that_are_left_out_for_good_are_named_one_by_one(harness: ProcessorHarness) -> None:
    harness.aws.partial = lambda _, __, request: {
        place for place, it in enumerate(request["RequestItems"][FAILURES_TABLE]) if "AT#003" in repr(it)
    }
    assert list(ledger(harness).write(rows(5))) == [3]
    assert [row["attempt"] for row in harness.pipeline.failures()] == [0, 1, 2, 4]
