"""Rules about AWS's partitions: the template also works in aws-cn and in GovCloud.

A rule returns what is wrong with a deployed template.
"""

from __future__ import annotations

import re
from typing import Final

from tests.template.stack import Template, walk

SAME_EVERYWHERE: Final = {"apigateway", "cloudwatch", "events", "lambda", "scheduler", "states"}
"""Services whose principal is <service>.amazonaws.com in all partitions, also in aws-cn, where hosts end in .cn."""


def names_are_of_the_partition(template: Template) -> list[str]:
    """ARNs begin with the stack's partition."""
    return [
        f"{'/'.join(path)} names a partition: {text}"
        for path, text in walk(template)
        if isinstance(text, str) and re.search(r"\barn:(?!\$\{AWS::Partition\}:)", text)
    ]


def hosts_end_as_in_the_partition(template: Template) -> list[str]:
    """Host names, and principals with a region, end with the partition's suffix, which is not always amazonaws.com."""
    return [
        f"{'/'.join(path)} ends as in the partition aws: {text}"
        for path, text in walk(template)
        if isinstance(text, str)
        and "amazonaws.com" in text
        and text.removesuffix(".amazonaws.com") not in SAME_EVERYWHERE
    ]


def principals_are_those_of_every_partition(template: Template) -> list[str]:
    """The principals that are the same everywhere do not get the suffix, which would name no service in aws-cn."""
    return [
        f"{'/'.join(path)} is no principal in aws-cn: {node['Fn::Sub']}"
        for path, node in walk(template)
        if isinstance(node, dict)
        and isinstance(node.get("Fn::Sub"), str)
        and node["Fn::Sub"].removesuffix(".${AWS::URLSuffix}") in SAME_EVERYWHERE
    ]


RULES: Final = (names_are_of_the_partition, hosts_end_as_in_the_partition, principals_are_those_of_every_partition)
