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

    def write(self, rows: Sequence[Row]) -> None:
        """Writes all rows; their keys must differ. Raises RowsUnprocessed, ClientError."""
        self._rows.put(rows)
