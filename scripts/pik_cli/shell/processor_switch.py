"""The processor's switch as it is: parameter, event source mapping, and the schedule that will change it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pik.domain.operate.processor_switch import LAST_RUN, PARAMETER, SwitchSituation, takes_messages
from pik.domain.shared.row import Row
from pik_cli.shell.errors import PikError, Refusal, concerns_caller, error_code
from pik_cli.shell.output import plural
from pik_cli.shell.queues import attempt
from pik_cli.shell.session import Session
from pik_cli.shell.stack import Stack, StackAws

MAPPING_OUTPUT: Final = "ProcessorQueueMappingId"
GROUP_OUTPUT: Final = "ProcessorScheduleGroupName"
ROLE_OUTPUT: Final = "ProcessorScheduleRoleArn"
SCHEDULE_NAME: Final = "processor-switch"
"""One name, so that a stack has one such schedule at most."""

_AT: Final = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
_SETTLED: Final = frozenset({"Enabled", "Disabled"})


@dataclass(frozen=True, slots=True)
class PendingSwitch:
    """What a schedule will do, and when (UTC). `problem` is why it could not be read; then nothing else is known."""

    opens: bool = False
    at: str = ""
    description: str = ""
    problem: str = ""

    @property
    def verb(self) -> str:
        """What it does to the processor."""
        return "resumes" if self.opens else "pauses"


@dataclass(frozen=True, slots=True)
class SwitchState:
    """The switch as it is. `pending` is None without a schedule."""

    declared: bool
    dry_run: bool
    uuid: str
    mapping: str
    last_result: str = ""
    pending: PendingSwitch | None = None

    @property
    def running(self) -> bool:
        """Whether the processor takes messages, or is about to."""
        return takes_messages(self.mapping)

    @property
    def settled(self) -> bool:
        """Whether Lambda is done with the last change."""
        return self.mapping in _SETTLED

    @property
    def situation(self) -> SwitchSituation:
        """What a switch is planned from. A schedule that cannot be read is taken for none."""
        pending = self.pending
        return SwitchSituation(self.declared, self.running, pending.opens if pending and not pending.problem else None)

    @property
    def parameter(self) -> str:
        """The parameter as CloudFormation has it."""
        return str(self.declared).lower()


def is_declared(parameters: Mapping[str, str], name: str, default: str) -> bool:
    """A switch among a stack's parameters."""
    return parameters.get(name, default) == "true"


def read_switch(aws: StackAws, stack: Stack) -> SwitchState:
    """Ask Lambda and the scheduler. Raises ClientError for the mapping, Refusal for a stack that has no such switch."""
    uuid = stack.output(MAPPING_OUTPUT)
    if stack.parameters and PARAMETER not in stack.parameters:
        raise Refusal(
            f"Stack {stack.name} has no parameter {PARAMETER}.", "Check that it is this kit's stack (--stack)."
        )
    found = aws.functions.get_event_source_mapping(UUID=uuid)
    return SwitchState(
        declared=is_declared(stack.parameters, PARAMETER, "true"),
        dry_run=is_declared(stack.parameters, "DryRun", "false"),
        uuid=uuid,
        mapping=found.get("State", ""),
        last_result=found.get("LastProcessingResult", ""),
        pending=read_pending(aws, stack),
    )


def read_pending(aws: StackAws, stack: Stack) -> PendingSwitch | None:
    """The schedule that will switch the processor; None without one."""
    from botocore.exceptions import ClientError

    group = stack.outputs.get(GROUP_OUTPUT)
    if group is None:
        return None
    try:
        found = aws.scheduler.get_schedule(GroupName=group, Name=SCHEDULE_NAME)
    except ClientError as error:
        if error_code(error) == "ResourceNotFoundException":
            return None
        if concerns_caller(error):
            raise
        return PendingSwitch(problem=f"{error.operation_name}: {error_code(error)}")
    at = _AT.fullmatch(str(found.get("ScheduleExpression", "")))
    try:
        target = json.loads(found["Target"].get("Input", ""))
        opens = target["Enabled"]
    except (KeyError, TypeError, ValueError):
        opens = None
    if at is None or not isinstance(opens, bool):
        return PendingSwitch(problem=f"the schedule {SCHEDULE_NAME} of group {group} is not one that pik made")
    return PendingSwitch(opens, f"{at[1]}Z", found.get("Description", ""))


