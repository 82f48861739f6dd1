"""The part of EventBridge Scheduler that the engine lacks: one-time schedules that switch an event source mapping.

The engine keeps schedules, and drops those that are due without calling anything: it knows no universal targets. This
runner lives in the engine's process and carries them out in its place, with the schedule's own role, so that a
permission which the role lacks fails here too. Unlike AWS it does not try again, and it ends with the engine.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from scripts.local.aws import EngineAws

POLL_SECONDS: Final = 1.0
SWITCH_TARGET: Final = ":aws-sdk:lambda:updateEventSourceMapping"

_AT: Final = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")


@dataclass(frozen=True, slots=True)
class LocalSchedule:
    """A one-time schedule of the one kind that the kit makes."""

    at: datetime
    role_arn: str
    request: str


class ScheduleRunner:
    """Remembers what it has seen, because the engine may drop a schedule between two looks."""

    def __init__(self, aws: EngineAws) -> None:
        self._aws = aws
        self._known: dict[tuple[str, str], LocalSchedule] = {}

    def run(self) -> None:
        """Look again and again. Never returns, and outlives an engine that does not answer yet."""
        while True:
            time.sleep(POLL_SECONDS)
            try:
                self.look(datetime.now(UTC))
            except (ClientError, BotoCoreError) as error:
                print(f"schedules: {error}", flush=True)

    def look(self, now: datetime) -> None:
        """Carry out what is due: also what was due and is gone. What is gone before its time was deleted."""
        present = self._present()
        seen = {**self._known, **present}
        self._known = {key: it for key, it in present.items() if it.at > now}
        for key, schedule in seen.items():
            if schedule.at <= now:
                self._carry_out(key, schedule)

    def _present(self) -> dict[tuple[str, str], LocalSchedule]:
        found: dict[tuple[str, str], LocalSchedule] = {}
        for page in self._aws.scheduler.get_paginator("list_schedules").paginate():
            for summary in page["Schedules"]:
                if summary.get("Target", {}).get("Arn", "").endswith(SWITCH_TARGET):
                    key = summary["GroupName"], summary["Name"]
                    schedule = self._read(*key)
                    if schedule is not None:
                        found[key] = schedule
        return found

    def _read(self, group: str, name: str) -> LocalSchedule | None:
        try:
            answer = self._aws.scheduler.get_schedule(GroupName=group, Name=name)
        except self._aws.scheduler.exceptions.ResourceNotFoundException:
            return None
        at = _AT.fullmatch(answer["ScheduleExpression"])
        target = answer["Target"]
        if at is None:
            return None
        return LocalSchedule(datetime.fromisoformat(f"{at[1]}+00:00"), target["RoleArn"], target.get("Input", "{}"))

    def _carry_out(self, key: tuple[str, str], schedule: LocalSchedule) -> None:
        request = json.loads(schedule.request)
        try:
            functions = self._aws.functions_as(schedule.role_arn)
            functions.update_event_source_mapping(UUID=request["Uuid"], Enabled=request["Enabled"])
            print(f"schedules: {key[1]} has set Enabled={request['Enabled']}", flush=True)
        except ClientError as error:
            print(f"schedules: {key[1]} failed: {error}", flush=True)
        try:
            self._aws.scheduler.delete_schedule(GroupName=key[0], Name=key[1])
        except self._aws.scheduler.exceptions.ResourceNotFoundException:
            return
