"""AggregatesTable: reads versions and appends steps. Nothing here can change or delete a row that is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from botocore.exceptions import ClientError

from pik.adapters.items import from_item, to_item
from pik.domain.aggregates import DayKey, Refusal, Step, Version, short
from pik.domain.processing import MissingVersion

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from pik.domain.rows import Row

_REFUSED: Final = "ConditionalCheckFailed"
_PASSING: Final = frozenset({"None", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})
_STALE: Final = Refusal(stale=True)


class AggregateStore:
    """One table. Raises ClientError, and botocore's exceptions for what never got an answer."""

    def __init__(self, dynamodb: DynamoDBClient, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def latest(self, key: DayKey) -> Version | None:
        """The latest version of a day; one item is read, however many there are."""
        answer = self._dynamodb.query(
            TableName=self._table,
            KeyConditionExpression="PK = :pk AND begins_with(SK, :versions)",
            ExpressionAttributeValues={":pk": {"S": key.pk}, ":versions": {"S": key.versions}},
            ScanIndexForward=False,
            Limit=1,
            ConsistentRead=True,
        )
        return next((Version.of(from_item(item)) for item in answer["Items"]), None)

    def get(self, key: DayKey, number: int) -> Version:
        """A version by its number. Raises MissingVersion."""
        answer = self._dynamodb.get_item(
            TableName=self._table,
            Key=to_item({"PK": key.pk, "SK": key.version_sk(number)}),
            ConsistentRead=True,
        )
        if "Item" not in answer:
            raise MissingVersion(f"version {number} of {key} is referred to and not there")
        return Version.of(from_item(answer["Item"]))

    def write(self, step: Step) -> Refusal | None:
        """Writes all rows of a step, or none and says why. None: written."""
        if not step.carried and not step.markers:
            return self._put(step.version.row())
        return self._transact(step)

    def _put(self, row: Row) -> Refusal | None:
        try:
            self._dynamodb.put_item(
                TableName=self._table, Item=to_item(row), ConditionExpression="attribute_not_exists(PK)"
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in {"ConditionalCheckFailedException", "TransactionConflictException"}:
                return _STALE
            raise
        return None

    def _transact(self, step: Step) -> Refusal | None:
        rows = [step.version.row(), *(marker.row() for marker in (*step.carried, *step.markers))]
        try:
            self._dynamodb.transact_write_items(TransactItems=[{"Put": self._new(row)} for row in rows])
        except ClientError as error:
            match error.response["Error"]["Code"]:
                case "TransactionCanceledException":
                    return _refusal(step, cast("Any", error.response)["CancellationReasons"], error)
                case "TransactionInProgressException":
                    return _STALE
            raise
        return None

    def _new(self, row: Row) -> Any:
        return {
            "TableName": self._table,
            "Item": to_item(row),
            "ConditionExpression": "attribute_not_exists(PK)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }


def _refusal(step: Step, reasons: Sequence[Mapping[str, Any]], error: ClientError) -> Refusal:
    """What a cancelled transaction says, action by action: the version, the carried markers, the new markers."""
    for reason in reasons:
        if reason["Code"] not in _PASSING and reason["Code"] != _REFUSED:
            raise error  # such as a row that DynamoDB will never take: a bug, not a race
    own = 1 + len(step.carried)
    applied = {
        short(marker.event_id): _version_of(reason)
        for marker, reason in zip(step.markers, reasons[own:], strict=True)
        if reason["Code"] == _REFUSED
    }
    only_applied = all(
        reason["Code"] == "None" or (reason["Code"] == _REFUSED and place >= own)
        for place, reason in enumerate(reasons)
    )
    return Refusal(stale=not (applied and only_applied), applied=applied)


def _version_of(reason: Mapping[str, Any]) -> int:
    return int(from_item(reason["Item"])["version"])
