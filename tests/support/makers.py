"""Ways to make what several tests need: events with real identities, their work messages and their SQS records."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pik.adapters.dynamodb.items import to_item
from pik.domain.event.fields import RawRef
from pik.domain.event.work import Work
from pik.domain.process.amounts import AmountRules
from pik.domain.process.inputs import Input
from pik.domain.shared import identity
from pik.schemas import load_schemas
from tests.support.aws.stack import RAW_BUCKET

AMOUNT_RULES = AmountRules(load_schemas())


def make_work(
    payload: Any,
    *,
    source: str = "shop",
    event_type: str = "order",
    entity_id: str = "customer-17",
    event_time: str = "2026-11-20T10:15:30.250000Z",
    ref: RawRef | None = None,
    **changes: Any,
) -> Work:
    """The live message of an event, identified as ingest does it."""
    sha = identity.payload_sha(payload)
    event_id = identity.event_id(source, event_type, entity_id, idempotency_key=None, event_time=event_time, sha=sha)
    ref = ref or RawRef(RAW_BUCKET, f"raw/{event_id}.json", 0, len(identity.canonical_json(payload)))
    work = Work(
        event_id=event_id,
        event_type=event_type,
        source=source,
        entity_id=entity_id,
        event_time=event_time,
        payload_sha=sha,
        ref=ref,
    )
    return replace(work, **changes)


def make_input(number: int, *, amount: Any = 1.25, **changes: Any) -> Input:
    """An opened order, different for each number."""
    payload = {"orderId": f"order-{number}", "amount": amount}
    return Input.of(make_work(payload, **changes), payload, AMOUNT_RULES)


def sqs_record(body: str, number: int, receive_count: int = 1) -> dict[str, Any]:
    """A record of an SQS batch as Lambda gets it."""
    return {
        "messageId": f"message-{number}",
        "receiptHandle": f"receipt-{number}",
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": str(receive_count),
            "SentTimestamp": "1795169730250",
            "SenderId": "AIDAEXAMPLE",
            "ApproximateFirstReceiveTimestamp": "1795169730260",
        },
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:work",
        "awsRegion": "us-east-1",
    }


def sqs_event(*works: Work, receive_count: int = 1) -> dict[str, Any]:
    """A batch with a message for each work."""
    return {"Records": [sqs_record(it.message().body, n, receive_count) for n, it in enumerate(works)]}


def index_row(work: Work, status: str = "ACCEPTED") -> dict[str, Any]:
    """The row of EventsTable that a message is made of."""
    members = {
        name: value for name, value in work.columns().items() if name not in {"origin", "run", "attempts_before"}
    }
    keys = {"PK": f"ENTITY#{work.entity_id}", "SK": f"TS#{work.event_time}#EID#{work.event_id}"}
    return {**keys, **members, "status": status, "received_at": work.event_time, "ingest_lag_ms": 0}


def stream_record(row: dict[str, Any], number: int, name: str = "INSERT") -> dict[str, Any]:
    """A record of a table's stream as Lambda gets it; sequence numbers grow with `number`."""
    image = {"NewImage": to_item(row)} if name != "REMOVE" else {}
    return {
        "eventID": f"event-{number}",
        "eventName": name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": {
            "ApproximateCreationDateTime": 1795169730.0,
            "Keys": to_item({"PK": row["PK"], "SK": row["SK"]}),
            **image,
            "SequenceNumber": sequence(number),
            "SizeBytes": 500,
            "StreamViewType": "NEW_IMAGE",
        },
        "eventSourceARN": "arn:aws:dynamodb:us-east-1:123456789012:table/events/stream/2026-11-20T00:00:00.000",
    }


def sequence(number: int) -> str:
    """The sequence number of a stream record."""
    return f"{100000000000000000000 + number}"
