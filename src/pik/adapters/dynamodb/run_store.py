"""RunsTable: the runs that operators have started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pik.adapters.dynamodb.items import from_item, to_item
from pik.domain.shared.runs import run_key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from pik.domain.shared.row import Row


class RunStore:
    """One row per run."""

    def __init__(self, dynamodb: DynamoDBClient, runs_table: str) -> None:
        self._dynamodb = dynamodb
        self._table = runs_table

    def begin(self, row: Row) -> None:
        """Adds a run's row. It replaces only the row of the same request, because the SDK repeats writes whose answer
        was lost.

        Raises ClientError.
        """
        self._dynamodb.put_item(
            TableName=self._table,
            Item=to_item(row),
            ConditionExpression="attribute_not_exists(PK) OR request_id = :request_id",
            ExpressionAttributeValues={":request_id": {"S": row["request_id"]}},
        )

    def update(self, run_id: str, changes: Row) -> None:
        """Sets attributes of a run that has begun. Raises ClientError."""
        names = {f"#{place}": name for place, name in enumerate(changes)}
        values = to_item({f":{place}": value for place, value in enumerate(changes.values())})
        self._dynamodb.update_item(
            TableName=self._table,
            Key={"PK": {"S": run_key(run_id)}},
            UpdateExpression="SET " + ", ".join(f"#{place} = :{place}" for place in range(len(changes))),
            ConditionExpression="attribute_exists(PK)",
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
        )

    def change(self, run_id: str, changes: Row, expected: Mapping[str, Sequence[Any]]) -> tuple[bool, Row | None]:
        """Sets attributes of a run if each attribute in `expected` has one of the values there; None allows it to be
        missing. Returns whether it did, and the current row, None when there is no such run. Raises ClientError."""
        names = {f"#s{place}": name for place, name in enumerate(changes)}
        values = {f":s{place}": value for place, value in enumerate(changes.values())}
        conditions = ["attribute_exists(PK)"]
        for place, (name, allowed) in enumerate(expected.items()):
            listed = {f":e{place}x{number}": value for number, value in enumerate(allowed) if value is not None}
            fits = [f"#e{place} IN ({', '.join(listed)})"] if listed else []
            fits += [f"attribute_not_exists(#e{place})"] if None in allowed else []
            conditions.append(f"({' OR '.join(fits)})" if len(fits) > 1 else fits[0])
            names[f"#e{place}"] = name
            values |= listed
        try:
            answer = self._dynamodb.update_item(
                TableName=self._table,
                Key={"PK": {"S": run_key(run_id)}},
                UpdateExpression="SET " + ", ".join(f"#s{place} = :s{place}" for place in range(len(changes))),
                ConditionExpression=" AND ".join(conditions),
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=to_item(values),
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            item: Any = error.response.get("Item")
            return False, from_item(item) if item else None
        return True, from_item(answer["Attributes"])

    def get(self, run_id: str) -> Row | None:
        """A run's row, None when there is none. Raises ClientError."""
        answer = self._dynamodb.get_item(TableName=self._table, Key={"PK": {"S": run_key(run_id)}}, ConsistentRead=True)
        return from_item(answer["Item"]) if "Item" in answer else None
