"""The plan of the tests' own house: a product, parts and harnesses in support, and unit tests where their source is."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
UNIT: Final = ROOT / "tests" / "unit"
AWS: Final = ROOT / "tests" / "support" / "aws"
OURS: Final = frozenset({"pik", "pik_cli", "scripts", "benchmarks", "tests"}) | {
    path.stem for path in (ROOT / "src").glob("*.py")
}
MIRRORED: Final = {
    "domain": ROOT / "src" / "pik" / "domain",
    "adapters": ROOT / "src" / "pik" / "adapters",
    "flows": ROOT / "src" / "pik" / "flows",
    "pik_cli": ROOT / "scripts" / "pik_cli",
}
"""Folder of tests/unit to the source that it tests."""


def imported(path: Path) -> Iterator[str]:
    """The modules that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module, f"{path.name} imports relatively"
            assert not node.level, f"{path.name} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", sorted(AWS.glob("*.py")), ids=lambda path: path.stem)
def test_the_in_memory_aws_imports_nothing_of_ours(path: Path) -> None:
    others = [
        name for name in imported(path) if name.partition(".")[0] in OURS and not name.startswith("tests.support.aws.")
    ]
    assert not others


def test_support_imports_no_tests() -> None:
    for path in (ROOT / "tests" / "support").rglob("*.py"):
        others = [
            name for name in imported(path) if name.startswith("tests.") and not name.startswith("tests.support.")
        ]
        assert not others, path.name


def test_test_modules_import_no_other_test_module() -> None:
    """What two of them need is in support."""
    for path in (ROOT / "tests").rglob("test_*.py"):
        others = [name for name in imported(path) if any(part.startswith("test_") for part in name.split(".")[:-1])]
        assert not others, path.name


@pytest.mark.parametrize("folder", MIRRORED)
def test_unit_tests_are_in_the_folder_of_their_source(folder: str) -> None:
    for path in sorted((UNIT / folder).rglob("test_*.py")):
        source = MIRRORED[folder] / path.parent.relative_to(UNIT / folder)
        modules = [it for it in source.glob("*.py") if it.name != "__init__.py"]
        assert modules, f"{path.relative_to(ROOT)} tests no folder of the source"


def test_files_stay_readable() -> None:
    for path in (ROOT / "tests").rglob("*.py"):
        assert path.read_text("utf-8").count("\n") <= 400, path.relative_to(ROOT)
