"""DynamoDB's writes: checked first, then held against the item that is there, then made; one by one or all or none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.support.aws.client import Request
from tests.support.aws.conditions import Bindings, Expressions, holds
from tests.support.aws.errors import CallRefused, cancelled, invalid
from tests.support.aws.expressions import BadExpression, Parsed
from tests.support.aws.tables import FakeTable, Key
from tests.support.aws.updates import Update, apply_update, check_update, parse_update, touched
from tests.support.aws.values import Item, canonical_item, copy_item, item_size

_MAX_ITEM_BYTES: Final = 400 * 1024
_MAX_TRANSACTION_BYTES: Final = 4 * 1024 * 1024
_MAX_TRANSACTION_ACTIONS: Final = 100
_FAILED: Final = "The conditional request failed"
_TOO_LARGE: Final = "Item size has exceeded the maximum allowed size"

Transform = Callable[[Item | None], Item | None]


@dataclass(frozen=True, slots=True)
class Write:
    """A checked write of one item. `transform` makes the new item of the old one (either may be none); a write without
    it only checks its condition. `attributes` are the top-level attributes that an update names."""

    table: FakeTable
    key: Key
    condition: Parsed | None
    bindings: Bindings
    shows_old: bool
    transform: Transform | None
    attributes: frozenset[str] = frozenset()

    def refused(self, old: Item | None) -> dict[str, Any] | None:
        """What to answer when the condition fails: nothing, or the item that is there; None when it holds."""
        if holds(self.condition, old, self.bindings):
            return None
        return {"Item": copy_item(old)} if old is not None and self.shows_old else {}


def put(table: FakeTable, request: Request) -> Write:
    """A Put. Raises ValidationException."""
    item = canonical_item(request["Item"])
    table.schema.check_item(item)
    _check(table, item, _TOO_LARGE)
    return _write(table, table.schema.key(item), request, lambda _: item)


def delete(table: FakeTable, request: Request) -> Write:
    """A Delete. Raises ValidationException."""
    return _write(table, key_of(table, request["Key"]), request, lambda _: None)


def check(table: FakeTable, request: Request) -> Write:
    """A ConditionCheck. Raises ValidationException."""
    return _write(table, key_of(table, request["Key"]), request, None)


def update(table: FakeTable, request: Request) -> Write:
    """An Update, of an item that may not be there yet. Raises ValidationException."""
    key_item = canonical_item(request["Key"])
    key = key_of(table, request["Key"])
    expressions = Expressions(request)
    condition = expressions.condition("ConditionExpression")
    parsed = _parse_update(request.get("UpdateExpression"), expressions)
    expressions.finish()
    names = touched(parsed, expressions.bindings) if parsed else set()
    for name in sorted(names & set(table.schema.names)):
        message = f"Cannot update attribute {name}. This attribute is part of the key"
        raise invalid(f"One or more parameter values were invalid: {message}")

    def transform(old: Item | None) -> Item:
        base = key_item if old is None else old
        new = apply_update(parsed, base, expressions.bindings) if parsed else copy_item(base)
        _check(table, new, "Item size to update has exceeded the maximum allowed size")
        return new

    return Write(table, key, condition, expressions.bindings, _shows_old(request), transform, frozenset(names))


BUILDERS: Final[Mapping[str, Callable[[FakeTable, Request], Write]]] = {
    "Put": put,
    "Delete": delete,
    "ConditionCheck": check,
    "Update": update,
}


def key_of(table: FakeTable, key: Mapping[str, Any]) -> Key:
    """The key that a request names. Raises ValidationException."""
    item = canonical_item(key)
    table.schema.check_key(item)
    return table.schema.key(item)


def made(write: Write) -> tuple[Item | None, Item | None]:
    """The item before and after a single write. Raises ConditionalCheckFailedException or ValidationException."""
    old = write.table.get(write.key)
    refused = write.refused(old)
    if refused is not None:
        raise CallRefused("ConditionalCheckFailedException", _FAILED, members=refused)
    assert write.transform is not None, "only a transaction checks without writing"
    return old, write.transform(old)


def compiled(tables: Callable[[str], FakeTable], actions: Sequence[Mapping[str, Any]]) -> list[Write]:
    """The writes of a transaction. Raises ValidationException and ResourceNotFoundException."""
    if len(actions) > _MAX_TRANSACTION_ACTIONS:
        raise invalid(
            f"1 validation error detected: Value '{list(actions)}' at 'transactItems' failed to satisfy constraint: "
            f"Member must have length less than or equal to {_MAX_TRANSACTION_ACTIONS}"
        )
    writes = []
    for action in actions:
        if len(action) != 1:
            raise invalid("TransactItems can only contain one of Check, Put, Update or Delete")
        ((kind, request),) = action.items()
        writes.append(BUILDERS[kind](tables(request["TableName"]), request))
    if len({(write.table.name, write.key) for write in writes}) < len(writes):
        raise invalid("Transaction request cannot include multiple operations on one item")
    return writes


def transacted(writes: Sequence[Write]) -> list[Item | None]:
    """The items after a transaction, in order. Raises TransactionCanceledException with a reason for each write."""
    after: list[Item | None] = []
    reasons: list[dict[str, Any]] = []
    for write in writes:
        reason, new = _outcome(write)
        reasons.append(reason)
        after.append(new)
    if any(reason["Code"] != "None" for reason in reasons):
        raise cancelled(reasons)
    if sum(item_size(item) for item in after if item) > _MAX_TRANSACTION_BYTES:
        raise invalid("Transaction request cannot exceed 4 MB")
    return after


def _outcome(write: Write) -> tuple[dict[str, Any], Item | None]:
    old = write.table.get(write.key)
    refused = write.refused(old)
    if refused is not None:
        return {"Code": "ConditionalCheckFailed", "Message": _FAILED, **refused}, None
    try:
        return {"Code": "None"}, write.transform(old) if write.transform else None
    except CallRefused as refusal:
        return {"Code": "ValidationError", "Message": refusal.message}, None


def _write(table: FakeTable, key: Key, request: Request, transform: Transform | None) -> Write:
    expressions = Expressions(request)
    condition = expressions.condition("ConditionExpression")
    expressions.finish()
    return Write(table, key, condition, expressions.bindings, _shows_old(request), transform)


def _shows_old(request: Request) -> bool:
    return bool(request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD")


def _parse_update(text: str | None, expressions: Expressions) -> Update | None:
    if text is None:
        return None
    try:
        parsed = parse_update(text)
        expressions.use(parsed.names, parsed.values)
        check_update(parsed, expressions.bindings)
    except BadExpression as error:
        raise invalid(f"Invalid UpdateExpression: {error}") from None
    return parsed


def _check(table: FakeTable, item: Item, too_large: str) -> None:
    for index in table.indexes.values():
        index.schema.check_index(item)
    if item_size(item) > _MAX_ITEM_BYTES:
        raise invalid(too_large)
