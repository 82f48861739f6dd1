"""The redrive API on the stack in memory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pik.adapters.dynamodb.items import to_item
from pik.flows.redrive_api import RedriveApiFlow
from pik.settings import RedriveSettings
from tests.support.aws.context import FakeContext
from tests.support.aws.stack import FAILURES_TABLE, RAW_BUCKET
from tests.support.parts import FINGERPRINT
from tests.support.redrive_steps import RedriveHarness

OPERATOR = "arn:aws:sts::123456789012:assumed-role/operator/ada"
MANIFEST_ID = "mft-20261120T101530Z-0a1b2c3d"
WRITES = {"put_object", "put_item", "update_item", "send_message_batch", "delete_message_batch", "start_execution"}


def request(route: str, body: Any = None, query: Mapping[str, str] | None = None, **headers: str) -> dict[str, Any]:
    """What API Gateway passes on."""
    path = {"run_id": route.rpartition("/")[2]} if route.startswith("GET /redrive/rdr") or "rpl-" in route else {}
    return {
        "version": "2.0",
        "routeKey": "GET /redrive/{run_id}" if path else route,
        "headers": {"Content-Type": "application/json", **headers},
        "requestContext": {"requestId": "request-1", "authorizer": {"iam": {"userArn": OPERATOR}}},
        "isBase64Encoded": False,
        **({"queryStringParameters": dict(query)} if query else {}),
        **({"pathParameters": path} if path else {}),
        **({"body": body if isinstance(body, str) else json.dumps(body)} if body is not None else {}),
    }


class RedriveApiHarness:
    """The redrive API in front of a RedriveHarness, whose parts are at hand here too."""

    def __init__(self, *, dry_run: bool = False) -> None:
        self.redrive = RedriveHarness()
        self.aws = self.redrive.aws
        self.clock = self.redrive.clock
        self.pipeline = self.redrive.pipeline
        self.letters = self.redrive.letters
        self.runs = self.redrive.runs
        self.faults = self.redrive.faults
        settings = RedriveSettings.from_env(self.pipeline.names.environment("redrive"))
        self.api = RedriveApiFlow(
            replace(settings, dry_run=dry_run),
            self.aws,
            now=self.redrive.moment,
            chance=lambda: "0a1b2c3d",  # type: ignore[arg-type]
        )
        self.context = FakeContext()
        self.redrive.calls.forget()

    def ask(self, route: str, *args: Any, **more: Any) -> tuple[int, dict[str, Any]]:
        """An answer's status and body."""
        self.redrive.calls.forget()
        answer = self.api(request(route, *args, **more), self.context)
        return answer["statusCode"], json.loads(answer["body"])

    def preview(self, **query: Any) -> dict[str, Any]:
        status, body = self.ask("GET /redrive/preview", None, {name: str(value) for name, value in query.items()})
        assert status == 200, body
        assert body["read"] == body["matched"] + sum(body["skipped"].values())
        assert body["matched"] == sum(it["count"] for it in body["groups"])
        assert self.letters.visible() == len(self.letters.all()), "every letter is given back"
        return body

    def start(self, **members: Any) -> dict[str, Any]:
        status, body = self.ask("POST /redrive/start", members)
        assert status == (200 if body.get("dry_run") else 202), body
        return body

    def note_failure(self, event: str, category: str = "TRANSIENT", ago: float = 600) -> None:
        """A row of the ledger."""
        failed_at = self.redrive.text(ago)
        row = {
            "PK": f"EVENT#{event}",
            "SK": f"AT#{failed_at}#005",
            "category": category,
            "error_type": "Throttled",
            "fingerprint": FINGERPRINT[::-1],
            "message": "too fast",
            "attempt": 5,
            "failed_at": failed_at,
        }
        self.aws.dynamodb.put_item(TableName=FAILURES_TABLE, Item=to_item(row))

    def written(self) -> set[str]:
        """The calls of the last request that change something, other than giving letters back."""
        return {operation for _, operation in self.aws.calls} & WRITES

    def keys(self, prefix: str) -> list[str]:
        found = self.aws.s3.list_objects_v2(Bucket=RAW_BUCKET, Prefix=prefix).get("Contents", [])
        return [it["Key"] for it in found]
