"""A deployed stack with the processor's switch, in memory: CloudFormation, the event source mapping, and the scheduler.

Requests are checked against botocore's models. Nothing happens on its own: `fire` lets the schedule act, and each look
at the stack or at the mapping brings a change under way one step further.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

from botocore.credentials import Credentials

from pik.adapters.dynamodb.items import from_item
from tests.support.aws.account import FakeAws
from tests.support.aws.errors import CallRefused, client_error
from tests.support.aws.model import check_request
from tests.support.aws.stack import RUNS_TABLE, deployed

UUID = "11111111-2222-3333-4444-555555555555"
GROUP = "pik-local-ProcessorScheduleGroup"
ROLE = "arn:aws:iam::123456789012:role/pik-local-ProcessorScheduleRole"
OPERATOR = "arn:aws:iam::123456789012:user/operator"
STACK_ARN = "arn:aws:cloudformation:us-east-1:123456789012:stack/pik-local/1"


class CommandDied(BaseException):
    """For hooks to raise: the process is gone."""


class SwitchStack:
    """`writes` lists what was changed, in order; `on_write` is called before each with its name."""

    def __init__(self) -> None:
        self.region = "us-east-1"
        self.credentials = Credentials("a", "b")
        self.aws = FakeAws()
        names = deployed(self.aws)
        self.dynamodb, self.sqs, self.s3 = self.aws.dynamodb, self.aws.sqs, self.aws.s3
        self.names = names
        self.work_queue_url = names.work_queue_url
        self.parameters = {"EnvName": "dev", "DryRun": "false", "EnableProcessor": "true", "BatchSize": "50"}
        self.status = "CREATE_COMPLETE"
        self.outputs = {
            "WorkQueueUrl": names.work_queue_url,
            "RawBucketName": names.raw_bucket,
            "RunsTableName": RUNS_TABLE,
            "ProcessorQueueMappingId": UUID,
            "ProcessorScheduleGroupName": GROUP,
            "ProcessorScheduleRoleArn": ROLE,
        }
        self.mapping = "Enabled"
        self.schedule: dict[str, Any] | None = None
        self.fails = ""
        self.stale = 0  # looks at the stack that do not see its last update yet
        self.updates: list[dict[str, Any]] = []
        self.writes: list[str] = []
        self.on_write: Callable[[str], None] = lambda _name: None
        self._looks = 0
        self._wanted = self.parameters
        self.cloudformation = SimpleNamespace(
            describe_stacks=self._describe, update_stack=self._update, describe_stack_events=self._events
        )
        self.functions = SimpleNamespace(
            get_event_source_mapping=self._get_mapping, update_event_source_mapping=self._put_mapping
        )
        self.scheduler = SimpleNamespace(
            get_schedule=self._get_schedule,
            create_schedule=self._create_schedule,
            update_schedule=self._update_schedule,
            delete_schedule=self._delete_schedule,
        )
        self.sts = SimpleNamespace(get_caller_identity=lambda: {"Arn": OPERATOR})

    @property
    def running(self) -> bool:
        return self.mapping in {"Enabled", "Enabling"}

    def fire(self) -> None:
        """Let the schedule do what it was made for, as AWS does it."""
        if self.schedule is not None:
            request = json.loads(self.schedule["Target"]["Input"])
            assert request["Uuid"] == UUID
            self.mapping = "Enabled" if request["Enabled"] else "Disabled"
            self.schedule = None

    def rest(self) -> None:
        """Let what is under way end."""
        while self.status == "UPDATE_IN_PROGRESS":
            self._describe(StackName="pik-local")
        self.mapping = {"Enabling": "Enabled", "Disabling": "Disabled"}.get(self.mapping, self.mapping)

    def runs(self) -> dict[str, dict[str, Any]]:
        """The rows of RunsTable by the run's id."""
        rows = [from_item(item) for item in self.aws.dynamodb.items(RUNS_TABLE)]
        return {str(row["PK"]).removeprefix("RUN#"): row for row in rows}

    def _write(self, name: str) -> None:
        self.on_write(name)
        self.writes.append(name)

    def _describe(self, **request: Any) -> dict[str, Any]:
        check_request("cloudformation", "describe_stacks", request)
        stack = {
            "StackName": "pik-local",
            "StackId": STACK_ARN,
            "StackStatus": self.status,
            "Capabilities": ["CAPABILITY_NAMED_IAM"],
            "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in self.outputs.items()],
            "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in self.parameters.items()],
        }
        if self.status == "UPDATE_IN_PROGRESS" and self.stale:
            self.stale -= 1
            stack["StackStatus"] = "UPDATE_COMPLETE"
        elif self.status == "UPDATE_IN_PROGRESS":
            self._looks += 1
            if self._looks >= 2:
                self._end_update()
        return {"Stacks": [stack]}

    def _end_update(self) -> None:
        if self.fails:
            self.status = "UPDATE_ROLLBACK_COMPLETE"
            return
        self.status, self.parameters = "UPDATE_COMPLETE", self._wanted
        on = self.parameters["EnableProcessor"] == "true" and self.parameters["DryRun"] == "false"
        if on != self.running:
            self.mapping = "Enabling" if on else "Disabling"

    def _update(self, **request: Any) -> dict[str, Any]:
        check_request("cloudformation", "update_stack", request)
        self._write("update_stack")
        given = {it["ParameterKey"]: it for it in request["Parameters"]}
        if given.keys() != self.parameters.keys():  # CloudFormation gives those that are left out their defaults
            raise AssertionError(f"parameters left out: {self.parameters.keys() - given.keys()}")
        wanted = {
            key: self.parameters[key] if it.get("UsePreviousValue") else it["ParameterValue"]
            for key, it in given.items()
        }
        if not request.get("UsePreviousTemplate") or not {"CAPABILITY_AUTO_EXPAND"} <= set(request["Capabilities"]):
            raise _refused("update_stack", "InsufficientCapabilitiesException", "Requires CAPABILITY_AUTO_EXPAND")
        if self.status.endswith("_IN_PROGRESS"):
            raise _refused(
                "update_stack", "ValidationError", f"Stack is in {self.status} state and can not be updated."
            )
        if wanted == self.parameters:
            raise _refused("update_stack", "ValidationError", "No updates are to be performed.")
        self.updates.append(request)
        self.status, self._looks, self._wanted = "UPDATE_IN_PROGRESS", 0, wanted
        return {"StackId": STACK_ARN}

    def _events(self, **request: Any) -> dict[str, Any]:
        check_request("cloudformation", "describe_stack_events", request)
        event = {"LogicalResourceId": "IngestFunction", "ResourceStatus": "UPDATE_FAILED"}
        return {"StackEvents": [{**event, "ResourceStatusReason": self.fails}]}

    def _get_mapping(self, **request: Any) -> dict[str, Any]:
        check_request("lambda", "get_event_source_mapping", request)
        assert request["UUID"] == UUID
        state = self.mapping
        self.mapping = {"Enabling": "Enabled", "Disabling": "Disabled", "Updating": "Enabled"}.get(state, state)
        return {"UUID": UUID, "State": state, "LastProcessingResult": "OK"}

    def _put_mapping(self, **request: Any) -> dict[str, Any]:
        check_request("lambda", "update_event_source_mapping", request)
        self._write("update_event_source_mapping")
        if self.mapping not in {"Enabled", "Disabled"}:
            raise _refused("update_event_source_mapping", "ResourceInUseException", "being updated", "lambda")
        self.mapping = "Enabling" if request["Enabled"] else "Disabling"
        return {"UUID": UUID, "State": self.mapping}

    def _get_schedule(self, **request: Any) -> dict[str, Any]:
        check_request("scheduler", "get_schedule", request)
        if self.schedule is None:
            raise _refused("get_schedule", "ResourceNotFoundException", "Schedule does not exist.", "scheduler")
        return self.schedule

    def _create_schedule(self, **request: Any) -> dict[str, Any]:
        check_request("scheduler", "create_schedule", request)
        if self.schedule is not None:
            raise _refused("create_schedule", "ConflictException", "Schedule already exists.", "scheduler")
        self._write("create_schedule")
        return self._keep(request)

    def _update_schedule(self, **request: Any) -> dict[str, Any]:
        check_request("scheduler", "update_schedule", request)
        self._write("update_schedule")
        return self._keep(request)

    def _keep(self, request: Mapping[str, Any]) -> dict[str, Any]:
        assert request["GroupName"] == GROUP
        assert request["Target"]["RoleArn"] == self.outputs["ProcessorScheduleRoleArn"]
        self.schedule = dict(request)
        return {"ScheduleArn": "arn:aws:scheduler:us-east-1:123456789012:schedule/group/name"}

    def _delete_schedule(self, **request: Any) -> dict[str, Any]:
        check_request("scheduler", "delete_schedule", request)
        self._write("delete_schedule")
        if self.schedule is None:
            raise _refused("delete_schedule", "ResourceNotFoundException", "Schedule does not exist.", "scheduler")
        self.schedule = None
        return {}


def _refused(operation: str, code: str, message: str, service: str = "cloudformation") -> Exception:
    return client_error(service, operation, CallRefused(code, message))
