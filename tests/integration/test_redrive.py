"""The redrive API against moto: real messages with attributes, real queries, and a state machine that takes names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from pik.adapters.dynamodb.items import from_item, to_item
from pik.domain.event.work import Work
from pik.domain.process.dead_letters import Reason
from pik.flows.redrive_api import RedriveApiFlow
from pik.settings import RedriveSettings
from tests.support.aws.context import FakeContext
from tests.support.aws.moto_backend import MotoAws
from tests.support.aws.stack import FAILURES_TABLE, RAW_BUCKET, RUNS_TABLE, Names, deployed
from tests.support.makers import make_work
from tests.support.redrive_api import OPERATOR, request

WORKS = [make_work({"orderId": f"order-{number}", "amount": 1}, entity_id=f"e-{number % 7}") for number in range(25)]


@pytest.fixture
def names(moto_aws: MotoAws) -> Names:
    return deployed(moto_aws)


@pytest.fixture
def app(moto_aws: MotoAws, names: Names) -> RedriveApiFlow:
    return RedriveApiFlow(RedriveSettings.from_env(names.environment("redrive")), moto_aws)  # type: ignore[arg-type]


def ask(app: RedriveApiFlow, route: str, body: Any = None, query: Mapping[str, str] | None = None) -> dict[str, Any]:
    answer = app(request(route, body, query), FakeContext())
    assert answer["statusCode"] < 300, answer
    body: dict[str, Any] = json.loads(answer["body"])
    return body


def bury(aws: MotoAws, url: str, works: list[Work], *, explained: bool = True) -> None:
    for work in works:
        reason = Reason("VALIDATION", "HashMismatch", "f" * 32, "no payload", work.event_id, 1, "", "", "LIVE")
        attributes = {name: {"DataType": "String", "StringValue": value} for name, value in reason.attributes().items()}
        message = work.message()
        aws.sqs.send_message(
            QueueUrl=url,
            MessageBody=message.body,
            MessageGroupId=message.group,
            MessageAttributes=attributes if explained else {},
        )


def visible(aws: MotoAws, url: str) -> int:
    name = "ApproximateNumberOfMessages"
    return int(aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])


def test_a_preview_shows_every_letter_and_gives_all_back(moto_aws: MotoAws, names: Names, app: RedriveApiFlow) -> None:
    url = names.work_dead_letter_queue_url
    bury(moto_aws, url, WORKS[:20])
    bury(moto_aws, url, WORKS[20:], explained=False)
    row = {"PK": f"EVENT#{WORKS[20].event_id}", "SK": "AT#2026-11-20T10:15:30.000000Z#005", "attempt": 5}
    reason = {"category": "TRANSIENT", "error_type": "Throttled", "fingerprint": "a" * 32, "message": "too fast"}
    failed = {"failed_at": "2026-11-20T10:15:30.000000Z"}
    moto_aws.dynamodb.put_item(TableName=FAILURES_TABLE, Item=to_item({**row, **reason, **failed}))
    for _ in range(2):
        answer = ask(app, "GET /redrive/preview", query={"samples": "20"})
        assert (answer["read"], answer["matched"], answer["complete"]) == (25, 25, True)
        assert [(it["category"], it["count"]) for it in answer["groups"]] == [
            ("VALIDATION", 20),
            ("UNKNOWN", 4),
            ("TRANSIENT", 1),
        ]
        assert visible(moto_aws, url) == 25
    manifest = moto_aws.s3.get_object(Bucket=RAW_BUCKET, Key=f"redrive/manifests/{answer['manifest_id']}.json")
    assert len(json.loads(manifest["Body"].read())["message_ids"]) == 25
    filtered = ask(app, "GET /redrive/preview", query={"category": "TRANSIENT"})
    assert (filtered["matched"], filtered["skipped"]) == (1, {"filtered": 24})
    assert filtered["samples"][0]["ledger"][0]["message"] == "too fast"


def test_a_run_is_started_shown_and_cancelled(moto_aws: MotoAws, names: Names, app: RedriveApiFlow) -> None:
    bury(moto_aws, names.work_dead_letter_queue_url, WORKS)
    preview = ask(app, "GET /redrive/preview")
    started = ask(app, "POST /redrive/start", {"manifest_id": preview["manifest_id"], "canary": {"size": 2}})
    run_id = started["run_id"]
    execution = moto_aws.stepfunctions.describe_execution(executionArn=started["state_machine_execution"])
    assert (execution["name"], json.loads(execution["input"])) == (run_id, {"run_id": run_id})
    shown = ask(app, f"GET /redrive/{run_id}")
    assert (shown["status"], shown["requested_by"]) == ("RUNNING", OPERATOR)
    assert shown["request"]["canary"] == {"size": 2, "widen": 5, "max_failure_rate": 0.1, "wait_seconds": 15}
    assert ask(app, "POST /redrive/cancel", {"run_id": run_id}) == {"run_id": run_id, "status": "CANCELLING"}
    row = from_item(moto_aws.dynamodb.get_item(TableName=RUNS_TABLE, Key={"PK": {"S": f"RUN#{run_id}"}})["Item"])
    assert row["cancel_requested"] is True


def test_a_dry_start_reads_the_events_that_it_would_change(
    moto_aws: MotoAws, names: Names, app: RedriveApiFlow
) -> None:
    payload = {"orderId": "order-1", "amount": 1}
    event = json.dumps({"source": "shop", "event_type": "order", "payload": payload}).encode()
    work = make_work(payload)
    moto_aws.s3.put_object(Bucket=RAW_BUCKET, Key=work.ref.key, Body=b"x" * 7 + event)
    ref = type(work.ref)(RAW_BUCKET, work.ref.key, 7, len(event))
    bury(moto_aws, names.work_dead_letter_queue_url, [make_work(payload, ref=ref)])
    body = {"dry_run": True, "min_age_seconds": 0, "force": True, "transform": {"set": {"amount": 2}}}
    answer = ask(app, "POST /redrive/start", body)
    assert [(it["before"], it["after"]) for it in answer["diffs"]] == [(payload, {**payload, "amount": 2})]
    assert datetime.fromisoformat(answer["expiry"]["first_expires_at"]) > datetime.now(UTC)
    assert moto_aws.dynamodb.scan(TableName=RUNS_TABLE)["Items"] == []
