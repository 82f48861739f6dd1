"""DynamoDB's attribute values: their one form, their order, their size, and copies that nobody shares."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow, Rounded, Subnormal
from typing import Any, Final

from tests.support.aws.errors import invalid

Value = dict[str, Any]
Item = dict[str, Value]

_SCALARS: Final = frozenset({"S", "N", "B", "BOOL", "NULL"})
_ORDERED: Final = frozenset({"S", "N", "B"})
_MAX_DIGITS: Final = 38
_MAX_NESTING: Final = 32
_NUMBERS: Final = Context(
    prec=_MAX_DIGITS, Emax=125, Emin=-130, traps=[Inexact, InvalidOperation, Overflow, Rounded, Subnormal]
)
_CONTAINER_BYTES: Final = 3


def canonical_item(item: Mapping[str, Any]) -> Item:
    """A copy of `item` as DynamoDB keeps it. Raises ValidationException for a value that it does not take."""
    return {name: canonical(value) for name, value in item.items()}


def canonical(value: Mapping[str, Any], depth: int = 0) -> Value:
    """A copy of one value: numbers in their plain form, bytes as bytes."""
    if len(value) != 1:
        state = "has more than one datatypes set" if value else "is empty"
        raise invalid(f"Supplied AttributeValue {state}, must contain exactly one of the supported datatypes")
    if depth >= _MAX_NESTING:
        raise invalid("Nesting Levels have exceeded supported limits")
    ((kind, held),) = value.items()
    match kind:
        case "S" | "BOOL" | "NULL":
            return {kind: held}
        case "N":
            return {"N": format(to_number(held), "f")}
        case "B":
            return {"B": held.encode() if isinstance(held, str) else bytes(held)}
        case "M":
            return {"M": {name: canonical(member, depth + 1) for name, member in held.items()}}
        case "L":
            return {"L": [canonical(element, depth + 1) for element in held]}
    raise NotImplementedError(f"the fake DynamoDB has no values of type {kind}")


def to_number(text: str) -> Decimal:
    """A number as DynamoDB reads it: 38 digits, up to 10 to the 126th. Raises ValidationException."""
    try:
        number = _NUMBERS.create_decimal(text)
    except (InvalidOperation, ValueError):
        raise invalid(f"The parameter cannot be converted to a numeric value: {text}") from None
    except Overflow:
        message = "Number overflow. Attempting to store a number with magnitude larger than supported range"
        raise invalid(message) from None
    except Subnormal:
        message = "Number underflow. Attempting to store a number with magnitude smaller than supported range"
        raise invalid(message) from None
    except (Inexact, Rounded):
        raise invalid("Attempting to store more than 38 significant digits in a Number") from None
    if not number.is_finite():
        raise invalid(f"The parameter cannot be converted to a numeric value: {text}")
    return number.normalize(_NUMBERS) if number else Decimal(0)


def copy_item(item: Item) -> Item:
    """A copy that shares nothing that can change."""
    return {name: copy_value(value) for name, value in item.items()}


def copy_value(value: Value) -> Value:
    ((kind, held),) = value.items()
    if kind in _SCALARS:
        return {kind: held}
    if kind == "M":
        return {"M": copy_item(held)}
    return {"L": [copy_value(element) for element in held]}


def kind_of(value: Value) -> str:
    """The type's letter: S, N, B, BOOL, NULL, M or L."""
    return next(iter(value))


def sortable(value: Value) -> Any:
    """What orders a value among values of its type: text by UTF-8 bytes (code points sort the same), numbers, bytes."""
    ((kind, held),) = value.items()
    return Decimal(held) if kind == "N" else held


def in_order(left: Value, right: Value) -> bool:
    """Whether the two can be compared by < at all."""
    return kind_of(left) == kind_of(right) and kind_of(left) in _ORDERED


def item_size(item: Item) -> int:
    """Bytes that an item counts for, by the rules of the manual ("DynamoDB item sizes and formats")."""
    return sum(_utf8_size(name) + value_size(value) for name, value in item.items())


def value_size(value: Value) -> int:
    ((kind, held),) = value.items()
    match kind:
        case "S":
            return _utf8_size(held)
        case "B":
            return len(held)
        case "N":
            digits = len(held.replace("-", "").replace(".", "").strip("0")) or 1
            return (digits + 1) // 2 + 1 + (1 if held.startswith("-") else 0)
        case "M":
            return _CONTAINER_BYTES + len(held) + item_size(held)
        case "L":
            return _CONTAINER_BYTES + len(held) + sum(value_size(element) for element in held)
    return 1


def _utf8_size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())
