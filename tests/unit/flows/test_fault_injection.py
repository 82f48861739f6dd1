"""Faults on order in the functions: where they are off nothing of them is there, where they are on events are safe."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pik.adapters.s3.raw_store import RawStore
from pik.adapters.sqs.work_queue import WorkQueue
from pik.domain.operate.failure_modes import poison
from pik.domain.shared.failures import Cause, mark_injected
from pik.flows import process as processor_module
from pik.flows import publish as publisher_module
from pik.flows.publish import PublishFlow
from pik.settings import PublisherSettings
from tests.support.aws.account import FakeAws
from tests.support.aws.stack import Function, deployed
from tests.support.makers import index_row, make_work, stream_record
from tests.support.pipeline import Pipeline, ProcessorHarness, assert_counted_once

NAME = "/pik-test/failure_mode"
SRC = Path(__file__).parents[3] / "src"
TELL = """
import gc, json, sys
import {module}
found = [name for name in sys.modules if name == "pik.adapters.fault_injection"]
print(json.dumps(found + [type(it).__name__ for it in gc.get_objects() if type(it).__name__ == "SSM"]))
"""


def set_mode(aws: Any, mode: str) -> None:
    aws.ssm.put_parameter(Name=NAME, Value=mode, Type="String", Overwrite=True)


# --- off --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", ["publisher", "processor"])
def test_a_function_that_injects_nothing_loads_nothing_for_it(function: Function) -> None:
    environment = deployed(FakeAws(validate=False)).environment(function)
    done = subprocess.run(
        [sys.executable, "-c", TELL.format(module=function)],
        env={
            **environment,
            "PYTHONPATH": str(SRC),
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_LAMBDA_FUNCTION_NAME": function,
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == []


def test_the_stores_are_the_real_ones_and_ssm_is_not_called() -> None:
    harness = ProcessorHarness()
    set_mode(harness.aws, "access_denied")
    harness.aws.calls.clear()
    works = harness.pipeline.orders(2)
    assert harness.pipeline.process(*works) == []
    assert type(harness.pipeline.processor._raw) is RawStore
    assert_counted_once(harness.pipeline, works)
    settings = PublisherSettings(harness.pipeline.names.work_queue_url, dry_run=False, raw_bucket="raw")
    publisher = PublishFlow(settings, harness.aws)  # type: ignore[arg-type]
    assert type(publisher._queue) is WorkQueue
    assert "ssm" not in {service for service, _ in harness.aws.calls}


# --- on ---------------------------------------------------------------------------------------------------------------


def inject(pipeline: Pipeline, mode: str) -> None:
    """What goes wrong from here on; a processor that never looked before sees it at once."""
    set_mode(pipeline.aws, mode)
    pipeline.processor = pipeline.new_processor(failure_mode_parameter=NAME)


@pytest.mark.parametrize(
    ("mode", "category", "error_type"),
    [
        ("poison_payload", "VALIDATION", "MalformedJson"),
        ("slow_downstream", "TIMEOUT", "ReadTimeoutError"),
        ("random_fail_p100", "TRANSIENT", "InternalError"),
        ("throttle", "TRANSIENT", "ThrottlingException"),
        ("access_denied", "PERMANENT", "AccessDenied"),
    ],
)
def test_events_fail_on_order_with_the_category_of_the_real_failure_and_count_once_when_it_is_over(
    mode: str, category: str, error_type: str
) -> None:
    harness = ProcessorHarness()
    works = harness.pipeline.orders(3)
    inject(harness.pipeline, mode)
    harness.pipeline.process(*works)
    assert harness.pipeline.versions() == []
    assert {(row["category"], row["error_type"]) for row in harness.pipeline.failures()} == {(category, error_type)}
    assert len(harness.pipeline.failures()) == 3

    inject(harness.pipeline, "none")
    assert harness.pipeline.process(*works, receive_count=2) == []
    assert_counted_once(harness.pipeline, works)


@pytest.mark.parametrize("mode", ["poison_payload", "slow_downstream", "random_fail_p100", "throttle", "access_denied"])
def test_what_was_injected_is_marked_in_the_ledger_on_the_letter_and_on_the_bus(mode: str) -> None:
    harness = ProcessorHarness()
    inject(harness.pipeline, mode)
    harness.pipeline.process(*harness.pipeline.orders(1), receive_count=harness.pipeline.names.max_receive_count)
    (row,) = harness.pipeline.failures()
    assert f"injected fault: {mode}" in row["message"]
    assert row["injected"] == mode
    (letter,) = harness.aws.sqs.messages(harness.pipeline.names.work_dead_letter_queue_url)
    found = {name: it["StringValue"] for name, it in letter.attributes.items()}
    assert (found["injected"], found["fingerprint"]) == (mode, row["fingerprint"])
    assert f"injected fault: {mode}" in found["reason"]
    assert len(found) <= 10, "SQS takes no more attributes"
    (failed,) = [json.loads(it["Detail"]) for it in harness.aws.events.published]
    assert (failed["injected"], failed["reason"]) == (mode, row["message"])


def test_a_real_failure_has_no_mark_and_another_fingerprint_than_the_injected_one() -> None:
    harness = ProcessorHarness()
    (work,) = harness.pipeline.orders(1)
    inject(harness.pipeline, "poison_payload")
    harness.pipeline.process(work)
    inject(harness.pipeline, "none")
    body = poison(work.ref.length).replace(b"injected", b"received")
    harness.aws.s3.put_object(Bucket=harness.pipeline.names.raw_bucket, Key=work.ref.key, Body=body)
    harness.pipeline.process(work, receive_count=2)
    injected, real = sorted(harness.pipeline.failures(), key=lambda row: row.get("injected", "~"))
    assert (injected["error_type"], injected["place"]) == (real["error_type"], real["place"])
    assert injected["fingerprint"] != real["fingerprint"]
    assert "injected" not in real
    assert "injected" not in real["message"]


def test_a_producer_cannot_make_a_failure_look_injected() -> None:
    error = ValueError("injected fault: throttle")
    assert Cause.of(error).injected == ""
    mark_injected(error, "throttle")
    assert Cause.of(error).injected == "throttle"


def test_the_log_does_not_send_anyone_after_a_permission_that_is_not_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[dict[str, Any]] = []
    monkeypatch.setattr("pik.flows.failing_path.logger.critical", lambda _message, **facts: said.append(facts))
    harness = ProcessorHarness()
    inject(harness.pipeline, "access_denied")
    harness.pipeline.process(*harness.pipeline.orders(1))
    (facts,) = said
    assert "pik fault clear" in facts["fix"]
    assert facts["injected"] == "access_denied"


def test_a_share_of_the_reads_fails_and_the_others_count(monkeypatch: pytest.MonkeyPatch) -> None:
    chances = iter([0.9, 0.1, 0.5, 0.2] * 10)
    monkeypatch.setattr(processor_module.random, "random", lambda: next(chances))
    harness = ProcessorHarness()
    inject(harness.pipeline, "random_fail_p30")
    harness.pipeline.process(*harness.pipeline.orders(4))
    assert len(harness.pipeline.failures()) == 2
    (version,) = harness.pipeline.versions()
    assert len(version.added) == 2


def test_a_message_that_was_sent_twice_on_order_counts_once() -> None:
    harness = ProcessorHarness()
    set_mode(harness.aws, "duplicate_submit")
    settings = PublisherSettings(
        harness.pipeline.names.work_queue_url, dry_run=False, raw_bucket="raw", failure_mode_parameter=NAME
    )
    publisher = PublishFlow(settings, harness.aws)  # type: ignore[arg-type]
    (work,) = harness.pipeline.orders(1)
    assert publisher({"Records": [stream_record(index_row(work), 0)]}, None) == {"batchItemFailures": []}
    assert len(harness.aws.sqs.messages(harness.pipeline.names.work_queue_url)) == 2
    assert harness.pipeline.process(work, work) == []
    assert_counted_once(harness.pipeline, [work])


@pytest.mark.parametrize("module", [processor_module, publisher_module], ids=["processor", "publisher"])
def test_a_mode_that_cannot_be_read_is_warned_of_and_none(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(module.logger, "warning", lambda message, **facts: said.append((message, facts)))
    harness = ProcessorHarness()
    works = [make_work({"n": 1})] if module is publisher_module else harness.pipeline.orders(2)
    if module is publisher_module:
        settings = PublisherSettings(
            harness.pipeline.names.work_queue_url, dry_run=False, raw_bucket="raw", failure_mode_parameter=NAME
        )
        publisher = PublishFlow(settings, harness.aws)  # type: ignore[arg-type]
        assert publisher({"Records": [stream_record(index_row(works[0]), 0)]}, None) == {"batchItemFailures": []}
    else:
        assert (
            harness.pipeline.process(*works, processor=harness.pipeline.new_processor(failure_mode_parameter=NAME))
            == []
        )
        assert_counted_once(harness.pipeline, works)
    ((message, facts),) = said
    assert "no fault is injected" in message
    assert "ParameterNotFound" in str(facts["exc_info"])


def test_a_dry_run_looks_at_the_mode_and_writes_nothing() -> None:
    harness = ProcessorHarness()
    works = harness.pipeline.orders(2)
    set_mode(harness.aws, "poison_payload")
    processor = harness.pipeline.new_processor(failure_mode_parameter=NAME, dry_run=True)
    harness.aws.calls.clear()
    assert harness.pipeline.process(*works, processor=processor) == [0, 1]
    assert {operation for _, operation in harness.aws.calls} <= {"get_parameter", "query", "batch_get_item", "get_item"}
