"""Rules about the API's parts: in which order they are created, and what strangers may take of it.

A rule returns what is wrong with a deployed template.
"""

from __future__ import annotations

import re
from itertools import combinations
from typing import Any, Final

from tests.template.stack import Template, properties, resources, walk

PARTS: Final = (
    "AWS::ApiGatewayV2::Authorizer",
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::Route",
    "AWS::ApiGatewayV2::Stage",
)
"""What belongs to an API and changes it when it is created."""

OPEN_REQUESTS_PER_SECOND: Final = 5
"""At well below 100 ms per request, less than one concurrent function."""

OPEN_BURST: Final = 5
"""Concurrent functions that strangers can take at once: half of what a new account has."""


def the_api_changes_one_at_a_time(template: Template) -> list[str]:
    """All parts of the API are in one chain of dependencies: of any two, one waits for the other."""
    parts = resources(template, *PARTS)
    waits = {name: _dependencies(template, name) for name in parts}
    return [
        f"{one} and {other} may be created at the same time, which API Gateway refuses: make one depend on the other"
        for one, other in combinations(parts, 2)
        if other not in waits[one] and one not in waits[other]
    ]


def _dependencies(template: Template, name: str) -> set[str]:
    """All that CloudFormation creates before this resource, directly or not."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for dependency in _named(template["Resources"][waiting.pop()]) - found:
            if dependency in template["Resources"]:
                found.add(dependency)
                waiting.append(dependency)
    return found


def _named(resource: dict[str, Any]) -> set[str]:
    """Logical ids that a resource names: DependsOn, Ref, Fn::GetAtt and Fn::Sub."""
    depends = resource.get("DependsOn", [])
    found = set(depends if isinstance(depends, list) else [depends])
    for _, node in walk(resource.get("Properties", {})):
        if not isinstance(node, dict) or len(node) != 1:
            continue
        ((function, argument),) = node.items()
        if function == "Ref":
            found.add(argument)
        elif function == "Fn::GetAtt":
            found.add(argument[0] if isinstance(argument, list) else argument.split(".")[0])
        elif function == "Fn::Sub":
            text = argument if isinstance(argument, str) else argument[0]
            found |= {name.split(".")[0] for name in re.findall(r"\$\{([\w.]+)\}", text)}
    return found


def the_stage_throttles_routes_that_exist(template: Template) -> list[str]:
    """API Gateway refuses settings of a route that the API does not have at that moment."""
    keys = {
        one["Properties"]["RouteKey"]: name for name, one in resources(template, "AWS::ApiGatewayV2::Route").items()
    }
    found = []
    for stage in resources(template, "AWS::ApiGatewayV2::Stage"):
        before = _dependencies(template, stage)
        for key in properties(template, stage).get("RouteSettings", {}):
            if key not in keys:
                found.append(f"{stage} throttles {key}, which is no route")
            elif keys[key] not in before:
                found.append(f"{stage} throttles {key} before there is {keys[key]}")
    return found


def open_routes_take_little(template: Template) -> list[str]:
    """A route of ingest's function that needs no credentials, whatever IngestAuth says, has its own low throttle."""
    (stage,) = resources(template, "AWS::ApiGatewayV2::Stage").values()
    found = []
    for name, route in resources(template, "AWS::ApiGatewayV2::Route").items():
        key = route["Properties"]["RouteKey"]
        shares = "IngestIntegration" in _named(route)
        if not shares or name == "IngestEventsRoute" or route["Properties"]["AuthorizationType"] != "NONE":
            continue
        limits = stage["Properties"].get("RouteSettings", {}).get(key, {})
        if not 0 < limits.get("ThrottlingRateLimit", 0) <= OPEN_REQUESTS_PER_SECOND:
            found.append(f"anyone can call {key} as often as the whole API")
        if not 0 < limits.get("ThrottlingBurstLimit", 0) <= OPEN_BURST:
            found.append(f"anyone can take the account's concurrency with {key}")
    return found


RULES: Final = (the_api_changes_one_at_a_time, the_stage_throttles_routes_that_exist, open_routes_take_little)
