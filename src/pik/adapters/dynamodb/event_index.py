"""EventsTable and DedupeTable, as ingest writes them: conditionally, one row or one transaction at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from botocore.exceptions import ClientError

from pik.adapters.dynamodb.items import from_item, to_item
from pik.domain.event.plan import (
    Action,
    ActionOutcome,
    ActionResult,
    Check,
    Exists,
    Put,
    Table,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

_REFUSED: Final = "ConditionalCheckFailed"
_PASSING: Final = frozenset({"None", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})
_KEYS: Final[Mapping[Table, str]] = {"events": "PK", "dedupe": "event_id"}


class EventIndex:
    """Carries out actions: one as a conditional put, several as one transaction (at most 100)."""

    def __init__(self, dynamodb: DynamoDBClient, events_table: str, dedupe_table: str) -> None:
        self._dynamodb = dynamodb
        self._tables: dict[Table, str] = {"events": events_table, "dedupe": dedupe_table}

    def write(self, actions: Sequence[Action]) -> list[ActionOutcome]:
        """The outcome of each action, in order: all were written, or none was. Raises ClientError."""
        if len(actions) == 1 and isinstance(actions[0], Put):
            return [self._put(actions[0])]
        return self._transact(actions)

    def _put(self, action: Put) -> ActionOutcome:
        try:
            self._dynamodb.put_item(**self._put_arguments(action))
        except ClientError as error:
            match error.response["Error"]["Code"]:
                case "ConditionalCheckFailedException":
                    return Exists(from_item(cast("Any", error.response)["Item"]))
                case "TransactionConflictException":
                    return ActionResult.NOT_WRITTEN
            raise
        return ActionResult.WRITTEN

    def _transact(self, actions: Sequence[Action]) -> list[ActionOutcome]:
        try:
            self._dynamodb.transact_write_items(TransactItems=[self._transact_item(action) for action in actions])
        except ClientError as error:
            match error.response["Error"]["Code"]:
                case "TransactionCanceledException":
                    reasons = cast("Any", error.response)["CancellationReasons"]
                    return [_outcome(action, reason, error) for action, reason in zip(actions, reasons, strict=True)]
                case "TransactionInProgressException":
                    return [ActionResult.NOT_WRITTEN for _ in actions]
            raise
        return [ActionResult.WRITTEN for _ in actions]

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


def _outcome(action: Action, reason: Mapping[str, Any], error: ClientError) -> ActionOutcome:
    if reason["Code"] == _REFUSED:
        return Exists(from_item(reason["Item"])) if "Item" in reason else ActionResult.MISSING
    if reason["Code"] in _PASSING:
        return ActionResult.NOT_WRITTEN
    raise error  # a row that DynamoDB will never accept, such as one over 400 KB: a bug, not a passing failure
