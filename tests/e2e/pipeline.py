"""A deployed pipeline on a local engine, as the tests talk to it: by HTTP, and by reading what AWS keeps."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from boto3.dynamodb.types import TypeDeserializer
from typer.testing import CliRunner, Result

from pik_cli.main import app
from scripts.local import counts
from scripts.local.aws import EngineAws
from scripts.local.counts import Counts
from scripts.local.deploy import LOCAL_PARAMETERS, STACK_NAME, DeployedStack
from scripts.local.engine import Engine
from tests.support.command_line import write_state

T = TypeVar("T")

# A cold start of two functions on a busy machine with two cores was seen to take 4 s.
SECONDS = 45.0
JSON = "application/json"
NDJSON = "application/x-ndjson"


def eventually(probe: Callable[[], T | None], what: str, seconds: float = SECONDS) -> T:
    """The first true answer of `probe`; fails the test with `what` when there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.05)


@dataclass
class EnginePipeline:
    """One stack on one engine. Tests that share it use entities of their own."""

    engine: Engine
    aws: EngineAws
    deployed: DeployedStack
    http: httpx.Client = field(default_factory=lambda: httpx.Client(trust_env=False, timeout=60.0))

    def output(self, name: str) -> str:
        return self.deployed.outputs[name]

    def post(self, body: bytes | str | Any, content_type: str | None = JSON, **headers: str) -> httpx.Response:
        """POST /events; a body that is neither bytes nor text is sent as JSON."""
        content = body if isinstance(body, bytes | str) else json.dumps(body, ensure_ascii=False)
        given = {"content-type": content_type} if content_type else {}
        return self.http.post(f"{self.deployed.api_url}/events", content=content, headers=given | headers)

    def counts(self) -> Counts:
        return counts.read(self.aws, self.deployed.outputs)

    def version(self, entity: str, day: str, count: int) -> dict[str, Any]:
        """The version of an entity's day that counts `count` events, once it is there."""
        return eventually(
            lambda: next((it for it in self.versions(entity, day) if it["input_count"] == count), None),
            f"{entity} on {day} counts {count} events",
        )

    def versions(self, entity: str, day: str) -> list[dict[str, Any]]:
        """All versions of an entity's day, oldest first."""
        answer = self.aws.dynamodb.query(
            TableName=self.output("AggregatesTableName"),
            ConsistentRead=True,
            KeyConditionExpression="PK = :pk AND begins_with(SK, :versions)",
            ExpressionAttributeValues={
                ":pk": {"S": f"ENTITY#{entity}"},
                ":versions": {"S": f"DAY#{day}#RUN#LIVE#VER#"},
            },
        )
        return [plain(item) for item in answer["Items"]]

    def rows(self, entity: str) -> list[dict[str, Any]]:
        """All index rows of an entity, by time."""
        answer = self.aws.dynamodb.query(
            TableName=self.output("EventsTableName"),
            ConsistentRead=True,
            KeyConditionExpression="PK = :pk",
            ExpressionAttributeValues={":pk": {"S": f"ENTITY#{entity}"}},
        )
        return [plain(item) for item in answer["Items"]]

    def kept(self, bucket: str, key: str) -> bytes:
        """The bytes of an object."""
        return self.aws.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def drained(self) -> Counts:
        """The counts, once nothing is on its way."""
        return counts.wait_drained(self.counts, seconds=SECONDS * 2)


def command_for(pipeline: EnginePipeline, directory: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """`pik`, in a directory where it finds this engine."""
    write_state(
        directory, pipeline.engine.endpoint, api_url=pipeline.deployed.api_url, stack_name=pipeline.deployed.stack_name
    )
    monkeypatch.chdir(directory)
    monkeypatch.delenv("PIK_STACK", raising=False)
    return lambda *args: CliRunner().invoke(app, list(args))


def plain(item: Mapping[str, Any]) -> dict[str, Any]:
    """A DynamoDB item as ordinary values."""
    read = TypeDeserializer().deserialize
    return {name: read(value) for name, value in item.items()}


def order(entity: str, number: int = 1, amount: float = 10, time_text: str = "2026-11-20T10:00:00Z") -> dict[str, Any]:
    """An order in the kit's own envelope; each number is another event."""
    return {
        "source": "e2e",
        "event_type": "order",
        "entity_id": entity,
        "event_time": time_text,
        "payload": {"orderId": f"{entity}-{number}", "amount": amount},
    }


def ndjson(events: list[dict[str, Any]]) -> str:
    """Events as lines."""
    return "\n".join(json.dumps(event, ensure_ascii=False) for event in events)


def switch(pipeline: EnginePipeline, **changed: str) -> None:
    """Update the stack as an operator does: the same template, other parameters."""
    values = {**LOCAL_PARAMETERS, **changed}
    pipeline.aws.cloudformation.update_stack(
        StackName=STACK_NAME,
        UsePreviousTemplate=True,
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()],
    )

    def status() -> str | None:
        found = pipeline.aws.cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"][0]["StackStatus"]
        return None if found.endswith("_IN_PROGRESS") else found

    assert eventually(status, "the update ends") == "UPDATE_COMPLETE"
