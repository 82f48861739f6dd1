"""Step Functions in memory: which executions were started. Nothing runs; a test runs the steps itself."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from tests.support.aws.client import Answer, Request, ServiceClient, operation
from tests.support.aws.errors import CallRefused

if TYPE_CHECKING:
    from tests.support.aws.account import FakeAws

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,80}", re.ASCII)  # a part of what AWS takes, and all that CloudWatch shows


class FakeStepFunctions(ServiceClient):
    """State machines. `started` holds the inputs of all executions by name, in order."""

    service = "stepfunctions"

    def __init__(self, aws: FakeAws) -> None:
        super().__init__(aws)
        self._machines: dict[str, dict[str, str]] = {}
        self.started: dict[str, Any] = {}

    @operation("name", "definition", "roleArn")
    def create_state_machine(self, request: Request) -> Answer:
        arn = self._aws.arn("states", f"stateMachine:{request['name']}")
        self._machines.setdefault(arn, {})
        return {"stateMachineArn": arn, "creationDate": self._aws.clock()}

    @operation("stateMachineArn", "name", "input")
    def start_execution(self, request: Request) -> Answer:
        arn = request["stateMachineArn"]
        name, text = request["name"], request.get("input", "{}")
        if arn not in self._machines:
            raise CallRefused("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")
        if not _NAME.fullmatch(name):
            raise CallRefused("InvalidName", f"Invalid Name: '{name}'")
        executions = self._machines[arn]
        execution = self._aws.arn("states", f"execution:{arn.rpartition(':')[2]}:{name}")
        if executions.setdefault(name, text) != text:
            raise CallRefused("ExecutionAlreadyExists", f"Execution Already Exists: '{execution}'")
        self.started[name] = json.loads(text)
        return {"executionArn": execution, "startDate": self._aws.clock()}
