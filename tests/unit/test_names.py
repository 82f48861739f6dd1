"""Names say what they name: pronouns and participles do not, except within one comprehension or lambda."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
FOLDERS: Final = ("src", "scripts", "benchmarks")
VAGUE: Final = frozenset({"it", "them", "told", "asked", "some"})


def bound(node: ast.AST) -> Iterator[tuple[int, str]]:
    """The names that are bound below a node, each with its line: variables, loop targets, parameters, functions and
    names of a pattern. What a comprehension or a lambda binds for itself is left out."""
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.comprehension():
                yield from bound(child.iter)
                continue
            case ast.Lambda():
                yield from bound(child.body)
                continue
            case ast.Name(id=name, ctx=ast.Store()):
                yield child.lineno, name
            case ast.arg(arg=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield child.lineno, name
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield child.lineno, name
        yield from bound(child)


def vague(source: str) -> list[tuple[int, str]]:
    return sorted((line, name) for line, name in bound(ast.parse(source)) if name in VAGUE)


@pytest.mark.parametrize("folder", FOLDERS)
def test_names_are_nouns_and_verbs(folder: str) -> None:
    paths = sorted((ROOT / folder).rglob("*.py"))
    assert paths
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name}" for path in paths for line, name in vague(path.read_text("utf-8"))
    ]
    assert not found, "\n".join(["", *found])


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("it = 1", [(1, "it")]),
        ("x, them = 1, 2", [(1, "them")]),
        ("for it in x:\n    pass", [(1, "it")]),
        ("def f(told, *, asked):\n    some: int = 1", [(1, "asked"), (1, "told"), (2, "some")]),
        ("def told():\n    pass", [(1, "told")]),
        ("with open(x) as it:\n    pass", [(1, "it")]),
        ("try:\n    pass\nexcept E as it:\n    pass", [(3, "it")]),
        ("match x:\n    case {'a': it}:\n        pass", [(2, "it")]),
        ("if (it := f()):\n    pass", [(1, "it")]),
        ("[it for it in x if it]", []),
        ("f(lambda it: it)", []),
        ("x.it = y.them(some=1)", []),
    ],
)
def test_a_vague_name_is_found_wherever_it_is_bound(source: str, found: list[tuple[int, str]]) -> None:
    assert vague(source) == found
