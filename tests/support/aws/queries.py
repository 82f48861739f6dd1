"""DynamoDB's Query and Scan: which part of an order, which page of it, and what of each item."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from tests.support.aws.client import Answer, Request
from tests.support.aws.conditions import Bindings, Expressions, holds
from tests.support.aws.errors import invalid
from tests.support.aws.expressions import (
    And,
    BadExpression,
    Between,
    Comparison,
    FunctionCall,
    Literal,
    Node,
    Operand,
    Parsed,
    Path,
    Tokens,
)
from tests.support.aws.tables import FakeTable, Key, KeySchema, Ordered, scattered
from tests.support.aws.values import Item, canonical_item, copy_item, kind_of, sortable

_MAX_PAGE_BYTES: Final = 1024 * 1024
_UNSUPPORTED: Final = "Query key condition not supported"
_BEYOND: Final = "The provided starting key is outside query boundaries based on provided conditions"

Entry = tuple[Any, Key]


@dataclass(frozen=True, slots=True)
class KeyCondition:
    """One condition on one key attribute; `values` are as they sort."""

    operator: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class View:
    """Which items of a page are shown, and which of their attributes (None for all)."""

    kept: Parsed | None
    bindings: Bindings
    names: list[str] | None


def query(table: FakeTable, request: Request) -> Answer:
    """One page. Raises ValidationException."""
    expressions = Expressions(request)
    order = ordered(table, request)
    parsed = expressions.condition("KeyConditionExpression")
    if parsed is None:
        message = "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."
        raise invalid(message)
    wanted = key_conditions(parsed.tree, order.schema, expressions.bindings)
    view = _view(order.schema, request, expressions, query=True)
    hash_value = wanted[order.schema.hash].values[0]
    entries = order.partition(hash_value)
    start, stop = _bounds(entries, wanted.get(order.schema.range or ""))
    forward = request.get("ScanIndexForward", True)
    if "ExclusiveStartKey" in request:
        after = _start_entry(table, order, request, hash_value)
        if forward:
            start = max(start, bisect_right(entries, after))
        else:
            stop = min(stop, bisect_left(entries, after))
    part = entries[start:stop] if forward else entries[start:stop][::-1]
    return _page(table, order, part, request, view)


def scan(table: FakeTable, request: Request) -> Answer:
    """One page of everything. Raises ValidationException."""
    expressions = Expressions(request)
    order = ordered(table, request)
    view = _view(order.schema, request, expressions, query=False)
    entries: Iterable[Entry] = order.everything()
    if "ExclusiveStartKey" in request:
        after = _start_entry(table, order, request, None)
        hash_value = sortable(request["ExclusiveStartKey"][order.schema.hash])
        place = (scattered(hash_value), after)
        entries = [entry for entry in entries if _place(table, order, entry) > place]
    return _page(table, order, entries, request, view)


def ordered(table: FakeTable, request: Request) -> Ordered:
    """The table's own order, or that of the index that a request names."""
    name = request.get("IndexName")
    if name is None:
        return table.order
    if name not in table.indexes:
        raise invalid(f"The table does not have the specified index: {name}")
    if request.get("ConsistentRead"):
        raise invalid("Consistent reads are not supported on global secondary indexes")
    return table.indexes[name]


def projection(request: Request, expressions: Expressions) -> list[str] | None:
    """The names of the requested attributes, or None for all. Raises ValidationException."""
    text = request.get("ProjectionExpression")
    if text is None:
        return None
    try:
        tokens = Tokens.of(text)
        paths = [tokens.path()]
        while tokens.peek() == ",":
            tokens.next()
            paths.append(tokens.path())
        if tokens.at < len(tokens.all):
            raise tokens.syntax_error()
        expressions.use(frozenset(tokens.names), frozenset())
    except BadExpression as error:
        raise invalid(f"Invalid ProjectionExpression: {error}") from None
    if any(len(path.parts) > 1 for path in paths):
        raise NotImplementedError("the fake DynamoDB projects whole attributes")
    return [_name(path, expressions.bindings) for path in paths]


def shown_item(item: Item, names: list[str] | None) -> Item:
    """A copy of an item, or of the requested attributes."""
    return copy_item(item if names is None else {name: item[name] for name in names if name in item})


def key_conditions(node: Node, schema: KeySchema, bindings: Bindings) -> dict[str, KeyCondition]:
    """What a key condition expression says about each key attribute. Raises ValidationException."""
    found: dict[str, KeyCondition] = {}
    for part in _conjuncts(node):
        name, condition = _key_condition(part, schema, bindings)
        if name in found:
            raise invalid(
                "Invalid KeyConditionExpression: KeyConditionExpressions must only contain one condition per key"
            )
        found[name] = condition
    for name in [schema.hash, *found]:
        if name not in found or name not in schema.names:
            missed = next((one for one in schema.names if one not in found), name)
            raise invalid(f"Query condition missed key schema element: {missed}")
    if found[schema.hash].operator != "=":
        raise invalid(_UNSUPPORTED)
    return found


