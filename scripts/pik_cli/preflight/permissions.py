"""What the caller of a first deploy must be allowed to do, by kind of resource, and how IAM is asked about it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

ACTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "AWS::ApiGatewayV2::Api": ("apigateway:POST", "apigateway:GET", "apigateway:PATCH", "apigateway:TagResource"),
    "AWS::ApiGatewayV2::Authorizer": ("apigateway:POST",),
    "AWS::ApiGatewayV2::Integration": ("apigateway:POST",),
    "AWS::ApiGatewayV2::Route": ("apigateway:POST",),
    # An HTTP API writes its access log by log delivery: the caller sets it up, and no role of the account is needed.
    "AWS::ApiGatewayV2::Stage": ("apigateway:POST", "logs:CreateLogDelivery", "logs:PutResourcePolicy"),
    "AWS::CloudWatch::Alarm": ("cloudwatch:PutMetricAlarm",),
    "AWS::CloudWatch::CompositeAlarm": ("cloudwatch:PutCompositeAlarm",),
    "AWS::CloudWatch::Dashboard": ("cloudwatch:PutDashboard",),
    "AWS::DynamoDB::Table": (
        "dynamodb:CreateTable",
        "dynamodb:DescribeTable",
        "dynamodb:UpdateTimeToLive",
        "dynamodb:UpdateContinuousBackups",
        "dynamodb:TagResource",
    ),
    "AWS::Events::EventBus": ("events:CreateEventBus", "events:DescribeEventBus"),
    "AWS::Events::Rule": ("events:PutRule", "events:PutTargets"),
    "AWS::IAM::ManagedPolicy": ("iam:CreatePolicy",),
    "AWS::IAM::Role": ("iam:CreateRole", "iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:TagRole"),
    "AWS::KMS::Alias": ("kms:CreateAlias",),
    "AWS::KMS::Key": ("kms:CreateKey", "kms:EnableKeyRotation", "kms:PutKeyPolicy", "kms:TagResource"),
    "AWS::Lambda::EventSourceMapping": ("lambda:CreateEventSourceMapping", "lambda:GetEventSourceMapping"),
    "AWS::Lambda::Permission": ("lambda:AddPermission",),
    "AWS::Logs::LogGroup": ("logs:CreateLogGroup", "logs:PutRetentionPolicy", "logs:TagResource"),
    "AWS::Logs::QueryDefinition": ("logs:PutQueryDefinition",),
    "AWS::S3::Bucket": (
        "s3:CreateBucket",
        "s3:PutEncryptionConfiguration",
        "s3:PutLifecycleConfiguration",
        "s3:PutBucketVersioning",
        "s3:PutBucketPublicAccessBlock",
    ),
    "AWS::S3::BucketPolicy": ("s3:PutBucketPolicy",),
    "AWS::SNS::Subscription": ("sns:Subscribe",),
    "AWS::SNS::Topic": ("sns:CreateTopic", "sns:SetTopicAttributes", "sns:TagResource"),
    "AWS::SNS::TopicPolicy": ("sns:SetTopicAttributes",),
    "AWS::SQS::Queue": ("sqs:CreateQueue", "sqs:GetQueueAttributes", "sqs:SetQueueAttributes", "sqs:TagQueue"),
    "AWS::SQS::QueuePolicy": ("sqs:SetQueueAttributes",),
    "AWS::SSM::Parameter": ("ssm:PutParameter", "ssm:AddTagsToResource"),
    "AWS::Scheduler::Schedule": ("scheduler:CreateSchedule",),
    "AWS::Scheduler::ScheduleGroup": ("scheduler:CreateScheduleGroup",),
    "AWS::SecretsManager::Secret": ("secretsmanager:CreateSecret",),
    "AWS::Serverless::Function": (
        "lambda:CreateFunction",
        "lambda:GetFunction",
        "lambda:PutFunctionConcurrency",
        "lambda:TagResource",
        "iam:PassRole",
    ),
    "AWS::Serverless::StateMachine": ("states:CreateStateMachine", "states:TagResource", "iam:PassRole"),
}
"""The calls that CloudFormation makes with the caller's permissions to create a resource of a type."""

