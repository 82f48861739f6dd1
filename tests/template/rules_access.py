"""Rules about who may do what. A rule takes a deployed template and returns what is wrong with it, in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Set
from os.path import commonprefix
from typing import Any, Final

from tests.template.iam import as_list, denials, documents, grants, names_in, prefix_of
from tests.template.stack import Template, properties, resources

EVERYTHING_ALLOWED_FOR: Final = {
    "xray:PutTelemetryRecords": "X-Ray names no resources for it",
    "xray:PutTraceSegments": "X-Ray names no resources for it",
    "ec2:AssignPrivateIpAddresses": "Lambda makes the network interface, so that none can be named",
    "ec2:CreateNetworkInterface": "Lambda makes the network interface, so that none can be named",
    "ec2:DeleteNetworkInterface": "Lambda makes the network interface, so that none can be named",
    "ec2:DescribeNetworkInterfaces": "describing takes no resource",
    "ec2:DescribeSubnets": "describing takes no resource",
    "ec2:UnassignPrivateIpAddresses": "Lambda makes the network interface, so that none can be named",
}
"""Actions for which `Resource: '*'` is right, and why. Nothing else may have it."""

ACTION_WILDCARDS: Final = {"kms:GenerateDataKey*", "kms:ReEncrypt*"}
"""Families of which services choose the member, on one named key."""

RAW_FORBIDDEN: Final = (
    "s3:BypassGovernanceRetention",
    "s3:DeleteObject",
    "s3:DeleteObjectTagging",
    "s3:DeleteObjectVersion",
    "s3:DeleteBucket",
    "s3:DeleteBucketPolicy",
    "s3:PutBucketPolicy",
    "s3:PutBucketVersioning",
    "s3:PutLifecycleConfiguration",
    "s3:PutObjectAcl",
    "s3:PutObjectRetention",
    "s3:ReplicateDelete",
    "s3:RestoreObject",
)
AGGREGATES_FORBIDDEN: Final = (
    "dynamodb:BatchWriteItem",
    "dynamodb:DeleteItem",
    "dynamodb:DeleteTable",
    "dynamodb:DeleteResourcePolicy",
    "dynamodb:PartiQLDelete",
    "dynamodb:PartiQLUpdate",
    "dynamodb:PutResourcePolicy",
    "dynamodb:RestoreTableFromBackup",
    "dynamodb:UpdateItem",
    "dynamodb:UpdateTable",
    "dynamodb:UpdateTimeToLive",
)
ROW_CHANGES: Final = frozenset(
    {"dynamodb:DeleteItem", "dynamodb:PartiQLDelete", "dynamodb:PartiQLUpdate", "dynamodb:UpdateItem"}
)
RAW_WRITERS: Final = {
    "IngestRole": {"raw/*", "rejected/*"},
    "WebhookRole": {"raw/*", "rejected/*"},
    "PublisherRole": {"aws/lambda/*"},
    "RedriveRole": {"redrive/manifests/*"},
    "RedriveStepRole": {"raw/transformed/*", "redrive/runs/*", "rescued/*"},
}

API_ARN: Final = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${HttpApi}/*/*"
"""Every stage and method of this API; what follows is a path."""


def no_wildcards(template: Template) -> list[str]:
    """Actions are spelled out, and resources are named wherever AWS lets one name them."""
    wild_actions = [
        f"{grant.owner}/{grant.sid} allows {grant.action}"
        for grant in grants(template)
        if "*" in grant.action and not (grant.action in ACTION_WILDCARDS and names_in(grant.resource))
    ]
    wild_resources = [
        f"{grant.owner}/{grant.sid} allows {grant.action} on {grant.resource}"
        for grant in grants(template)
        if not names_in(grant.resource) and not (grant.resource == "*" and grant.action in EVERYTHING_ALLOWED_FOR)
    ]
    negations = [
        f"{owner} uses {key}, which allows what nobody listed"
        for owner, document in documents(template)
        for statement in document["Statement"]
        for key in ("NotAction", "NotResource", "NotPrincipal")
        if key in statement
    ]
    return wild_actions + wild_resources + negations


def raw_is_immutable(template: Template) -> list[str]:
    """No role may delete or overwrite raw objects; who may write, writes below its own prefix and replaces nothing."""
    found = [
        f"{grant.owner}/{grant.sid} may {action} on RawBucket"
        for grant in grants(template)
        for action in RAW_FORBIDDEN
        if grant.allows(action) and grant.concerns("RawBucket")
    ]
    found += [
        f"{grant.owner} may put {prefix_of(grant.resource) or 'anywhere'}"
        for grant in grants(template)
        if grant.allows("s3:PutObject")
        and grant.concerns("RawBucket")
        and prefix_of(grant.resource) not in RAW_WRITERS.get(grant.owner, set())
    ]
    statements = [statement for _, statement in denials(template, "AWS::S3::BucketPolicy")]
    for prefix, denied in _RAW_DENIALS.items():
        on_prefix = [one for one in statements if prefix in {prefix_of(arn) for arn in as_list(one["Resource"])}]
        for action, condition in denied:
            if not any(action in as_list(one["Action"]) and one.get("Condition") == condition for one in on_prefix):
                found.append(f"the bucket's policy does not deny {action} on {prefix}")
    return found


_OVERWRITE: Final[tuple[str, Any]] = ("s3:PutObject", {"Null": {"s3:if-none-match": "true"}})
_EVERY_CHANGE: Final[tuple[tuple[str, Any], ...]] = (
    ("s3:DeleteObject", None),
    ("s3:DeleteObjectVersion", None),
    _OVERWRITE,
)
_RAW_DENIALS: Final = {
    "raw/*": _EVERY_CHANGE,
    "rejected/*": _EVERY_CHANGE,
    "rescued/*": _EVERY_CHANGE,
    "redrive/*": (_OVERWRITE,),
}


def aggregates_are_append_only(template: Template) -> list[str]:
    """No role may change or remove versions, nor write them in batches, which know no conditions."""
    return _kept(template, "AggregatesTable", AGGREGATES_FORBIDDEN, {*ROW_CHANGES, "dynamodb:BatchWriteItem"})


def markers_are_kept(template: Template) -> list[str]:
    """No role may change or remove what says that an event was counted, and one role alone writes it, in batches."""
    forbidden = (*(set(AGGREGATES_FORBIDDEN) - {"dynamodb:BatchWriteItem"}), "dynamodb:PutItem")
    return _kept(template, "AppliedTable", sorted(forbidden), ROW_CHANGES) + [
        f"{grant.owner}/{grant.sid} may write markers"
        for grant in grants(template)
        if grant.allows("dynamodb:BatchWriteItem") and grant.concerns("AppliedTable") and grant.owner != "ProcessorRole"
    ]


def _kept(template: Template, table: str, forbidden: Iterable[str], changes: Set[str]) -> list[str]:
    """No role is allowed what is forbidden on a table, whose own policy denies the changes of its rows to everybody."""
    found = [
        f"{grant.owner}/{grant.sid} may {action} on {table}"
        for grant in grants(template)
        for action in forbidden
        if grant.allows(action) and grant.concerns(table)
    ]
    policy = properties(template, table).get("ResourcePolicy", {}).get("PolicyDocument", {"Statement": []})
    denied = {
        action
        for statement in policy["Statement"]
        if statement["Effect"] == "Deny" and statement["Principal"] == "*" and "Condition" not in statement
        for action in as_list(statement["Action"])
    }
    return found + [f"{table}'s own policy does not deny {action}" for action in sorted(changes - denied)]


def dead_letters_come_from_those_who_say_why(template: Template) -> list[str]:
    """The processor, and a redrive that puts back what it took, send to the dead-letter queue; nobody empties it."""
    found = [
        f"{grant.owner}/{grant.sid} may send dead letters"
        for grant in grants(template)
        if grant.allows("sqs:SendMessage")
        and grant.concerns("WorkDeadLetterQueue")
        and grant.owner not in {"ProcessorRole", "RedriveStepRole"}
    ]
    return found + [
        f"{grant.owner}/{grant.sid} may {action} {queue}"
        for grant in grants(template)
        for action in ("sqs:DeleteQueue", "sqs:PurgeQueue", "sqs:SetQueueAttributes")
        for queue in ("WorkQueue", "WorkDeadLetterQueue")
        if grant.allows(action) and grant.concerns(queue)
    ]


def own_role_each(template: Template) -> list[str]:
    """Each function has a role that is written out here, its own, for Lambda alone."""
    roles = {
        name: _one(names_in(function["Properties"]["Role"]))
        for name, function in resources(template, "AWS::Lambda::Function").items()
    }
    found = [f"{name} shares {role}" for name, role in roles.items() if list(roles.values()).count(role) > 1]
    for name, role in roles.items():
        if role not in template["Resources"]:
            found.append(f"{name} has no role of this template")
            continue
        trust = properties(template, role)["AssumeRolePolicyDocument"]["Statement"]
        if [statement["Principal"] for statement in trust] != [{"Service": "lambda.amazonaws.com"}]:
            found.append(f"{role} can be assumed by others than Lambda")
        if any(isinstance(arn, str) for arn in properties(template, role).get("ManagedPolicyArns", [])):
            found.append(f"{role} has a policy of AWS's, which names no resource of ours")
    return found


def only_tls(template: Template) -> list[str]:
    """Bucket, queues and topics refuse requests without TLS."""
    guarded = {
        name
        for name, statement in denials(
            template, "AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"
        )
        if statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
    }
    stores = resources(template, "AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::SNS::Topic")
    return [f"{name} answers plain HTTP" for name in stores if name not in guarded]


def only_the_api_invokes(template: Template) -> list[str]:
    """Each function with routes has one Lambda permission, for what they share of the API; others have none."""
    served = _paths_by_function(template)
    permitted = {
        name: _one(names_in(permission["Properties"]["FunctionName"]))
        for name, permission in resources(template, "AWS::Lambda::Permission").items()
    }
    found = [
        f"{function} has {list(permitted.values()).count(function)} permissions for the API, needed 1"
        for function in served
        if list(permitted.values()).count(function) != 1
    ]
    for name, function in permitted.items():
        if function not in served:
            found.append(f"{name} opens {function}, which has no route")
        elif not _names_the_api(properties(template, name), served[function]):
            found.append(f"{name} does not name the API and what the routes of {function} share")
    return found


def _names_the_api(permission: dict[str, Any], paths: list[str]) -> bool:
    """Whether a permission is for API Gateway, from this API, below the longest text that the paths share."""
    # API Gateway may name a path by its parameter or by the value, so the permission ends before the first parameter.
    source = API_ARN + commonprefix(paths).partition("{")[0] + "*"  # noqa: RUF071
    return permission["Principal"] == "apigateway.amazonaws.com" and permission.get("SourceArn") == {"Fn::Sub": source}


def _paths_by_function(template: Template) -> dict[str, list[str]]:
    """The paths of the API's routes, by the function that answers them."""
    functions = {
        name: _one(names_in(integration["Properties"]["IntegrationUri"]))
        for name, integration in resources(template, "AWS::ApiGatewayV2::Integration").items()
    }
    paths: dict[str, list[str]] = {}
    for route in resources(template, "AWS::ApiGatewayV2::Route").values():
        function = functions[_one(names_in(route["Properties"]["Target"]))]
        paths.setdefault(function, []).append(route["Properties"]["RouteKey"].partition(" ")[2])
    return paths


def _one(names: set[str]) -> str:
    return next(iter(names), "")


RULES: Final = (
    no_wildcards,
    raw_is_immutable,
    aggregates_are_append_only,
    markers_are_kept,
    dead_letters_come_from_those_who_say_why,
    own_role_each,
    only_tls,
    only_the_api_invokes,
)
