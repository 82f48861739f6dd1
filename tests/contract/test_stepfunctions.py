"""Step Functions: one execution per name, started once however often that is requested."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.contract.refusals import code

PASS = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}})
ROLE = "arn:aws:iam::123456789012:role/r"


@pytest.fixture
def arn(aws: Any) -> str:
    found: str = aws.stepfunctions.create_state_machine(name="machine", definition=PASS, roleArn=ROLE)[
        "stateMachineArn"
    ]
    return found


def test_a_machine_and_its_executions_have_arns(aws: Any, arn: str) -> None:
    assert arn == "arn:aws:states:us-east-1:123456789012:stateMachine:machine"
    answer = aws.stepfunctions.start_execution(stateMachineArn=arn, name="one", input='{"a": 1}')
    assert answer["executionArn"] == "arn:aws:states:us-east-1:123456789012:execution:machine:one"


def test_the_same_start_again_is_answered_as_before(aws: Any, arn: str) -> None:
    first, again = (
        aws.stepfunctions.start_execution(stateMachineArn=arn, name="one", input='{"a": 1}')["executionArn"]
        for _ in range(2)
    )
    assert first == again


def test_a_name_is_not_given_to_another_execution(aws: Any, arn: str) -> None:
    aws.stepfunctions.start_execution(stateMachineArn=arn, name="one", input='{"a": 1}')
    refused = code(aws.stepfunctions.start_execution, stateMachineArn=arn, name="one", input='{"a": 2}')
    assert refused == "ExecutionAlreadyExists"


def test_a_machine_that_is_not_there_is_named(aws: Any, arn: str) -> None:
    refused = code(aws.stepfunctions.start_execution, stateMachineArn=arn + "x", name="one", input="{}")
    assert refused == "StateMachineDoesNotExist"


def test_a_name_with_other_characters_is_refused(aws: Any, arn: str) -> None:
    refused = code(aws.stepfunctions.start_execution, stateMachineArn=arn, name="a name", input="{}")
    assert refused == "InvalidName"


def test_the_fake_keeps_what_was_started(aws: Any, arn: str) -> None:
    if aws.is_moto:
        pytest.skip("what the fake shows to tests")
    aws.stepfunctions.start_execution(stateMachineArn=arn, name="one", input='{"a": 1}')
    assert aws.stepfunctions.started == {"one": {"a": 1}}
