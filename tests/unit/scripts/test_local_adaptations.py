"""Each adaptation changes what its reason names, and nothing else."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from scripts.local.adaptations import (
    ADAPTATIONS,
    Place,
    adapt,
    conditional_puts,
    numbers_in_mappings,
    parameters_by_name,
    plain_http,
    schedules_by_the_runner,
)
from scripts.local.adaptations import address_of_the_api as address
from scripts.local.adaptations import batch_actions_of_queues as batch_actions
from scripts.local.deploy import parameter_values, read_template

PLACE = Place("http://127.0.0.1:4566", {"Cap": "10", "BatchSize": "50", "On": "false", "Name": "abc"})


def template(**resources: dict[str, Any]) -> dict[str, Any]:
    return {"Resources": resources}


def policy(*statements: dict[str, Any], kind: str = "AWS::S3::BucketPolicy") -> dict[str, Any]:
    return {"Type": kind, "Properties": {"PolicyDocument": {"Statement": list(statements)}}}


def role(actions: str | list[str]) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": actions, "Resource": "arn"}
    return {"Type": "AWS::IAM::Role", "Properties": {"Policies": [{"PolicyDocument": {"Statement": [statement]}}]}}


def actions_of(adapted: dict[str, Any]) -> Any:
    return adapted["Resources"]["Role"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"][0]["Action"]


def test_a_mapping_gets_numbers_and_truth_values_in_place_of_references() -> None:
    properties = {
        "BatchSize": {"Ref": "BatchSize"},
        "Enabled": {"Ref": "On"},
        "ScalingConfig": {"Fn::If": ["Caps", {"MaximumConcurrency": {"Ref": "Cap"}}, {"Ref": "AWS::NoValue"}]},
        "FunctionName": {"Ref": "Function"},
        "StartingPosition": {"Ref": "Name"},
    }
    given = template(Mapping={"Type": "AWS::Lambda::EventSourceMapping", "Properties": properties})

    adapted = numbers_in_mappings(given, PLACE)["Resources"]["Mapping"]["Properties"]

    assert adapted == {
        "BatchSize": 50,
        "Enabled": False,
        "ScalingConfig": {"Fn::If": ["Caps", {"MaximumConcurrency": 10}, {"Ref": "AWS::NoValue"}]},
        "FunctionName": {"Ref": "Function"},
        "StartingPosition": {"Ref": "Name"},
    }


def test_only_mappings_get_literals() -> None:
    given = template(Queue={"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": {"Ref": "BatchSize"}}})
    assert numbers_in_mappings(given, PLACE) == given


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        ("sqs:SendMessage", ["sqs:SendMessage", "sqs:SendMessageBatch"]),
        (
            ["sqs:DeleteMessage", "sqs:ReceiveMessage"],
            ["sqs:DeleteMessage", "sqs:ReceiveMessage", "sqs:DeleteMessageBatch"],
        ),
        (["s3:PutObject"], ["s3:PutObject"]),
        ("sqs:*", "sqs:*"),
    ],
)
def test_the_batch_form_is_allowed_where_the_single_call_is(actions: Any, expected: Any) -> None:
    assert actions_of(batch_actions(template(Role=role(actions)), PLACE)) == expected


def test_a_role_that_may_read_some_parameters_may_read_all_whatever_a_condition_says() -> None:
    some = {"Effect": "Allow", "Action": "ssm:GetParameters", "Resource": "arn"}
    one = {"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": "arn"}
    document = {"Statement": [{"Fn::If": ["Other", one, some]}, one]}
    given = template(Role={"Type": "AWS::IAM::Role", "Properties": {"Policies": [{"PolicyDocument": document}]}})
    adapted = parameters_by_name(given, PLACE)["Resources"]["Role"]["Properties"]["Policies"][0]["PolicyDocument"]
    assert adapted["Statement"] == [{"Fn::If": ["Other", one, {**some, "Resource": "*"}]}, one]


def test_denials_without_tls_go_and_other_statements_stay() -> None:
    denial = {"Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    delete = {"Effect": "Deny", "Action": "s3:DeleteObject"}
    given = template(Bucket=policy(denial, delete), Queue=policy(denial, kind="AWS::SQS::QueuePolicy"))

    adapted = plain_http(given, PLACE)["Resources"]

    assert adapted["Bucket"]["Properties"]["PolicyDocument"]["Statement"] == [delete]
    assert "Queue" not in adapted  # a policy without statements is none


def test_an_allowance_that_asks_for_tls_stays() -> None:
    allowance = {"Effect": "Allow", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}
    given = template(Bucket=policy(allowance))
    assert plain_http(given, PLACE) == given


def test_denials_of_puts_without_a_condition_go() -> None:
    denial = {"Effect": "Deny", "Action": "s3:PutObject", "Condition": {"Null": {"s3:if-none-match": "true"}}}
    delete = {"Effect": "Deny", "Action": "s3:DeleteObject"}

    adapted = conditional_puts(template(Bucket=policy(denial, delete)), PLACE)

    assert adapted["Resources"]["Bucket"]["Properties"]["PolicyDocument"]["Statement"] == [delete]


def test_the_api_has_a_fixed_id_and_the_output_says_where_it_is() -> None:
    given = template(Api={"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Tags": {"stage": "dev"}}})
    given["Outputs"] = {"ApiUrl": {"Value": {"Fn::GetAtt": ["Api", "ApiEndpoint"]}}, "Other": {"Value": 1}}

    adapted = address(given, PLACE)

    assert adapted["Resources"]["Api"]["Properties"]["Tags"] == {"stage": "dev", "ms-custom-id": "pik"}
    assert adapted["Outputs"]["ApiUrl"]["Value"] == "http://127.0.0.1:4566/_aws/execute-api/pik"
    assert adapted["Outputs"]["Other"] == {"Value": 1}


@pytest.mark.parametrize("adaptation", ADAPTATIONS, ids=lambda it: it.__name__)
def test_an_adaptation_says_its_reason_leaves_its_input_alone_and_is_needed(adaptation: Any) -> None:
    real = read_template()
    place = Place("http://127.0.0.1:4566", parameter_values(real, {}))
    before = copy.deepcopy(real)

    adapted = adaptation(real, place)

    assert "Reason:" in adaptation.__doc__
    assert real == before
    assert adapted != real, "it changes nothing in template.yaml: remove it"


def test_adaptations_leave_the_functions_and_stores_as_they_are() -> None:
    real = read_template()
    adapted = adapt(real, Place("http://127.0.0.1:4566", parameter_values(real, {})))
    kinds = ("AWS::Serverless::Function", "AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SQS::Queue")
    for name, resource in real["Resources"].items():
        if resource["Type"] in kinds:
            assert adapted["Resources"][name] == resource


def test_a_role_of_schedules_may_be_assumed_by_the_runner_and_no_other_role_may() -> None:
    def trusting(service: str) -> dict[str, Any]:
        statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        return {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Statement": [statement]}}}

    given = template(Schedule=trusting("scheduler.amazonaws.com"), Function=trusting("lambda.amazonaws.com"))

    adapted = schedules_by_the_runner(given, PLACE)["Resources"]

    assert adapted["Function"] == given["Resources"]["Function"]
    first, runner = adapted["Schedule"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert first["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert runner["Principal"] == {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}}
