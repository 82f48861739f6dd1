"""All single breaks of a source file, and a sample of them that a seed determines."""

from __future__ import annotations

import ast
import difflib
import hashlib
import re
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import libcst as cst
import libcst.matchers as m
from libcst.metadata import MetadataWrapper, PositionProvider

from tests.mutation.operators import OPERATORS

FOLDERS: Final = ("src/pik/domain", "src/pik/flows", "src/pik/adapters")

_TYPES: Final = m.Call(func=m.Name("TypeVar") | m.Name("NewType") | m.Name("ParamSpec"))
_LOGGED: Final = m.SimpleStatementLine([m.Expr(m.Call(func=m.Attribute(value=m.Name("logger"))))])
_TRIVIAL: Final = m.Call(func=m.Name("len") | m.Name("isinstance") | m.Name("cast"))
"""Calls that raise at once when an argument is gone."""
_CAST: Final = m.Call(func=m.Name("cast"))
_CHECKING: Final = m.If(test=m.Name("TYPE_CHECKING"))
_DATACLASS: Final = m.Decorator(decorator=m.Call(func=m.Name("dataclass")))
"""What it says of slots and of changes, mypy holds."""
_STRICT: Final = m.Arg(keyword=m.Name("strict"))
"""An assertion: lengths that cannot differ do not differ without it."""
_ALIAS: Final = re.compile(r"[A-Z]\w*[a-z]\w*")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One break: `source` is the whole file with it."""

    path: str
    function: str
    operator: str
    lines: tuple[int, int]
    before: str
    after: str
    source: str

    @property
    def name(self) -> str:
        """The same for the same break of the same line, wherever in its function it is."""
        parts = "\0".join((self.path, self.function, self.operator, self.before, self.after))
        return hashlib.sha256(parts.encode()).hexdigest()[:8]

    def diff(self, original: str) -> str:
        lines = difflib.unified_diff(
            original.splitlines(), self.source.splitlines(), self.path, self.path, lineterm="", n=2
        )
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Site:
    """A place that an operator can change, in one of several ways."""

    function: str
    operator: str
    line: int
    lines: tuple[int, int]
    """Of the statement that it belongs to."""
    node: Any
    changed: Any


class _Sites:
    """The sites of one file. What no test could notice is left out: types, imports, log lines, prose."""

    def __init__(self, source: str) -> None:
        wrapper = MetadataWrapper(cst.parse_module(source))
        self.module = wrapper.module
        self.found: list[Site] = []
        self._places = wrapper.resolve(PositionProvider)
        self._walk(self.module, (), (1, 1))

    def _walk(self, node: cst.CSTNode, scopes: tuple[str, ...], lines: tuple[int, int]) -> None:
        if _is_left_out(node, top=not scopes):
            return
        if isinstance(node, cst.SimpleStatementLine | cst.BaseCompoundStatement):
            lines = self._span(node)
        if isinstance(node, cst.MatchCase | cst.ExceptHandler):
            lines = (self._places[node].start.line,) * 2
        if not _is_prose(node):
            self._collect(node, ".".join(scopes), lines)
        if isinstance(node, cst.FunctionDef | cst.ClassDef):
            scopes = (*scopes, node.name.value)
        # The type that a cast names is nothing at run time.
        for child in node.args[1:] if m.matches(node, _CAST) else node.children:  # type: ignore[attr-defined]
            self._walk(child, scopes, lines)

    def _span(self, node: cst.CSTNode) -> tuple[int, int]:
        """The lines of a statement; of a compound one, those of its head."""
        where = self._places[node]
        if not isinstance(node, cst.BaseCompoundStatement):
            return where.start.line, where.end.line
        if isinstance(node, cst.Match):
            return where.start.line, where.start.line
        return where.start.line, max(where.start.line, self._places[node.body].start.line - 1)

    def _collect(self, node: cst.CSTNode, function: str, lines: tuple[int, int]) -> None:
        line = self._places[node].start.line if node in self._places else lines[0]
        for kind, operator in OPERATORS:
            if isinstance(node, kind) and not (kind is cst.Call and m.matches(node, _TRIVIAL)):
                name = operator.__name__
                if name == "operator_number" and not function:
                    continue  # a bound of the kit has no right value to the last digit; others set it to zero
                found = (changed for changed in operator(node) if not _forgets_only_words(node, changed))
                self.found += [Site(function, name, line, lines, node, changed) for changed in found]


def _is_left_out(node: cst.CSTNode, *, top: bool) -> bool:
    if isinstance(node, cst.Annotation | cst.Import | cst.ImportFrom):
        return True
    if top and m.matches(node, m.Assign(targets=[m.AssignTarget(m.Name())])):
        return bool(_ALIAS.fullmatch(node.targets[0].target.value))  # type: ignore[attr-defined]
    return m.matches(node, _TYPES | _LOGGED | _CHECKING | _DATACLASS | _STRICT)


def _forgets_only_words(node: cst.CSTNode, changed: cst.CSTNode) -> bool:
    """Whether a call differs only in a text for people, or in that it asserts nothing any more."""
    if not isinstance(node, cst.Call) or not isinstance(changed, cst.Call):
        return False
    gone = [arg for arg in node.args if arg not in changed.args]
    return bool(gone) and all(m.matches(arg, _STRICT) or _is_words(arg.value) for arg in gone)


def _is_words(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.FormattedString | cst.ConcatenatedString) or _is_prose(node)


def _is_prose(node: cst.CSTNode) -> bool:
    """Texts for people have spaces or other letters; what machines read has none."""
    return isinstance(node, cst.SimpleString) and (" " in node.value or not node.value.isascii())


def sites(path: Path) -> tuple[cst.Module, list[Site]]:
    """A file, and all places of it that an operator can change."""
    found = _Sites(path.read_text("utf-8"))
    return found.module, found.found


def sample(root: Path, count: int, seed: int) -> list[Mutant]:
    """`count` mutants of as many lines. A line is taken or not whatever the others are, so that a change of the code
    changes the sample no more than it must."""
    lines = sorted(_lines(root), key=lambda line: _rank(seed, *line[0]))
    taken: list[Mutant] = []
    for (path, *where), module, choices in lines:
        mutant = _first(path, module, sorted(choices, key=lambda site: _rank(seed, *where, site.operator)), seed)
        if mutant is not None:
            taken.append(mutant)
        if len(taken) == count:
            break
    return taken


def _lines(root: Path) -> Iterator[tuple[tuple[str, ...], cst.Module, list[Site]]]:
    """The lines that an operator can change, each with what names it: file, function, text, and which of its likes."""
    for folder in FOLDERS:
        for file in sorted((root / folder).rglob("*.py")):
            path, texts = file.relative_to(root).as_posix(), file.read_text("utf-8").splitlines()
            module, found = sites(file)
            by_line: dict[int, list[Site]] = defaultdict(list)
            for site in found:
                by_line[site.line].append(site)
            alike: Counter[tuple[str, str]] = Counter()
            for line, choices in sorted(by_line.items()):
                key = choices[0].function, texts[line - 1].strip()
                yield (path, *key, str(alike[key])), module, choices
                alike[key] += 1


def _first(path: str, module: cst.Module, choices: Sequence[Site], seed: int) -> Mutant | None:
    """The first choice that is Python and says something else; of one operator's choices any."""
    for _, group in groupby(choices, key=lambda site: site.operator):
        alternatives = list(group)
        start = int(_rank(seed, path, alternatives[0].function, str(len(alternatives))), 16) % len(alternatives)
        for site in (*alternatives[start:], *alternatives[:start]):
            mutant = mutate(path, module, site)
            if mutant is not None:
                return mutant
    return None


def mutate(path: str, module: cst.Module, site: Site) -> Mutant | None:
    """The file with that change, None when it is no Python or the same as before."""
    original, source = module.code, module.deep_replace(site.node, site.changed).code
    try:
        if ast.dump(ast.parse(source)) == ast.dump(ast.parse(original)):
            return None
        with warnings.catch_warnings(action="error"):  # a number that is called, as 0(value)
            compile(source, path, "exec", dont_inherit=True)
    except (SyntaxError, SyntaxWarning, ValueError):
        return None
    before, after = changed_text(original, source)
    return Mutant(path, site.function, site.operator, site.lines, before, after, source)


def changed_text(original: str, source: str) -> tuple[str, str]:
    """The lines that were, and those that are there instead, as one line each."""
    lines = list(difflib.ndiff(original.splitlines(), source.splitlines()))
    return tuple(" ".join(line[2:].strip() for line in lines if line.startswith(sign)) for sign in "-+")  # type: ignore[return-value]


def _rank(seed: int, *parts: str) -> str:
    return hashlib.sha256("\0".join((str(seed), *parts)).encode()).hexdigest()
