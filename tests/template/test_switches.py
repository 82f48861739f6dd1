"""The kill switch and the dry run change one thing each; a mapping's switches are literals that every engine takes."""

from __future__ import annotations

from typing import Any

from tests.template.iam import grants
from tests.template.stack import deployed, properties, resources, transformed, walk


def differences(**parameters: str) -> dict[str, Any]:
    """What a deploy with these parameters changes against the defaults: the new value by its path."""
    before = dict(_leaves(deployed()))
    after = dict(_leaves(deployed(**parameters)))
    return {path: after.get(path) for path in sorted({*before, *after}) if before.get(path) != after.get(path)}


def _leaves(template: dict[str, Any]) -> list[tuple[str, Any]]:
    return [("/".join(path), value) for path, value in walk(template) if not isinstance(value, dict | list)]


def variable(function: str, name: str) -> str:
    return f"Resources/{function}/Properties/Environment/Variables/{name}"


QUEUE_MAPPING = "Resources/ProcessorQueueMapping/Properties/Enabled"
STREAM_MAPPING = "Resources/PublisherStreamMapping/Properties/Enabled"
SCHEDULED_SWITCH = "Resources/ProcessorScheduleRole/Properties/Policies/0/PolicyDocument/Statement/0/Effect"


def test_the_kill_switch_disables_the_queue_mapping_and_only_tells_health() -> None:
    assert differences(EnableProcessor="false") == {
        QUEUE_MAPPING: False,
        variable("IngestFunction", "ENABLE_PROCESSOR"): "false",
    }


def test_a_dry_run_disables_both_mappings_keeps_schedules_from_enabling_one_and_tells_the_functions() -> None:
    assert differences(DryRun="true") == {
        QUEUE_MAPPING: False,
        STREAM_MAPPING: False,
        SCHEDULED_SWITCH: "Deny",
        variable("IngestFunction", "DRY_RUN"): "true",
        variable("PublisherFunction", "DRY_RUN"): "true",
        variable("ProcessorFunction", "DRY_RUN"): "true",
        variable("ReplayFunction", "DRY_RUN"): "true",
        variable("RedriveFunction", "DRY_RUN"): "true",
        variable("RedriveStepFunction", "DRY_RUN"): "true",
    }


def test_the_kill_switch_stays_thrown_in_a_dry_run() -> None:
    mapping = properties(deployed(DryRun="true", EnableProcessor="false"), "ProcessorQueueMapping")
    assert mapping["Enabled"] is False


def test_a_schedule_of_this_stacks_group_may_switch_this_stacks_queue_mapping_and_nothing_else() -> None:
    template = deployed()
    role = properties(template, "ProcessorScheduleRole")
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trust["Condition"] == {
        "StringEquals": {
            "aws:SourceAccount": {"Ref": "AWS::AccountId"},
            "aws:SourceArn": {"Fn::GetAtt": ["ProcessorScheduleGroup", "Arn"]},
        }
    }
    (grant,) = [it for it in grants(template) if it.owner == "ProcessorScheduleRole"]
    assert (grant.action, grant.concerns("ProcessorQueueMapping")) == ("lambda:UpdateEventSourceMapping", True)
    assert not role.get("ManagedPolicyArns")


def test_both_mappings_run_by_default() -> None:
    template = deployed()
    assert properties(template, "ProcessorQueueMapping")["Enabled"] is True
    assert properties(template, "PublisherStreamMapping")["Enabled"] is True


def test_enabled_is_a_choice_of_literals_and_never_text() -> None:
    for name, mapping in resources(transformed(), "AWS::Lambda::EventSourceMapping").items():
        assert mapping["Properties"]["Enabled"]["Fn::If"][1:] == [True, False], name


def test_no_cap_is_an_empty_scaling_config_and_never_zero_or_nothing() -> None:
    """An update without ScalingConfig keeps the cap that the mapping has; an empty one lifts it."""
    scaling = properties(transformed(), "ProcessorQueueMapping")["ScalingConfig"]
    assert scaling["Fn::If"] == ["CapsProcessor", {"MaximumConcurrency": {"Ref": "ProcessorMaxConcurrency"}}, {}]
