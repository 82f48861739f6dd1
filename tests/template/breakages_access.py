"""What breaks the rules about access."""

from __future__ import annotations

from typing import Any, Final

from tests.template import rules_access as access
from tests.template.breakage import REMOVED, STATEMENTS, Breakage, allowing

RAW: Final = {"Fn::Sub": "${RawBucket.Arn}/raw/*"}
AGGREGATES: Final = {"Fn::GetAtt": ["AggregatesTable", "Arn"]}
APPLIED: Final = {"Fn::GetAtt": ["AppliedTable", "Arn"]}


def api_permission(function: str, path: str) -> dict[str, Any]:
    """A permission for the API to invoke a function."""
    return {
        "Type": "AWS::Lambda::Permission",
        "Properties": {
            "FunctionName": {"Ref": function},
            "Action": "lambda:InvokeFunction",
            "Principal": "apigateway.amazonaws.com",
            "SourceArn": {"Fn::Sub": access.API_ARN + path},
        },
    }


BREAKAGES: Final = (
    Breakage("action family", access.no_wildcards, STATEMENTS.format("IngestRole"), allowing("s3:*", RAW), "s3:*"),
    Breakage(
        "all tables", access.no_wildcards, STATEMENTS.format("IngestRole"), allowing("dynamodb:PutItem", "*"), "on *"
    ),
    Breakage(
        "literal pattern",
        access.no_wildcards,
        STATEMENTS.format("PublisherRole"),
        allowing("sqs:SendMessage", "arn:aws:sqs:*:*:*"),
        "arn:aws:sqs:*:*:*",
    ),
    Breakage(
        "all but",
        access.no_wildcards,
        "IngestRole/Properties/Policies/0/PolicyDocument/Statement/0/NotAction",
        "s3:GetObject",
        "NotAction",
    ),
    Breakage(
        "raw deleted",
        access.raw_is_immutable,
        STATEMENTS.format("IngestRole"),
        allowing("s3:DeleteObject", RAW),
        "s3:DeleteObject on RawBucket",
    ),
    Breakage(
        "raw deleted by family",
        access.raw_is_immutable,
        STATEMENTS.format("ProcessorRole"),
        allowing("s3:Delete*", "*"),
        "s3:DeleteObjectVersion on RawBucket",
    ),
    Breakage(
        "raw written by the processor",
        access.raw_is_immutable,
        STATEMENTS.format("ProcessorRole"),
        allowing("s3:PutObject", RAW),
        "ProcessorRole may put raw/*",
    ),
    Breakage(
        "publisher writes anywhere",
        access.raw_is_immutable,
        STATEMENTS.format("PublisherRole"),
        allowing("s3:PutObject", {"Fn::Sub": "${RawBucket.Arn}/*"}),
        "PublisherRole may put *",
    ),
    Breakage(
        "manifests beside their place",
        access.raw_is_immutable,
        STATEMENTS.format("RedriveRole"),
        allowing("s3:PutObject", {"Fn::Sub": "${RawBucket.Arn}/redrive/*"}),
        "RedriveRole may put redrive/*",
    ),
    Breakage(
        "rescued messages deleted",
        access.raw_is_immutable,
        "RawBucketPolicy/Properties/PolicyDocument/Statement/1/Resource/2",
        REMOVED,
        "does not deny s3:DeleteObject on rescued/*",
    ),
    Breakage(
        "overwrite not denied",
        access.raw_is_immutable,
        "RawBucketPolicy/Properties/PolicyDocument/Statement/2",
        REMOVED,
        "does not deny s3:PutObject on raw/*",
    ),
    Breakage(
        "delete not denied",
        access.raw_is_immutable,
        "RawBucketPolicy/Properties/PolicyDocument/Statement/1/Action",
        ["s3:DeleteObjectVersion"],
        "does not deny s3:DeleteObject on raw/*",
    ),
    *(
        Breakage(
            f"aggregates: {action}",
            access.aggregates_are_append_only,
            STATEMENTS.format("ProcessorRole"),
            allowing(action, AGGREGATES),
            action.rstrip("*"),
        )
        for action in ("dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem", "dynamodb:Delete*")
    ),
    Breakage(
        "aggregates: everything everywhere",
        access.aggregates_are_append_only,
        STATEMENTS.format("PublisherRole"),
        allowing("dynamodb:*", "*"),
        "PublisherRole/Slip may dynamodb:UpdateItem",
    ),
    Breakage(
        "aggregates unguarded",
        access.aggregates_are_append_only,
        "AggregatesTable/Properties/ResourcePolicy",
        REMOVED,
        "does not deny dynamodb:DeleteItem",
    ),
    *(
        Breakage(
            f"markers: {action}",
            access.markers_are_kept,
            STATEMENTS.format("ProcessorRole"),
            allowing(action, APPLIED),
            f"ProcessorRole/Slip may {action.rstrip('*')}",
        )
        for action in ("dynamodb:DeleteItem", "dynamodb:UpdateItem", "dynamodb:PutItem", "dynamodb:Delete*")
    ),
    Breakage(
        "markers: another writer",
        access.markers_are_kept,
        STATEMENTS.format("PublisherRole"),
        allowing("dynamodb:BatchWriteItem", APPLIED),
        "PublisherRole/Slip may write markers",
    ),
    Breakage(
        "markers unguarded",
        access.markers_are_kept,
        "AppliedTable/Properties/ResourcePolicy",
        REMOVED,
        "AppliedTable's own policy does not deny dynamodb:DeleteItem",
    ),
    Breakage(
        "dead letters without a reason",
        access.dead_letters_come_from_those_who_say_why,
        STATEMENTS.format("PublisherRole"),
        allowing("sqs:SendMessage", {"Fn::GetAtt": ["WorkDeadLetterQueue", "Arn"]}),
        "PublisherRole/Slip may send dead letters",
    ),
    *(
        Breakage(
            f"queue emptied: {action}",
            access.dead_letters_come_from_those_who_say_why,
            STATEMENTS.format("ProcessorRole"),
            allowing(action, {"Fn::GetAtt": [queue, "Arn"]}),
            f"ProcessorRole/Slip may sqs:PurgeQueue {queue}",
        )
        for action, queue in (("sqs:PurgeQueue", "WorkDeadLetterQueue"), ("sqs:*", "WorkQueue"))
    ),
    Breakage(
        "shared role",
        access.own_role_each,
        "PublisherFunction/Properties/Role",
        {"Fn::GetAtt": ["IngestRole", "Arn"]},
        "shares IngestRole",
    ),
    Breakage(
        "AWS's policy",
        access.own_role_each,
        "IngestRole/Properties/ManagedPolicyArns/+",
        "arn:aws:iam::aws:policy/AmazonDynamoDBFullAccess",
        "policy of AWS's",
    ),
    Breakage(
        "assumed by others",
        access.own_role_each,
        "IngestRole/Properties/AssumeRolePolicyDocument/Statement/0/Principal",
        {"AWS": "*"},
        "others than Lambda",
    ),
    *(
        Breakage(f"plain HTTP: {name}", access.only_tls, f"{policy}/Properties/PolicyDocument/Statement", [], name)
        for name, policy in (
            ("RawBucket", "RawBucketPolicy"),
            ("WorkQueue", "WorkQueuePolicy"),
            ("BusDeadLetterQueue", "BusDeadLetterQueuePolicy"),
            ("EventsTopic", "EventsTopicPolicy"),
        )
    ),
    *(
        Breakage(
            f"any caller: {name}",
            access.only_the_api_invokes,
            f"ReplayApiPermission/Properties/{member}",
            value,
            "ReplayApiPermission does not name the API and what the routes of ReplayFunction share",
        )
        for name, member, value in (
            ("no source", "SourceArn", REMOVED),
            ("any path", "SourceArn", {"Fn::Sub": access.API_ARN + "/*"}),
            ("any API", "SourceArn", {"Fn::Sub": access.API_ARN.replace("${HttpApi}", "*") + "/replay*"}),
            ("one route of two", "SourceArn", {"Fn::Sub": access.API_ARN + "/replay"}),
            ("another service", "Principal", "events.amazonaws.com"),
        )
    ),
    Breakage(
        "no permission",
        access.only_the_api_invokes,
        "IngestApiPermission",
        REMOVED,
        "IngestFunction has 0 permissions for the API, needed 1",
    ),
    Breakage(
        "a permission per route",
        access.only_the_api_invokes,
        "IngestHealthPermission",
        api_permission("IngestFunction", "/health"),
        "IngestFunction has 2 permissions for the API, needed 1",
    ),
    Breakage(
        "a function without routes",
        access.only_the_api_invokes,
        "ProcessorApiPermission",
        api_permission("ProcessorFunction", "/*"),
        "ProcessorApiPermission opens ProcessorFunction, which has no route",
    ),
)
