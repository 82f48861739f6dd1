"""DynamoDB's conditions: expressions checked as DynamoDB checks them, and evaluated against an item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from tests.support.aws.client import Request
from tests.support.aws.errors import invalid
from tests.support.aws.expressions import (
    And,
    BadExpression,
    Between,
    Comparison,
    FunctionCall,
    In,
    Literal,
    Node,
    Not,
    Operand,
    Or,
    Parsed,
    Path,
    Size,
    parse_condition,
)
from tests.support.aws.values import Item, Value, canonical_item, in_order, kind_of, sortable

_ORDERED: Final = frozenset({"S", "N", "B"})


class Bindings(NamedTuple):
    """ExpressionAttributeNames and ExpressionAttributeValues."""

    names: Mapping[str, str]
    values: Mapping[str, Value]


class Expressions:
    """The expressions of one request and their placeholders, each of which must be used and defined."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._unused: dict[str, set[str]] = {}
        for kind, mark in (("ExpressionAttributeNames", "#"), ("ExpressionAttributeValues", ":")):
            given = request.get(kind)
            if given is not None and not given:
                raise invalid(f"{kind} must not be empty")
            for key in given or {}:
                if not key.startswith(mark):
                    raise invalid(f'{kind} contains invalid key: Syntax error; key: "{key}"')
            self._unused[kind] = set(given or {})
        values = canonical_item(request.get("ExpressionAttributeValues") or {})
        self.bindings = Bindings(request.get("ExpressionAttributeNames") or {}, values)

    def condition(self, parameter: str) -> Parsed | None:
        """The condition in `parameter` of the request, such as FilterExpression. Raises ValidationException."""
        text = self._request.get(parameter)
        if text is None:
            return None
        try:
            parsed = parse_condition(text)
            self.use(parsed.names, parsed.values)
            _check_types(parsed.tree, self.bindings)
        except BadExpression as error:
            raise invalid(f"Invalid {parameter}: {error}") from None
        return parsed

    def use(self, names: frozenset[str], values: frozenset[str]) -> None:
        """Note placeholders as used. Raises BadExpression for one that the request does not define."""
        for name in sorted(names - self.bindings.names.keys()):
            message = "An expression attribute name used in the document path is not defined; attribute name"
            raise BadExpression(f"{message}: {name}")
        for value in sorted(values - self.bindings.values.keys()):
            message = "An expression attribute value used in expression is not defined; attribute value"
            raise BadExpression(f"{message}: {value}")
        self._unused["ExpressionAttributeNames"] -= names
        self._unused["ExpressionAttributeValues"] -= values

    def finish(self) -> None:
        """Raises ValidationException for a placeholder that nothing used."""
        for kind, unused in self._unused.items():
            if unused:
                keys = ", ".join(sorted(unused))
                raise invalid(f"Value provided in {kind} unused in expressions: keys: {{{keys}}}")


def holds(parsed: Parsed | None, item: Item | None, bindings: Bindings) -> bool:
    """Whether an item, or its absence, fulfils a condition; no condition always holds."""
    return parsed is None or evaluate(parsed.tree, item or {}, bindings)


def _check_types(node: Node, bindings: Bindings) -> None:
    """What DynamoDB refuses before it looks at any item. Raises BadExpression."""
    match node:
        case And(left, right) | Or(left, right):
            _check_types(left, bindings)
            _check_types(right, bindings)
        case Not(operand):
            _check_types(operand, bindings)
        case Comparison(operator, left, right) if operator not in {"=", "<>"}:
            _check_kinds(operator, _ORDERED, bindings, left, right)
        case FunctionCall("begins_with" as name, argument=Literal() as prefix):
            _check_kinds(name, frozenset({"S", "B"}), bindings, prefix)
        case Between(value, low, high):
            _check_kinds("BETWEEN", _ORDERED, bindings, value, low, high)
            _check_bounds(low, high, bindings)


