"""EventsTable and DedupeTable, as ingest writes them: conditionally, one row or one transaction at a time."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, cast

from botocore.exceptions import ClientError

from pik.adapters.items import from_item, to_item
from pik.domain.ingest_plan import (
    Action,
    Check,
    Chunk,
    Exists,
    Outcome,
    Put,
    Result,
    Settled,
    Step,
    Table,
    chunks,
)
from pik.domain.limits import INGEST_THREADS, MAX_INGEST_ROUNDS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

_REFUSED: Final = "ConditionalCheckFailed"
_PASSING: Final = frozenset({"None", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})
_BACKOFF_SECONDS: Final = 0.05  # the longest wait before contended steps are tried again; doubled each round
_KEYS: Final[Mapping[Table, str]] = {"events": "PK", "dedupe": "event_id"}


class Unsettled(RuntimeError):
    """Other requests held these rows longer than this one may wait; the producer's retry will find them free."""


class EventIndex:
    """Carries out the steps of events: one action as a conditional put, several as one transaction (at most 100)."""

    def __init__(
        self,
        dynamodb: DynamoDBClient,
        events_table: str,
        dedupe_table: str,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._dynamodb = dynamodb
        self._sleep = sleep
        self._tables: dict[Table, str] = {"events": events_table, "dedupe": dedupe_table}

    def settle(self, steps: Sequence[Step]) -> dict[int, Settled]:
        """The end of every event, by its submission's index; each round writes what the last one's outcomes ask for.

        Raises Unsettled, ClientError.
        """
        settled: dict[int, Settled] = {}
        pending = list(steps)
        for round_number in range(MAX_INGEST_ROUNDS):
            before, pending = pending, []
            for step, after in self._round(chunks(before)):
                if isinstance(after, Settled):
                    settled[step.submission.index] = after
                else:
                    pending.append(after)
            if not pending:
                return settled
            if pending == before:  # nothing moved: another request holds these rows
                self._sleep(random.uniform(0, _BACKOFF_SECONDS * 2**round_number))  # noqa: S311 (jitter, no secret)
        raise Unsettled(f"{len(pending)} events are held by other requests")

    def _round(self, batches: Sequence[Chunk]) -> list[tuple[Step, Step | Settled]]:
        if len(batches) == 1:
            return batches[0].advance(self.write(batches[0].actions))
        with ThreadPoolExecutor(INGEST_THREADS) as pool:
            written = pool.map(lambda chunk: chunk.advance(self.write(chunk.actions)), batches)
            return [pair for pairs in written for pair in pairs]

    def write(self, actions: Sequence[Action]) -> list[Outcome]:
        """What became of each action, in order: all were written, or none was. Raises ClientError."""
        if len(actions) == 1 and isinstance(actions[0], Put):
            return [self._put(actions[0])]
        return self._transact(actions)

    def _put(self, action: Put) -> Outcome:
        try:
            self._dynamodb.put_item(**self._put_arguments(action))
        except ClientError as error:
            match error.response["Error"]["Code"]:
                case "ConditionalCheckFailedException":
                    return Exists(from_item(cast("Any", error.response)["Item"]))
                case "TransactionConflictException":
                    return Result.NOT_WRITTEN
            raise
        return Result.WRITTEN

    def _transact(self, actions: Sequence[Action]) -> list[Outcome]:
        try:
            self._dynamodb.transact_write_items(TransactItems=[self._transact_item(action) for action in actions])
        except ClientError as error:
            match error.response["Error"]["Code"]:
                case "TransactionCanceledException":
                    reasons = cast("Any", error.response)["CancellationReasons"]
                    return [_outcome(action, reason, error) for action, reason in zip(actions, reasons, strict=True)]
                case "TransactionInProgressException":
                    return [Result.NOT_WRITTEN for _ in actions]
            raise
        return [Result.WRITTEN for _ in actions]

    def _transact_item(self, action: Action) -> TransactWriteItemTypeDef:
        if isinstance(action, Check):
            return {
                "ConditionCheck": {
                    "TableName": self._tables["events"],
                    "Key": to_item({"PK": action.pk, "SK": action.sk}),
                    "ConditionExpression": "payload_sha = :sha",
                    "ExpressionAttributeValues": {":sha": {"S": action.payload_sha}},
                    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                }
            }
        return {"Put": self._put_arguments(action)}

    def _put_arguments(self, action: Put) -> Any:
        return {
            "TableName": self._tables[action.table],
            "Item": to_item(action.row),
            "ConditionExpression": f"attribute_not_exists({_KEYS[action.table]})",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }


def _outcome(action: Action, reason: Mapping[str, Any], error: ClientError) -> Outcome:
    if reason["Code"] == _REFUSED:
        return Exists(from_item(reason["Item"])) if "Item" in reason else Result.MISSING
    if reason["Code"] in _PASSING:
        return Result.NOT_WRITTEN
    raise error  # a row that DynamoDB will never take, such as one over 400 KB: a bug, not bad luck
