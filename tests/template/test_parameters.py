"""Parameters: each is explained, bounded, grouped and used; what they may be together is checked before a deploy."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.template.stack import ROOT, deployed, properties, refused_by_rules, resources, source, transformed, walk

TEXT = (ROOT / "template.yaml").read_text(encoding="utf-8")
PARAMETERS = source()["Parameters"]
EXPECTED = [
    "EnvName",
    "StageSettings",
    "Architecture",
    "LogLevel",
    "DryRun",
    "EnableProcessor",
    "DefaultEventType",
    "AllowUnknownTypes",
    "IngestAuth",
    "JwtIssuer",
    "JwtAudience",
    "CorsAllowOrigins",
    "ApiThrottleRate",
    "ApiThrottleBurst",
    "WebhookSources",
    "WebhookTopics",
    "WebhookSecretStore",
    "WebhookSecretPrefix",
    "WebhookThrottleRate",
    "WebhookThrottleBurst",
    "WebhookReservedConcurrency",
    "DedupeTtlDays",
    "RawRetentionDays",
    "BatchSize",
    "BatchWindowSeconds",
    "MaxReceiveCount",
    "ProcessorTimeoutSeconds",
    "QueueVisibilitySeconds",
    "RedactPaths",
    "OrderAmountLimits",
    "ProcessorMaxConcurrency",
    "IngestReservedConcurrency",
    "PublisherReservedConcurrency",
    "ProcessorReservedConcurrency",
    "ReplayReservedConcurrency",
    "RedriveReservedConcurrency",
    "RedriveStepReservedConcurrency",
    "UseKmsCmk",
    "KeepKmsCmk",
    "VpcSubnetIds",
    "VpcSecurityGroupIds",
    "AlarmEmail",
    "LogRetentionDays",
    "EnableFaultInjection",
]


def names_used(node: Any) -> set[str]:
    """Parameters and conditions that a part of the template refers to, by any function."""
    found: set[str] = set()
    for _, value in walk(node):
        if not isinstance(value, dict):
            continue
        for key, argument in value.items():
            if key in {"Ref", "Condition"} and isinstance(argument, str):
                found.add(argument)
            elif key == "Fn::If":
                found.add(argument[0])
            elif key == "Fn::Sub":
                text = argument if isinstance(argument, str) else argument[0]
                found |= set(re.findall(r"\$\{([A-Za-z0-9]+)\}", text))
    return found


def reason(name: str) -> str:
    """The comment directly above a parameter's default, as one line; empty when there is none."""
    block = re.search(rf"^  {name}:\n((?:    .*\n)+)", TEXT, re.MULTILINE)
    assert block
    comment = re.search(r"((?:^    # .*\n)*)    Default:", block[1], re.MULTILINE)
    assert comment
    return " ".join(line.strip("# ") for line in comment[1].splitlines())


def test_the_parameters_are_those_of_the_design() -> None:
    assert sorted(PARAMETERS) == sorted(EXPECTED)


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_parameter_has_a_default_with_its_reason_and_a_bound(name: str) -> None:
    parameter = PARAMETERS[name]
    assert "Default" in parameter
    assert len(reason(name)) >= len("As for ingest."), "a comment above the default gives its reason"
    bounds = {"AllowedValues", "AllowedPattern"} & set(parameter)
    if parameter["Type"] == "Number":
        bounds |= {"MinValue", "MaxValue"} if {"MinValue", "MaxValue"} <= set(parameter) else set()
        assert "ConstraintDescription" in parameter
    if parameter["Type"] != "CommaDelimitedList":  # for which CloudFormation checks no bound; the Rules section does
        assert bounds


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_description_is_one_sentence_and_leaves_the_default_to_its_comment(name: str) -> None:
    description = PARAMETERS[name]["Description"]
    assert re.fullmatch(r"[A-Z].+[^.]\.", description)
    assert not re.search(r"[.!?] [A-Z]|\bDefault\b", description)


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_default_keeps_its_own_bounds(name: str) -> None:
    parameter = PARAMETERS[name]
    default = parameter["Default"]
    assert default in parameter.get("AllowedValues", [default])
    assert re.fullmatch(parameter.get("AllowedPattern", ".*"), str(default))
    if "MinValue" in parameter:
        assert parameter["MinValue"] <= default <= parameter["MaxValue"]


