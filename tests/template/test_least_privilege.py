"""Roles allow what the code calls and what Lambda needs for a mapping, and nothing that nobody calls."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import pytest

from tests.template.iam import grants
from tests.template.stack import ROOT, deployed

ACTIONS_OF_CALLS: Final[Mapping[str, frozenset[str]]] = {
    "s3.put_object": frozenset({"s3:PutObject"}),
    "s3.get_object": frozenset({"s3:GetObject"}),
    "dynamodb.put_item": frozenset({"dynamodb:PutItem"}),
    "dynamodb.get_item": frozenset({"dynamodb:GetItem"}),
    "dynamodb.query": frozenset({"dynamodb:Query"}),
    "dynamodb.update_item": frozenset({"dynamodb:UpdateItem"}),
    "dynamodb.batch_get_item": frozenset({"dynamodb:BatchGetItem"}),
    "dynamodb.batch_write_item": frozenset({"dynamodb:BatchWriteItem"}),
    "dynamodb.transact_write_items": frozenset({"dynamodb:PutItem"}),
    "sqs.send_message_batch": frozenset({"sqs:SendMessage"}),
    "sqs.receive_message": frozenset({"sqs:ReceiveMessage"}),
    "sqs.change_message_visibility_batch": frozenset({"sqs:ChangeMessageVisibility"}),
    "sqs.delete_message_batch": frozenset({"sqs:DeleteMessage"}),
    "sqs.get_queue_attributes": frozenset({"sqs:GetQueueAttributes"}),
    "stepfunctions.start_execution": frozenset({"states:StartExecution"}),
    "events.put_events": frozenset({"events:PutEvents"}),
    "ssm.get_parameter": frozenset({"ssm:GetParameter"}),
    "ssm.get_parameters": frozenset({"ssm:GetParameters"}),
    "secretsmanager.get_secret_value": frozenset({"secretsmanager:GetSecretValue"}),
}
"""IAM's name for each call; a transaction and a batch of messages are allowed by the names of their parts."""

BESIDE_CALLS: Final = {
    "IngestRole": frozenset[str](),
    "WebhookRole": frozenset({"kms:Decrypt"}),  # of secrets under a key of the customer
    "PublisherRole": frozenset(
        {
            "dynamodb:DescribeStream",
            "dynamodb:GetRecords",
            "dynamodb:GetShardIterator",
            "dynamodb:ListStreams",
            "s3:ListBucket",  # with s3:PutObject, for discarded batches
            "s3:PutObject",
        }
    ),
    "ReplayRole": frozenset[str](),
    "RedriveRole": frozenset({"s3:ListBucket"}),  # so that a missing manifest is reported as missing
    "RedriveStepRole": frozenset({"s3:ListBucket"}),  # so that a file that does not exist yet is reported as missing
    "ProcessorRole": frozenset(
        {
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
            "s3:ListBucket",  # so that a missing object is reported as missing
        }
    ),
}
"""What Lambda's pollers do with a function's role, and what makes an answer truthful."""

RUNTIME: Final = frozenset(
    {"logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTelemetryRecords", "xray:PutTraceSegments"}
)


EVERYTHING: Final = {"EnableFaultInjection": "true", "WebhookSources": "stripe"}
"""What makes every role and permission exist, except those of the other store of secrets."""


def calls_of_the_code() -> set[str]:
    """Every call of an AWS client in the adapters, as service.method; `check` for a transaction's condition check."""
    found: set[str] = set()
    for path in (ROOT / "src" / "pik" / "adapters").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        found |= {
            ".".join(pair)
            for pair in re.findall(r"self\._(dynamodb|events|s3|secretsmanager|sqs|ssm|stepfunctions)\.(\w+)\(", text)
        }
        found |= {"check"} if '"ConditionCheck"' in text else set()
    return found


def allowed(role: str, **parameters: str) -> set[str]:
    return {grant.action for grant in grants(deployed(**parameters)) if grant.owner == role}


def test_what_is_allowed_is_what_the_code_calls() -> None:
    calls = calls_of_the_code()
    needed = {action for call in calls - {"check"} for action in ACTIONS_OF_CALLS[call]}
    needed |= {"dynamodb:ConditionCheckItem"} if "check" in calls else set()
    granted = {
        action
        for role, beside in BESIDE_CALLS.items()
        for store in ("SSM", "SECRETS_MANAGER")
        for action in allowed(role, **EVERYTHING, WebhookSecretStore=store) - beside - RUNTIME
    }
    assert granted == needed


@pytest.mark.parametrize("role", BESIDE_CALLS)
def test_a_role_has_what_its_mapping_and_the_runtime_need(role: str) -> None:
    assert BESIDE_CALLS[role] | RUNTIME <= allowed(role, **EVERYTHING)


