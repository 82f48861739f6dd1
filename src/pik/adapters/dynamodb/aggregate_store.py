"""AggregatesTable: reads versions and appends new ones. Nothing here can change or delete an existing row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from pik.adapters.dynamodb.items import from_item, to_item
from pik.domain.process.batch import MissingVersion
from pik.domain.process.versions import DayKey, Version

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class AggregateStore:
    """One table. Raises ClientError, and botocore's exceptions for what never got an answer."""

    def __init__(self, dynamodb: DynamoDBClient, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def latest(self, key: DayKey) -> Version | None:
        """The latest version of a day; reads one item only."""
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
            raise MissingVersion(f"version {number} of {key} is referenced and does not exist")
        return Version.of(from_item(answer["Item"]))

    def append(self, version: Version) -> bool:
        """Writes a version; False if one with its number exists."""
        try:
            self._dynamodb.put_item(
                TableName=self._table, Item=to_item(version.row()), ConditionExpression="attribute_not_exists(PK)"
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return False
            raise
        return True
