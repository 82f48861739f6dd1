"""Ingest behind an API: requests in, answers out, and what they left in the stores."""

from __future__ import annotations

import base64
import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pik.flows.ingest import IngestFlow
from pik.settings import IngestSettings
from tests.support.aws.stack import Names

JSON = {"Content-Type": "application/json"}
NDJSON = {"Content-Type": "application/x-ndjson"}
ORDER = {
    "source": "shop",
    "event_type": "order",
    "entity_id": "customer-17",
    "event_time": "2026-11-20T10:15:30.250Z",
    "payload": {"orderId": "test-123", "amount": 42.5},
}
START = datetime(2026, 11, 20, 12, tzinfo=UTC)

Answer = tuple[int, dict[str, Any]]


class IngestApi:
    """Gives each request its id and reads the answer."""

    def __init__(self, aws: Any, names: Names, **changes: Any) -> None:
        self.aws, self.names = aws, names
        self._requests = 0
        settings = replace(IngestSettings.from_env(names.environment("ingest")), **changes)
        self._ingest = IngestFlow(
            settings, aws, now=lambda: START + timedelta(seconds=self._requests), sleep=lambda _: None
        )

    def post(self, body: Any, headers: dict[str, str] | None = None, *, is_base64: bool = False) -> Answer:
        text = body if body is None or isinstance(body, str) else json.dumps(body, ensure_ascii=False)
        return self._call(
            "POST /events",
            {"headers": JSON if headers is None else headers, "body": text, "isBase64Encoded": is_base64},
        )

    def post_bytes(self, body: bytes, headers: dict[str, str]) -> Answer:
        """Any bytes, encoded as API Gateway does it."""
        return self.post(base64.b64encode(body).decode(), headers, is_base64=True)

    def post_with_token(self, body: Any, path: str = "events") -> Answer:
        """A POST behind IngestAuth=JWT, whose route takes every path."""
        event = {"headers": JSON, "body": json.dumps(body), "pathParameters": {"proxy": path}}
        return self._call("POST /{proxy+}", event)

    def health(self) -> Answer:
        return self._call("GET /health", {"headers": {}})

    def _call(self, route: str, event: dict[str, Any]) -> Answer:
        self._requests += 1
        context = {"requestId": f"req-{self._requests}"}
        answer = self._ingest({"routeKey": route, "requestContext": context, **event}, None)
        assert answer["headers"]["content-type"] == "application/json; charset=utf-8"
        answer["body"].encode()  # what cannot be UTF-8 cannot leave a function
        return answer["statusCode"], json.loads(answer["body"])

    def call(self, event: dict[str, Any]) -> dict[str, Any]:
        """The function's own answer to an event of API Gateway."""
        return self._ingest(event, None)

    def rows(self) -> list[dict[str, Any]]:
        items = self.aws.dynamodb.scan(TableName=self.names.events_table)["Items"]
        return [{name: next(iter(value.values())) for name, value in item.items()} for item in items]

    def statuses(self) -> Counter[str]:
        return Counter(row["status"] for row in self.rows())

    def keys(self, prefix: str) -> list[str]:
        listed = self.aws.s3.list_objects_v2(Bucket=self.names.raw_bucket, Prefix=prefix)
        return [it["Key"] for it in listed.get("Contents", [])]

    def bytes_of(self, key: str) -> bytes:
        return self.aws.s3.get_object(Bucket=self.names.raw_bucket, Key=key)["Body"].read()
