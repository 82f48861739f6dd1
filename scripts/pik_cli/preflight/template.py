"""What a template takes from an account with given parameters: reservations, fixed names, kinds of resources. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

_FUNCTIONS: Final = frozenset({"AWS::Serverless::Function", "AWS::Lambda::Function"})
_MAPPING: Final = "AWS::Lambda::EventSourceMapping"
_NAMES: Final[Mapping[str, str]] = {
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::SSM::Parameter": "Name",
    "AWS::SQS::Queue": "QueueName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::Events::EventBus": "Name",
    "AWS::IAM::Role": "RoleName",
}
"""Resources whose names are unique in an account and region, and the property that holds the name."""


class TemplateReader:
    """A template with values for its parameters."""

    def __init__(self, template: Mapping[str, Any], values: Mapping[str, str], pseudo: Mapping[str, str]) -> None:
        self._template = template
        self._values = values
        self._known = {**values, **pseudo}

    def kinds(self) -> set[str]:
        """The types of the resources that these parameters make."""
        return {resource["Type"] for _, resource in self._resources()}

    def reservations(self, values: Mapping[str, str] | None = None) -> dict[str, int]:
        """Concurrency that is reserved, by the parameter that says so, or by function where the number is fixed."""
        used = self._values if values is None else values
        found: dict[str, int] = {}
        for name, resource in self._resources():
            if resource["Type"] in _FUNCTIONS:
                value = resource.get("Properties", {}).get("ReservedConcurrentExecutions")
                parameter, number = self._number(value, used)
                if number:
                    found[parameter or name] = number
        return found

    def processor_cap(self) -> tuple[str, int] | None:
        """The parameter and the number of the queue's mapping that caps its function; None when no mapping does."""
        for _, resource in self._resources():
            scaling = resource.get("Properties", {}).get("ScalingConfig")
            if resource["Type"] == _MAPPING and scaling is not None:
                parameter, number = self._number(scaling, self._values)
                if parameter:
                    return parameter, number
        return None

    def reserved_for_cap(self) -> int:
        """The reservation of the function that the capped mapping invokes; 0 for none."""
        for _, resource in self._resources():
            properties = resource.get("Properties", {})
            if resource["Type"] == _MAPPING and "ScalingConfig" in properties:
                for target in _texts(properties.get("FunctionName")):
                    function = self._template["Resources"].get(target, {}).get("Properties", {})
                    if function:
                        return self._number(function.get("ReservedConcurrentExecutions"), self._values)[1]
        return 0

    def fixed_names(self) -> list[tuple[str, str]]:
        """Type and name of each resource whose name is known before the stack exists."""
        found = []
        for _, resource in self._resources():
            key = _NAMES.get(resource["Type"])
            name = self._text(resource.get("Properties", {}).get(key)) if key else None
            if name:
                found.append((resource["Type"], name))
        return found

    def _resources(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for name, resource in self._template["Resources"].items():
            condition = resource.get("Condition")
            if condition is None or self._decide({"Condition": condition}):
                yield name, resource

    def _number(self, value: Any, values: Mapping[str, str]) -> tuple[str, int]:
        """The first parameter that a value refers to, with its number; or no parameter and the number as written."""
        if isinstance(value, int):
            return "", value
        for text in _texts(value):
            if text in values and re.fullmatch(r"\d+", values[text]):
                return text, int(values[text])
        return "", 0

    def _text(self, value: Any) -> str | None:
        """A name, or None when it is generated or depends on the stack's id."""
        if isinstance(value, str):
            return value
        if isinstance(value, dict) and list(value) == ["Ref"]:
            return self._known.get(value["Ref"])
        if isinstance(value, dict) and isinstance(value.get("Fn::Sub"), str):
            parts = re.findall(r"\$\{([^}!]+)\}", value["Fn::Sub"])
            if all(part in self._known for part in parts):
                return re.sub(r"\$\{([^}!]+)\}", lambda match: self._known[match[1]], value["Fn::Sub"])
        return None

    def _decide(self, expression: Any) -> bool:
        """A condition. What cannot be decided here counts as true: a check too many does no harm."""
        operations: Mapping[str, Callable[[Any], bool]] = {
            "Condition": lambda name: self._decide(self._template.get("Conditions", {}).get(name)),
            "Fn::Equals": self._equal,
            "Fn::Not": lambda inner: not self._decide(inner[0]),
            "Fn::And": lambda inner: all(self._decide(one) for one in inner),
            "Fn::Or": lambda inner: any(self._decide(one) for one in inner),
        }
        if not isinstance(expression, dict) or len(expression) != 1:
            return True
        ((operation, argument),) = expression.items()
        return operations[operation](argument) if operation in operations else True

    def _equal(self, sides: Any) -> bool:
        first, second = (self._text(_joined(side)) for side in sides)
        return first == second


def _joined(value: Any) -> Any:
    """`Join ['', Ref]` of a list parameter has the text of the parameter, without its commas; only '' matters."""
    join = value.get("Fn::Join") if isinstance(value, dict) else None
    return join[1] if join and join[0] == "" else value


def _texts(value: Any) -> Iterator[str]:
    """Every text within a value, which is where references have their names."""
    if isinstance(value, str):
        yield value
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        yield from _texts(child)
