"""The redrive API on the stack in memory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from botocore.exceptions import ClientError

from pik.adapters.dynamodb.items import from_item, to_item
from pik.domain.event.work import Work
from pik.flows.redrive_api import RedriveApiFlow
from pik.settings import RedriveSettings
from tests.support.aws.stack import FAILURES_TABLE, RAW_BUCKET, RUNS_TABLE
from tests.support.makers import FakeContext
from tests.support.redrive_steps import FINGERPRINT, RedriveHarness

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


class RedriveApiHarness(RedriveHarness):
    """A stack in memory with the redrive API, whose steps are those of the kit."""

    def __init__(self, *, dry_run: bool = False) -> None:
        super().__init__()
        settings = RedriveSettings.from_env(self.names.environment("redrive"))
        self.api = RedriveApiFlow(
            replace(settings, dry_run=dry_run),
            self.aws,
            now=self.moment,
            chance=lambda: "0a1b2c3d",  # type: ignore[arg-type]
        )
        self.api_context = FakeContext()
        self.aws.calls.clear()

    def ask(self, route: str, *args: Any, **more: Any) -> tuple[int, dict[str, Any]]:  # type: ignore[override]
        """An answer's status and body."""
        self.aws.calls.clear()
        answer = self.api(request(route, *args, **more), self.api_context)
        return answer["statusCode"], json.loads(answer["body"])

    def preview(self, **query: Any) -> dict[str, Any]:
        status, told = self.ask("GET /redrive/preview", None, {name: str(value) for name, value in query.items()})
        assert status == 200, told
        assert told["read"] == told["matched"] + sum(told["skipped"].values())
        assert told["matched"] == sum(it["count"] for it in told["groups"])
        assert self.visible() == len(self.dead()), "every letter is given back"
        return told

    def start(self, **body: Any) -> dict[str, Any]:
        status, told = self.ask("POST /redrive/start", body)
        assert status == (200 if told.get("dry_run") else 202), told
        return told

    def bury_unexplained(self, works: list[Work]) -> None:
        """Puts messages into the dead-letter queue as SQS itself moves them: without attributes."""
        for work in works:
            message = work.message()
            url = self.names.work_dead_letter_queue_url
            self.aws.sqs.send_message(QueueUrl=url, MessageBody=message.body, MessageGroupId=message.group)
        self.aws.calls.clear()

    def note_failure(self, event: str, category: str = "TRANSIENT", ago: float = 600) -> None:
        """A row of the ledger."""
        row = {
            "PK": f"EVENT#{event}",
            "SK": f"AT#{self.text(ago)}#005",
            "category": category,
            "error_type": "Throttled",
            "fingerprint": FINGERPRINT[::-1],
            "message": "too fast",
            "attempt": 5,
            "failed_at": self.text(ago),
        }
        self.aws.dynamodb.put_item(TableName=FAILURES_TABLE, Item=to_item(row))

    def written(self) -> set[str]:
        """The calls of the last request that change something, except for giving letters back."""
        return {operation for _, operation in self.aws.calls} & WRITES

    def runs(self) -> list[dict[str, Any]]:
        return [from_item(it) for it in self.aws.dynamodb.scan(TableName=RUNS_TABLE)["Items"]]

    def keys(self, prefix: str) -> list[str]:
        found = self.aws.s3.list_objects_v2(Bucket=RAW_BUCKET, Prefix=prefix).get("Contents", [])
        return [it["Key"] for it in found]


def failing(api: RedriveApiHarness, operation: str, code: str, phase: str = "before", after: int = 0) -> None:
    """Let the calls of an operation fail, the first `after` excepted; with phase "after" AWS has done it."""
    seen: list[str] = []

    def hook(_: str, called: str, __: Mapping[str, Any], when: str) -> None:
        if (called, when) == (operation, phase):
            seen.append(called)
            if len(seen) > after:
                raise ClientError({"Error": {"Code": code, "Message": "no"}}, called)

    api.aws.on_call = hook
