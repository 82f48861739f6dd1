"""FailuresTable: the ledger of failed attempts."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pik.adapters.items import to_item
from pik.domain.limits import LEDGER_BACKOFF_SECONDS, LEDGER_ENTRIES, LEDGER_ROUNDS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from pik.domain.rows import Row


class LedgerIncomplete(RuntimeError):
    """DynamoDB left rows unprocessed for as long as there was time to ask."""


class FailureLedger:
    """One table; its rows have keys of their own, so writing one again changes nothing."""

    def __init__(self, dynamodb: DynamoDBClient, table: str, sleep: Callable[[float], None]) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._sleep = sleep

    def write(self, rows: Sequence[Row]) -> None:
        """Writes all rows; their keys must differ. Raises LedgerIncomplete, ClientError."""
        for at in range(0, len(rows), LEDGER_ENTRIES):
            self._write_batch([{"PutRequest": {"Item": to_item(row)}} for row in rows[at : at + LEDGER_ENTRIES]])

    def _write_batch(self, requests: Sequence[Any]) -> None:
        for round_number in range(LEDGER_ROUNDS):
            answer = self._dynamodb.batch_write_item(RequestItems={self._table: requests})
            requests = answer.get("UnprocessedItems", {}).get(self._table, [])
            if not requests:
                return
            if round_number + 1 < LEDGER_ROUNDS:
                self._sleep(random.uniform(0, LEDGER_BACKOFF_SECONDS * 2**round_number))  # noqa: S311 (jitter)
        raise LedgerIncomplete(f"{len(requests)} rows of the failure ledger were not written")
