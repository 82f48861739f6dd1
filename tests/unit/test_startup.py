"""What a function's process does before its first request, and what it leaves out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.aws import FakeAws
from tests.fakes.stack import Function, deployed

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
