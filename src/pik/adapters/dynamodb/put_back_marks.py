"""RunsTable: the marks of put-backs, by which each chunk of a rescue has one sender at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from pik.adapters.dynamodb.items import from_item, to_item
from pik.domain.redrive.put_back import PutBackMark

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_UNCLAIMED: Final = "attribute_not_exists(PK)"
_SEEN: Final = "(#token = :seen AND #status = :status AND #todo = :todo)"
_OWN: Final = "#token = :token"
"""Also true of this very write when the SDK repeats it after a lost answer."""


class PutBackMarks:
    """One row per chunk. Raises ClientError, and botocore's exceptions for what never got an answer."""

    def __init__(self, dynamodb: DynamoDBClient, runs_table: str) -> None:
        self._dynamodb = dynamodb
        self._table = runs_table

    def claim(self, mark: PutBackMark, seen: PutBackMark | None) -> PutBackMark | None:
        """Writes a claim, if the chunk has no mark, or still the one that was `seen`. Returns None when it did, and
        otherwise the mark that is there."""
        if seen is None:
            return self._write(mark, f"{_UNCLAIMED} OR {_OWN}", {})
        columns = seen.columns()
        values = {":seen": seen.token, ":status": columns["status"], ":todo": columns["todo"]}
        return self._write(mark, f"{_SEEN} OR {_OWN}", values)

    def note(self, mark: PutBackMark) -> bool:
        """Writes what became of the chunk; False when another attempt has claimed it since."""
        return self._write(mark, _OWN, {}) is None

    def get(self, mark: PutBackMark) -> PutBackMark | None:
        """The mark that is stored for the chunk of this one."""
        answer = self._dynamodb.get_item(TableName=self._table, Key={"PK": {"S": mark.pk}}, ConsistentRead=True)
        return PutBackMark.of(from_item(answer["Item"])) if "Item" in answer else None

    def _write(self, mark: PutBackMark, condition: str, seen: dict[str, Any]) -> PutBackMark | None:
        columns = mark.columns()
        names = {f"#{name}": name for name in columns}
        values = {f":new_{name}": value for name, value in columns.items()}
        try:
            self._dynamodb.update_item(
                TableName=self._table,
                Key={"PK": {"S": mark.pk}},
                UpdateExpression="SET " + ", ".join(f"#{name} = :new_{name}" for name in columns),
                ConditionExpression=condition,
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=to_item({**values, **seen, ":token": mark.token}),
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            item: Any = error.response.get("Item")
            return PutBackMark.of(from_item(item))
        return None
