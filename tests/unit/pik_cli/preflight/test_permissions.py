"""The actions of a deploy cover the template, and every name that they use exists."""

from __future__ import annotations

import pytest

from pik_cli.preflight.permissions import ACTIONS, DEPLOY, by_resource, principal_arn, unknown_kinds
from pik_cli.preflight.template import TemplateReader
from tests.template.stack import defaults, source

PLACE = {"partition": "aws-cn", "region": "cn-north-1", "account": "1", "stack": "pik"}


def test_every_type_of_the_template_has_its_actions() -> None:
    assert unknown_kinds(resource["Type"] for resource in source()["Resources"].values()) == []


def test_every_action_is_asked_about_once_with_a_resource_of_its_partition() -> None:
    actions = sorted({*DEPLOY, *(action for named in ACTIONS.values() for action in named)})
    found = by_resource(actions, **PLACE)
    assert sorted(action for named in found.values() for action in named) == actions
    assert all(arn == "*" or arn.startswith("arn:aws-cn:") for arn in found)


@pytest.mark.parametrize(
    ("caller", "principal"),
    [
        ("arn:aws:iam::1:user/team/ann", "arn:aws:iam::1:user/team/ann"),
        ("arn:aws-cn:sts::1:assumed-role/Deploy/session", "arn:aws-cn:iam::1:role/Deploy"),
        ("arn:aws:iam::1:root", None),
    ],
)
def test_the_principal_of_a_session_is_its_role(caller: str, principal: str | None) -> None:
    assert principal_arn(caller) == principal


def test_what_a_template_takes_is_read_from_it_and_not_copied() -> None:
    names = {"AWS::StackName": "pik", "AWS::Region": "eu-west-1", "AWS::AccountId": "1", "AWS::Partition": "aws"}
    values = {**defaults(), "IngestReservedConcurrency": "7", "ProcessorReservedConcurrency": "30"}
    reader = TemplateReader(source(), values, names)
    assert reader.reservations() == {"IngestReservedConcurrency": 7, "ProcessorReservedConcurrency": 30}
    assert reader.processor_cap() == ("ProcessorMaxConcurrency", int(defaults()["ProcessorMaxConcurrency"]))
    assert reader.reserved_for_cap() == 30
    assert ("AWS::Logs::LogGroup", "/aws/lambda/pik-IngestFunction") in reader.fixed_names()
    assert not [name for kind, name in reader.fixed_names() if kind == "AWS::SSM::Parameter"]
    assert not [name for kind, name in reader.fixed_names() if "WorkQueue" in name], "depends on the stack's id"
