"""The steps of a switch, carried out: each is awaited until stack, schedule or mapping is as requested."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from pik.domain.operate.processor_switch import PARAMETER, SwitchRequest, SwitchStep
from pik_cli.shell.errors import Refusal, Unreachable, error_code
from pik_cli.shell.limits import CLI_SWITCH_LOOKS, CLI_SWITCH_SECONDS
from pik_cli.shell.processor_switch import GROUP_OUTPUT, ROLE_OUTPUT, SCHEDULE_NAME
from pik_cli.shell.session import Session

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import ParameterTypeDef

_BASE_CAPABILITIES: Final = ("CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND")
"""What this kit's template always needs: its roles, and SAM's transform, which a direct update carries out."""

_NO_UPDATES: Final = "No updates are to be performed"
_BUSY: Final = frozenset({"ResourceInUseException", "ResourceConflictException"})
_SHOWN_REASONS: Final = 3
_DESCRIPTION_CHARS: Final = 512  # of a schedule

Tell = Callable[[str], None]


@dataclass
class SwitchSteps:
    """One switch of one stack. `tell` gets what is being waited for."""

    session: Session
    uuid: str
    wanted: bool
    request: SwitchRequest
    run_id: str
    tell: Tell

    def carry_out(self, steps: Sequence[SwitchStep]) -> None:
        """All of them, in order. Raises Refusal and ClientError; what was done by then stays."""
        acts = {
            SwitchStep.SCHEDULE: self._schedule,
            SwitchStep.CANCEL: self._cancel,
            SwitchStep.DECLARE: self._declare,
            SwitchStep.SWITCH: self._switch,
        }
        for step in steps:
            acts[step]()

    def _schedule(self) -> None:
        """Make the schedule that ends the switch, or put it in the place of the one that exists."""
        outputs, scheduler = self.session.stack.outputs, self.session.aws.scheduler
        if GROUP_OUTPUT not in outputs or ROLE_OUTPUT not in outputs:
            raise Refusal(
                f"Stack {self.session.stack.name} has no schedule group: it was deployed from an older template.yaml.",
                "Without --for this works; or deploy the present template.yaml.",
            )
        role = outputs[ROLE_OUTPUT]
        partition = role.split(":")[1]
        who = f"pik {self.run_id}: {self.request.action} by {self.request.requested_by}. {self.request.reason}"
        schedule: dict[str, Any] = {
            "GroupName": outputs[GROUP_OUTPUT],
            "Name": SCHEDULE_NAME,
            "Description": who.strip()[:_DESCRIPTION_CHARS],
            "ScheduleExpression": f"at({self.request.until.removesuffix('Z')})",
            "ScheduleExpressionTimezone": "UTC",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "ActionAfterCompletion": "DELETE",
            "State": "ENABLED",
            "Target": {
                "Arn": f"arn:{partition}:scheduler:::aws-sdk:lambda:updateEventSourceMapping",
                "RoleArn": role,
                # "Uuid", as the scheduler spells the parameters of universal targets; Lambda's API says UUID.
                "Input": json.dumps({"Uuid": self.uuid, "Enabled": not self.wanted}),
            },
        }
        try:
            scheduler.create_schedule(**schedule)
        except ClientError as error:
            if error_code(error) != "ConflictException":
                raise
            scheduler.update_schedule(**schedule)

    def _cancel(self) -> None:
        group = self.session.stack.outputs[GROUP_OUTPUT]
        try:
            self.session.aws.scheduler.delete_schedule(GroupName=group, Name=SCHEDULE_NAME)
        except ClientError as error:  # it has fired, or somebody else has deleted it
            if error_code(error) != "ResourceNotFoundException":
                raise

    def _declare(self) -> None:
        """Change the one parameter, keep the template and all others, and wait for the end of the update."""
        stack, cloudformation = self.session.stack, self.session.aws.cloudformation
        value = str(self.wanted).lower()
        parameters: list[ParameterTypeDef] = [
            {"ParameterKey": name, "UsePreviousValue": True} for name in stack.parameters if name != PARAMETER
        ]
        parameters.append({"ParameterKey": PARAMETER, "ParameterValue": value})
        capabilities: Any = sorted({*stack.capabilities, *_BASE_CAPABILITIES})
        try:
            cloudformation.update_stack(
                StackName=stack.name,
                UsePreviousTemplate=True,
                Parameters=parameters,
                Capabilities=capabilities,
                ClientRequestToken=self.run_id,  # the SDK may repeat a request whose answer was lost
            )
        except ClientError as error:
            if error_code(error) != "ValidationError":
                raise
            message = str(error.response.get("Error", {}).get("Message", ""))
            if _NO_UPDATES in message:  # somebody else has just done the same
                return
            raise Refusal(f"CloudFormation does not update the stack: {message}", self._without_stack()) from error
        self._await_update(value)

    def _await_update(self, value: str) -> None:
        name, cloudformation = self.session.stack.name, self.session.aws.cloudformation
        for _ in range(CLI_SWITCH_LOOKS):
            stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
            status = stack["StackStatus"]
            if status in {"UPDATE_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"}:
                found = {it["ParameterKey"]: it.get("ParameterValue", "") for it in stack.get("Parameters", [])}
                if found.get(PARAMETER) == value:
                    return
            elif not status.endswith("_IN_PROGRESS"):
                raise Refusal(f"The update of stack {name} ended as {status}: {self._reasons()}", self._without_stack())
            self.tell(f"stack {name}: {status}")
            time.sleep(CLI_SWITCH_SECONDS)
        raise Unreachable(
            f"The update of stack {name} has not ended after {CLI_SWITCH_LOOKS * CLI_SWITCH_SECONDS / 60:.0f} minutes.",
            f"It may still end. See: {self.session.command('processor', 'status')}",
        )

    def _reasons(self) -> str:
        """Why resources of this update failed, the first ones first."""
        events = self.session.aws.cloudformation.describe_stack_events(StackName=self.session.stack.name)["StackEvents"]
        own = [it for it in events if it.get("ClientRequestToken", self.run_id) == self.run_id]
        failed = [it for it in reversed(own) if it.get("ResourceStatus", "").endswith("_FAILED")]
        texts = [f"{it.get('LogicalResourceId')}: {it.get('ResourceStatusReason', 'no reason given')}" for it in failed]
        return "; ".join(texts[:_SHOWN_REASONS]) or "CloudFormation gives no reason"

    def _without_stack(self) -> str:
        timed = self.session.command("processor", self.request.action, "--for", "12h")
        return f"For a time, it works without an update of the stack: {timed}"

    def _switch(self) -> None:
        """Wait until the mapping is as requested; switch it where it has come to rest otherwise."""
        functions = self.session.aws.functions
        goal = "Enabled" if self.wanted else "Disabled"
        other = "Disabled" if self.wanted else "Enabled"
        state = ""
        for _ in range(CLI_SWITCH_LOOKS):
            state = functions.get_event_source_mapping(UUID=self.uuid).get("State", "")
            if state == goal:
                return
            if state == other:
                try:
                    functions.update_event_source_mapping(UUID=self.uuid, Enabled=self.wanted)
                except ClientError as error:  # another change is under way: look again
                    if error_code(error) not in _BUSY:
                        raise
            self.tell(f"event source mapping: {state}")
            time.sleep(CLI_SWITCH_SECONDS)
        raise Unreachable(
            f"The event source mapping is {state}, and not {goal}, after "
            f"{CLI_SWITCH_LOOKS * CLI_SWITCH_SECONDS / 60:.0f} minutes.",
            f"It may still change. See: {self.session.command('processor', 'status')}",
        )
