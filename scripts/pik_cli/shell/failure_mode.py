"""A stack's failure mode: what goes wrong on order, and since when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pik.domain.operate.failure_modes import NO_FAULT, FaultMode, UnknownFaultMode, parse_fault_mode
from pik_cli.shell.queues import attempt
from pik_cli.shell.stack import Stack, StackAws

OUTPUT: Final = "FailureModeParameterName"
"""The stack's output that names the parameter; a stack without it was deployed with EnableFaultInjection=false."""


@dataclass(frozen=True, slots=True)
class FaultState:
    """The mode that the parameter names, and since when; `problem` is why it could not be read."""

    name: str = ""
    since: str = ""
    problem: str = ""

    @property
    def mode(self) -> FaultMode | None:
        """None for a name of no mode, which functions take as none."""
        try:
            return parse_fault_mode(self.name)
        except UnknownFaultMode:
            return None

    @property
    def injects(self) -> bool:
        """Whether anything fails on order."""
        return self.mode not in (None, NO_FAULT)


def read_state(aws: StackAws, stack: Stack) -> FaultState | None:
    """What fails on request; None on a stack that was deployed without fault injection."""
    name = stack.outputs.get(OUTPUT)
    if name is None:
        return None
    found, problem = attempt(lambda: read_parameter(aws, name))
    return found or FaultState(problem=problem)


def read_parameter(aws: StackAws, parameter: str) -> FaultState:
    """Ask SSM. Raises ClientError."""
    found = aws.ssm.get_parameter(Name=parameter)["Parameter"]
    return FaultState(found["Value"], moment(found["LastModifiedDate"]))


def moment(when: datetime) -> str:
    """A time in UTC, to the second."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
