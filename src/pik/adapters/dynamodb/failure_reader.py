"""FailuresTable, as redrive reads it: the ledger's rows of an event, and those of one redrive run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from pik.adapters.dynamodb.items import from_foreign_item
from pik.domain.shared.redrive_limits import MAX_LEDGER_PAGES

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from pik.domain.shared.row import Row
    from pik.workers import Workers

_BY_RUN: Final = "ByRedriveRun"


class FailureReader:
    """Reads ledger rows, also those that somebody edited. Every method raises ClientError, and botocore's exceptions
    for what never got an answer."""

    def __init__(self, dynamodb: DynamoDBClient, failures_table: str, workers: Workers) -> None:
        self._dynamodb = dynamodb
        self._table = failures_table
        self._workers = workers

    def latest(self, event_ids: Iterable[str]) -> dict[str, Row]:
        """The last row of each event that has one. Read consistently, so a failure that just happened is included."""
        return {event_id: rows[0] for event_id, rows in self.rows(event_ids, 1).items()}

    def rows(self, event_ids: Iterable[str], most: int) -> dict[str, list[Row]]:
        """Up to `most` rows of each event that has any, the last first.

        The ledger knows a message that could not be read as `unknown-<its first message id>`.
        """
        wanted = list(dict.fromkeys(event_ids))
        answers = self._workers.run(lambda event_id: self._last_rows(event_id, most), wanted)
        by_event: dict[str, list[Row]] = {}
        for event_id, answer in zip(wanted, answers, strict=True):
            if isinstance(answer, Exception):
                raise answer
            if answer:
                by_event[event_id] = answer
        return by_event

    def of_run(self, redrive_run: str) -> list[Row]:
        """The failed attempts of a redrive run's messages, the last first. Read from an index, which may lack the last
        second."""
        rows: list[Row] = []
        start: dict[str, object] = {}
        for _ in range(MAX_LEDGER_PAGES):
            answer = self._dynamodb.query(
                TableName=self._table,
                IndexName=_BY_RUN,
                KeyConditionExpression="redrive_run = :run",
                ExpressionAttributeValues={":run": {"S": redrive_run}},
                ScanIndexForward=False,
                **start,  # type: ignore[arg-type]
            )
            rows += [from_foreign_item(item) for item in answer["Items"]]
            if "LastEvaluatedKey" not in answer:
                break
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
        return rows

    def _last_rows(self, event_id: str, most: int) -> list[Row]:
        answer = self._dynamodb.query(
            TableName=self._table,
            KeyConditionExpression="PK = :key",
            ExpressionAttributeValues={":key": {"S": f"EVENT#{event_id}"}},
            ScanIndexForward=False,
            ConsistentRead=True,
            Limit=most,
        )
        return [from_foreign_item(item) for item in answer["Items"]]