@pytest.mark.parametrize(
    ("role", "stores"),
    [
        ("IngestRole", {"RawBucket", "EventsTable", "DedupeTable"}),
        ("WebhookRole", {"RawBucket", "EventsTable", "DedupeTable"}),
        ("PublisherRole", {"RawBucket", "EventsTable", "WorkQueue"}),
        ("ReplayRole", {"EventsTable", "RunsTable", "WorkQueue"}),
        ("RedriveRole", {"RawBucket", "FailuresTable", "RunsTable", "WorkDeadLetterQueue", "RedriveStateMachine"}),
        (
            "RedriveStepRole",
            {
                "RawBucket",
                "AggregatesTable",
                "AppliedTable",
                "FailuresTable",
                "RunsTable",
                "WorkQueue",
                "WorkDeadLetterQueue",
            },
        ),
        (
            "ProcessorRole",
            {
                "RawBucket",
                "AggregatesTable",
                "AppliedTable",
                "FailuresTable",
                "WorkQueue",
                "WorkDeadLetterQueue",
                "EventBus",
            },
        ),
    ],
)
def test_a_role_reaches_the_stores_of_its_own_flow_alone(role: str, stores: set[str]) -> None:
    template = deployed(WebhookSources="stripe")
    everything = {name for name in template["Resources"] if not name.endswith(("Function", "Role", "Policy"))}
    reached = {
        name
        for grant in grants(template)
        if grant.owner == role and grant.resource != "*"
        for name in everything
        if grant.concerns(name)
    }
    assert reached == stores | {role.replace("Role", "LogGroup")}


def test_the_publisher_reads_the_stream_and_not_the_table() -> None:
    grants_of_rows = [one for one in grants(deployed()) if one.owner == "PublisherRole" and "dynamodb" in one.action]
    assert all(one.resource == {"Fn::GetAtt": ["EventsTable", "StreamArn"]} for one in grants_of_rows)
    assert grants_of_rows


def test_what_each_queue_of_the_processor_is_for() -> None:
    granted = [one for one in grants(deployed()) if one.owner == "ProcessorRole" and one.resource != "*"]
    actions = {
        queue: {one.action for one in granted if one.concerns(queue)} for queue in ("WorkQueue", "WorkDeadLetterQueue")
    }
    assert actions == {
        "WorkQueue": {
            "sqs:ChangeMessageVisibility",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
        },
        "WorkDeadLetterQueue": {"sqs:SendMessage"},
    }


def test_what_each_table_of_the_processor_is_for() -> None:
    granted = [one for one in grants(deployed()) if one.owner == "ProcessorRole" and one.resource != "*"]
    actions = {
        table: {one.action for one in granted if one.concerns(table)}
        for table in ("AggregatesTable", "AppliedTable", "FailuresTable")
    }
    assert actions == {
        "AggregatesTable": {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"},
        "AppliedTable": {"dynamodb:BatchGetItem", "dynamodb:BatchWriteItem"},
        "FailuresTable": {"dynamodb:BatchWriteItem"},
    }


def test_the_runs_are_added_and_changed_by_replay_and_redrive_and_deleted_by_nobody() -> None:
    reached = [grant for grant in grants(deployed()) if grant.concerns("RunsTable") and grant.resource != "*"]
    assert {grant.owner for grant in reached} == {"ReplayRole", "RedriveRole", "RedriveStepRole"}
    assert {grant.action for grant in reached} == {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"}
    assert "RedriveStepRole" not in {grant.owner for grant in reached if grant.action == "dynamodb:PutItem"}


def test_only_the_step_takes_letters_away_and_the_api_can_lose_none() -> None:
    reached = {
        role: {one.action for one in grants(deployed()) if one.owner == role and one.concerns("WorkDeadLetterQueue")}
        for role in ("RedriveRole", "RedriveStepRole")
    }
    looks = {"sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}
    everything = RUNTIME - {"logs:CreateLogStream", "logs:PutLogEvents"}  # X-Ray's, on all resources
    assert reached["RedriveRole"] - everything == looks
    assert reached["RedriveStepRole"] - everything == looks | {"sqs:DeleteMessage", "sqs:SendMessage"}


def test_the_step_reads_aggregates_and_writes_none() -> None:
    granted = [one for one in grants(deployed()) if one.owner == "RedriveStepRole" and one.resource != "*"]
    actions = {
        table: {one.action for one in granted if one.concerns(table)} for table in ("AggregatesTable", "AppliedTable")
    }
    assert actions == {"AggregatesTable": {"dynamodb:Query"}, "AppliedTable": {"dynamodb:BatchGetItem"}}


def test_replay_queries_the_table_and_its_index_by_source_and_day() -> None:
    queried = [
        one.resource for one in grants(deployed()) if (one.owner, one.action) == ("ReplayRole", "dynamodb:Query")
    ]
    assert queried == [
        {"Fn::GetAtt": ["EventsTable", "Arn"]},
        {"Fn::Sub": "${EventsTable.Arn}/index/BySourceDay"},
    ]
