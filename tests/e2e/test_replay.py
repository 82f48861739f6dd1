"""Replay on the real template: what LIVE holds stays as it is, what it missed comes back, a shadow is separate."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.credentials import Credentials

from pik_cli.shell.api import HttpApi, signature
from scripts.local.deploy import STACK_NAME
from scripts.local.engine import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY
from tests.e2e.conftest import running
from tests.e2e.pipeline import NDJSON, EnginePipeline, eventually, ndjson, order, plain

DAY = "2026-11-20"
WINDOW = {"start_time": f"{DAY}T00:00:00Z", "end_time": "2026-11-21T00:00:00Z"}


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EnginePipeline]:
    """One of our own: its queue is purged and its mapping switched."""
    with running(tmp_path_factory.mktemp("replay")) as own:
        yield own


def operator(pipeline: EnginePipeline) -> HttpApi:
    """The API with an operator's signature."""
    sign = signature(Credentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY), REGION)
    return HttpApi(pipeline.deployed.api_url, pipeline.http, sign)


def ask(pipeline: EnginePipeline, **body: Any) -> httpx.Response:
    content = json.dumps(body).encode()
    return operator(pipeline).call("POST", "/replay", content, {"content-type": "application/json"})


def replayed(pipeline: EnginePipeline, **body: Any) -> dict[str, Any]:
    answer = ask(pipeline, **WINDOW, **body)
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()
    assert result["status"] == "COMPLETE"
    return result


def versions(pipeline: EnginePipeline, entity: str, run: str) -> list[dict[str, Any]]:
    answer = pipeline.aws.dynamodb.query(
        TableName=pipeline.output("AggregatesTableName"),
        ConsistentRead=True,
        KeyConditionExpression="PK = :pk AND begins_with(SK, :versions)",
        ExpressionAttributeValues={
            ":pk": {"S": f"ENTITY#{entity}"},
            ":versions": {"S": f"DAY#{DAY}#RUN#{run}#VER#"},
        },
    )
    return [plain(item) for item in answer["Items"]]


def test_without_a_signature_nobody_replays(pipeline: EnginePipeline) -> None:
    unsigned = pipeline.http.post(f"{pipeline.deployed.api_url}/replay", json=WINDOW | {"entity_id": "x"})
    assert unsigned.status_code in {401, 403}
    assert pipeline.http.get(f"{pipeline.deployed.api_url}/replay/rpl-1").status_code in {401, 403}


def test_replaying_what_live_holds_changes_nothing(pipeline: EnginePipeline) -> None:
    pipeline.post(ndjson([order("held", number) for number in range(3)]), NDJSON)
    pipeline.version("held", DAY, 3)
    pipeline.drained()
    before = pipeline.versions("held", DAY)

    answer = replayed(pipeline, entity_id="held")

    assert (answer["sent"], answer["scanned"], answer["skipped"]) == (3, 3, {})
    pipeline.drained()
    assert pipeline.versions("held", DAY) == before
    record = operator(pipeline).call("GET", f"/replay/{answer['run_id']}")
    assert record.status_code == 200
    assert record.json()["totals"] == answer["totals"]
    assert record.json()["requested_by"] != "unknown"


def mapping(pipeline: EnginePipeline, *, enabled: bool) -> None:
    """Switch the processor's mapping, as EnableProcessor does."""
    uuid = pipeline.output("ProcessorQueueMappingId")
    pipeline.aws.functions.update_event_source_mapping(UUID=uuid, Enabled=enabled)


def listener(pipeline: EnginePipeline) -> str:
    """A queue that hears what the topic says."""
    url = pipeline.aws.sqs.create_queue(QueueName="replay-listener")["QueueUrl"]
    arn = pipeline.aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allow = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    pipeline.aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    pipeline.aws.sns.subscribe(TopicArn=pipeline.output("EventsTopicArn"), Protocol="sqs", Endpoint=arn)
    return url