DEPLOY: Final = (
    "cloudformation:CreateChangeSet",
    "cloudformation:DescribeChangeSet",
    "cloudformation:ExecuteChangeSet",
    "cloudformation:DescribeStacks",
    "cloudformation:DescribeStackEvents",
    "cloudformation:GetTemplateSummary",
)
"""The calls of `sam deploy` itself."""

_ARNS: Final[Mapping[str, str]] = {
    "cloudformation": "arn:{partition}:cloudformation:{region}:{account}:stack/{stack}/0",
    "cloudwatch": "arn:{partition}:cloudwatch:{region}:{account}:alarm:{stack}-Alarm",
    "dynamodb": "arn:{partition}:dynamodb:{region}:{account}:table/{stack}-Table",
    "events": "arn:{partition}:events:{region}:{account}:event-bus/{stack}-Bus",
    "lambda": "arn:{partition}:lambda:{region}:{account}:function:{stack}-Function",
    "s3": "arn:{partition}:s3:::{stack}-bucket",
    "sns": "arn:{partition}:sns:{region}:{account}:{stack}-Topic",
    "sqs": "arn:{partition}:sqs:{region}:{account}:{stack}-Queue",
    "ssm": "arn:{partition}:ssm:{region}:{account}:parameter/{stack}/parameter",
    "states": "arn:{partition}:states:{region}:{account}:stateMachine:{stack}-StateMachine",
}
"""A resource of the stack by service, for policies that allow its names alone."""

_UNNAMED: Final = frozenset({"logs:CreateLogDelivery", "logs:PutResourcePolicy", "lambda:CreateEventSourceMapping"})
"""Calls that no policy can limit to names."""


def needed_actions(kinds: Iterable[str]) -> list[str]:
    """The actions that a first deploy of these types takes, each once."""
    return sorted({*DEPLOY, *(action for kind in kinds for action in ACTIONS.get(kind, ()))})


def unknown_kinds(kinds: Iterable[str]) -> list[str]:
    """The types whose actions are not listed, which nothing is said about."""
    return sorted(set(kinds) - set(ACTIONS))


def by_resource(actions: Iterable[str], **place: str) -> dict[str, list[str]]:
    """The actions by the ARN to ask IAM about: a resource of the stack, or * for a service without names."""
    found: dict[str, list[str]] = {}
    for action in actions:
        found.setdefault(_arn(action, place), []).append(action)
    return found


def _arn(action: str, place: Mapping[str, str]) -> str:
    service, _, name = action.partition(":")
    if action in _UNNAMED:
        return "*"
    if service == "iam":
        kind = "policy" if name == "CreatePolicy" else "role"
        return "arn:{partition}:iam::{account}:{kind}/{stack}-Role".format(kind=kind, **place)
    if service == "logs":
        return "arn:{partition}:logs:{region}:{account}:log-group:/aws/lambda/{stack}-Function".format(**place)
    return _ARNS[service].format(**place) if service in _ARNS else "*"


def principal_arn(caller: str) -> str | None:
    """The user or role whose policies decide for a caller, as IAM's simulator takes it; None for the root user.

    A role's path is not in the ARN of its sessions.
    """
    arn, _, rest = caller.rpartition(":")
    if rest == "root":
        return None
    kind, _, name = rest.partition("/")
    if kind == "assumed-role":
        return f"{arn.replace(':sts:', ':iam:')}:role/{name.partition('/')[0]}"
    return caller


def denied(results: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The actions that a simulation does not allow, each with who decides."""
    found: dict[str, str] = {}
    for result in results:
        if result["EvalDecision"] == "allowed":
            continue
        organization = result.get("OrganizationsDecisionDetail", {}).get("AllowedByOrganizations", True)
        boundary = result.get("PermissionsBoundaryDecisionDetail", {}).get("AllowedByPermissionsBoundary", True)
        explicit = "an explicit deny" if result["EvalDecision"] == "explicitDeny" else "no policy allows it"
        why = "a service control policy" if not organization else "a permissions boundary" if not boundary else explicit
        found[result["EvalActionName"]] = why
    return found
