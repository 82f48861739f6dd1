"""Imports run one way, and only the places that may know AWS, the clock or the environment do."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"
MODULES = sorted(SRC.rglob("*.py"))

IMPURE = {
    "boto3",
    "botocore",
    "os",
    "time",
    "random",
    "secrets",
    "uuid",
    "socket",
    "threading",
    "concurrent",
    "logging",
}
CLOCKS = {"now", "utcnow", "today", "monotonic", "perf_counter"}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def layer(path: Path) -> str:
    parts = path.relative_to(SRC).parts
    return parts[1] if len(parts) > 2 else ("kit" if len(parts) == 2 else "handler")


def modules(name: str) -> list[Path]:
    found = [path for path in MODULES if layer(path) == name]
    assert found
    return found


@pytest.mark.parametrize("path", modules("domain"), ids=lambda path: path.stem)
def test_the_domain_is_pure(path: Path) -> None:
    used = set(imports(path))
    assert not {name.partition(".")[0] for name in used} & IMPURE
    used.discard("pik.__version__")  # a constant, which version rows carry
    assert not [name for name in used if name.startswith("pik.") and not name.startswith("pik.domain")]
    called = {node.attr for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Attribute)}
    assert not called & CLOCKS


@pytest.mark.parametrize("path", modules("adapters"), ids=lambda path: path.stem)
def test_adapters_know_the_domain_and_each_other_only(path: Path) -> None:
    ours = [name for name in imports(path) if name.startswith("pik.")]
    assert all(name.startswith(("pik.domain", "pik.adapters")) for name in ours)


def test_only_adapters_import_boto3() -> None:
    users = {
        layer(path) for path in MODULES if any(name.split(".")[0] in {"boto3", "botocore"} for name in imports(path))
    }
    assert users == {"adapters"}


def test_only_settings_read_the_environment() -> None:
    readers = [path.name for path in MODULES if {"os", "os.environ", "os.getenv"} & set(imports(path))]
    assert readers == ["settings.py"]


def test_handlers_do_not_import_each_other() -> None:
    handlers = {path.stem for path in modules("handler")}
    for path in modules("handler"):
        assert not handlers & set(imports(path)), path.name


def test_only_handlers_use_observability() -> None:
    users = {layer(path) for path in MODULES if any(name.startswith("pik.observability") for name in imports(path))}
    assert users == {"handler"}


def test_nothing_that_is_deployed_knows_the_local_engine() -> None:
    deployed = [*MODULES, ROOT / "template.yaml", *sorted((ROOT / "src" / "pik" / "schemas").glob("*.json"))]
    for path in deployed:
        text = path.read_text("utf-8").lower()
        assert "ministack" not in text, path.name
        assert "localhost" not in text, path.name
        assert "127.0.0.1" not in text, path.name


def test_files_and_functions_stay_readable() -> None:
    for path in [*MODULES, *sorted((ROOT / "scripts").rglob("*.py"))]:
        source = path.read_text("utf-8")
        assert source.count("\n") <= 420, path.name
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 60, f"{path.name}: {node.name}"
