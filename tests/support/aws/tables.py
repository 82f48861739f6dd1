"""DynamoDB's storage: items by key, indexes that follow them, and the stream of what changed."""

from __future__ import annotations

import base64
from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from tests.support.aws.client import Request
from tests.support.aws.errors import invalid
from tests.support.aws.values import Item, Value, copy_item, item_size, kind_of, sortable, value_size

Key = tuple[Any, Any]
"""What an item is found by: its hash and its range, each as it sorts; "" stands for a range that a table has not."""

_MAX_HASH_BYTES: Final = 2048
_MAX_RANGE_BYTES: Final = 1024
_FIRST_SEQUENCE_NUMBER: Final = 100_000_000_000_000_000_000
"""Sequence numbers have 21 digits from the first on, so that they sort as text as they do as numbers."""


@dataclass(frozen=True, slots=True)
class KeySchema:
    """The key attributes of a table or of an index (`index` is then its name), and their types by name."""

    hash: str
    range: str | None
    types: Mapping[str, str]
    index: str | None = None

    @classmethod
    def of(cls, definition: Request, types: Mapping[str, str]) -> KeySchema:
        """From a table's or an index's part of a CreateTable request. Raises ValidationException."""
        roles = {entry["KeyType"]: entry["AttributeName"] for entry in definition["KeySchema"]}
        for name in roles.values():
            if name not in types:
                message = "One or more parameter values were invalid: Some index key attributes are not defined in"
                raise invalid(f"{message} AttributeDefinitions. Keys: [{name}]")
        return cls(roles["HASH"], roles.get("RANGE"), types, definition.get("IndexName"))

    @property
    def names(self) -> list[str]:
        return [self.hash] if self.range is None else [self.hash, self.range]

    def key(self, item: Item) -> Key:
        """The key of an item that has one."""
        return sortable(item[self.hash]), sortable(item[self.range]) if self.range else ""

    def covers(self, item: Item) -> bool:
        """Whether an item has all of the key; one that has not is not in the index."""
        return all(name in item for name in self.names)

    def pick(self, item: Item) -> Item:
        """The key attributes of an item."""
        return {name: item[name] for name in self.names}

    def check_item(self, item: Item) -> None:
        """Raises ValidationException for an item of a table that lacks the key, or has one of another type or size."""
        for name in self.names:
            if name not in item:
                raise invalid(f"One or more parameter values were invalid: Missing the key {name} in the item")
            kind, wanted = kind_of(item[name]), self.types[name]
            if kind != wanted:
                message = f"Type mismatch for key {name} expected: {wanted} actual: {kind}"
                raise invalid(f"One or more parameter values were invalid: {message}")
        self.check_values(item)

    def check_key(self, key: Item) -> None:
        """Raises ValidationException for what is not exactly a key of this table."""
        if set(key) != set(self.names) or any(kind_of(key[name]) != self.types[name] for name in self.names):
            raise invalid("The provided key element does not match the schema")
        self.check_values(key)

    def check_index(self, item: Item) -> None:
        """Raises ValidationException for an item whose attributes cannot be keys of this index; it may lack them."""
        for name in self.names:
            if name not in item:
                continue
            kind, wanted = kind_of(item[name]), self.types[name]
            if kind != wanted:
                message = (
                    f"Type mismatch for Index Key {name} Expected: {wanted} Actual: {kind} IndexName: {self.index}"
                )
                raise invalid(f"One or more parameter values were invalid: {message}")
        self.check_values(item)

    def check_values(self, item: Item) -> None:
        for name, most in ((self.hash, _MAX_HASH_BYTES), (self.range, _MAX_RANGE_BYTES)):
            if name is None or name not in item:
                continue
            if item[name] in ({"S": ""}, {"B": b""}):
                raise invalid(self._empty(name, next(iter(item[name]))))
            if value_size(item[name]) > most:
                raise invalid(f"One or more parameter values were invalid: {_TOO_LONG[most]}")

    def _empty(self, name: str, kind: str) -> str:
        what = {"S": "string", "B": "binary"}[kind]
        message = f"The AttributeValue for a key attribute cannot contain an empty {what} value."
        if self.index is None:
            return f"One or more parameter values are not valid. {message} Key: {name}"
        prefix = (
            "One or more parameter values are not valid. A value specified for a secondary index key is not supported."
        )
        return f"{prefix} {message} IndexName: {self.index}, IndexKey: {name}"


_TOO_LONG: Final = {
    _MAX_HASH_BYTES: f"Size of hashkey has exceeded the maximum size limit of{_MAX_HASH_BYTES} bytes",
    _MAX_RANGE_BYTES: f"Aggregated size of all range keys has exceeded the size limit of {_MAX_RANGE_BYTES} bytes",
}


