"""What every entry point does: build its flow once, in Lambda before the first request; log what it raises."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from pik.entry import EntryPoint
from pik.observability import logger
from tests.support.aws.account import FakeAws
from tests.support.aws.stack import Function, deployed

SRC = Path(__file__).parents[2] / "src"
TELL = """
import gc, json, sys
import {module}
loaded = [name for name in ("boto3", "s3transfer", "regex", "jsonschema") if name in sys.modules]
print(json.dumps({{"collects": gc.isenabled(), "frozen": gc.get_freeze_count(), "loaded": loaded}}))
"""


def started(module: str, function: Function, **environment: str) -> dict[str, Any]:
    names = deployed(FakeAws(validate=False))
    done = subprocess.run(
        [sys.executable, "-c", TELL.format(module=module)],
        env={**names.environment(function), "PYTHONPATH": str(SRC), "AWS_DEFAULT_REGION": "us-east-1", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.parametrize(("module", "function"), [("ingest", "ingest"), ("publisher", "publisher")])
def test_a_functions_process_sets_what_it_loaded_aside_and_then_collects_garbage(
    module: str, function: Function
) -> None:
    told = started(module, function, AWS_LAMBDA_FUNCTION_NAME=function)
    assert told["collects"]
    assert told["frozen"] > 10_000


def test_another_process_keeps_its_own_ways_with_garbage() -> None:
    told = started("ingest", "ingest")
    assert told["collects"]
    assert told["frozen"] < 10_000  # what the interpreter itself sets aside, if anything


def test_ingest_loads_nothing_that_its_first_request_does_not_need() -> None:
    assert started("ingest", "ingest", AWS_LAMBDA_FUNCTION_NAME="ingest")["loaded"] == []


@pytest.mark.parametrize("module", ["ingest", "publisher", "processor", "replay", "redrive", "redrive_step"])
def test_an_entry_point_builds_its_flow_from_the_environment_when_it_is_imported_by_lambda(module: Function) -> None:
    names = deployed(FakeAws(validate=False))
    code = f"import {module}; print({module}.handler.is_ready)"
    environment = {**names.environment(module), "PYTHONPATH": str(SRC), "AWS_DEFAULT_REGION": "us-east-1"}

    def ready(**more: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", code], env={**environment, **more}, capture_output=True, text=True, check=True
        ).stdout.strip()

    assert ready(AWS_LAMBDA_FUNCTION_NAME=module) == "True"
    assert ready() == "False"


def test_a_flow_is_built_at_the_first_invocation_and_once() -> None:
    built: list[str] = []

    def build(environ: Mapping[str, str]) -> Any:
        built.append(environ["PATH"])
        return lambda event, context: {"event": event, "context": context}

    handler = EntryPoint(build)
    assert (handler.is_ready, built) == (False, [])
    assert handler({"n": 1}, "context") == {"event": {"n": 1}, "context": "context"}
    handler({"n": 2}, None)
    assert handler.is_ready
    assert len(built) == 1


def test_what_a_flow_raises_is_logged_with_its_stack_and_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(event: Any, context: Any) -> Any:
        raise LookupError("nothing there")

    handler = EntryPoint(lambda environ: fail)
    stream = StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", stream)
    with pytest.raises(LookupError, match="nothing there"):
        handler({}, None)
    line = json.loads(stream.getvalue())
    assert line["level"] == "ERROR"
    assert line["exception_name"] == "LookupError"
    assert "in fail" in line["exception"]


def test_garbage_is_not_collected_while_a_flow_is_built_and_is_afterwards() -> None:
    seen: list[bool] = []

    def build(environ: Mapping[str, str]) -> Any:
        seen.append(gc.isenabled())
        return lambda event, context: None

    EntryPoint(build)({}, None)
    assert seen == [False]
    assert gc.isenabled()


def test_entry_points_are_short_and_only_wire() -> None:
    for path in sorted(SRC.glob("*.py")):
        assert path.read_text("utf-8").count("\n") <= 40, path.name
