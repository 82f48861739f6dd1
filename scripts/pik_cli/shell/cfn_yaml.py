"""CloudFormation's YAML (short-form intrinsic functions) read into plain dictionaries in long form."""

from __future__ import annotations

from typing import Any

import yaml

Template = dict[str, Any]


class _Loader(yaml.SafeLoader):
    """SafeLoader that knows the short forms and leaves dates as text, as CloudFormation does."""


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    """`!Ref X` is {"Ref": X}, `!Condition X` {"Condition": X}, every other `!F x` {"Fn::F": x}."""
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)  # noqa: S101 - YAML has these three kinds of node
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


def _text(loader: _Loader, node: yaml.ScalarNode) -> str:
    """AWSTemplateFormatVersion looks like a date and is text."""
    return str(loader.construct_scalar(node))


_Loader.add_multi_constructor("!", _short_form)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _text)


def load(text: str) -> Template:
    """Parse a template.

    Raises:
        ValueError: when the text is not YAML or not a mapping; says where.
    """
    try:
        template = yaml.load(text, Loader=_Loader)  # noqa: S506 - a subclass of SafeLoader
    except yaml.YAMLError as error:
        raise ValueError(f"not valid YAML: {error}") from error
    if not isinstance(template, dict):
        raise ValueError("a template is a mapping with Resources")
    return template
