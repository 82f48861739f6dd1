"""A replay on the stack in memory, and what fills its tables."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pik.adapters.dynamodb.items import to_item
from pik.domain.event.rows import shard_of, source_day_key
from pik.domain.event.work import Work
from pik.flows.replay import ReplayFlow
from pik.settings import ReplaySettings
from tests.support.aws.account import FakeAws
from tests.support.aws.context import FakeContext
from tests.support.aws.stack import EVENTS_TABLE, deployed
from tests.support.faults import CallRecorder, FaultPlan
from tests.support.makers import index_row, make_work
from tests.support.parts import RunRows, WorkMessages

NOW = datetime(2026, 11, 20, 12, 0, 5, tzinfo=UTC)
START, END = "2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z"
ENTITY = {"entity_id": "customer-17", "start_time": START, "end_time": END}
SOURCE = {"source": "shop", "event_type": "order", "start_time": START, "end_time": END}
OPERATOR = "arn:aws:sts::123456789012:assumed-role/operator/ada"
RUN_ID = "rpl-20261120T120005Z-0a1b2c3d"
WRITES = {"put_item", "update_item", "send_message_batch", "delete_item", "transact_write_items", "batch_write_item"}


def row_of(work: Work, status: str = "ACCEPTED", number: int = 0, **changes: Any) -> dict[str, Any]:
    """The index row as ingest writes it, with its key in BySourceDay."""
    row = index_row(work, status)
    if status != "ACCEPTED":
        row["SK"] += f"#{status}#2026-11-20T11:00:00.000000Z#request#{number:03d}"
        row["first_event_time"] = work.event_time
    day = work.event_time[:10]
    row["source_day"] = source_day_key(work.source, work.event_type, day, shard_of(work.event_id))
    return {name: value for name, value in {**row, **changes}.items() if value is not None}


def order(number: int, **changes: Any) -> Work:
    """An order; times are ten seconds apart from 01:00 on."""
    moment = datetime(2026, 11, 20, 1, tzinfo=UTC) + timedelta(seconds=10 * number)
    return make_work(
        {"orderId": f"order-{number}", "amount": 1},
        **{"event_time": moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), **changes},
    )


def request(body: Any, route: str = "POST /replay", **headers: str) -> dict[str, Any]:
    """What API Gateway passes on."""
    return {
        "version": "2.0",
        "routeKey": route,
        "headers": {"Content-Type": "application/json", **headers},
        "requestContext": {"requestId": "request-1", "authorizer": {"iam": {"userArn": OPERATOR}}},
        "body": body if isinstance(body, str) else json.dumps(body),
        "isBase64Encoded": False,
    }


class ReplayHarness:
    """Tables and a queue in memory, and a replay on them."""

    def __init__(self, *, dry_run: bool = False, validate: bool = True) -> None:
        self.aws = FakeAws(validate=validate)
        self.names = deployed(self.aws)
        settings = ReplaySettings.from_env(self.names.environment("replay"))
        self.settings = replace(settings, dry_run=dry_run)
        self.faults = FaultPlan(self.aws)
        self.work_queue = WorkMessages(self.aws, self.names)
        self.replay = self.new()
        self.context = FakeContext()
        self.calls = CallRecorder(self.aws)
        self.runs = RunRows(self.aws, self.calls, self.faults, RUN_ID)

    def new(self) -> ReplayFlow:
        """A replay as another process has it."""
        return ReplayFlow(self.settings, self.aws, now=lambda: NOW, chance=lambda: "0a1b2c3d")  # type: ignore[arg-type]

    def store(self, *rows: dict[str, Any]) -> None:
        for row in rows:
            self.aws.dynamodb.put_item(TableName=EVENTS_TABLE, Item=to_item(row))
        self.calls.forget()

    def accept(self, numbers: Iterable[int], **changes: Any) -> list[Work]:
        works = [order(number, **changes) for number in numbers]
        self.store(*(row_of(it) for it in works))
        return works

    def ask(self, body: Any, **headers: str) -> tuple[int, dict[str, Any]]:
        answer = self.replay(request(body, **headers), self.context)
        return answer["statusCode"], json.loads(answer["body"])

    def ok(self, **body: Any) -> dict[str, Any]:
        status, answer = self.ask(body)
        assert status == 200, answer
        assert answer["scanned"] == answer["sent"] + sum(answer["skipped"].values()) + answer["failed"]
        totals = answer["totals"]
        assert totals["scanned"] == totals["sent"] + sum(totals["skipped"].values()) + totals["failed"]
        assert ("next_token" in answer) == (answer["status"] == "PARTIAL")
        assert answer["explanation"]
        return answer

    def to_the_end(self, **body: Any) -> list[dict[str, Any]]:
        """Follows the tokens."""
        answers = [self.ok(**body)]
        while answers[-1]["status"] == "PARTIAL":
            answers.append(self.ok(**body, next_token=answers[-1]["next_token"]))
            assert len(answers) < 500
        return answers
