"""Where the local engine differs from AWS, and what the deployed template is changed to because of it.

Each adaptation takes the *transformed* template (plain CloudFormation) and returns a changed copy. None of them touches
what the functions do or which data they see; each goes away when the engine no longer needs it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pik_cli.shell.cfn_yaml import Template

API_ID: Final = "pik"
"""Part of the API's address, the same in each run, so that a person can use a curl line again."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the template is deployed to: the engine's URL, and the values of all parameters of the template."""

    endpoint: str
    parameters: Mapping[str, str]

    @property
    def api_url(self) -> str:
        """The engine serves a $default stage below this path too, and other than $default no shell touches it."""
        return f"{self.endpoint}/_aws/execute-api/{API_ID}"


Adaptation = Callable[[Template, Place], Template]


def _resources(template: Template, *kinds: str) -> Iterator[dict[str, Any]]:
    """The properties of all resources of these types."""
    for resource in template["Resources"].values():
        if resource["Type"] in kinds:
            yield resource.setdefault("Properties", {})


def numbers_in_mappings(template: Template, place: Place) -> Template:
    """Event source mappings get literal numbers and truth values in place of a `Ref` to a parameter.

    Reason: a parameter's value is text, and the engine keeps it as it is. It then compares MaximumConcurrency "10" with
    a number, which ends its SQS poller with an error, and takes Enabled "false" for true.
    """
    adapted = copy.deepcopy(template)
    for properties in _resources(adapted, "AWS::Lambda::EventSourceMapping"):
        for name, value in list(properties.items()):
            properties[name] = _literal(value, place.parameters)
    return adapted


def _literal(value: Any, parameters: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_literal(item, parameters) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Ref"} and value["Ref"] in parameters:
        text = parameters[value["Ref"]]
        if text in ("true", "false"):
            return text == "true"
        return int(text) if text.isdecimal() else value
    return {name: _literal(item, parameters) for name, item in value.items()}


_BATCH_ACTIONS: Final = {
    "sqs:SendMessage": "sqs:SendMessageBatch",
    "sqs:DeleteMessage": "sqs:DeleteMessageBatch",
    "sqs:ChangeMessageVisibility": "sqs:ChangeMessageVisibilityBatch",
}


def batch_actions_of_queues(template: Template, place: Place) -> Template:
    """Where a role may send, delete or hide messages, it may do so in batches.

    Reason: in AWS the batch calls of SQS need the permission of the single call and have none of their own; the engine
    asks for sqs:SendMessageBatch and its like, which the IAM of AWS does not know.
    """
    adapted = copy.deepcopy(template)
    for statement in _statements(adapted):
        actions = statement.get("Action", [])
        actions = [actions] if isinstance(actions, str) else list(actions)
        batch = [_BATCH_ACTIONS[action] for action in actions if action in _BATCH_ACTIONS]
        if batch:
            statement["Action"] = [*actions, *batch]
    return adapted


_POLICY_HOLDERS: Final = (
    "AWS::S3::BucketPolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::SNS::TopicPolicy",
    "AWS::Events::EventBusPolicy",
)


def _statements(template: Template) -> Iterator[dict[str, Any]]:
    """All statements of roles and policies, both of them where a condition chooses one."""
    documents = [
        policy["PolicyDocument"]
        for properties in _resources(template, "AWS::IAM::Role")
        for policy in properties.get("Policies", [])
    ]
    kinds = ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", *_POLICY_HOLDERS)
    documents += [properties["PolicyDocument"] for properties in _resources(template, *kinds)]
    for document in documents:
        for statement in _list(document["Statement"]):
            yield from statement["Fn::If"][1:] if "Fn::If" in statement else [statement]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def parameters_by_name(template: Template, place: Place) -> Template:
    """A role that may read some parameters of Parameter Store may read all of them.

    Reason: AWS checks a call for several parameters against each of them; the engine checks it against `*`.
    """
    adapted = copy.deepcopy(template)
    for statement in _statements(adapted):
        if _list(statement.get("Action", [])) == ["ssm:GetParameters"]:
            statement["Resource"] = "*"
    return adapted


def plain_http(template: Template, place: Place) -> Template:
    """Statements that deny requests without TLS are left out of resource policies.

    Reason: the engine speaks plain HTTP on the loopback interface, and it enforces those statements.
    """
    return _without_denials(template, "aws:SecureTransport")


def conditional_puts(template: Template, place: Place) -> Template:
    """Statements that deny puts without If-None-Match are left out of resource policies.

    Reason: the engine does not know the condition key s3:if-none-match. It finds it absent from each request and denies
    all of them. The header itself it honours: a put over an object that is there fails as in AWS.
    """
    return _without_denials(template, "s3:if-none-match")


def _without_denials(template: Template, condition_key: str) -> Template:
    """Drop the denials on this condition key, and a policy that has nothing else to say."""
    adapted = copy.deepcopy(template)
    for name, resource in list(adapted["Resources"].items()):
        if resource["Type"] not in _POLICY_HOLDERS:
            continue
        document = resource["Properties"]["PolicyDocument"]
        document["Statement"] = [it for it in _list(document["Statement"]) if not _denies_on(it, condition_key)]
        if not document["Statement"]:
            del adapted["Resources"][name]
    return adapted


def _denies_on(statement: Mapping[str, Any], condition_key: str) -> bool:
    keys = {key.lower() for block in statement.get("Condition", {}).values() for key in block}
    return statement.get("Effect") == "Deny" and condition_key.lower() in keys


def address_of_the_api(template: Template, place: Place) -> Template:
    """The API gets a fixed id, and the output ApiUrl the address where the engine serves it.

    Reason: the engine has no DNS for execute-api host names; it serves an API by a path that holds its id, and it makes
    up a new id each time unless the tag `ms-custom-id` names one.
    """
    adapted = copy.deepcopy(template)
    for properties in _resources(adapted, "AWS::ApiGatewayV2::Api"):
        properties["Tags"] = {**properties.get("Tags", {}), "ms-custom-id": API_ID}
    if "ApiUrl" in adapted.get("Outputs", {}):
        adapted["Outputs"]["ApiUrl"]["Value"] = place.api_url
    return adapted


def schedules_by_the_runner(template: Template, place: Place) -> Template:
    """Roles of schedules may be assumed by this account too.

    Reason: the engine keeps schedules and drops them when they are due, because it knows no universal targets. The
    runner of `scripts/local/schedules.py` carries them out in its place, with the schedule's own role.
    """
    adapted = copy.deepcopy(template)
    for properties in _resources(adapted, "AWS::IAM::Role"):
        trust = properties["AssumeRolePolicyDocument"]
        principals = [statement.get("Principal", {}) for statement in _list(trust["Statement"])]
        if {"Service": "scheduler.amazonaws.com"} in principals:
            account = {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}
            runner = {"Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:AssumeRole"}
            trust["Statement"] = [*_list(trust["Statement"]), runner]
    return adapted


ADAPTATIONS: Final[tuple[Adaptation, ...]] = (
    numbers_in_mappings,
    batch_actions_of_queues,
    parameters_by_name,
    plain_http,
    conditional_puts,
    address_of_the_api,
    schedules_by_the_runner,
)


def adapt(template: Template, place: Place) -> Template:
    """All adaptations, in order."""
    for adaptation in ADAPTATIONS:
        template = adaptation(template, place)
    return template
