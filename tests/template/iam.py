"""Who may do what, read from the policies of a deployed template."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from tests.template.stack import Template, resources


@dataclass(frozen=True, slots=True)
class Grant:
    """One allowed action on one resource, by the logical id of the role or managed policy that allows it."""

    owner: str
    sid: str
    action: str
    resource: Any

    def allows(self, action: str) -> bool:
        """Whether the action, which may have wildcards itself, covers `action`."""
        return fnmatchcase(action.lower(), self.action.lower())

    def concerns(self, logical_id: str) -> bool:
        """Whether the resource is, or lies in, this resource of the template, or is everything."""
        return self.resource == "*" or logical_id in names_in(self.resource)


def as_list(value: Any) -> list[Any]:
    """A policy's member, which may be one value or a list of them."""
    return value if isinstance(value, list) else [value]


def names_in(resource: Any) -> set[str]:
    """Logical ids that an ARN written as Ref, Fn::GetAtt or Fn::Sub refers to."""
    if not isinstance(resource, dict):
        return set()
    ((function, argument),) = resource.items()
    if function == "Ref":
        return {argument}
    if function == "Fn::GetAtt":
        return {as_list(argument)[0].split(".")[0]}
    text = argument if isinstance(argument, str) else argument[0]
    return {part.split("}")[0].split(".")[0] for part in text.split("${")[1:]}


def prefix_of(resource: Any) -> str:
    """What follows the bucket in an object's ARN: `raw/*` of `${RawBucket.Arn}/raw/*`; nothing for a bucket."""
    text = resource.get("Fn::Sub", "") if isinstance(resource, dict) else ""
    return text.partition("}/")[2] if isinstance(text, str) else ""


def documents(template: Template) -> Iterator[tuple[str, dict[str, Any]]]:
    """Policy documents of roles and managed policies, with their owner's logical id."""
    for name, role in resources(template, "AWS::IAM::Role").items():
        for policy in role["Properties"].get("Policies", []):
            yield name, policy["PolicyDocument"]
    for name, policy in resources(template, "AWS::IAM::ManagedPolicy", "AWS::IAM::Policy").items():
        yield name, policy["Properties"]["PolicyDocument"]


def grants(template: Template) -> list[Grant]:
    """Everything that roles and managed policies allow, action by action and resource by resource."""
    return [
        Grant(owner, statement.get("Sid", ""), action, resource)
        for owner, document in documents(template)
        for statement in document["Statement"]
        if statement["Effect"] == "Allow"
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    ]


def denials(template: Template, *kinds: str) -> list[tuple[str, dict[str, Any]]]:
    """Deny statements of resource policies of these types, with the logical ids that they guard."""
    return [
        (guarded, statement)
        for policy in resources(template, *kinds).values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny" and statement["Principal"] == "*"
        for resource in as_list(statement["Resource"])
        for guarded in names_in(resource)
    ]
