"""What the outbox announces: which records of EventsTable's stream become work messages, and what is kept of those that
did not get that far."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pik.domain.event.rows import ACCEPTED
from pik.domain.event.work import Work, work_of_row
from pik.domain.shared.foreign import ForeignReader

DISCARDED_PREFIX: Final = "aws/lambda/"
"""Where Lambda writes batches that the stream mapping gave up, and the publisher records that it cannot read. Lambda
chooses this name."""

INSERT: Final = "INSERT"
"""A stream's name for a new row; other changes need not have the row with them."""

_SEQUENCE_CHARS: Final = 64  # DynamoDB's sequence numbers have 40 digits at most
_NOT_IN_A_KEY: Final = re.compile(r"[^0-9A-Za-z-]")


class UnreadableBatch(ValueError):
    """An object among the discarded batches holds no records; the text says why."""


def announced(event_name: str, row: Mapping[str, Any]) -> Work | str:
    """The work of a change to EventsTable, or why it is none: only new rows of accepted events are. Raises KeyError for
    a row that ingest has not written."""
    if event_name != INSERT:
        return event_name
    if row.get("status") != ACCEPTED:
        return str(row.get("status"))
    return work_of_row(row)


def sequence_of(record: Any) -> str:
    """The place of a record in its stream; empty where it names none."""
    reader = ForeignReader()
    members = record if isinstance(record, Mapping) else {}
    return reader.text(reader.members(members, "dynamodb"), "SequenceNumber", _SEQUENCE_CHARS)


def set_aside_key(record: Any) -> str:
    """Where the publisher keeps a record that it cannot read. The same for each delivery of the record."""
    event_id = str(record.get("eventID", ""))[:_SEQUENCE_CHARS] if isinstance(record, Mapping) else ""
    name = "-".join(part for part in (sequence_of(record), event_id) if part)
    return f"{DISCARDED_PREFIX}publisher/{_NOT_IN_A_KEY.sub('', name) or 'nameless'}.json"


def set_aside(record: Any, reason: str) -> bytes:
    """Such a record as it is kept, in the form of a discarded batch."""
    document = {
        "version": "1.0",
        "requestContext": {"condition": "RecordUnreadable"},
        "responseContext": {"functionError": reason},
        "payload": json.dumps({"Records": [record]}, default=str),
    }
    return json.dumps(document).encode()


def discarded_records(text: bytes) -> Sequence[Any]:
    """The stream records of a discarded batch as Lambda keeps it: the invocation that failed, as JSON in the member
    `payload` of a document about it. Raises UnreadableBatch."""
    document = _json(text, "the object")
    if not isinstance(document, dict):
        raise UnreadableBatch("the object is not a JSON object")
    if "payload" not in document:
        raise UnreadableBatch("the object has positions in the stream and no records")
    payload = document["payload"]
    if isinstance(payload, str):
        payload = _json(payload.encode("utf-8", "surrogatepass"), "its payload")
    records = payload.get("Records") if isinstance(payload, dict) else None
    if not isinstance(records, list):
        raise UnreadableBatch("its payload has no list of Records")
    return records


def _json(text: bytes, what: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableBatch(f"{what} is not JSON: {type(error).__name__}") from error
