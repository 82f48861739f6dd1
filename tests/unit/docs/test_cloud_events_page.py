"""The conformance table of docs/cloudevents.md and its tests are the same list."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from pik.domain.shared.limits import MAX_ATTRIBUTES_BYTES

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "cloudevents.md").read_text("utf-8")
TESTS = ROOT / "tests" / "integration" / "test_cloud_events.py"
ROW = re.compile(r"^\| (all|binary|structured|batched) \| .+ \| .+ \| `(test_\w+)` \|$", re.MULTILINE)


def test_each_row_is_a_test_and_each_test_a_row() -> None:
    written = [
        node.name
        for node in ast.parse(TESTS.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    listed = [test for _, test in ROW.findall(PAGE)]
    assert len(listed) == len(set(listed))
    assert sorted(listed) == sorted(written)


def test_the_rows_are_all_of_the_table() -> None:
    table = PAGE.partition("## Conformance")[2]
    assert table.count("\n| ") - 2 == len(ROW.findall(PAGE))


def test_the_page_names_the_bound_on_attributes() -> None:
    assert f"{MAX_ATTRIBUTES_BYTES:,} bytes in all" in PAGE
