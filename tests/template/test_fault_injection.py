"""Faults can be injected only on stacks that request it, and then by one parameter that two functions read."""

from __future__ import annotations

import re

import pytest

from pik.domain.operate.failure_modes import EFFECTS, PATTERN
from tests.template.iam import grants
from tests.template.stack import deployed, properties, source, stages

ON = {"EnableFaultInjection": "true"}
NAME = {"Ref": "FailureModeParameter"}


def variable(function: str, **parameters: str) -> object:
    return properties(deployed(**parameters), function)["Environment"]["Variables"].get("FAILURE_MODE_PARAMETER")


def test_by_default_there_is_no_parameter_and_nothing_that_reads_one() -> None:
    template = deployed()
    assert "FailureModeParameter" not in template["Resources"]
    assert "FailureModeParameterName" not in template["Outputs"]
    assert [one for one in grants(template) if one.action.startswith("ssm:")] == []
    assert (variable("PublisherFunction"), variable("ProcessorFunction")) == ("", "")


def test_on_a_stack_for_trials_the_parameter_is_there_and_says_none() -> None:
    template = deployed(**ON)
    settings = properties(template, "FailureModeParameter")
    assert settings["Name"] == {"Fn::Sub": "/${AWS::StackName}/failure_mode"}
    assert (settings["Type"], settings["Value"]) == ("String", "none")
    assert template["Outputs"]["FailureModeParameterName"]["Value"] == NAME
    assert (variable("PublisherFunction", **ON), variable("ProcessorFunction", **ON)) == (NAME, NAME)
    assert (variable("IngestFunction", **ON), variable("ReplayFunction", **ON)) == (None, None)


def test_two_roles_may_read_that_one_parameter_and_nobody_may_change_it() -> None:
    granted = [one for one in grants(deployed(**ON)) if one.action.startswith("ssm:")]
    assert [(one.owner, one.action) for one in granted] == [
        ("PublisherRole", "ssm:GetParameter"),
        ("ProcessorRole", "ssm:GetParameter"),
    ]
    arn = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter${FailureModeParameter}"
    assert all(one.resource == {"Fn::Sub": arn} for one in granted)


def test_health_tells_whether_faults_can_be_injected() -> None:
    def told(**parameters: str) -> object:
        variables = properties(deployed(**parameters), "IngestFunction")["Environment"]["Variables"]
        return variables["ENABLE_FAULT_INJECTION"]

    assert (told(), told(**ON)) == ("false", "true")


def test_ssm_refuses_what_the_functions_do_not_know() -> None:
    pattern = source()["Resources"]["FailureModeParameter"]["Properties"]["AllowedPattern"]
    assert pattern == PATTERN
    known = [name.replace("NN", "30") for name in EFFECTS]
    assert [name for name in known if not re.match(pattern, name)] == []


@pytest.mark.parametrize("stage", stages())
def test_no_stage_of_the_configuration_asks_for_faults(stage: str) -> None:
    assert stages()[stage].get("EnableFaultInjection", "false") == "false"
