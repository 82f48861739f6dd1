"""Rows of one table, many per call. What DynamoDB leaves unprocessed is requested again, a bounded number of times."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from pik.adapters.client.failures import AWS_FAILURES
from pik.adapters.client.isolation import isolated
from pik.adapters.dynamodb.items import from_item, to_item
from pik.domain.shared.failures import RowsUnprocessed
from pik.domain.shared.limits import BATCH_BACKOFF_SECONDS, BATCH_KEYS, BATCH_PUTS, BATCH_ROUNDS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from pik.domain.shared.row import Row

Request = TypeVar("Request")


class BatchTable:
    """One table. A read raises RowsUnprocessed, ClientError, and botocore's exceptions for what never got an answer."""

    def __init__(self, dynamodb: DynamoDBClient, table: str, sleep: Callable[[float], None]) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._sleep = sleep

    def put(self, rows: Sequence[Row]) -> dict[int, Exception]:
        """Writes rows, over existing ones too; their keys must differ.

        Returns the places of those that are not known to be written, with the reason: one row that DynamoDB refuses, or
        one call that fails, does not keep the others from being written.
        """

        def put(places: Sequence[int]) -> dict[int, Exception]:
            requests = [{"PutRequest": {"Item": to_item(rows[place])}} for place in places]
            left = self._send_until_done(self._put, requests)
            if not left:
                return {}
            unwritten = [place for place, request in zip(places, requests, strict=True) if request in left]
            return dict.fromkeys(unwritten or places, self._unprocessed())

        failed: dict[int, Exception] = {}
        for at in range(0, len(rows), BATCH_PUTS):
            batch = range(at, min(at + BATCH_PUTS, len(rows)))
            try:
                failed |= isolated(put, batch)
            except AWS_FAILURES as error:
                failed |= dict.fromkeys(batch, error)
        return failed

    def get(self, keys: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
        """The rows that exist, read consistently and in no order; the keys must differ."""
        rows: list[dict[str, Any]] = []

        def get(request: Any) -> Any:
            answer = self._dynamodb.batch_get_item(RequestItems={self._table: request})
            rows.extend(map(from_item, answer["Responses"].get(self._table, [])))
            return answer.get("UnprocessedKeys", {}).get(self._table)

        for at in range(0, len(keys), BATCH_KEYS):
            request = {"Keys": [to_item(key) for key in keys[at : at + BATCH_KEYS]], "ConsistentRead": True}
            if self._send_until_done(get, request):
                raise self._unprocessed()
        return rows

    def _put(self, requests: Any) -> Any:
        answer = self._dynamodb.batch_write_item(RequestItems={self._table: requests})
        return answer.get("UnprocessedItems", {}).get(self._table)

    def _send_until_done(self, send: Callable[[Request], Request | None], request: Request) -> Request | None:
        """`send` returns what was left unprocessed, as the next request; what is left after the last round is the
        answer."""
        for round_number in range(BATCH_ROUNDS):
            unprocessed = send(request)
            if not unprocessed:
                return None
            request = unprocessed
            if round_number + 1 < BATCH_ROUNDS:
                self._sleep(random.uniform(0, BATCH_BACKOFF_SECONDS * 2**round_number))  # noqa: S311 (jitter)
        return request

    def _unprocessed(self) -> RowsUnprocessed:
        return RowsUnprocessed(f"DynamoDB left rows of {self._table} unprocessed after {BATCH_ROUNDS} calls")
