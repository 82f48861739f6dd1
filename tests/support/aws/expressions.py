"""The grammar of DynamoDB's condition, filter and key condition expressions.

It is the manual's ("Condition and filter expressions, operators, and functions") without attribute_type: comparisons,
BETWEEN, IN, attribute_exists, attribute_not_exists, begins_with, contains, size, NOT, AND, OR and parentheses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from tests.support.aws.reserved_words import RESERVED

_TOKEN: Final = re.compile(r"\s*(?:([#:]?\w+)|(<=|>=|<>|[=<>(),.\[\]+-])|(\S))", re.ASCII)
_COMPARISONS: Final = frozenset({"=", "<>", "<", "<=", ">", ">="})
_FUNCTIONS: Final = {"attribute_exists": 1, "attribute_not_exists": 1, "begins_with": 2, "contains": 2}
_SIZE: Final = "size"
_MAX_BYTES: Final = 4096
_MAX_NESTING: Final = 100
"""Parentheses and NOTs within each other. DynamoDB has its own bound; this one keeps the parser off Python's."""

_END: Final = "<EOF>"


class BadExpression(Exception):
    """What DynamoDB says about an expression, without the name of the parameter that held it."""


@dataclass(frozen=True, slots=True)
class Path:
    """Where an attribute is: names (or #placeholders) and list indexes."""

    parts: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Literal:
    """A :placeholder."""

    name: str


@dataclass(frozen=True, slots=True)
class Size:
    """size(path)."""

    path: Path


Operand = Path | Literal | Size


@dataclass(frozen=True, slots=True)
class Comparison:
    operator: str
    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class Between:
    value: Operand
    low: Operand
    high: Operand


@dataclass(frozen=True, slots=True)
class In:
    value: Operand
    among: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class FunctionCall:
    name: str
    path: Path
    argument: Operand | None = None


@dataclass(frozen=True, slots=True)
class Not:
    operand: Node


@dataclass(frozen=True, slots=True)
class And:
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Or:
    left: Node
    right: Node


Node = Comparison | Between | In | FunctionCall | Not | And | Or


@dataclass(frozen=True, slots=True)
class Parsed:
    """An expression, the #names and :values that it uses, and the paths that it reads."""

    tree: Node
    names: frozenset[str]
    values: frozenset[str]
    paths: frozenset[Path]


@dataclass(slots=True)
class Tokens:
    """A cursor on an expression's tokens, and what has been used on the way."""

    all: list[str]
    at: int = 0
    depth: int = 0
    names: set[str] = field(default_factory=set)
    values: set[str] = field(default_factory=set)
    paths: set[Path] = field(default_factory=set)

    @classmethod
    def of(cls, text: str) -> Tokens:
        """Raises BadExpression for a character that no expression has."""
        if len(text.encode()) > _MAX_BYTES:
            message = "Expression size has exceeded the maximum allowed size; expression size"
            raise BadExpression(f"{message}: {len(text.encode())}")
        tokens = []
        for word, sign, other in _TOKEN.findall(text):
            if other:
                raise BadExpression(f'Syntax error; token: "{other}", near: "{text.strip()}"')
            tokens.append(word or sign)
        if not tokens:
            raise BadExpression("The expression can not be empty;")
        return cls(tokens)

    def peek(self, ahead: int = 0) -> str:
        return self.all[self.at + ahead] if self.at + ahead < len(self.all) else _END

    def keyword(self) -> str:
        """The next token as a keyword: those are not case-sensitive."""
        return self.peek().upper()

    def next(self) -> str:
        token = self.peek()
        self.at += 1
        return token

    def expect(self, wanted: str) -> None:
        if self.keyword() != wanted:
            raise self.syntax_error()
        self.at += 1

    def syntax_error(self) -> BadExpression:
        near = " ".join(self.all[max(0, self.at - 1) : self.at + 2])
        return BadExpression(f'Syntax error; token: "{self.peek()}", near: "{near}"')

    def path(self) -> Path:
        """An attribute's path. Raises BadExpression, also for a bare name that is reserved."""
        parts: list[str | int] = [self._name()]
        while self.peek() in {".", "["}:
            if self.next() == ".":
                parts.append(self._name())
            else:
                if not self.peek().isdigit():
                    raise self.syntax_error()
                parts.append(int(self.next()))
                self.expect("]")
        path = Path(tuple(parts))
        self.paths.add(path)
        return path

    def _name(self) -> str:
        token = self.peek()
        if token.startswith("#") and len(token) > 1:
            self.names.add(token)
        elif not (token[0].isalpha() or token[0] == "_"):
            raise self.syntax_error()
        elif token.upper() in RESERVED:
            raise BadExpression(f"Attribute name is a reserved keyword; reserved keyword: {token}")
        return self.next()

    def literal(self) -> Literal:
        token = self.next()
        self.values.add(token)
        return Literal(token)

    def operand(self) -> Operand:
        if self.peek().startswith(":") and len(self.peek()) > 1:
            return self.literal()
        if self.peek() == _SIZE and self.peek(1) == "(":
            self.at += 2
            path = self.path()
            self.expect(")")
            return Size(path)
        return self.path()