def test_what_live_missed_comes_back_as_a_new_version_and_is_announced_as_replayed(pipeline: EnginePipeline) -> None:
    url = listener(pipeline)
    pipeline.post(order("missed", 1, amount=1))
    pipeline.version("missed", DAY, 1)
    pipeline.drained()
    mapping(pipeline, enabled=False)
    pipeline.post(ndjson([order("missed", number, amount=number) for number in (2, 3)]), NDJSON)
    eventually(lambda: pipeline.counts().waiting == 2, "both wait in WorkQueue")
    pipeline.aws.sqs.purge_queue(QueueUrl=pipeline.output("WorkQueueUrl"))
    eventually(lambda: pipeline.counts().waiting == 0, "WorkQueue is purged")
    mapping(pipeline, enabled=True)

    answer = replayed(pipeline, source="e2e", event_type="order")

    assert answer["sent"] >= 3
    latest = pipeline.version("missed", DAY, 3)
    assert latest["metrics"]["daily_amount_sum"] == {"XXX": "6"}
    assert latest["replayed"] is True
    pipeline.drained()
    numbers = [int(it["version"]) for it in pipeline.versions("missed", DAY)]
    assert numbers == list(range(1, len(numbers) + 1))

    def announced() -> dict[str, Any] | None:
        received = pipeline.aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        for message in received.get("Messages", []):
            detail: dict[str, Any] = json.loads(json.loads(message["Body"])["Message"])["detail"]
            if detail["entity_id"] == "missed" and detail["input_count"] == 3:
                return detail
        return None

    assert eventually(announced, "the topic tells of the replayed version")["replayed"] is True


def test_a_shadow_recomputes_into_its_own_run_and_leaves_live_alone(pipeline: EnginePipeline) -> None:
    pipeline.post(ndjson([order("shadowed", number, amount=number) for number in (1, 2, 3)]), NDJSON)
    pipeline.version("shadowed", DAY, 3)
    pipeline.drained()
    before = pipeline.versions("shadowed", DAY)

    answer = replayed(pipeline, entity_id="shadowed", shadow=True)

    def shadow() -> dict[str, Any] | None:
        return next((it for it in versions(pipeline, "shadowed", answer["run_id"]) if it["input_count"] == 3), None)

    found = eventually(shadow, "the shadow counts three events")
    assert (found["metrics"], found["inputs_hash"]) == (before[-1]["metrics"], before[-1]["inputs_hash"])
    pipeline.drained()
    assert pipeline.versions("shadowed", DAY) == before


def test_a_dry_run_sends_and_records_nothing(pipeline: EnginePipeline) -> None:
    pipeline.post(order("dry-replay"))
    pipeline.version("dry-replay", DAY, 1)

    answer = replayed(pipeline, entity_id="dry-replay", dry_run=True)

    assert (answer["dry_run"], answer["sent"]) == (True, 1)
    assert operator(pipeline).call("GET", f"/replay/{answer['run_id']}").status_code == 404


def test_the_command_replays_on_the_local_engine(pipeline: EnginePipeline, tmp_path: Path) -> None:
    pipeline.post(order("by-command"))
    pipeline.version("by-command", DAY, 1)
    state = {
        "endpoint": pipeline.engine.endpoint,
        "api_url": pipeline.deployed.api_url,
        "stack_name": STACK_NAME,
        "region": REGION,
        "pids": [os.getpid()],
        "log_file": "",
        "credentials": {"access_key_id": ACCESS_KEY_ID, "secret_access_key": SECRET_ACCESS_KEY},
    }
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local" / "state.json").write_text(json.dumps(state))
    pik = Path(sys.executable).with_name("pik")
    words = ["replay", "--entity", "by-command", "--from", DAY, "--to", "2026-11-21", "--yes", "-o", "json"]

    done = subprocess.run([pik, *words], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["status"], answer["sent"], answer["failed"]) == ("COMPLETE", 1, 0)
    shown = subprocess.run(
        [pik, "replay", "show", answer["run_id"]], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    assert "COMPLETE" in shown.stdout
