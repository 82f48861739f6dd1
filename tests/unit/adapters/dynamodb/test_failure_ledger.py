"""FailureLedger: all rows are written, or it says that they are not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pik.adapters.dynamodb.failure_ledger import FailureLedger
from pik.domain.shared.failures import RowsUnprocessed
from tests.support.aws.stack import FAILURES_TABLE
from tests.support.pipeline import CountedPipeline


@pytest.fixture
def stage() -> CountedPipeline:
    return CountedPipeline()


def ledger(stage: CountedPipeline) -> FailureLedger:
    client: Any = stage.aws.dynamodb
    return FailureLedger(client, FAILURES_TABLE, stage.slept.append)


def rows(count: int) -> list[dict[str, Any]]:
    return [{"PK": "EVENT#e", "SK": f"AT#{n:03d}", "attempt": n} for n in range(count)]


def test_rows_go_in_twenty_fives(stage: CountedPipeline) -> None:
    ledger(stage).write(rows(60))
    assert stage.calls() == {"batch_write_item": 3}
    assert stage.failures() == rows(60)


def test_rows_that_are_left_out_are_written_again_after_a_wait(stage: CountedPipeline) -> None:
    left: Iterator[set[int]] = iter([{0, 1, 2}, {1}, set()])
    stage.aws.partial = lambda *_: next(left)
    ledger(stage).write(rows(5))
    assert stage.failures() == rows(5)
    assert len(stage.slept) == 2


def test_rows_that_are_left_out_to_the_end_are_an_error(stage: CountedPipeline) -> None:
    stage.aws.partial = lambda *_: {0}
    with pytest.raises(RowsUnprocessed, match=FAILURES_TABLE):
        ledger(stage).write(rows(3))
    assert len(stage.slept) == 3
    assert len(stage.failures()) == 2
