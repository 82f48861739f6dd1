"""FailuresTable: the ledger of failed attempts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pik.adapters.dynamodb.batch_table import BatchTable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from pik.domain.shared.row import Row


class FailureLedger:
    """One table; each row has its own key, so writing one again has no effect."""

    def __init__(self, dynamodb: DynamoDBClient, table: str, sleep: Callable[[float], None]) -> None:
        self._rows = BatchTable(dynamodb, table, sleep)

    def write(self, rows: Sequence[Row]) -> dict[int, Exception]:
        """Writes rows; their keys must differ. Returns the places of those that are not known to be in the ledger, with
        the reason."""
        return self._rows.put(rows)
