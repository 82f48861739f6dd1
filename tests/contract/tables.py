"""The tables of the DynamoDB suites, and short ways to say what is in them."""

from __future__ import annotations

from typing import Any

TABLE = "events"
PLAIN = "dedupe"
INDEX = "ByDay"


def create_tables(dynamodb: Any, view: str = "NEW_IMAGE") -> None:
    """`events`, with a range key, an index and a stream, and `dedupe`, which has only a hash."""
    dynamodb.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("PK", "SK", "day")],
        GlobalSecondaryIndexes=[
            {
                "IndexName": INDEX,
                "KeySchema": [{"AttributeName": "day", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": view},
    )
    dynamodb.create_table(
        TableName=PLAIN,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def key(pk: str, sk: str) -> dict[str, Any]:
    return {"PK": {"S": pk}, "SK": {"S": sk}}


def item(pk: str, sk: str, **attributes: Any) -> dict[str, Any]:
    """An item whose other attributes are given as text, whole numbers or values of DynamoDB."""
    return {**key(pk, sk), **{name: value_of(value) for name, value in attributes.items()}}


def value_of(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    return {"N": str(value)} if isinstance(value, int) else {"S": value}


def put(dynamodb: Any, *items: dict[str, Any]) -> None:
    for one in items:
        dynamodb.put_item(TableName=TABLE, Item=one)


def get(dynamodb: Any, pk: str, sk: str) -> dict[str, Any] | None:
    found: dict[str, Any] | None = dynamodb.get_item(TableName=TABLE, Key=key(pk, sk), ConsistentRead=True).get("Item")
    return found


def everything(dynamodb: Any, table: str = TABLE) -> list[dict[str, Any]]:
    """All items of a table, in an order of ours."""
    return sorted(dynamodb.scan(TableName=table)["Items"], key=repr)


def update(db: Any, expression: str, values: dict[str, Any] | None = None, **more: Any) -> Any:
    """Update item p/s."""
    request: dict[str, Any] = {"TableName": TABLE, "Key": key("p", "s"), "UpdateExpression": expression, **more}
    if values:
        request["ExpressionAttributeValues"] = values
    return db.update_item(**request)
