"""EventsTable, as replay reads it: one partition of the table or of its index by source and day, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pik.adapters.dynamodb.items import from_item
from pik.domain.event.fields import EVENT_MEMBERS, REFERENCE_MEMBERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef

    from pik.domain.replay.request import Partition
    from pik.domain.shared.row import Row

_INDEX: Final = "BySourceDay"
_COLUMNS: Final = ("SK", "status", *EVENT_MEMBERS, *REFERENCE_MEMBERS, "first_event_time")
"""What a message is made of. Reading the other attributes costs the same units and a third more CPU."""

_NAMES: Final = {f"#{place}": name for place, name in enumerate(_COLUMNS)}  # `source` and `status` are reserved words
_PROJECTION: Final = ", ".join(_NAMES)
_NEXT: Final = "!"  # sorts before `#`, the only character that can follow a shorter key


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in order of their SK, and the SK after which the next page begins, None at the partition's end."""

    rows: list[Row]
    read_to: str | None


class EventReader:
    """Reads index rows. They hold only texts and numbers, so the client may return answers as sent."""

    def __init__(self, dynamodb: DynamoDBClient, events_table: str) -> None:
        self._dynamodb = dynamodb
        self._table = events_table

    def page(self, partition: Partition, after: str, first: str, last: str, rows: int) -> Page:
        """Up to `rows` rows after the key `after` (from `first` when it is empty) and up to `last`. Raises ClientError.

        The table is read consistently; an index cannot be.
        """
        request: QueryInputTypeDef = {
            "TableName": self._table,
            "KeyConditionExpression": f"{'source_day' if partition.indexed else 'PK'} = :key AND SK BETWEEN :a AND :b",
            "ExpressionAttributeValues": {
                ":key": {"S": partition.key},
                ":a": {"S": after + _NEXT if after else first},
                ":b": {"S": last},
            },
            "ExpressionAttributeNames": _NAMES,
            "ProjectionExpression": _PROJECTION,
            "Limit": rows,
        }
        if partition.indexed:
            request["IndexName"] = _INDEX
        else:
            request["ConsistentRead"] = True
        answer = self._dynamodb.query(**request)
        last_key = answer.get("LastEvaluatedKey")
        return Page([_row(item) for item in answer["Items"]], last_key["SK"]["S"] if last_key else None)


def _row(item: Mapping[str, Any]) -> Row:
    try:
        return from_item(item)
    except (TypeError, ValueError):
        # An attribute of a type that the kit never writes: the row's key is enough to count it as unreadable.
        return {"SK": item["SK"]["S"]}
