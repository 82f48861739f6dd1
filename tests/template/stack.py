"""template.yaml as CloudFormation gets it: transformed by SAM's translator, offline, and resolved for parameters."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final
from unittest import mock

from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

ROOT: Final = Path(__file__).resolve().parents[2]
REGION: Final = "us-east-1"
NOTHING: Final = {"Ref": "AWS::NoValue"}

Template = dict[str, Any]


@cache
def _source() -> Template:
    return dict(yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8")))


def source() -> Template:
    """template.yaml as written; tags such as !Ref in their long form."""
    return copy.deepcopy(_source())


@cache
def _transformed() -> Template:
    template = source()
    template["Globals"]["Function"]["CodeUri"] = "s3://packages/function.zip"  # as `sam package` writes it
    template["Resources"]["RedriveStateMachine"]["Properties"]["DefinitionUri"] = "s3://packages/redrive.asl.yaml"
    with mock.patch.dict("os.environ", {"AWS_DEFAULT_REGION": REGION}):
        return dict(Translator({}, Parser()).translate(template, {}))


def transformed() -> Template:
    """The template after SAM's transform, conditions and parameters still in it."""
    return copy.deepcopy(_transformed())


def defaults() -> dict[str, str]:
    """Each parameter's default, as text, which is what CloudFormation compares."""
    return {name: str(parameter["Default"]) for name, parameter in source()["Parameters"].items()}


def deployed(**parameters: str) -> Template:
    """What these parameters deploy: conditions decided, parameters filled in, references to resources kept."""
    template = transformed()
    unknown = set(parameters) - set(template["Parameters"])
    if unknown:
        raise AssertionError(f"no such parameters: {sorted(unknown)}")
    return _Resolver(template, {**defaults(), **parameters}).resolve()


def resources(template: Template, *kinds: str) -> dict[str, dict[str, Any]]:
    """Resources of these types by logical id."""
    return {name: resource for name, resource in template["Resources"].items() if resource["Type"] in kinds}


def properties(template: Template, name: str) -> dict[str, Any]:
    """The properties of one resource."""
    found: dict[str, Any] = template["Resources"][name]["Properties"]
    return found


def stages() -> dict[str, dict[str, str]]:
    """The parameter overrides of each stage of samconfig.toml."""
    configuration = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
    return {
        stage: dict(pair.split("=", 1) for pair in section["deploy"]["parameters"]["parameter_overrides"].split())
        for stage, section in configuration.items()
        if isinstance(section, dict)
    }


def refused_by_rules(**parameters: str) -> list[str]:
    """What the template's Rules section says against these parameters."""
    values = {**defaults(), **parameters}
    resolver = _Resolver(transformed(), values)
    return [
        assertion["AssertDescription"]
        for rule in source()["Rules"].values()
        if resolver.decide(rule.get("RuleCondition", {"Fn::Equals": ["", ""]}))
        for assertion in rule["Assertions"]
        if not resolver.decide(assertion["Assert"])
    ]


def walk(node: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    """Every value below `node` with its path, parents before children."""
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [(path, node), *(found for key, value in children for found in walk(value, (*path, str(key))))]


class _Resolver:
    """Decides conditions and fills in parameters, for one set of values."""

    def __init__(self, template: Template, values: Mapping[str, str]) -> None:
        self._template = template
        self._values = values
        self._functions: dict[str, Callable[[Any], bool]] = {
            "Fn::Equals": lambda pair: str(self._value(pair[0])) == str(self._value(pair[1])),
            "Fn::Contains": lambda pair: str(self._value(pair[1])) in [str(one) for one in self._value(pair[0])],
            "Fn::Not": lambda inner: not self.decide(inner[0]),
            "Fn::And": lambda inner: all(self.decide(one) for one in inner),
            "Fn::Or": lambda inner: any(self.decide(one) for one in inner),
            "Condition": self.condition,
        }
        self._intrinsics: dict[str, Callable[[Any], Any]] = {
            "Fn::If": lambda argument: self._value(self._branch(argument)),
            "Fn::FindInMap": self._lookup,
            "Fn::Join": self._join,
            "Ref": self._parameter,
        }

    def condition(self, name: str) -> bool:
        return self.decide(self._template["Conditions"][name])

    def decide(self, expression: Any) -> bool:
        ((function, argument),) = expression.items()
        return self._functions[function](argument)

    def resolve(self) -> Template:
        return {section: self._value(self._kept(section)) for section in ("Resources", "Outputs")}

    def _kept(self, section: str) -> Template:
        return {
            name: {key: value for key, value in one.items() if key != "Condition"}
            for name, one in self._template[section].items()
            if "Condition" not in one or self.condition(one["Condition"])
        }

    def _value(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self._value(item) for item in node if not self._is_nothing(item)]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((function, argument),) = node.items()
            if function in self._intrinsics and (function != "Ref" or argument in self._values):
                return self._intrinsics[function](argument)
        return {key: self._value(value) for key, value in node.items() if not self._is_nothing(value)}

    def _lookup(self, argument: Any) -> Any:
        name, first, second = (self._value(part) for part in argument)
        return self._template["Mappings"][name][first][second]

    def _join(self, argument: Any) -> Any:
        separator, parts = argument[0], self._value(argument[1])
        known = isinstance(parts, list) and all(isinstance(part, str) for part in parts)
        return separator.join(parts) if known else {"Fn::Join": [separator, parts]}

    def _branch(self, argument: Any) -> Any:
        name, yes, no = argument
        return yes if self.condition(name) else no

    def _is_nothing(self, node: Any) -> bool:
        while isinstance(node, dict) and list(node) == ["Fn::If"]:
            node = self._branch(node["Fn::If"])
        return bool(node == NOTHING)

    def _parameter(self, name: str) -> Any:
        value, kind = self._values[name], self._template["Parameters"][name]["Type"]
        if kind == "CommaDelimitedList":
            return value.split(",")
        return int(value) if kind == "Number" else value
