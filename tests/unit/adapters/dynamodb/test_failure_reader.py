"""The ledger as redrive reads it: the last rows of an event, and all of a redrive run."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from pik.adapters.dynamodb import failure_reader
from pik.adapters.dynamodb.failure_reader import FailureReader
from pik.adapters.dynamodb.items import to_item
from pik.workers import Workers
from tests.support.aws.account import FakeAws
from tests.support.aws.errors import throttled
from tests.support.aws.stack import FAILURES_TABLE, deployed


def ledger_row(event: str, number: int, **more: Any) -> dict[str, Any]:
    return {"PK": f"EVENT#{event}", "SK": f"AT#2026-11-20T10:15:{number:02d}.000000Z#001", "attempt": number, **more}


@pytest.fixture
def ledger(aws: Any) -> FailureReader:
    deployed(aws)
    for row in (
        ledger_row("a", 1),
        ledger_row("a", 3, redrive_run="rdr-1"),
        ledger_row("a", 2),
        ledger_row("b", 5, redrive_run="rdr-1"),
        ledger_row("c", 4, redrive_run="rdr-2"),
    ):
        aws.dynamodb.put_item(TableName=FAILURES_TABLE, Item=to_item(row))
    return FailureReader(aws.dynamodb, FAILURES_TABLE, Workers(2))


def test_the_latest_row_of_each_event_that_failed(ledger: FailureReader) -> None:
    found = ledger.latest(["a", "b", "a", "never"])
    assert {event: row["attempt"] for event, row in found.items()} == {"a": 3, "b": 5}


def test_the_last_rows_of_an_event_come_the_last_first(ledger: FailureReader) -> None:
    found = ledger.rows(["a"], 2)
    assert [row["attempt"] for row in found["a"]] == [3, 2]


def test_nothing_is_asked_for_nothing(ledger: FailureReader) -> None:
    assert ledger.latest([]) == {}


def test_the_rows_of_a_run_are_those_of_its_messages_the_last_first(ledger: FailureReader) -> None:
    assert [(row["PK"], row["attempt"]) for row in ledger.of_run("rdr-1")] == [("EVENT#b", 5), ("EVENT#a", 3)]
    assert ledger.of_run("rdr-3") == []


class PagedTable:
    """A table whose pages have one row each."""

    def __init__(self, rows: int) -> None:
        self._rows = rows

    def query(self, **request: Any) -> dict[str, Any]:
        at = int(request.get("ExclusiveStartKey", {"PK": {"S": "0"}})["PK"]["S"])
        more = {"LastEvaluatedKey": {"PK": {"S": str(at + 1)}}} if at + 1 < self._rows else {}
        return {"Items": [to_item({"attempt": at})], **more}


def test_a_run_is_read_page_by_page_to_its_end_and_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failure_reader, "MAX_LEDGER_PAGES", 7)
    for rows, read in ((3, 3), (7, 7), (9, 7)):
        reader = FailureReader(PagedTable(rows), FAILURES_TABLE, Workers(1))  # type: ignore[arg-type]
        assert [row["attempt"] for row in reader.of_run("rdr-1")] == list(range(read))


def test_a_read_that_fails_raises(fake_aws: FakeAws) -> None:
    deployed(fake_aws)
    reader = FailureReader(fake_aws.dynamodb, FAILURES_TABLE, Workers(2))  # type: ignore[arg-type]

    def hook(service: str, called: str, request: Any, phase: str) -> None:
        if called == "query" and phase == "before" and "b" in str(request):
            raise throttled(service, called)

    fake_aws.on_call = hook
    with pytest.raises(ClientError, match="Throttling"):
        reader.latest(["a", "b"])
