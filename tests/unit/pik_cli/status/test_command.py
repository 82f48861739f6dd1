"""`pik status`: what is read, how it is shown, and what happens when parts cannot be read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.credentials import Credentials
from botocore.exceptions import EndpointConnectionError
from botocore.stub import ANY, Stubber
from moto import mock_aws

from pik_cli.shell.failure_mode import OUTPUT
from pik_cli.shell.queues import QUEUES, read_queue
from pik_cli.shell.stack import Stack
from pik_cli.status.read import MAPPINGS, TABLES, count_table
from tests.support.api_server import ApiServer
from tests.support.command_line import Pik, write_state
from tests.support.faults import refused

OUTPUTS = {
    **{output: f"http://queue/{name}" for name, output in QUEUES.items()},
    **{output: f"uuid-{name}" for name, output in MAPPINGS.items()},
    **{output: f"pik-{name}" for name, output in TABLES.items()},
}


class StatusClients:
    """The clients of `pik status`, with answers that tests set. `broken` has the errors of reads, by resource."""

    def __init__(self) -> None:
        self.region = "us-east-1"
        self.credentials = Credentials("a", "b")
        self.counts = dict.fromkeys(QUEUES, 0)
        self.states = dict.fromkeys(MAPPINGS, "Enabled")
        self.broken: dict[str, Exception] = {}
        self.outputs = OUTPUTS
        self.ssm: Any = None
        self.reads = 0
        self.cloudformation = SimpleNamespace(describe_stacks=self._stacks)
        self.sqs = SimpleNamespace(get_queue_attributes=self._queue)
        self.functions = SimpleNamespace(get_event_source_mapping=self._mapping)
        self.dynamodb = SimpleNamespace(describe_table=self._table)

    def _stacks(self, **_: Any) -> dict[str, Any]:
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in self.outputs.items()]
        return {"Stacks": [{"StackName": "pik-local", "StackStatus": "CREATE_COMPLETE", "Outputs": outputs}]}

    def _queue(self, *, QueueUrl: str, AttributeNames: list[str]) -> dict[str, Any]:  # noqa: N803 (AWS's names)
        self.reads += 1
        name = QueueUrl.rsplit("/", 1)[1]
        self._break(name)
        assert AttributeNames == ["All"]
        return {"Attributes": {"ApproximateNumberOfMessages": str(self.counts[name])}}

    def _mapping(self, *, UUID: str) -> dict[str, Any]:  # noqa: N803 (AWS's names)
        name = UUID.removeprefix("uuid-")
        self._break(name)
        return {"UUID": UUID, "State": self.states[name], "LastProcessingResult": "OK", "BatchSize": 50}

    def _table(self, *, TableName: str) -> dict[str, Any]:  # noqa: N803 (AWS's names)
        name = TableName.removeprefix("pik-")
        self._break(name)
        return {"Table": {"TableStatus": "ACTIVE", "ItemCount": 1234}}

    def _break(self, name: str) -> None:
        if name in self.broken:
            raise self.broken[name]


@pytest.fixture
def cloud(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> StatusClients:
    made = StatusClients()
    monkeypatch.setattr("pik_cli.shell.session.StackAws", lambda _target: made)
    return made


def trial(cloud: StatusClients, mode: str) -> None:
    """Make the stack one that can fail on order."""
    found = {"Value": mode, "LastModifiedDate": datetime(2026, 11, 20, 10, tzinfo=UTC)}

    def parameter(*, Name: str) -> dict[str, Any]:  # noqa: N803 (AWS's names)
        cloud._break(Name)
        return {"Parameter": found}

    cloud.outputs = {**OUTPUTS, OUTPUT: "/pik-local/failure_mode"}
    cloud.ssm = SimpleNamespace(get_parameter=parameter)


def test_a_pipeline_that_is_well_is_exit_status_0(cloud: StatusClients, pik: Pik) -> None:
    result = pik("status")
    assert result.exit_code == 0, result.stderr
    assert "Nothing needs attention." in result.stdout
    rows = [line.split() for line in result.stdout.splitlines()]
    assert ["WorkQueue", "0", "-", "-"] in rows
    assert ["processor", "Enabled", "OK", "50"] in rows
    assert ["EventsTable", "ACTIVE", "1,234", "about;", "up", "to", "6", "h", "old"] in rows
    assert "dry_run=false" in result.stdout


def test_a_finding_is_exit_status_1_with_its_next_step(cloud: StatusClients, pik: Pik) -> None:
    cloud.counts["WorkDeadLetterQueue"] = 42
    cloud.states["processor"] = "Disabled"
    result = pik("status")
    assert result.exit_code == 1
    assert "2 findings:" in result.stdout
    assert "- 42 messages in the dead-letter queue" in result.stdout
    assert "nothing is lost" in result.stdout
    assert "pik logs processor --level ERROR" in result.stdout


def test_a_failure_mode_that_is_on_is_shown_and_a_finding(cloud: StatusClients, pik: Pik) -> None:
    trial(cloud, "throttle")
    result = pik("status")
    assert result.exit_code == 1
    assert "Failure mode: throttle" in result.stdout
    assert "- Failures are injected since 2026-11-20T10:00:00Z, mode throttle" in result.stdout
    shown = json.loads(pik("status", "-o", "json").stdout)
    assert shown["failure_mode"] == {"name": "throttle", "since": "2026-11-20T10:00:00Z", "problem": None}


def test_a_stack_that_cannot_fail_on_order_says_nothing_of_it(cloud: StatusClients, pik: Pik) -> None:
    assert "Failure mode" not in pik("status").stdout
    assert json.loads(pik("status", "-o", "json").stdout)["failure_mode"] is None


def test_a_failure_mode_that_may_not_be_read_is_a_finding_and_the_rest_is_shown(cloud: StatusClients, pik: Pik) -> None:
    trial(cloud, "none")
    cloud.broken["/pik-local/failure_mode"] = refused("AccessDenied", "GetQueueAttributes")
    result = pik("status")
    assert result.exit_code == 1
    assert "Failure mode: unreadable" in result.stdout
    assert "processor  Enabled" in result.stdout


def test_a_warning_of_the_api_is_a_finding(cloud: StatusClients, pik: Pik, machine: Path) -> None:
    with ApiServer(default_event_type="invoice").running() as api:
        write_state(machine, api.url)
        result = pik("status")
    assert result.exit_code == 1
    assert 'DefaultEventType "invoice" has no schema' in " ".join(result.stdout.split())


def test_json_has_everything_by_stable_names(cloud: StatusClients, pik: Pik, api: ApiServer) -> None:
    cloud.counts["BusDeadLetterQueue"] = 3
    result = pik("status", "-o", "json")
    shown = json.loads(result.stdout)
    assert result.exit_code == 1
    assert shown["stack"] == {"name": "pik-local", "region": "us-east-1", "status": "CREATE_COMPLETE"}
    assert shown["api"] == {"url": api.url, "status": "ok", "version": shown["api"]["version"], "problem": None}
    assert shown["switches"]["enable_processor"] is True
    queue = {"visible": 3, "in_flight": None, "delayed": None, "problem": None}
    assert shown["queues"][2] == {"name": "BusDeadLetterQueue", **queue}
    assert shown["mappings"][1]["enabled"] is True
    assert shown["tables"][0] == {
        "name": "EventsTable",
        "status": "ACTIVE",
        "items": 1234,
        "exact": False,
        "problem": None,
    }
    assert [it["code"] for it in shown["findings"]] == ["bus_dead_letters"]


def test_what_may_not_be_read_is_told_and_the_rest_is_shown(cloud: StatusClients, pik: Pik) -> None:
    cloud.broken["WorkQueue"] = refused("AccessDenied", "GetQueueAttributes")
    result = pik("status")
    assert result.exit_code == 1
    assert "WorkQueue could not be read: GetQueueAttributes: AccessDenied" in result.stdout
    assert "processor  Enabled" in result.stdout


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (refused("ExpiredToken"), "AWS refuses the credentials"),
        (EndpointConnectionError(endpoint_url="http://x"), "AWS does not answer"),
    ],
    ids=["credentials", "connection"],
)
def test_what_spoils_every_read_is_exit_status_3(cloud: StatusClients, pik: Pik, error: Exception, words: str) -> None:
    cloud.broken["processor"] = error
    result = pik("status")
    assert result.exit_code == 3
    assert words in result.stderr


def test_an_api_that_is_down_does_not_keep_the_rest_from_being_shown(
    cloud: StatusClients, pik: Pik, api: ApiServer
) -> None:
    api.health_status = 500
    result = pik("status")
    assert result.exit_code == 1
    assert "GET /health answered 500" in result.stdout
    assert "processor  Enabled" in result.stdout


def test_an_output_that_the_stack_lacks_is_told(
    cloud: StatusClients, pik: Pik, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(OUTPUTS, "RunsTableName")
    result = pik("status")
    assert result.exit_code == 1
    assert "RunsTable could not be read: the stack has no output RunsTableName" in result.stdout


def test_watch_looks_again_until_ctrl_c(cloud: StatusClients, pik: Pik, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            cloud.broken["WorkQueue"] = EndpointConnectionError(endpoint_url="http://x")
        if len(waits) == 3:
            cloud.broken.clear()
            cloud.counts["WorkQueue"] = 5
        if len(waits) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr("pik_cli.status.command.time.sleep", sleep)
    result = pik("status", "--watch", "--interval", "7", "-o", "json")
    assert result.exit_code == 0
    assert waits == [7, 7, 7, 7]
    looks = [json.loads(line)["queues"][0]["visible"] for line in result.stdout.splitlines()]
    assert looks == [0, 0, 5]
    assert "Could not look: AWS does not answer" in result.stderr


def test_a_watch_whose_first_look_fails_is_exit_status_3(cloud: StatusClients, pik: Pik) -> None:
    cloud.broken["WorkQueue"] = EndpointConnectionError(endpoint_url="http://x")
    assert pik("status", "--watch").exit_code == 3


@pytest.fixture
def tables(machine: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """moto's DynamoDB with an events table of items that fill several pages."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        client.create_table(
            TableName="events",
            KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "PK", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        for number in range(30):
            client.put_item(TableName="events", Item={"PK": {"S": str(number)}, "fill": {"S": "x" * 100_000}})
        yield client


