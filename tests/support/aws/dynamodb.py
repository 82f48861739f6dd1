"""DynamoDB in memory: tables with indexes, conditions, transactions and streams."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final

from tests.support.aws import writes
from tests.support.aws.client import Answer, Request, ServiceClient, operation
from tests.support.aws.conditions import Expressions
from tests.support.aws.errors import CallRefused, invalid
from tests.support.aws.queries import projection, query, scan, shown_item
from tests.support.aws.tables import FakeTable, Key
from tests.support.aws.values import Item, canonical_item, copy_item
from tests.support.aws.writes import Write

if TYPE_CHECKING:
    from tests.support.aws.account import FakeAws

_MAX_BATCH_WRITES: Final = 25
_MAX_BATCH_KEYS: Final = 100
_TOKEN_SECONDS: Final = 600  # how long DynamoDB knows a ClientRequestToken
_PLACEHOLDERS: Final = ("ExpressionAttributeNames", "ExpressionAttributeValues")
_CONDITION: Final = ("ConditionExpression", *_PLACEHOLDERS, "ReturnValues", "ReturnValuesOnConditionCheckFailure")
_READ: Final = (
    *("TableName", "IndexName", "FilterExpression", "ProjectionExpression", *_PLACEHOLDERS),
    *("Select", "Limit", "ExclusiveStartKey", "ConsistentRead"),
)
_TABLE: Final = (
    *("TableName", "KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes", "BillingMode"),
    "StreamSpecification",
)


class FakeDynamoDb(ServiceClient):
    """Tables. `stream_records` and `items` show tests what a table's stream and a table hold. TTL is not acted on."""

    service = "dynamodb"

    def __init__(self, aws: FakeAws) -> None:
        super().__init__(aws)
        self._tables: dict[str, FakeTable] = {}
        self._tokens: dict[str, tuple[float, Any]] = {}

    def stream_records(self, table: str, *, after: str = "") -> list[dict[str, Any]]:
        """The records of a table's stream as Lambda gets them, oldest first, from the one behind sequence number
        `after` on (not a call)."""
        return self._tables[table].records(after)

    def items(self, table: str) -> list[Item]:
        """Every item of a table, in the order of a scan (not a call)."""
        held = self._tables[table]
        return [copy_item(held.get(key) or {}) for _, key in held.order.everything()]

    @operation(*_TABLE)
    def create_table(self, request: Request) -> Answer:
        name = request["TableName"]
        if name in self._tables:
            raise CallRefused("ResourceInUseException", f"Table already exists: {name}")
        table = self._tables[name] = FakeTable(request, self._aws.arn("dynamodb", f"table/{name}"))
        description = {
            "TableName": name,
            "TableStatus": "ACTIVE",
            "TableArn": table.arn,
            "KeySchema": deepcopy(request["KeySchema"]),
            "AttributeDefinitions": deepcopy(request["AttributeDefinitions"]),
            "ItemCount": 0,
        }
        if table.view is not None:
            description |= {
                "StreamSpecification": deepcopy(request["StreamSpecification"]),
                "LatestStreamArn": table.stream_arn,
            }
        return {"TableDescription": description}

    @operation("TableName", "Item", *_CONDITION)
    def put_item(self, request: Request) -> Answer:
        _check_return_values(request)
        return self._write(writes.put(self._table(request), request), request)

    @operation("TableName", "Key", *_CONDITION)
    def delete_item(self, request: Request) -> Answer:
        _check_return_values(request)
        return self._write(writes.delete(self._table(request), request), request)

    @operation("TableName", "Key", "UpdateExpression", *_CONDITION)
    def update_item(self, request: Request) -> Answer:
        return self._write(writes.update(self._table(request), request), request)

    @operation("TableName", "Key", "ConsistentRead", "ProjectionExpression", "ExpressionAttributeNames")
    def get_item(self, request: Request) -> Answer:
        table = self._table(request)
        expressions = Expressions(request)
        names = projection(request, expressions)
        expressions.finish()
        item = table.get(writes.key_of(table, request["Key"]))
        return {} if item is None else {"Item": shown_item(item, names)}

    @operation(*_READ, "KeyConditionExpression", "ScanIndexForward")
    def query(self, request: Request) -> Answer:
        return query(self._table(request), request)

    @operation(*_READ)
    def scan(self, request: Request) -> Answer:
        return scan(self._table(request), request)

    @operation("TransactItems", "ClientRequestToken")
    def transact_write_items(self, request: Request) -> Answer:
        token, now = request.get("ClientRequestToken"), self._aws.clock()
        known = self._tokens.get(token) if token else None
        if known is not None and now - known[0] < _TOKEN_SECONDS:
            if known[1] != request["TransactItems"]:
                message = "TransactWrite request with the same client token but different parameters"
                raise CallRefused("IdempotentParameterMismatchException", message)
            return {}
        compiled = writes.compiled(self._named, request["TransactItems"])
        for write, new in zip(compiled, writes.transacted(compiled), strict=True):
            if write.transform is not None:
                self._make(write.table, write.key, new)
        if token:
            self._tokens[token] = (now, deepcopy(request["TransactItems"]))
        return {}

    @operation("RequestItems")
    def batch_write_item(self, request: Request) -> Answer:
        requests = [(name, one) for name, ones in request["RequestItems"].items() for one in ones]
        if len(requests) > _MAX_BATCH_WRITES:
            raise invalid("Too many items requested for the BatchWriteItem call")
        made = [self._batch_write(self._named(name), one) for name, one in requests]
        if len({(write.table.name, write.key) for write in made}) < len(made):
            raise invalid("Provided list of item keys contains duplicates")
        failing = self._aws.planned_failures(self.service, "batch_write_item", request)
        unprocessed: dict[str, list[Any]] = {}
        for index, ((name, one), write) in enumerate(zip(requests, made, strict=True)):
            if index in failing:
                unprocessed.setdefault(name, []).append(deepcopy(one))
            else:
                self._make(write.table, write.key, writes.made(write)[1])
        return {"UnprocessedItems": unprocessed}

    @operation("RequestItems")
    def batch_get_item(self, request: Request) -> Answer:
        """Items come in the reverse of the requested order: AWS promises none."""
        wanted = [(name, key) for name, part in request["RequestItems"].items() for key in part["Keys"]]
        if len(wanted) > _MAX_BATCH_KEYS:
            raise invalid("Too many items requested for the BatchGetItem call")
        keys = [(name, writes.key_of(self._named(name), key)) for name, key in wanted]
        if len(set(keys)) < len(keys):
            raise invalid("Provided list of item keys contains duplicates")
        failing = self._aws.planned_failures(self.service, "batch_get_item", request)
        found: dict[str, list[Item]] = {name: [] for name in request["RequestItems"]}
        unprocessed: dict[str, Any] = {}
        for name, part in request["RequestItems"].items():
            _check_batch_part(part)
            expressions = Expressions(part)
            names = projection(part, expressions)
            expressions.finish()
            for index, (_, key) in reversed([pair for pair in enumerate(keys) if pair[1][0] == name]):
                if index in failing:
                    unprocessed.setdefault(name, {**part, "Keys": []})["Keys"].append(canonical_item(wanted[index][1]))
                elif (item := self._named(name).get(key)) is not None:
                    found[name].append(shown_item(item, names))
        return {"Responses": found, "UnprocessedKeys": unprocessed}

    def _table(self, request: Request) -> FakeTable:
        return self._named(request["TableName"])

    def _named(self, name: str) -> FakeTable:
        if name not in self._tables:
            raise CallRefused("ResourceNotFoundException", "Requested resource not found")
        return self._tables[name]

    def _batch_write(self, table: FakeTable, request: Mapping[str, Any]) -> Write:
        if len(request) != 1:
            message = "Supplied AttributeValue has more than one datatypes set, must contain exactly one"
            raise invalid(f"{message} of PutRequest, DeleteRequest")
        ((kind, members),) = request.items()
        return {"PutRequest": writes.put, "DeleteRequest": writes.delete}[kind](table, members)

    def _write(self, write: Write, request: Request) -> Answer:
        old, new = writes.made(write)
        self._make(write.table, write.key, new)
        shown = _returned(request.get("ReturnValues", "NONE"), old, new, write.attributes)
        return {"Attributes": shown} if shown else {}

    def _make(self, table: FakeTable, key: Key, new: Item | None) -> None:
        table.write(key, new, self._aws.clock(), self._aws.region)


def _check_batch_part(part: Mapping[str, Any]) -> None:
    unknown = part.keys() - {"Keys", "ConsistentRead", "ProjectionExpression", "ExpressionAttributeNames"}
    if unknown:
        raise NotImplementedError(f"the fake dynamodb.batch_get_item does not know {', '.join(sorted(unknown))}")


def _check_return_values(request: Request) -> None:
    """A put and a delete have no other item to show."""
    if request.get("ReturnValues", "NONE") not in {"NONE", "ALL_OLD"}:
        raise invalid("Return values set to invalid value")


def _returned(which: str, old: Item | None, new: Item | None, attributes: frozenset[str]) -> Item:
    item = {"NONE": {}, "ALL_OLD": old, "UPDATED_OLD": old, "ALL_NEW": new, "UPDATED_NEW": new}[which] or {}
    if which.startswith("UPDATED"):
        return shown_item(item, sorted(attributes))
    return copy_item(item)
