"""What is stored, read past the API: the only place that looks into the fakes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from tests.simulation.violations import check
from tests.support.aws.account import FakeAws
from tests.support.aws.queues import FakeQueue, StoredMessage
from tests.support.aws.stack import Names
from tests.support.foreign import FOREIGN

Row = dict[str, Any]

FOREIGN_BODIES: Final = frozenset(message.body for message in FOREIGN.values())
"""What strangers write."""


def rows(aws: FakeAws, table: str) -> list[Row]:
    """The rows of a table in key order; numbers are whole."""
    found = [{name: _plain(value) for name, value in item.items()} for item in _items(aws, table).values()]
    return sorted(found, key=lambda row: (row.get("PK", ""), row.get("SK", ""), row.get("event_id", "")))


def queue(aws: FakeAws, url: str) -> FakeQueue:
    """A queue of the in-memory SQS, whose messages a test may put in another order."""
    return aws.sqs._queues[url.rpartition("/")[2]]


def _items(aws: FakeAws, table: str) -> dict[Any, Any]:
    return {key: item for key, (item, _) in aws.dynamodb._tables[table]._items.items()}


def _plain(value: Mapping[str, Any]) -> Any:
    ((kind, held),) = value.items()
    match kind:
        case "N":
            return int(held)
        case "M":
            return {name: _plain(member) for name, member in held.items()}
        case "L":
            return [_plain(member) for member in held]
    return held


class Watch:
    """Sees after each write that nothing immutable was written over or is gone. The fakes never change a stored value
    in place, so what was not written is the very same object."""

    def __init__(self, aws: FakeAws, names: Names) -> None:
        self._aws = aws
        self._names = names
        self._known: dict[str, dict[Any, Any]] = {}
        self._tables = (names.events_table, names.dedupe_table, names.aggregates_table)
        self.letters: dict[str, StoredMessage] = {}
        """Every dead letter with a reason on it that there ever was, by message id; not those that strangers wrote."""
        self.returned: set[str] = set()
        """Those that a put-back sent, without what the SDK repeated on its own."""

    def after(self, service: str, operation: str) -> None:
        """Look again, after a call that may have written."""
        if service == "s3" and operation != "get_object":
            self._compare("raw objects", self._aws.s3._buckets[self._names.raw_bucket])
        elif operation == "send_message_batch":
            letters = self._aws.sqs.messages(self._names.work_dead_letter_queue_url)
            self.letters |= {it.message_id: it for it in letters if it.attributes and it.body not in FOREIGN_BODIES}
        elif service == "dynamodb" and operation not in {"query", "get_item", "batch_get_item"}:
            for table in self._tables:
                self._compare(table, self._aws.dynamodb._tables[table]._items)

    def is_ledger(self, request: Mapping[str, Any]) -> bool:
        """Whether a call is about the failure ledger."""
        return self._names.failures_table in {request.get("TableName"), *request.get("RequestItems", ())}

    def _compare(self, where: str, now: Mapping[Any, Any]) -> None:
        known = self._known.setdefault(where, {})
        expire = where == self._names.dedupe_table
        for key, value in known.items():
            check(
                now.get(key, value if expire else None) is value,
                f"{where}: what is stored is never written over or deleted",
                key,
            )
        self._known[where] = dict(now)


def dump(aws: FakeAws, names: Names) -> str:
    """The whole state as text, for a hash."""
    tables = {table: rows(aws, table) for table in aws.dynamodb._tables}
    objects = {key: it.body.hex() for key, it in sorted(aws.s3.objects(names.raw_bucket).items())}
    urls = (names.work_queue_url, names.work_dead_letter_queue_url)
    queues = {url: [(it.message_id, it.body, it.received) for it in aws.sqs.messages(url)] for url in urls}
    return json.dumps([tables, objects, queues, aws.events.published], sort_keys=True, default=repr)
