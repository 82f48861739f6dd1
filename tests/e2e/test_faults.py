"""A fault on order: events fail as long as it is on, with the reason on record, and no longer."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from pik.domain.shared.limits import FAILURE_MODE_CACHE_SECONDS
from pik_cli.main import app
from scripts.local.deploy import LOCAL_PARAMETERS
from scripts.local.engine import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY
from tests.e2e.conftest import QUICK, running
from tests.e2e.pipeline import EnginePipeline, eventually, order, plain


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EnginePipeline]:
    """One of our own: while a fault is on, every event of a pipeline fails."""
    with running(tmp_path_factory.mktemp("faults"), QUICK) as own:
        yield own


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)


def pik(pipeline: EnginePipeline, *words: str) -> Result:
    """The command, on this pipeline."""
    stack = ("--stack", pipeline.deployed.stack_name, "--region", REGION, "--endpoint-url", pipeline.engine.endpoint)
    return CliRunner().invoke(app, [*stack, *words])


def told(pipeline: EnginePipeline, *words: str) -> Any:
    return json.loads(pik(pipeline, "-o", "json", *words).stdout)


def failures(pipeline: EnginePipeline, event_id: str) -> list[dict[str, Any]]:
    """The ledger's rows of an event."""
    answer = pipeline.aws.dynamodb.query(
        TableName=pipeline.output("FailuresTableName"),
        KeyConditionExpression="PK = :pk",
        ExpressionAttributeValues={":pk": {"S": f"EVENT#{event_id}"}},
    )
    return [plain(item) for item in answer["Items"]]


def test_an_event_fails_on_order_and_the_next_counts_when_it_is_over(pipeline: EnginePipeline) -> None:
    assert pik(pipeline, "fault", "set", "poison_payload", "--yes").exit_code == 0
    poisoned = pipeline.post(order("on-order", 1)).json()
    row = eventually(lambda: failures(pipeline, poisoned["event_id"]), "the failure is on record")[0]
    assert row["category"] == "VALIDATION"
    assert [it["code"] for it in told(pipeline, "status")["findings"] if it["code"] == "fault_injected"]
    assert told(pipeline, "fault", "show")["mode"] == "poison_payload"

    assert pik(pipeline, "fault", "clear").exit_code == 0
    time.sleep(FAILURE_MODE_CACHE_SECONDS + 1)  # what a function goes by, and the read itself
    pipeline.post(order("on-order", 2, amount=7))

    assert pipeline.version("on-order", "2026-11-20", 1)["metrics"]["daily_amount_sum"] == {"XXX": "7"}
    assert "fault_injected" not in {it["code"] for it in told(pipeline, "status")["findings"]}


def test_the_roles_let_both_functions_read_the_mode(pipeline: EnginePipeline) -> None:
    """A parameter that may not be read would be warned of."""
    for function in ("Publisher", "Processor"):
        found = pipeline.aws.logs.filter_log_events(logGroupName=pipeline.output(f"{function}LogGroupName"))["events"]
        assert found, function
        assert [it["message"] for it in found if "no failure mode could be read" in it["message"]] == []


def test_a_stack_without_fault_injection_says_so_and_refuses(tmp_path: Path) -> None:
    with running(tmp_path, {**LOCAL_PARAMETERS, "EnableFaultInjection": "false"}) as plain_stack:
        refused = pik(plain_stack, "fault", "set", "throttle", "--yes")
        assert refused.exit_code == 1
        assert "EnableFaultInjection=true" in refused.stderr
        health = plain_stack.http.get(f"{plain_stack.deployed.api_url}/health").json()
        assert health["switches"]["fault_injection"] is False
        plain_stack.post(order("unharmed"))
        plain_stack.version("unharmed", "2026-11-20", 1)
