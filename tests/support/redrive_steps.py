"""A redrive's steps on the stack in memory: dead letters, a run, and a state machine that runs the steps."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from pik.adapters.dynamodb.items import to_item
from pik.domain.redrive import run as redrive_run
from pik.domain.redrive.request import Canary, RedriveRequest
from pik.domain.redrive.selection import Criteria
from pik.domain.shared import times
from pik.domain.shared.redrive_limits import REDRIVE_STEP_MS
from pik.flows.redrive_step import RedriveStepFlow
from pik.settings import RedriveStepSettings
from tests.support.aws.account import FakeAws
from tests.support.aws.clock import Clock
from tests.support.aws.context import FakeContext
from tests.support.aws.stack import FAILURES_TABLE, RAW_BUCKET
from tests.support.faults import CallRecorder, FaultPlan
from tests.support.parts import FINGERPRINT, Letters, RunRows, WorkMessages
from tests.support.pipeline import Pipeline

MACHINE = yaml.safe_load((Path(__file__).parents[2] / "statemachines" / "redrive.asl.yaml").read_text("utf-8"))
RUN_ID = "rdr-20261120T101530Z-0a1b2c3d"
CAREFUL = Canary(size=5, widen=5, max_failure_rate=0.1, wait_seconds=15)
_MOST_EVENTS = 500


class RedriveHarness:
    """A pipeline in memory with a step function, and the state machine around it."""

    def __init__(self, *, validate: bool = True) -> None:
        self.aws = FakeAws(validate=validate)
        assert isinstance(self.aws.clock, Clock)
        self.clock = self.aws.clock
        self.pipeline = Pipeline(self.aws)
        self.faults = FaultPlan(self.aws)
        self.calls = CallRecorder(self.aws)
        self.work_queue = WorkMessages(self.aws, self.pipeline.names)
        self.letters = Letters(self.aws, self.pipeline.names, self.text)
        self.runs = RunRows(self.aws, self.calls, self.faults, RUN_ID)
        self.context = FakeContext(remaining_ms=REDRIVE_STEP_MS)
        """Of `ask`: a step has no time for another after it."""
        self.lasting = FakeContext(remaining_ms=2 * REDRIVE_STEP_MS)
        """Of `run`: a step goes on with the next where it can."""
        self.settings = RedriveStepSettings.from_env(self.pipeline.names.environment("redrive_step"))
        self.step = self.new_step()

    def new_step(self, **changes: Any) -> RedriveStepFlow:
        """A step function as another process has it."""
        settings = replace(self.settings, **changes)
        return RedriveStepFlow(settings, self.aws, now=self.moment, chance=lambda: 0.5, sleep=lambda _: None)  # type: ignore[arg-type]

    def restart_each_step(self) -> None:
        """Each step in a process of its own, as after a kill, and as Lambda may have it at any time."""

        def step(event: Any, context: Any) -> Any:
            return self.new_step()(event, context)

        self.step = step  # type: ignore[assignment]

    def moment(self) -> datetime:
        return datetime.fromtimestamp(self.clock(), UTC)

    def text(self, ago: float = 0) -> str:
        return times.from_datetime(datetime.fromtimestamp(self.clock() - ago, UTC))

    def begin(self, run_id: str = RUN_ID, **request: Any) -> None:
        """The row of a run, as the API writes it."""
        members = {"action": "redrive", "criteria": Criteria(min_age_seconds=60, attempt_budget=3), **request}
        self.runs.put(redrive_run.first_record(run_id, RedriveRequest(**members), "ada", "request-1", self.text()))
        self.calls.forget()

    def ask(self, step: str, run_id: str = RUN_ID, **more: Any) -> dict[str, Any]:
        return self.step({"step": step, "run_id": run_id, **more}, self.context)

    def run(self, run_id: str = RUN_ID, work: Any = None) -> dict[str, Any]:
        """The whole state machine, from its definition; `work` is what happens while it waits. The row at the end."""

        def wait(seconds: float) -> None:
            if work:
                work()
            self.clock.advance(seconds)

        def invoke(payload: Any) -> Any:
            self.clock.advance(0.001)  # no two attempts of a step happen at one time
            return self.step(payload, self.lasting)

        execute(MACHINE, {"run_id": run_id}, invoke, wait)
        return self.runs.row(run_id)

    def apply(self) -> None:
        """The processor at work, all going well."""
        works = self.work_queue.drain()
        for at in range(0, len(works), 10):
            assert self.pipeline.process(*works[at : at + 10]) == []

    def fail(self, fingerprint: str = FINGERPRINT) -> None:
        """The processor at work, everything failing and dead again at once."""
        works = self.work_queue.drain()
        for work in works:
            row = {
                **work.columns(),
                "PK": f"EVENT#{work.event_id}",
                "SK": f"AT#{self.text()}#{work.attempts_before + 1:03d}",
                "category": "VALIDATION",
                "error_type": "HashMismatch",
                "fingerprint": fingerprint,
                "message": "the stored event holds no payload",
                "attempt": work.attempts_before + 1,
                "failed_at": self.text(),
            }
            self.aws.dynamodb.put_item(TableName=FAILURES_TABLE, Item=to_item(row))
        self.letters.bury(works, age=0, fingerprint=fingerprint)

    def file(self, key: str) -> Any:
        return json.loads(self.aws.s3.get_object(Bucket=RAW_BUCKET, Key=key)["Body"].read())


def execute(machine: Mapping[str, Any], given: Any, invoke: Callable[[Any], Any], wait: Callable[[float], None]) -> str:
    """Runs a state machine, as far as that of the kit needs: the name of the state in which it ends."""
    name, value = machine["StartAt"], given
    for _ in range(_MOST_EVENTS):
        state = machine["States"][name]
        match state["Type"]:
            case "Task":
                name, value = _task(state, value, invoke)
            case "Wait":
                wait(value[state["SecondsPath"].removeprefix("$.")])
                name = state["Next"]
            case "Choice":
                fits = [it for it in state["Choices"] if value[it["Variable"].removeprefix("$.")] == it["StringEquals"]]
                name = fits[0]["Next"] if fits else state["Default"]
            case _:
                return str(name)
    raise AssertionError("never ends")


def _task(state: Mapping[str, Any], value: Any, invoke: Callable[[Any], Any]) -> tuple[str, Any]:
    payload = {
        member.removesuffix(".$"): value[it.removeprefix("$.")] if member.endswith(".$") else it
        for member, it in state["Parameters"].items()
    }
    for attempt in range(1 + state["Retry"][0]["MaxAttempts"]):
        try:
            return state["Next"], invoke(payload)
        # Whatever a function raises, Step Functions repeats it, and then goes where the state's Catch says.
        except BaseException as error:
            if attempt < state["Retry"][0]["MaxAttempts"]:
                continue
            if "Catch" not in state:
                raise
            cause = {"Error": type(error).__name__, "Cause": str(error)}
            return state["Catch"][0]["Next"], {**value, state["Catch"][0]["ResultPath"].removeprefix("$."): cause}
    raise AssertionError("unreachable")


def balanced(row: dict[str, Any]) -> None:
    """Every message that a run looked at is counted once."""
    totals = row["totals"]
    done = totals["redriven"] + totals["rescued"]
    parts = done + sum(totals["skipped"].values()) + totals["already_gone"] + totals["failed"]
    assert totals["selected"] == parts, totals
    assert row["selected"] == totals["selected"]