class Ordered:
    """Keys by partition, each partition in order: entries are (range, key of the item in its table)."""

    def __init__(self, schema: KeySchema) -> None:
        self.schema = schema
        self._partitions: dict[Any, list[tuple[Any, Key]]] = {}

    def partition(self, hash_value: Any) -> list[tuple[Any, Key]]:
        """The entries of a partition in order; not to be changed."""
        return self._partitions.get(hash_value, [])

    def everything(self) -> Iterator[tuple[Any, Key]]:
        """All entries, partition after partition, in an order that only depends on what there is (as a hash's)."""
        for hash_value in sorted(self._partitions, key=scattered):
            yield from self._partitions[hash_value]

    def add(self, item: Item, key: Key) -> None:
        if self.schema.covers(item):
            hash_value, range_value = self.schema.key(item)
            insort(self._partitions.setdefault(hash_value, []), (range_value, key))

    def remove(self, item: Item, key: Key) -> None:
        if self.schema.covers(item):
            hash_value, range_value = self.schema.key(item)
            entries = self._partitions[hash_value]
            del entries[bisect_left(entries, (range_value, key))]
            if not entries:
                del self._partitions[hash_value]


def scattered(hash_value: Any) -> bytes:
    """Where a hash value is in the order of a scan."""
    return sha256(repr(hash_value).encode()).digest()


@dataclass(frozen=True, slots=True)
class Change:
    """One write, for the stream; `at` is epoch seconds. Stored items never change, so these are the images."""

    old: Item | None
    new: Item | None
    at: float
    region: str


class FakeTable:
    """One table. Items that it gives are its own: callers copy them before they leave the account."""

    def __init__(self, request: Request, arn: str) -> None:
        self.name: str = request["TableName"]
        self.arn = arn
        types = {entry["AttributeName"]: entry["AttributeType"] for entry in request["AttributeDefinitions"]}
        self.schema = KeySchema.of(request, types)
        self.order = Ordered(self.schema)
        self.indexes: dict[str, Ordered] = {}
        for index in request.get("GlobalSecondaryIndexes", []):
            if index["Projection"].get("ProjectionType") != "ALL":
                raise NotImplementedError("indexes of the fake DynamoDB project ALL")
            self.indexes[index["IndexName"]] = Ordered(KeySchema.of(index, types))
        stream = request.get("StreamSpecification", {})
        self.view: str | None = stream["StreamViewType"] if stream.get("StreamEnabled") else None
        self.stream_arn = f"{arn}/stream/1"
        self._changes: list[Change] = []
        self._items: dict[Key, tuple[Item, int]] = {}

    def __len__(self) -> int:
        return len(self._items)

    def get(self, key: Key) -> Item | None:
        stored = self._items.get(key)
        return stored[0] if stored else None

    def size(self, key: Key) -> int:
        """Bytes of a stored item."""
        return self._items[key][1]

    def write(self, key: Key, new: Item | None, now: float, region: str) -> None:
        """Put, replace or remove (None) an item; its indexes and the stream follow at once."""
        old = self.get(key)
        for order in (self.order, *self.indexes.values()):
            if old is not None:
                order.remove(old, key)
            if new is not None:
                order.add(new, key)
        if new is not None:
            self._items[key] = (new, item_size(new))
        elif old is not None:
            del self._items[key]
        if self.view is not None and old != new:  # a write that changes nothing is not in a stream
            self._changes.append(Change(old, new, now, region))

    def records(self, after: str) -> list[dict[str, Any]]:
        """The stream behind sequence number `after`, from its begin for "", in the form in which Lambda gets it."""
        first = int(after) - _FIRST_SEQUENCE_NUMBER + 1 if after else 0
        return [self._record(first + at, change) for at, change in enumerate(self._changes[first:])]

    def _record(self, at: int, change: Change) -> dict[str, Any]:
        old, new = change.old, change.new
        name = "INSERT" if old is None else "REMOVE" if new is None else "MODIFY"
        images = {"Keys": self.schema.pick(new or old or {})}
        if new is not None and self.view in {"NEW_IMAGE", "NEW_AND_OLD_IMAGES"}:
            images["NewImage"] = new
        if old is not None and self.view in {"OLD_IMAGE", "NEW_AND_OLD_IMAGES"}:
            images["OldImage"] = old
        number = str(_FIRST_SEQUENCE_NUMBER + at)
        return {
            "eventID": sha256(f"{self.name}/{number}".encode()).hexdigest()[:32],
            "eventName": name,
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": change.region,
            "dynamodb": {
                "ApproximateCreationDateTime": float(int(change.at)),
                **{kind: _for_lambda(image) for kind, image in images.items()},
                "SequenceNumber": number,
                "SizeBytes": sum(item_size(image) for image in images.values()),
                "StreamViewType": self.view,
            },
            "eventSourceARN": self.stream_arn,
        }


def _for_lambda(item: Item) -> Item:
    """A copy in which bytes are base64 text: records travel as JSON."""
    return {name: _value_for_lambda(value) for name, value in copy_item(item).items()}


def _value_for_lambda(value: Value) -> Value:
    ((kind, held),) = value.items()
    match kind:
        case "B":
            return {"B": base64.b64encode(held).decode()}
        case "M":
            return {"M": _for_lambda(held)}
        case "L":
            return {"L": [_value_for_lambda(element) for element in held]}
    return value
