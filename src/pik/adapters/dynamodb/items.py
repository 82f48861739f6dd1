"""Rows to DynamoDB items and back. Rows hold text, whole numbers, booleans, bytes, lists and maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def to_item(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as an item; members that are None are left out. Raises TypeError for a type that the kit's tables do not
    hold."""
    return {name: _to_attribute(value) for name, value in row.items() if value is not None}


def from_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item as a row; numbers are whole by the tables' contract."""
    return {name: _from_attribute(attribute) for name, attribute in item.items()}


def from_foreign_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item that somebody may have edited, as a row: attributes that no table of the kit holds are left out, and
    named in its member `unreadable`."""
    row: dict[str, Any] = {}
    unreadable: list[str] = []
    for name, attribute in item.items():
        try:
            row[name] = _from_attribute(attribute)
        except (TypeError, ValueError, RecursionError):
            unreadable.append(name)
    return row | {"unreadable": ", ".join(sorted(unreadable))} if unreadable else row


def _to_attribute(value: Any) -> dict[str, Any]:
    # bool before int: True is an int in Python
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int):
        return {"N": str(value)}
    if isinstance(value, bytes):
        return {"B": value}
    if isinstance(value, Mapping):
        return {"M": to_item(value)}
    if isinstance(value, list | tuple):
        return {"L": [_to_attribute(element) for element in value]}
    raise TypeError(f"no table of the kit holds a {type(value).__name__}")


def _from_attribute(attribute: Mapping[str, Any]) -> Any:
    ((kind, value),) = attribute.items()
    match kind:
        case "S" | "B" | "BOOL":
            return value
        case "N":
            return int(value)
        case "M":
            return from_item(value)
        case "L":
            return [_from_attribute(element) for element in value]
        case _:
            raise TypeError(f"no table of the kit holds an attribute of type {kind}")
