"""The state machine that carries out redrives."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_stepfunctions import SFNClient


class StateMachine:
    """One state machine."""

    def __init__(self, stepfunctions: SFNClient, arn: str) -> None:
        self._stepfunctions = stepfunctions
        self._arn = arn

    def start(self, name: str, given: Mapping[str, Any]) -> str:
        """Starts the execution with this name, unless it was started before: names are unique. Returns its ARN.

        Raises ClientError.
        """
        try:
            answer = self._stepfunctions.start_execution(
                stateMachineArn=self._arn, name=name, input=json.dumps(given, sort_keys=True)
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                raise
            return self._arn.replace(":stateMachine:", ":execution:") + f":{name}"
        return answer["executionArn"]
