"""The processor's switch: which steps pause or resume it, in an order that may be cut off after any of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from pik import __version__
from pik.domain.shared import times
from pik.domain.shared.row import Row
from pik.domain.shared.runs import run_id_of, run_key

KIND: Final = "processor"
PARAMETER: Final = "EnableProcessor"

RUNNING: Final = "RUNNING"
COMPLETE: Final = "COMPLETE"
FAILED: Final = "FAILED"

LAST_RUN: Final = "processor-last"
"""The run id of the row that repeats the latest switch, so that it is found without reading all runs."""

_TAKING: Final = frozenset({"Enabled", "Enabling", "Creating", "Updating"})


class SwitchStep(StrEnum):
    """One step. Each may be repeated."""

    SCHEDULE = "schedule"
    """Make the schedule that switches back, or replace the one that exists."""

    CANCEL = "cancel"
    """Delete the schedule."""

    DECLARE = "declare"
    """Set the stack's parameter EnableProcessor, which switches the mapping too."""

    SWITCH = "switch"
    """Switch the mapping where it is not as requested, and wait until it is."""


@dataclass(frozen=True, slots=True)
class SwitchSituation:
    """What is known before anything is done. `declared` is the parameter, `running` whether the mapping takes messages
    or is about to, `pending` what a schedule is going to make of that; None without a schedule."""

    declared: bool
    running: bool
    pending: bool | None = None

    @property
    def settled(self) -> bool:
        """Whether the mapping is as the parameter says, and stays so."""
        return self.declared == self.running and self.pending is None


def takes_messages(state: str) -> bool:
    """Whether an event source mapping in this state reads its queue, or is about to."""
    return state in _TAKING


def plan_switch(wanted: bool, now: SwitchSituation, *, timed: bool) -> tuple[SwitchStep, ...]:
    """The steps that lead to `wanted`: True for running. Empty when there is nothing to do.

    A timed switch leaves the parameter alone: the schedule that ends it is made first, so that its end comes whatever
    dies afterwards. Otherwise a schedule that contradicts what is wanted is deleted first, so that it cannot undo it,
    and one that agrees is deleted last, so that it still leads there when a step before it is not reached.
    """
    if timed:
        return (SwitchStep.SCHEDULE, SwitchStep.SWITCH)
    steps: list[SwitchStep] = []
    if now.pending == (not wanted):
        steps.append(SwitchStep.CANCEL)
    if now.declared != wanted:
        steps.append(SwitchStep.DECLARE)
    if now.declared != wanted or now.running != wanted:
        steps.append(SwitchStep.SWITCH)
    if now.pending == wanted:
        steps.append(SwitchStep.CANCEL)
    return tuple(steps)


def switch_id(now: str, chance: str) -> str:
    """An id that sorts by time, such as prc-20261120T101530Z-0a1b2c3d. `now`: normalized; `chance`: 8 hex digits."""
    return run_id_of("prc", now, chance)


def ends_at(now: str, seconds: int) -> str:
    """When a timed switch that begins `now` ends, to the second, as a schedule has it. `now` is normalized."""
    end = times.to_datetime(now) + timedelta(seconds=seconds)
    whole = end.replace(microsecond=0) + timedelta(seconds=1 if end.microsecond else 0)
    return whole.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class SwitchRequest:
    """Who requests what, and why. `until` is when it ends, empty for no end."""

    action: str
    requested_by: str
    reason: str
    until: str = ""

    def record(self, run_id: str, now: str, before: Mapping[str, Any]) -> Row:
        """The row of a switch that begins."""
        return {
            "PK": run_key(run_id),
            "run_id": run_id,
            "kind": KIND,
            "action": self.action,
            "status": RUNNING,
            "requested_by": self.requested_by,
            "request_id": run_id,
            "requested_at": now,
            "updated_at": now,
            "reason": self.reason,
            "until": self.until,
            "before": dict(before),
            "stopped": "",
            "code_version": __version__,
        }


def switch_changes(now: str, stopped: str = "") -> Row:
    """What the end of a switch sets in its row; `stopped` is why it failed."""
    return {"status": FAILED if stopped else COMPLETE, "updated_at": now, "stopped": stopped}
