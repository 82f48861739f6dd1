"""CloudEvents through the whole pipeline in memory: sent, stored, and processed."""

from __future__ import annotations

import json
from typing import Any

from pik.adapters.dynamodb.items import from_item
from pik.domain.event.work import work_of_row
from tests.support.aws.account import FakeAws
from tests.support.ingest_api import Answer, IngestApi
from tests.support.pipeline import Pipeline

STRUCTURED = {"content-type": "application/cloudevents+json"}
BATCHED = {"content-type": "application/cloudevents-batch+json"}
JSON_DATA = {"content-type": "application/json"}
ORDER_DATA = {"orderId": "test-123", "amount": 42.5}
ATTRIBUTES = {"specversion": "1.0", "id": "A-1", "source": "/shop", "type": "t.x", "subject": "customer-17"}
ORDER_EVENT = ATTRIBUTES | {"type": "order", "time": "2026-11-20T10:15:30.250Z", "data": ORDER_DATA}


class CloudEventsApi:
    """An API that takes every type, a processor behind it, and what they left."""

    def __init__(self) -> None:
        self.aws = FakeAws()
        self.pipeline = Pipeline(self.aws)
        self.api = IngestApi(self.aws, self.pipeline.names, allow_unknown_types=True)

    def structured(self, event: Any, **headers: str) -> Answer:
        """An event in structured mode."""
        return self.api.post(event, STRUCTURED | headers)

    def binary(self, body: bytes | str, headers: dict[str, str] | None = None, **changes: str | None) -> Answer:
        """An event in binary mode; `changes` are to its attributes, None for one that is left out."""
        attributes = {name: value for name, value in (ATTRIBUTES | changes).items() if value is not None}
        given = {f"ce-{name}": value for name, value in attributes.items()} | (headers or {})
        return self.api.post_bytes(body.encode() if isinstance(body, str) else body, given)

    def batched(self, events: list[Any]) -> Answer:
        """A batch."""
        return self.api.post(events, BATCHED)

    def accept(self, answer: Answer) -> dict[str, Any]:
        """The index row of an event that was accepted and that the processor counts."""
        status, body = answer
        assert (status, body["status"]) == (202, "ACCEPTED"), body
        row = next(it for it in self.rows() if it["event_id"] == body["event_id"] and it["status"] == "ACCEPTED")
        assert self.pipeline.process(work_of_row(row)) == []
        return row

    def rows(self) -> list[dict[str, Any]]:
        """The index rows."""
        return [from_item(it) for it in self.aws.dynamodb.scan(TableName=self.pipeline.names.events_table)["Items"]]

    def stored(self, row: dict[str, Any]) -> bytes:
        """The bytes that a row refers to."""
        data = self.api.bytes_of(row["s3_key"])
        return data[int(row["s3_offset"]) : int(row["s3_offset"]) + int(row["s3_length"])]

    def attributes(self, row: dict[str, Any]) -> dict[str, str]:
        """The attributes that are kept with the object of a binary event."""
        found = self.aws.s3.head_object(Bucket=row["s3_bucket"], Key=row["s3_key"])["Metadata"]["attributes"]
        kept: dict[str, str] = json.loads(found)
        return kept

    def metrics(self, entity: str = "customer-17") -> dict[str, Any]:
        """The metrics of the only version of an entity."""
        (row,) = (row for row in self.pipeline.rows() if row["PK"] == f"ENTITY#{entity}")
        metrics: dict[str, Any] = row["metrics"]
        return metrics


def refusal(answer: Answer) -> tuple[int, str, str]:
    """Status, place and code of a refused event."""
    status, body = answer
    assert body["status"] == "REJECTED"
    return status, body["error"]["details"][0]["path"], body["error"]["code"]