def test_counting_reads_every_page_and_tells_the_sum(tables: Any) -> None:
    shown: list[int] = []
    stack = Stack("s", "", {"EventsTableName": "events"})
    table = count_table(SimpleNamespace(dynamodb=tables), stack, "EventsTable", shown.append)  # type: ignore[arg-type]
    assert (table.items, table.exact, table.status) == (30, True, "ACTIVE")
    assert len(shown) >= 2
    assert shown == sorted(shown)
    assert shown[-1] == 30


def test_exact_counts_are_shown_as_exact(cloud: StatusClients, pik: Pik, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = SimpleNamespace(
        paginate=lambda **request: [{"Count": 3}, {"Count": 4}] if request["Select"] == "COUNT" else []
    )
    monkeypatch.setattr(cloud.dynamodb, "get_paginator", lambda _name: pages, raising=False)
    result = pik("status", "--count")
    assert ["EventsTable", "ACTIVE", "7", "exactly"] in [line.split() for line in result.stdout.splitlines()]


def test_all_counts_of_a_queue_are_read(machine: Path) -> None:
    client = boto3.client("sqs", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    attributes = {
        "ApproximateNumberOfMessages": "5",
        "ApproximateNumberOfMessagesNotVisible": "6",
        "ApproximateNumberOfMessagesDelayed": "7",
    }
    with Stubber(client) as stub:
        stub.add_response("get_queue_attributes", {"Attributes": attributes}, {"QueueUrl": "u", "AttributeNames": ANY})
        queue = read_queue(SimpleNamespace(sqs=client), Stack("s", "", {"WorkQueueUrl": "u"}), "WorkQueue")  # type: ignore[arg-type]
    assert (queue.visible, queue.in_flight, queue.delayed, queue.total) == (5, 6, 7, 18)


def test_advice_leads_to_the_stack_that_was_named(cloud: StatusClients, api: ApiServer, pik: Pik) -> None:
    cloud.counts["WorkDeadLetterQueue"] = 2
    cloud.outputs = {**OUTPUTS, "ApiUrl": api.url}
    where = ("--stack", "pik-dev", "--region", "eu-west-1")
    shown = [line.strip() for line in pik(*where, "status").stdout.splitlines()]
    assert "pik --stack pik-dev --region eu-west-1 dlq analyze" in shown
    (found,) = json.loads(pik(*where, "status", "-o", "json").stdout)["findings"]
    assert "pik --stack pik-dev --region eu-west-1 dlq analyze" in found["next_step"].splitlines()
    assert "pik dlq analyze" in [line.strip() for line in pik("status").stdout.splitlines()]