def test_every_parameter_is_in_one_group_of_the_console() -> None:
    groups = source()["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert sorted(name for group in groups for name in group["Parameters"]) == sorted(PARAMETERS)
    assert all(group["Label"]["default"] for group in groups)


ONLY_CHECKED = {"StageSettings"}
"""Parameters that the Rules section alone reads."""


def unused_parameters(template: dict[str, Any]) -> set[str]:
    """Parameters that reach no resource, neither themselves nor through conditions."""
    used, conditions = names_used(template["Resources"]) | ONLY_CHECKED, template["Conditions"]
    waiting = [name for name in used if name in conditions]
    while waiting:
        found = names_used(conditions[waiting.pop()]) - used
        waiting += [name for name in found if name in conditions]
        used |= found
    return set(PARAMETERS) - used


def test_every_parameter_reaches_a_resource() -> None:
    assert unused_parameters(transformed()) == set()
    assert names_used(source()["Rules"]) >= ONLY_CHECKED


def test_a_parameter_that_only_an_unused_condition_reads_is_found() -> None:
    template = transformed()
    template["Resources"]["ProcessorQueueMapping"]["Properties"]["Enabled"] = True
    assert unused_parameters(template) == set()  # ENABLE_PROCESSOR still reports it
    del template["Resources"]["IngestFunction"]["Properties"]["Environment"]["Variables"]["ENABLE_PROCESSOR"]
    assert unused_parameters(template) == {"EnableProcessor"}


def test_every_condition_is_used() -> None:
    template = transformed()
    used = names_used(template["Resources"]) | names_used(template["Conditions"]) | names_used(template["Outputs"])
    assert set(template["Conditions"]) - used == set()


DEV = {"EnvName": "dev", "StageSettings": "dev"}
PROD = {"EnvName": "prod", "StageSettings": "prod"}


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"IngestAuth": "JWT", "JwtAudience": "kit"}, "requires JwtIssuer"),
        ({"IngestAuth": "JWT", "JwtIssuer": "https://id.example.com"}, "requires JwtAudience"),
        ({"BatchSize": "11", "BatchWindowSeconds": "0"}, "requires a BatchWindowSeconds"),
        ({"VpcSubnetIds": "subnet-1"}, "requires VpcSecurityGroupIds"),
        ({"ProcessorMaxConcurrency": "1"}, "must be 0 or at least 2"),
        ({"RawRetentionDays": "29"}, "at least 30"),
        ({"WebhookTopics": "sns=arn:aws:sns:us-east-1:123456789012:orders"}, "WebhookTopics requires WebhookSources"),
        ({"UseKmsCmk": "true"}, "requires KeepKmsCmk=true"),
        ({"StageSettings": ""}, "StageSettings must equal EnvName"),
        ({"EnvName": "prod"}, "StageSettings must equal EnvName"),
        ({"StageSettings": "prod"}, "StageSettings must equal EnvName"),
        ({**PROD, "EnableFaultInjection": "true"}, "requires EnableFaultInjection=false"),
        ({**PROD, "LogRetentionDays": "14"}, "requires LogRetentionDays of at least 30"),
    ],
)
def test_a_combination_that_cannot_work_is_refused_before_the_deploy(
    parameters: dict[str, str], complaint: str
) -> None:
    (refusal,) = refused_by_rules(**{**DEV, **parameters})
    assert complaint in refusal


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"IngestAuth": "JWT", "JwtIssuer": "https://id.example.com", "JwtAudience": "kit"},
        {"BatchSize": "10", "BatchWindowSeconds": "0"},
        {"BatchSize": "11", "BatchWindowSeconds": "1"},
        {"VpcSubnetIds": "subnet-1", "VpcSecurityGroupIds": "sg-1"},
        {"ProcessorMaxConcurrency": "0"},
        {"ProcessorMaxConcurrency": "2"},
        {"RawRetentionDays": "30"},
        {"WebhookSources": "sns", "WebhookTopics": "sns=arn:aws:sns:us-east-1:123456789012:orders"},
        {"UseKmsCmk": "true", "KeepKmsCmk": "true"},
        {"UseKmsCmk": "false", "KeepKmsCmk": "true"},
        {"EnableFaultInjection": "true", "LogRetentionDays": "1"},
        PROD,
        {**PROD, "LogRetentionDays": "30"},
    ],
)
def test_a_combination_that_works_is_not_refused(parameters: dict[str, str]) -> None:
    assert refused_by_rules(**{**DEV, **parameters}) == []


