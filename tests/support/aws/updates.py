"""DynamoDB's update expressions: SET (with + and -, if_not_exists, list_append), REMOVE and ADD of numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from typing import Literal as OneOf

from tests.support.aws.conditions import Bindings, value_at
from tests.support.aws.errors import invalid
from tests.support.aws.expressions import BadExpression, Literal, Path, Tokens
from tests.support.aws.values import Item, Value, canonical, copy_item, copy_value, kind_of, to_number

_SECTIONS: Final = frozenset({"SET", "REMOVE", "ADD"})
_END: Final = "<EOF>"


@dataclass(frozen=True, slots=True)
class Call:
    """if_not_exists(path, operand) or list_append(operand, operand)."""

    name: str
    first: Term
    second: Term


@dataclass(frozen=True, slots=True)
class Sum:
    """One term plus or minus another."""

    sign: OneOf["+", "-"]
    left: Term
    right: Term


Term = Path | Literal | Call | Sum


@dataclass(frozen=True, slots=True)
class Action:
    """What happens to one path: SET and ADD have a term, REMOVE has none."""

    section: str
    path: Path
    term: Term | None


@dataclass(frozen=True, slots=True)
class Update:
    """A parsed update expression, with the #names and :values that it uses."""

    actions: tuple[Action, ...]
    names: frozenset[str]
    values: frozenset[str]


@lru_cache(maxsize=1024)
def parse_update(text: str) -> Update:
    """Raises BadExpression."""
    tokens = Tokens.of(text)
    actions: list[Action] = []
    seen: set[str] = set()
    while tokens.peek() != _END:
        section = tokens.keyword()
        if section not in _SECTIONS:
            if section == "DELETE":
                raise NotImplementedError("the fake DynamoDB has no sets to DELETE from")
            raise tokens.syntax_error()
        if section in seen:
            raise BadExpression(f'The "{section}" section can only be used once in an update expression;')
        seen.add(section)
        tokens.next()
        actions.append(_action(tokens, section))
        while tokens.peek() == ",":
            tokens.next()
            actions.append(_action(tokens, section))
    return Update(tuple(actions), frozenset(tokens.names), frozenset(tokens.values))


def _action(tokens: Tokens, section: str) -> Action:
    path = tokens.path()
    if section == "REMOVE":
        return Action(section, path, None)
    if section == "ADD":
        if not tokens.peek().startswith(":"):
            raise tokens.syntax_error()
        return Action(section, path, tokens.literal())
    tokens.expect("=")
    term = _term(tokens)
    match tokens.peek():
        case "+" | "-" as sign:
            tokens.next()
            term = Sum(sign, term, _term(tokens))
    return Action(section, path, term)


def _term(tokens: Tokens) -> Term:
    if tokens.peek(1) != "(":
        operand = tokens.operand()
        assert isinstance(operand, Path | Literal)  # size( is a call, and calls are below
        return operand
    name = tokens.next()
    if name not in {"if_not_exists", "list_append"}:
        raise BadExpression(f"Invalid function name; function: {name}")
    tokens.expect("(")
    first = _term(tokens)
    tokens.expect(",")
    second = _term(tokens)
    tokens.expect(")")
    if name == "if_not_exists" and not isinstance(first, Path):
        raise BadExpression(f"Operator or function requires a document path; operator or function: {name}")
    return Call(name, first, second)


def check_update(update: Update, bindings: Bindings) -> None:
    """What DynamoDB refuses before it looks at the item. Raises BadExpression."""
    paths = [_resolved(action.path, bindings) for action in update.actions]
    for at, path in enumerate(paths):
        for other in paths[at + 1 :]:
            shorter = min(len(path), len(other))
            if path[:shorter] == other[:shorter]:
                one, two = (", ".join(map(str, parts)) for parts in (path, other))
                message = "Two document paths overlap with each other; must remove or rewrite one of these paths"
                raise BadExpression(f"{message}; path one: [{one}], path two: [{two}]")
    for action in update.actions:
        if action.section == "ADD" and isinstance(action.term, Literal):
            kind = kind_of(bindings.values[action.term.name])
            if kind != "N":
                message = "Incorrect operand type for operator or function; operator: ADD, operand type"
                raise BadExpression(f"{message}: {kind}")


def touched(update: Update, bindings: Bindings) -> set[str]:
    """The top-level attributes that an update names."""
    return {str(_resolved(action.path, bindings)[0]) for action in update.actions}


def apply_update(update: Update, old: Item, bindings: Bindings) -> Item:
    """The item after the update; every term is read from the item before it. Raises ValidationException."""
    new = copy_item(old)
    for action in update.actions:
        parts = _resolved(action.path, bindings)
        match action:
            case Action("REMOVE"):
                _remove(new, parts)
            case Action("ADD", path, Literal(name)):
                zero: Value = {"N": "0"}
                total = _sum("+", value_at(path, old, bindings) or zero, bindings.values[name])
                _place(new, parts, total)
            case Action("SET", _, term) if term is not None:
                _place(new, parts, copy_value(_read(term, old, bindings)))
    return new


def _resolved(path: Path, bindings: Bindings) -> tuple[str | int, ...]:
    return tuple(bindings.names.get(part, part) if isinstance(part, str) else part for part in path.parts)


def _read(term: Term, old: Item, bindings: Bindings) -> Value:
    match term:
        case Literal(name):
            found: Value | None = bindings.values[name]
        case Path():
            found = value_at(term, old, bindings)
        case Sum(sign, left, right):
            found = _sum(sign, _read(left, old, bindings), _read(right, old, bindings))
        case Call("if_not_exists", Path() as path, default):
            found = value_at(path, old, bindings) or _read(default, old, bindings)
        case Call(_, first, second):
            lists = [_read(one, old, bindings) for one in (first, second)]
            if any(kind_of(one) != "L" for one in lists):
                raise invalid("An operand in the update expression has an incorrect data type")
            found = {"L": [*lists[0]["L"], *lists[1]["L"]]}
    if found is None:
        raise invalid("The provided expression refers to an attribute that does not exist in the item")
    return found


def _sum(sign: str, left: Value, right: Value) -> Value:
    if kind_of(left) != "N" or kind_of(right) != "N":
        raise invalid("An operand in the update expression has an incorrect data type")
    first, second = to_number(left["N"]), to_number(right["N"])
    return canonical({"N": str(first + second if sign == "+" else first - second)})


def _parent(item: Item, parts: tuple[str | int, ...]) -> Value:
    found: Value | None = {"M": item}
    for part in parts[:-1]:
        found = _member(found, part) if found else None
    last = "L" if isinstance(parts[-1], int) else "M"
    if found is None or last not in found:
        raise invalid("The document path provided in the update expression is invalid for update")
    return found


def _member(value: Value, part: str | int) -> Value | None:
    if isinstance(part, int):
        elements: list[Value] = value.get("L", [])
        return elements[part] if part < len(elements) else None
    members: Item = value.get("M", {})
    return members.get(part)


def _place(item: Item, parts: tuple[str | int, ...], value: Value) -> None:
    parent, last = _parent(item, parts), parts[-1]
    if isinstance(last, int):
        parent["L"][last : last + 1] = [value]
    else:
        parent["M"][last] = value


def _remove(item: Item, parts: tuple[str | int, ...]) -> None:
    parent, last = _parent(item, parts), parts[-1]
    if isinstance(last, int):
        raise NotImplementedError("the fake DynamoDB does not REMOVE elements of lists")
    parent["M"].pop(last, None)
