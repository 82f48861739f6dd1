"""What breaks a template for a test: one change, the rule that must notice, and what it must say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.template.stack import Template

Rule = Callable[[Template], list[str]]
REMOVED: Final = object()
CMK: Final = {"UseKmsCmk": "true", "KeepKmsCmk": "true"}
STATEMENTS: Final = "{}/Properties/Policies/0/PolicyDocument/Statement/+"


@dataclass(frozen=True)
class Breakage:
    """One change of the deployed template, and a part of the complaint that it must bring."""

    name: str
    rule: Rule
    path: str
    value: Any
    complaint: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def broken(template: Template, path: str, value: Any) -> Template:
    """The template with `value` at `path` below Resources; numbers are places in lists, `+` appends, `~1` means `/`."""
    *parents, last = (part.replace("~1", "/") for part in path.split("/"))
    node: Any = template["Resources"]
    for part in parents:
        node = node[int(part)] if isinstance(node, list) else node[part]
    if last == "+":
        node.append(value)
    elif value is REMOVED:
        del node[int(last) if isinstance(node, list) else last]
    else:
        node[int(last) if isinstance(node, list) else last] = value
    return template


def allowing(action: str, resource: Any) -> dict[str, Any]:
    """A statement that a role must not have."""
    return {"Sid": "Slip", "Effect": "Allow", "Action": action, "Resource": resource}