@lru_cache(maxsize=1024)
def parse_condition(text: str) -> Parsed:
    """Parse a condition, filter or key condition expression. Raises BadExpression."""
    tokens = Tokens.of(text)
    tree = _or(tokens)
    if tokens.peek() != _END:
        raise tokens.syntax_error()
    return Parsed(tree, frozenset(tokens.names), frozenset(tokens.values), frozenset(tokens.paths))


def _or(tokens: Tokens) -> Node:
    node = _and(tokens)
    while tokens.keyword() == "OR":
        tokens.next()
        node = Or(node, _and(tokens))
    return node


def _and(tokens: Tokens) -> Node:
    node = _not(tokens)
    while tokens.keyword() == "AND":
        tokens.next()
        node = And(node, _not(tokens))
    return node


def _not(tokens: Tokens) -> Node:
    tokens.depth += 1
    if tokens.depth > _MAX_NESTING:
        raise BadExpression("The expression is nested too deeply;")
    node: Node
    if tokens.keyword() == "NOT":
        tokens.next()
        node = Not(_not(tokens))
    else:
        node = _primary(tokens)
    tokens.depth -= 1
    return node


def _primary(tokens: Tokens) -> Node:
    if tokens.peek() == "(":
        tokens.next()
        doubled, start = tokens.peek() == "(", tokens.at
        node = _or(tokens)
        if doubled and _closes(tokens.all, start) == tokens.at - 1:
            raise BadExpression("The expression has redundant parentheses;")
        tokens.expect(")")
        return node
    if tokens.peek(1) == "(" and tokens.peek() != _SIZE:
        return _function(tokens)
    left = tokens.operand()
    match tokens.keyword():
        case operator if operator in _COMPARISONS:
            tokens.next()
            return Comparison(operator, left, tokens.operand())
        case "BETWEEN":
            tokens.next()
            low = tokens.operand()
            tokens.expect("AND")
            return Between(left, low, tokens.operand())
        case "IN":
            return _in(tokens, left)
    raise tokens.syntax_error()


def _closes(tokens: list[str], opened: int) -> int:
    """Where the parenthesis at `opened` is closed."""
    depth = 0
    for at in range(opened, len(tokens)):
        depth += (tokens[at] == "(") - (tokens[at] == ")")
        if not depth:
            return at
    return -1


def _in(tokens: Tokens, value: Operand) -> In:
    tokens.next()
    tokens.expect("(")
    among = [tokens.operand()]
    while tokens.peek() == ",":
        tokens.next()
        among.append(tokens.operand())
    tokens.expect(")")
    return In(value, tuple(among))


def _function(tokens: Tokens) -> FunctionCall:
    name = tokens.next()
    if name not in _FUNCTIONS:
        raise BadExpression(f"Invalid function name; function: {name}")
    tokens.expect("(")
    path = tokens.operand()
    if not isinstance(path, Path):
        raise BadExpression(f"Operator or function requires a document path; operator or function: {name}")
    argument = None
    if _FUNCTIONS[name] == 2:
        tokens.expect(",")
        argument = tokens.operand()
    tokens.expect(")")
    return FunctionCall(name, path, argument)
