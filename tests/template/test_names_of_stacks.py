"""Names that hold a part of the stack's id differ between stacks of the same name."""

from __future__ import annotations

from typing import Any

import pytest

from tests.template.stack import deployed, walk

FIRST = "arn:aws:cloudformation:us-east-1:111111111111:stack/kit/51af3dc0-da77-11e4-872e-1234567db123"
LATER = "arn:aws:cloudformation:us-east-1:111111111111:stack/kit/73b2e9f0-da78-11e4-872e-1234567db123"
"""GUIDs of version 1: time first, host last. CloudFormation created both on one host, four minutes apart."""


def value(node: Any, stack_id: str) -> Any:
    """What CloudFormation makes of Ref, Fn::Split and Fn::Select of a stack's id."""
    if not isinstance(node, dict):
        return node
    ((function, argument),) = node.items()
    if function == "Ref":
        assert argument == "AWS::StackId"
        return stack_id
    if function == "Fn::Split":
        return value(argument[1], stack_id).split(argument[0])
    assert function == "Fn::Select"
    return value(argument[1], stack_id)[int(argument[0])]


def parts_of_the_stacks_id() -> dict[str, Any]:
    """Every outermost function over the stack's id, by its path."""
    found = {
        path: node
        for path, node in walk(deployed(UseKmsCmk="true"))
        if isinstance(node, dict)
        and len(node) == 1
        and next(iter(node)) == "Fn::Select"
        and "AWS::StackId" in str(node)
    }
    return {
        "/".join(path): node for path, node in found.items() if not any(path[:n] in found for n in range(len(path)))
    }


@pytest.mark.parametrize("path", parts_of_the_stacks_id())
def test_a_part_of_the_stacks_id_differs_between_stacks(path: str) -> None:
    part = parts_of_the_stacks_id()[path]
    assert value(part, FIRST) == "51af3dc0"
    assert value(part, LATER) == "73b2e9f0"


def test_the_work_queue_its_dead_letter_queue_and_the_bus_have_such_names() -> None:
    assert {path.split("/")[1] for path in parts_of_the_stacks_id()} == {"EventBus", "WorkDeadLetterQueue", "WorkQueue"}
