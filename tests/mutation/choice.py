"""Which tests could notice a mutant, those first that most probably do."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from tests.mutation.covering import Covering
from tests.mutation.mutants import FOLDERS, Mutant


class Choice:
    """Chooses by what ran the lines of a mutant. No test runs a line that runs at import, as a constant does: there it
    is the tests that run the lines where its names are used, and those whose files have its names."""

    def __init__(self, root: Path, covering: Covering) -> None:
        self._root = root
        self._covering = covering

    def of(self, mutant: Mutant) -> list[str]:
        """The tests, in the order in which they are best run: the module's own before others, quick before slow."""
        home = mutant.path.replace("src/pik/", "tests/unit/").rpartition("/")[0] + "/"
        seconds = self._covering.seconds
        found = self._covering.tests(mutant.path, range(mutant.lines[0], mutant.lines[1] + 1))
        if not found:
            found = self._users(mutant.path, self._names(mutant))
        return sorted(found & seconds.keys(), key=lambda test: (not test.startswith(home), seconds[test], test))

    def is_simulated(self, mutant: Mutant) -> bool:
        """Whether the simulation runs its lines. What runs at import it always runs."""
        lines = range(mutant.lines[0], mutant.lines[1] + 1)
        return self._covering.is_simulated(mutant.path, lines)

    def _names(self, mutant: Mutant) -> set[str]:
        """What the statement defines: a constant, or the class or function that it is part of."""
        if mutant.function:
            return {mutant.function.split(".")[-1], mutant.function.split(".")[0]}
        tree = _tree(self._root / mutant.path)
        within = [it for it in tree.body if it.lineno <= mutant.lines[0] <= (it.end_lineno or 0)]
        return {name for node in within for name in _defined(node)}

    def _users(self, path: str, names: set[str]) -> set[str]:
        found: set[str] = set()
        pending, known = set(names), set(names)
        while pending:
            name = pending.pop()
            if name.startswith("__"):
                continue
            for file, lines, defines in self._uses(name):
                if name.startswith("_") and file != path:
                    continue
                found |= self._covering.tests(file, lines)
                pending |= defines - known
                known |= defines
            found |= self._mentioned(name)
        return found

    def _uses(self, name: str) -> Iterator[tuple[str, range, set[str]]]:
        """Where a name is used: the file, the lines, and the names that are defined by it."""
        for file, by_name in _loads(self._root).items():
            for first, last, defines in by_name.get(name, ()):
                yield file, range(first, last + 1), set(defines)

    def _mentioned(self, name: str) -> set[str]:
        """The tests whose files have the name, where it is long enough to be one thing."""
        if len(name) < 6:
            return set()
        files = {file for file, text in _test_texts(self._root).items() if re.search(rf"\b{re.escape(name)}\b", text)}
        return {test for test in self._covering.seconds if test.partition("::")[0] in files}


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def _defined(node: ast.stmt) -> set[str]:
    match node:
        case ast.Assign(targets=targets):
            return {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
        case ast.AnnAssign(target=ast.Name(id=name)):
            return {name}
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
    return set()


@cache
def _loads(root: Path) -> Mapping[str, Mapping[str, list[tuple[int, int, frozenset[str]]]]]:
    """File to name to the places that use it: within a function its lines, else the lines of the statement and what it
    defines."""
    files = [file for folder in FOLDERS for file in (root / folder).rglob("*.py")]
    found: dict[str, dict[str, list[tuple[int, int, frozenset[str]]]]] = {}
    for file in files:
        by_name = found.setdefault(file.relative_to(root).as_posix(), {})
        for node in _tree(file).body:
            for part in ast.walk(node):
                name = part.id if isinstance(part, ast.Name) else part.attr if isinstance(part, ast.Attribute) else ""
                if name:
                    line = part.lineno  # type: ignore[attr-defined]
                    inert = not isinstance(node, ast.FunctionDef | ast.ClassDef)
                    defines = frozenset(_defined(node)) if inert else frozenset()
                    by_name.setdefault(name, []).append((line, line, defines))
    return found


@cache
def _test_texts(root: Path) -> Mapping[str, str]:
    files = (root / "tests").rglob("test_*.py")
    return {file.relative_to(root).as_posix(): file.read_text("utf-8") for file in files}