def test_no_rule_uses_a_function_that_cloudformation_refuses_there() -> None:
    allowed = {"Fn::And", "Fn::Contains", "Fn::EachMemberEquals", "Fn::EachMemberIn", "Fn::Equals", "Fn::Not", "Fn::Or"}
    used = {key for _, node in walk(source()["Rules"]) if isinstance(node, dict) for key in node if key[:4] == "Fn::"}
    assert used <= allowed


def test_zero_reserves_and_caps_nothing_and_a_number_does() -> None:
    free = deployed(ProcessorMaxConcurrency="0")
    bound = deployed(
        ProcessorMaxConcurrency="7",
        IngestReservedConcurrency="11",
        PublisherReservedConcurrency="12",
        ProcessorReservedConcurrency="13",
        ReplayReservedConcurrency="14",
    )
    assert properties(free, "ProcessorQueueMapping")["ScalingConfig"] == {}  # lifts the cap that a mapping has
    assert properties(bound, "ProcessorQueueMapping")["ScalingConfig"] == {"MaximumConcurrency": 7}
    reservations = {"IngestFunction": 11, "PublisherFunction": 12, "ProcessorFunction": 13, "ReplayFunction": 14}
    for name, reserved in reservations.items():
        assert "ReservedConcurrentExecutions" not in properties(free, name)
        assert properties(bound, name)["ReservedConcurrentExecutions"] == reserved


def test_a_network_is_used_only_when_subnets_are_named() -> None:
    without = deployed()
    within = deployed(VpcSubnetIds="subnet-1,subnet-2", VpcSecurityGroupIds="sg-1")
    assert "FunctionsVpcPolicy" not in without["Resources"]
    for name in ("IngestFunction", "PublisherFunction", "ProcessorFunction", "ReplayFunction"):
        assert "VpcConfig" not in properties(without, name)
        assert properties(within, name)["VpcConfig"] == {
            "SubnetIds": ["subnet-1", "subnet-2"],
            "SecurityGroupIds": ["sg-1"],
        }
    assert "ec2:" not in str(without)
    for role in ("IngestRole", "PublisherRole", "ProcessorRole", "ReplayRole"):
        assert {"Ref": "FunctionsVpcPolicy"} in properties(within, role)["ManagedPolicyArns"]


def test_functions_run_on_the_processor_that_is_chosen() -> None:
    for name, function in resources(deployed(Architecture="x86_64"), "AWS::Lambda::Function").items():
        assert function["Properties"]["Architectures"] == ["x86_64"], name
    assert properties(deployed(), "IngestFunction")["Architectures"] == ["arm64"]


def test_mail_goes_out_only_to_an_address() -> None:
    assert "AlarmsEmailSubscription" not in deployed()["Resources"]
    subscription = properties(deployed(AlarmEmail="ops@example.com"), "AlarmsEmailSubscription")
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "ops@example.com")


def test_raw_is_kept_permanently_unless_days_are_given() -> None:
    def expiry(**parameters: str) -> list[int]:
        rules = properties(deployed(**parameters), "RawBucket")["LifecycleConfiguration"]["Rules"]
        return [rule["ExpirationInDays"] for rule in rules if rule.get("Prefix") == "raw/"]

    assert expiry() == []
    assert expiry(RawRetentionDays="365") == [365]


def test_tables_are_protected_from_deletion_in_prod_alone() -> None:
    def protected(stage: str) -> set[bool]:
        tables = resources(deployed(EnvName=stage), "AWS::DynamoDB::Table").values()
        return {table["Properties"]["DeletionProtectionEnabled"] for table in tables}

    assert (protected("dev"), protected("staging"), protected("prod")) == ({False}, {False}, {True})
