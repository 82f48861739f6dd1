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
from pik.flows import process as processor_module
from pik.flows import publish as publisher_module
from pik.flows.publish import PublishFlow
from pik.settings import PublisherSettings
from tests.support.aws.account import FakeAws
from tests.support.aws.stack import Function, deployed
from tests.support.makers import index_row, make_work, stream_record
from tests.support.pipeline import CountedPipeline, assert_counted_once

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
    stage = CountedPipeline()
    set_mode(stage.aws, "access_denied")
    stage.aws.calls.clear()
    works = stage.orders(2)
    assert stage.process(*works) == []
    assert type(stage.processor._raw) is RawStore
    assert_counted_once(stage, works)
    publisher = PublishFlow(PublisherSettings(stage.names.work_queue_url, dry_run=False), stage.aws)  # type: ignore[arg-type]
    assert type(publisher._queue) is WorkQueue
    assert "ssm" not in {service for service, _ in stage.aws.calls}


# --- on ---------------------------------------------------------------------------------------------------------------


class Trial(CountedPipeline):
    """A stage whose processor fails on order."""

    def order(self, mode: str) -> None:
        """What goes wrong from here on; a processor that never looked before sees it at once."""
        set_mode(self.aws, mode)
        self.processor = self.new_processor(failure_mode_parameter=NAME)


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
    trial = Trial()
    works = trial.orders(3)
    trial.order(mode)
    trial.process(*works)
    assert trial.versions() == []
    assert {(row["category"], row["error_type"]) for row in trial.failures()} == {(category, error_type)}
    assert len(trial.failures()) == 3

    trial.order("none")
    assert trial.process(*works, receive_count=2) == []
    assert_counted_once(trial, works)


def test_what_was_injected_can_be_told_from_the_real_thing() -> None:
    trial = Trial()
    trial.order("throttle")
    trial.process(*trial.orders(1))
    (row,) = trial.failures()
    assert "injected fault: throttle" in row["message"]
    assert row["place"] == "pik.adapters.fault_injection:FaultyRawStore.read"


def test_a_share_of_the_reads_fails_and_the_others_count(monkeypatch: pytest.MonkeyPatch) -> None:
    chances = iter([0.9, 0.1, 0.5, 0.2] * 10)
    monkeypatch.setattr(processor_module.random, "random", lambda: next(chances))
    trial = Trial()
    trial.order("random_fail_p30")
    trial.process(*trial.orders(4))
    assert len(trial.failures()) == 2
    (version,) = trial.versions()
    assert len(version.added) == 2


def test_a_message_that_was_sent_twice_on_order_counts_once() -> None:
    stage = CountedPipeline()
    set_mode(stage.aws, "duplicate_submit")
    settings = PublisherSettings(stage.names.work_queue_url, dry_run=False, failure_mode_parameter=NAME)
    publisher = PublishFlow(settings, stage.aws)  # type: ignore[arg-type]
    (work,) = stage.orders(1)
    assert publisher({"Records": [stream_record(index_row(work), 0)]}, None) == {"batchItemFailures": []}
    assert len(stage.aws.sqs.messages(stage.names.work_queue_url)) == 2
    assert stage.process(work, work) == []
    assert_counted_once(stage, [work])


@pytest.mark.parametrize("module", [processor_module, publisher_module], ids=["processor", "publisher"])
def test_a_mode_that_cannot_be_read_is_warned_of_and_none(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(module.logger, "warning", lambda message, **facts: said.append((message, facts)))
    trial = Trial()
    works = [make_work({"n": 1})] if module is publisher_module else trial.orders(2)
    if module is publisher_module:
        settings = PublisherSettings(trial.names.work_queue_url, dry_run=False, failure_mode_parameter=NAME)
        publisher = PublishFlow(settings, trial.aws)  # type: ignore[arg-type]
        assert publisher({"Records": [stream_record(index_row(works[0]), 0)]}, None) == {"batchItemFailures": []}
    else:
        assert trial.process(*works, processor=trial.new_processor(failure_mode_parameter=NAME)) == []
        assert_counted_once(trial, works)
    ((message, facts),) = said
    assert "no fault is injected" in message
    assert "ParameterNotFound" in str(facts["exc_info"])


def test_a_dry_run_looks_at_the_mode_and_writes_nothing() -> None:
    trial = Trial()
    works = trial.orders(2)
    set_mode(trial.aws, "poison_payload")
    processor = trial.new_processor(failure_mode_parameter=NAME, dry_run=True)
    trial.aws.calls.clear()
    assert trial.process(*works, processor=processor) == [0, 1]
    assert {operation for _, operation in trial.aws.calls} <= {"get_parameter", "query", "batch_get_item", "get_item"}
