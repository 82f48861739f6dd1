"""What calls to the in-memory AWS would cost: list prices of us-east-1, in millionths of a dollar."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any, Final

from tests.support.aws.account import FakeAws
from tests.support.aws.dynamodb import FakeDynamoDb
from tests.support.aws.values import Item, item_size

WRITE_UNIT: Final = 0.625
"""For each started KB of an item."""

READ_UNIT: Final = 0.125
"""For each started 4 KB, read consistently; a missing item costs one too."""

GET_OBJECT: Final = 0.40
PUT_EVENT: Final = 1.00


class Bill:
    """Adds up what an account's calls cost while it is its hook. Knows the processor's calls, and refuses any other."""

    def __init__(self, aws: FakeAws) -> None:
        self._dynamodb = aws.dynamodb
        self._prices: list[float] = []  # calls come from several threads, and appending is atomic
        aws.on_call = self

    @property
    def dollars_a_million(self) -> float:
        """For a million times what was done."""
        return sum(self._prices)

    def __call__(self, _: str, operation: str, request: Mapping[str, Any], phase: str) -> None:
        if phase == "after":
            self._prices.append(self._price(operation, request))

    def _price(self, operation: str, request: Mapping[str, Any]) -> float:
        match operation:
            case "get_object":
                return GET_OBJECT
            case "put_events":
                return PUT_EVENT * len(request["Entries"])
            case "query":
                return READ_UNIT * _read_units(_latest(self._dynamodb, request))
            case "batch_get_item":
                (keys,) = request["RequestItems"].values()
                return READ_UNIT * len(keys["Keys"])  # markers are of 100 bytes
            case "put_item":
                return WRITE_UNIT * _write_units(request["Item"])
            case "batch_write_item":
                (puts,) = request["RequestItems"].values()
                return WRITE_UNIT * sum(_write_units(it["PutRequest"]["Item"]) for it in puts)
        raise NotImplementedError(operation)


def _latest(dynamodb: FakeDynamoDb, request: Mapping[str, Any]) -> Item:
    """The item that the query of a day's latest version returns."""
    assert (request["Limit"], request["ScanIndexForward"], request["ConsistentRead"]) == (1, False, True)
    pk, prefix = (request["ExpressionAttributeValues"][name] for name in (":pk", ":versions"))
    rows = [
        it for it in dynamodb.items(request["TableName"]) if it["PK"] == pk and it["SK"]["S"].startswith(prefix["S"])
    ]
    return max(rows, key=lambda it: str(it["SK"]["S"]), default={})


def _read_units(item: Item) -> int:
    return max(1, ceil(item_size(item) / 4096))


def _write_units(item: Item) -> int:
    return ceil(item_size(item) / 1024)
