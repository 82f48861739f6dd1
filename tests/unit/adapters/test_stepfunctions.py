"""The state machine: one execution of a name, however often it is started."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from pik.adapters.stepfunctions import StateMachine
from tests.support.aws.stack import deployed


def test_an_execution_is_started_once_and_found_again(aws: Any) -> None:
    arn = deployed(aws).redrive_state_machine_arn
    machine = StateMachine(aws.stepfunctions, arn)
    execution = machine.start("rdr-1", {"run_id": "rdr-1"})
    assert execution == arn.replace("stateMachine", "execution") + ":rdr-1"
    assert machine.start("rdr-1", {"run_id": "rdr-1"}) == execution


def test_an_execution_that_has_ended_or_had_other_input_counts_as_started(aws: Any) -> None:
    machine = StateMachine(aws.stepfunctions, deployed(aws).redrive_state_machine_arn)
    execution = machine.start("rdr-1", {"run_id": "rdr-1"})
    assert machine.start("rdr-1", {"run_id": "another"}) == execution


def test_a_machine_that_is_gone_raises(aws: Any) -> None:
    arn = deployed(aws).redrive_state_machine_arn
    with pytest.raises(ClientError, match="StateMachineDoesNotExist"):
        StateMachine(aws.stepfunctions, f"{arn}x").start("rdr-1", {})
