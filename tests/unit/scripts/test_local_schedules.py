"""What the engine's scheduler lacks: a schedule that is due is carried out once, with its own role."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from scripts.local.schedules import SWITCH_TARGET, ScheduleRunner
from tests.support.faults import refused

DUE = datetime(2026, 11, 20, 10, 5, tzinfo=UTC)
BEFORE, AFTER = DUE - timedelta(seconds=1), DUE + timedelta(seconds=1)


class NotFound(Exception):
    """The scheduler has no such schedule."""


class EngineSchedules:
    """The engine's schedules, and what was done to the mapping with which role."""

    def __init__(self) -> None:
        self.schedules: dict[str, dict[str, Any]] = {}
        self.done: list[tuple[str, bool]] = []
        self.denied = False
        pages = SimpleNamespace(paginate=self._pages)
        self.scheduler = SimpleNamespace(
            get_paginator=lambda _name: pages,
            get_schedule=self._get,
            delete_schedule=self._delete,
            exceptions=SimpleNamespace(ResourceNotFoundException=NotFound),
        )

    def add(self, *, enabled: bool = True, target: str = f"arn:aws:scheduler:::{SWITCH_TARGET[1:]}") -> None:
        request = json.dumps({"Uuid": "uuid", "Enabled": enabled})
        self.schedules["switch"] = {
            "GroupName": "group",
            "Name": "switch",
            "ScheduleExpression": "at(2026-11-20T10:05:00)",
            "Target": {"Arn": target, "RoleArn": "role", "Input": request},
        }

    def functions_as(self, role_arn: str) -> Any:
        def update(*, UUID: str, Enabled: bool) -> None:  # noqa: N803 (AWS's names)
            if self.denied:
                raise refused("AccessDeniedException", "UpdateEventSourceMapping")
            assert UUID == "uuid"
            self.done.append((role_arn, Enabled))

        return SimpleNamespace(update_event_source_mapping=update)

    def _pages(self) -> list[dict[str, Any]]:
        return [{"Schedules": list(self.schedules.values())}]

    def _get(self, *, GroupName: str, Name: str) -> dict[str, Any]:  # noqa: N803 (AWS's names)
        assert GroupName == "group"
        return self.schedules[Name]

    def _delete(self, *, GroupName: str, Name: str) -> None:  # noqa: N803 (AWS's names)
        if Name not in self.schedules:
            raise NotFound
        del self.schedules[Name]


@pytest.fixture
def engine() -> EngineSchedules:
    return EngineSchedules()


@pytest.fixture
def runner(engine: EngineSchedules) -> ScheduleRunner:
    aws: Any = engine
    return ScheduleRunner(aws)


@pytest.mark.parametrize("enabled", [True, False])
def test_a_schedule_is_carried_out_when_it_is_due_and_once(
    engine: EngineSchedules, runner: ScheduleRunner, enabled: bool
) -> None:
    engine.add(enabled=enabled)
    runner.look(BEFORE)
    assert engine.done == []
    runner.look(AFTER)
    runner.look(AFTER)
    assert engine.done == [("role", enabled)]
    assert engine.schedules == {}


def test_one_that_the_engine_dropped_when_it_was_due_is_carried_out(
    engine: EngineSchedules, runner: ScheduleRunner
) -> None:
    engine.add()
    runner.look(BEFORE)
    engine.schedules.clear()
    runner.look(AFTER)
    runner.look(AFTER)
    assert engine.done == [("role", True)]


def test_one_that_was_deleted_before_its_time_is_not(engine: EngineSchedules, runner: ScheduleRunner) -> None:
    engine.add()
    runner.look(BEFORE)
    engine.schedules.clear()
    runner.look(BEFORE)
    runner.look(AFTER)
    assert engine.done == []


def test_one_that_was_replaced_does_what_the_later_one_says(engine: EngineSchedules, runner: ScheduleRunner) -> None:
    engine.add(enabled=True)
    runner.look(BEFORE)
    engine.add(enabled=False)
    runner.look(AFTER)
    assert engine.done == [("role", False)]


def test_other_schedules_are_the_engines(engine: EngineSchedules, runner: ScheduleRunner) -> None:
    engine.add(target="arn:aws:sqs:us-east-1:000000000000:queue")
    runner.look(AFTER)
    assert engine.done == []
    assert len(engine.schedules) == 1


def test_a_role_that_may_not_is_printed_and_not_tried_again(
    engine: EngineSchedules, runner: ScheduleRunner, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.add()
    engine.denied = True
    runner.look(AFTER)
    engine.denied = False
    runner.look(AFTER)
    assert engine.done == []
    assert "AccessDeniedException" in capsys.readouterr().out
