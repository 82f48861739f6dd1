"""Each rule complains when the template is broken in the way that it guards against."""

from __future__ import annotations

from typing import Final

import pytest

from tests.template import (
    breakages_access,
    breakages_api,
    breakages_flow,
    breakages_keys,
    breakages_partitions,
    breakages_stores,
)
from tests.template.breakage import Breakage, broken
from tests.template.rules import RULES
from tests.template.stack import deployed

BREAKAGES: Final = (
    *breakages_access.BREAKAGES,
    *breakages_stores.BREAKAGES,
    *breakages_keys.BREAKAGES,
    *breakages_flow.BREAKAGES,
    *breakages_api.BREAKAGES,
    *breakages_partitions.BREAKAGES,
)


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda one: f"{one.rule.__name__}: {one.name}")
def test_a_broken_template_breaks_the_rule(breakage: Breakage) -> None:
    before = deployed(**breakage.parameters)
    assert breakage.rule(before) == []
    complaints = breakage.rule(broken(before, breakage.path, breakage.value))
    assert any(breakage.complaint in complaint for complaint in complaints), complaints


def test_every_rule_is_shown_to_bite() -> None:
    assert {rule.__name__ for rule in RULES} == {breakage.rule.__name__ for breakage in BREAKAGES}