def _check_kinds(operator: str, kinds: frozenset[str], bindings: Bindings, *operands: Operand) -> None:
    for operand in operands:
        if isinstance(operand, Literal) and kind_of(bindings.values[operand.name]) not in kinds:
            kind = kind_of(bindings.values[operand.name])
            message = "Incorrect operand type for operator or function; operator or function"
            raise BadExpression(f"{message}: {operator}, operand type: {kind}")


def _check_bounds(low: Operand, high: Operand, bindings: Bindings) -> None:
    if not (isinstance(low, Literal) and isinstance(high, Literal)):
        return
    first, last = bindings.values[low.name], bindings.values[high.name]
    bounds = "; lower bound operand: AttributeValue: {}, upper bound operand: AttributeValue: {}".format(
        *(f"{{{kind_of(value)}:{sortable(value)}}}" for value in (first, last))
    )
    if kind_of(first) != kind_of(last):
        raise BadExpression(f"The BETWEEN operator requires same data type for lower and upper bounds{bounds}")
    if sortable(first) > sortable(last):
        message = "The BETWEEN operator requires upper bound to be greater than or equal to lower bound"
        raise BadExpression(message + bounds)


def value_at(path: Path, item: Item, bindings: Bindings) -> Value | None:
    """What the item has there, if anything."""
    found: Value | None = {"M": item}
    for part in path.parts:
        if found is None:
            return None
        if isinstance(part, int):
            elements = found.get("L", [])
            found = elements[part] if part < len(elements) else None
        else:
            found = found.get("M", {}).get(bindings.names.get(part, part))
    return found


def evaluate(node: Node, item: Item, bindings: Bindings) -> bool:
    """Whether an item (empty for one that is not there) fulfils a condition."""
    match node:
        case And(left, right):
            outcome = evaluate(left, item, bindings) and evaluate(right, item, bindings)
        case Or(left, right):
            outcome = evaluate(left, item, bindings) or evaluate(right, item, bindings)
        case Not(operand):
            outcome = not evaluate(operand, item, bindings)
        case FunctionCall():
            outcome = _call(node, item, bindings)
        case Comparison(operator, left, right):
            outcome = _compare(operator, _read(left, item, bindings), _read(right, item, bindings))
        case In(value, among):
            wanted = _read(value, item, bindings)
            outcome = any(_compare("=", wanted, _read(one, item, bindings)) for one in among)
        case Between(value, low, high):
            middle = _read(value, item, bindings)
            above = _compare(">=", middle, _read(low, item, bindings))
            outcome = above and _compare("<=", middle, _read(high, item, bindings))
    return outcome


def _read(operand: Operand, item: Item, bindings: Bindings) -> Value | None:
    match operand:
        case Literal(name):
            return bindings.values[name]
        case Size(path):
            found = value_at(path, item, bindings)
            return {"N": str(_length(found))} if found and kind_of(found) in {"S", "B", "M", "L"} else None
        case Path():
            return value_at(operand, item, bindings)


def _length(value: Value) -> int:
    ((kind, held),) = value.items()
    return len(held.encode()) if kind == "S" else len(held)


def _compare(operator: str, left: Value | None, right: Value | None) -> bool:
    """A missing attribute equals nothing, differs from everything and has no order."""
    if operator == "=":
        return left is not None and left == right
    if operator == "<>":
        return left is None or left != right
    if left is None or right is None or not in_order(left, right):
        return False
    first, second = sortable(left), sortable(right)
    outcome: dict[str, bool] = {
        "<": first < second,
        "<=": first <= second,
        ">": first > second,
        ">=": first >= second,
    }
    return outcome[operator]


def _call(function: FunctionCall, item: Item, bindings: Bindings) -> bool:
    found = value_at(function.path, item, bindings)
    if function.name == "attribute_exists":
        return found is not None
    if function.name == "attribute_not_exists":
        return found is None
    argument = _read(function.argument, item, bindings) if function.argument else None
    if found is None or argument is None:
        return False
    ((kind, held),) = found.items()
    wanted: Any = argument.get(kind)
    if function.name == "begins_with":
        return kind in {"S", "B"} and wanted is not None and held.startswith(wanted)
    if kind == "L":
        return argument in held
    return kind in {"S", "B"} and wanted is not None and wanted in held
