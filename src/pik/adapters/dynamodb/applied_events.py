"""AppliedTable: the markers of big days, which say what version counted an event."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from pik.adapters.dynamodb.batch_table import BatchTable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from pik.domain.process.versions import DayKey, Marker


class AppliedEvents:
    """One table; a marker never changes, so writing one again has no effect."""

    def __init__(self, dynamodb: DynamoDBClient, table: str, sleep: Callable[[float], None]) -> None:
        self._rows = BatchTable(dynamodb, table, sleep)

    def versions(self, key: DayKey, event_ids: Iterable[str]) -> dict[str, int]:
        """The events that have markers, and the versions that counted them. Raises RowsUnprocessed, ClientError."""
        ids = {key.marker_pk(event_id): event_id for event_id in event_ids}
        return {ids[row["PK"]]: row["version"] for row in self._rows.get([{"PK": pk} for pk in ids])}

    def mark(self, markers: Sequence[Marker]) -> None:
        """Writes all markers. Raises RowsUnprocessed, ClientError."""
        for error in self._rows.put([marker.row() for marker in markers]).values():
            raise error