def read_last_switch(session: Session) -> Row | None:
    """The record of the latest pause or resume by `pik`; None without one, or where RunsTable cannot be read."""
    from pik.adapters.dynamodb.run_store import RunStore

    table = session.stack.outputs.get("RunsTableName")
    if table is None:
        return None
    row, _ = attempt(lambda: RunStore(session.aws.dynamodb, table).get(LAST_RUN))
    return row


def warn_when_paused(session: Session) -> None:
    """Say that what is sent now waits; for commands that send messages. Says nothing where it cannot be known."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        if MAPPING_OUTPUT not in session.stack.outputs:
            return
        state = read_switch(session.aws, session.stack)
    except (BotoCoreError, ClientError, PikError):  # the command that asks will meet it, and say it
        return
    if state.running:
        return
    pending = state.pending
    until = f" until {pending.at}" if pending and pending.opens and not pending.problem else ""
    session.output.note(
        f"The processor is paused{until}: what is sent waits in WorkQueue. "
        f"See: {session.command('processor', 'status')}"
    )


@dataclass(frozen=True, slots=True)
class SwitchVerdict:
    """What is unusual about the switch. `code` is stable, for programs; the others are for people."""

    code: str
    message: str
    next_step: str


def judge_switch(state: SwitchState, waiting: int) -> SwitchVerdict | None:
    """What an operator must know about the switch, None when the processor runs and is going to. `waiting` counts
    WorkQueue's messages."""
    pending = state.pending if state.pending and not state.pending.problem else None
    if not state.running:
        return _judge_paused(state, pending, plural(waiting, "message waits", "messages wait"))
    if pending and not pending.opens:
        return SwitchVerdict(
            "processor_pauses",
            f"The processor runs until {pending.at}, when a schedule pauses it.",
            "To keep it running: pik processor resume. To pause it now: pik processor pause",
        )
    if not state.declared:
        return SwitchVerdict(
            "processor_undeclared",
            f"The processor mapping is {state.mapping}, but the stack says {PARAMETER}=false: a deployment may end it.",
            "To keep it running: pik processor resume. To pause it: pik processor pause",
        )
    return None


def _judge_paused(state: SwitchState, pending: PendingSwitch | None, wait: str) -> SwitchVerdict:
    reasons = [
        text
        for text, applies in ((f"{PARAMETER}=false", not state.declared), ("DryRun=true", state.dry_run))
        if applies
    ]
    because = f" because the stack is deployed with {' and '.join(reasons)}" if reasons else ""
    until = ""
    if state.dry_run:
        steps = ["deploy with DryRun=false", *(["then: pik processor resume"] if not state.declared else [])]
        next_step = f"To go on, {', '.join(steps)}."
    elif pending and pending.opens:
        until = f" until {pending.at}, when a schedule resumes it"
        next_step = "To go on now: pik processor resume. To stay paused: pik processor pause"
    else:
        until = "" if reasons else f", although the stack says {PARAMETER}=true and nothing is scheduled"
        next_step = "To go on: pik processor resume"
    return SwitchVerdict(
        "processor_disabled",
        f"The processor mapping is {state.mapping}{because}{until}: nothing is lost, {wait} in the work queue.",
        next_step,
    )


def as_pending_json(pending: PendingSwitch | None) -> dict[str, Any] | None:
    """Stable form of a schedule."""
    if pending is None:
        return None
    known = not pending.problem
    return {
        "action": ("resume" if pending.opens else "pause") if known else None,
        "at": pending.at or None,
        "description": pending.description or None,
        "problem": pending.problem or None,
    }
