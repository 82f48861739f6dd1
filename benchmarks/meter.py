"""Counts what calls use, from their requests and answers, as AWS meters them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from benchmarks import prices
from benchmarks.prices import Usage
from tests.support.aws.values import item_size

Params = Mapping[str, Any]
_TRANSACTIONAL: Final = 2  # a transaction prepares and commits each item


class Meter:
    """Adds up `usage`, which may be replaced between pieces of work. Learns tables and indexes from create_table."""

    def __init__(self, whole_sizes: Mapping[str, float]) -> None:
        """`whole_sizes`: mean bytes of the items of tables, for queries whose projection hides what was read."""
        self.usage = Usage()
        self._whole_sizes = whole_sizes
        self._indexes: dict[str, list[frozenset[str]]] = {}

    def count(self, service: str, operation: str, params: Params, answer: Params | None) -> None:
        """One call; `answer` is None when it was refused, which costs the table's units all the same."""
        self.usage.calls[f"{service}.{operation}"] += 1
        handle: Callable[[Params, Params], None] | None = getattr(self, f"_{operation}", None)
        if handle is None:
            raise NotImplementedError(f"what {service}.{operation} costs is not known to the meter")
        handle(params, answer or {})

    def _create_table(self, params: Params, _: Params) -> None:
        self._indexes[params["TableName"]] = [
            frozenset(key["AttributeName"] for key in index["KeySchema"])
            for index in params.get("GlobalSecondaryIndexes", ())
        ]

    def _put_item(self, params: Params, _: Params) -> None:
        self._write(params["TableName"], params["Item"])

    def _update_item(self, params: Params, answer: Params) -> None:
        # A lower bound unless the answer shows the item; runs are updated once a request and not once an event.
        self._write(params["TableName"], answer.get("Attributes") or params["Key"])

    def _transact_write_items(self, params: Params, _: Params) -> None:
        for action in params["TransactItems"]:
            ((kind, part),) = action.items()
            self._write(part["TableName"], part["Item" if kind == "Put" else "Key"], times=_TRANSACTIONAL)

    def _batch_write_item(self, params: Params, answer: Params) -> None:
        for table, requests in params["RequestItems"].items():
            unprocessed = answer.get("UnprocessedItems", {}).get(table, [])
            for request in requests:
                if request not in unprocessed:
                    self._write(table, request["PutRequest"]["Item"])

    def _get_item(self, params: Params, answer: Params) -> None:
        self._read(item_size(answer.get("Item", {})), params)

    def _batch_get_item(self, params: Params, answer: Params) -> None:
        for table, part in params["RequestItems"].items():
            if "ProjectionExpression" in part:
                raise NotImplementedError("a projection hides what was read")
            found = answer.get("Responses", {}).get(table, [])
            for item in found:
                self._read(item_size(item), part)
            for _ in range(len(part["Keys"]) - len(found)):  # to learn that there is none costs a read
                self._read(0, part)

    def _query(self, params: Params, answer: Params) -> None:
        items = answer.get("Items", ())
        if "ProjectionExpression" in params:  # what is not shown was read and is charged all the same
            self._read(int(self._whole_sizes[params["TableName"]] * answer.get("ScannedCount", 0)), params)
        else:
            self._read(sum(map(item_size, items)), params)

    def _put_object(self, _: Params, __: Params) -> None:
        self.usage.s3_puts += 1

    def _get_object(self, _: Params, __: Params) -> None:
        self.usage.s3_gets += 1

    def _send_message_batch(self, params: Params, _: Params) -> None:
        self.usage.sqs_requests += prices.chunks(sum(len(it["MessageBody"].encode()) for it in params["Entries"]))

    def _receive_message(self, _: Params, answer: Params) -> None:
        self.usage.sqs_requests += prices.chunks(sum(len(it["Body"].encode()) for it in answer.get("Messages", ())))

    def _get_queue_attributes(self, _: Params, __: Params) -> None:
        self.usage.sqs_requests += 1

    _delete_message_batch = _change_message_visibility_batch = _get_queue_attributes

    def _put_events(self, params: Params, _: Params) -> None:
        for entry in params["Entries"]:
            size = sum(len(entry[name].encode()) for name in ("Source", "DetailType", "Detail"))
            self.usage.bus_events += prices.chunks(size)

    def _write(self, table: str, item: Params, times: int = 1) -> None:
        units = prices.write_units(item_size(item))
        lands_in = sum(keys <= item.keys() for keys in self._indexes[table])
        self.usage.write_units += units * times + units * lands_in  # an index has no part in the transaction

    def _read(self, size: int, params: Params) -> None:
        self.usage.read_units += prices.read_units(size, consistent=params.get("ConsistentRead", False))

    def _create_bucket(self, _: Params, __: Params) -> None: ...

    _create_queue = _create_event_bus = _create_state_machine = _create_bucket  # the stack's making
    _start_execution = _create_bucket  # executions are charged by their transitions