def _conjuncts(node: Node) -> list[Node]:
    if isinstance(node, And):
        return [*_conjuncts(node.left), *_conjuncts(node.right)]
    return [node]


def _key_condition(node: Node, schema: KeySchema, bindings: Bindings) -> tuple[str, KeyCondition]:
    match node:
        case Comparison(operator, Path() as path, Literal() as value) if operator != "<>":
            operands: tuple[Operand, ...] = (value,)
        case Between(Path() as path, Literal() as low, Literal() as high):
            operator, operands = "BETWEEN", (low, high)
        case FunctionCall("begins_with" as operator, path, Literal() as prefix):
            operands = (prefix,)
        case _:
            operator = {"Or": "OR", "Not": "NOT", "In": "IN"}.get(type(node).__name__, "<>")
            raise invalid(f"Invalid operator used in KeyConditionExpression: {operator}")
    name = _name(path, bindings)
    values = [bindings.values[one.name] for one in operands if isinstance(one, Literal)]
    if any(kind_of(value) != schema.types.get(name, kind_of(value)) for value in values):
        message = "Condition parameter type does not match schema type"
        raise invalid(f"One or more parameter values were invalid: {message}")
    if operator == "=":
        schema.check_values({name: values[0]})
    return name, KeyCondition(operator, tuple(sortable(value) for value in values))


def _bounds(entries: list[Entry], condition: KeyCondition | None) -> tuple[int, int]:
    """Where in a partition the entries that fulfil a condition on the range key begin and end."""
    if condition is None:
        return 0, len(entries)
    first, last = condition.values[0], condition.values[-1]
    if condition.operator == "begins_with":
        length = len(first)
        left = bisect_left(entries, first, key=lambda entry: entry[0][:length])
        return left, bisect_right(entries, first, key=lambda entry: entry[0][:length])
    below, through = bisect_left(entries, first, key=_range), bisect_right(entries, last, key=_range)
    return {
        "=": (below, through),
        "BETWEEN": (below, through),
        "<": (0, below),
        "<=": (0, through),
        ">": (through, len(entries)),
        ">=": (below, len(entries)),
    }[condition.operator]


def _range(entry: Entry) -> Any:
    return entry[0]


def _view(schema: KeySchema, request: Request, expressions: Expressions, *, query: bool) -> View:
    parsed = expressions.condition("FilterExpression")
    for path in parsed.paths if parsed and query else ():
        name = _name(path, expressions.bindings)
        if name in schema.names:
            message = "Filter Expression can only contain non-primary key attributes"
            raise invalid(f"{message}: Primary key attribute: {name}")
    names = projection(request, expressions)
    expressions.finish()
    return View(parsed, expressions.bindings, names)


def _start_entry(table: FakeTable, order: Ordered, request: Request, hash_value: Any) -> Entry:
    start = canonical_item(request["ExclusiveStartKey"])
    names = {*table.schema.names, *order.schema.names}
    if set(start) != names or any(kind_of(start[name]) != table.schema.types[name] for name in names):
        raise invalid("The provided starting key is invalid")
    found, range_value = order.schema.key(start)
    if hash_value is not None and found != hash_value:
        raise invalid(f"The provided starting key is invalid: {_BEYOND}")
    return range_value, table.schema.key(start)


def _place(table: FakeTable, order: Ordered, entry: Entry) -> tuple[bytes, Entry]:
    item = table.get(entry[1])
    assert item is not None, "an order holds the keys of items only"
    return scattered(order.schema.key(item)[0]), entry


def _page(table: FakeTable, order: Ordered, entries: Iterable[Entry], request: Request, view: View) -> Answer:
    limit, read, scanned = request.get("Limit"), 0, 0
    items: list[Item] = []
    last: Item | None = None
    more = False
    for _, key in entries:
        item = table.get(key)
        assert item is not None, "an order holds the keys of items only"
        if scanned == limit or (scanned and read + table.size(key) > _MAX_PAGE_BYTES):
            more = True
            break
        read, scanned, last = read + table.size(key), scanned + 1, item
        if holds(view.kept, item, view.bindings):
            items.append(item)
    answer: Answer = {"Count": len(items), "ScannedCount": scanned}
    if request.get("Select") != "COUNT":
        answer["Items"] = [shown_item(item, view.names) for item in items]
    if last is not None and (more or scanned == limit):  # AWS does not look whether anything is behind a full page
        answer["LastEvaluatedKey"] = copy_item({**table.schema.pick(last), **order.schema.pick(last)})
    return answer


def _name(path: Path, bindings: Bindings) -> str:
    return bindings.names.get(str(path.parts[0]), str(path.parts[0]))
