"""Places within a value of JSON, named by JSON Pointers (RFC 6901)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)


def tokens_of(place: str) -> list[str]:
    """The members and indexes on the way to a place, outermost first."""
    return [token.replace("~1", "/").replace("~0", "~") for token in place.split("/")[1:]]


def values_at(root: Any, place: str) -> list[Any]:
    """The value at a place, or nothing."""
    value = root
    for token in tokens_of(place):
        if isinstance(value, dict) and token in value:
            value = value[token]
        elif isinstance(value, list) and _INDEX.fullmatch(token) and int(token) < len(value):
            value = value[int(token)]
        else:
            return []
    return [value]


def without(root: Any, places: Iterable[str]) -> Any:
    """The value without the members at these places; the given one is not changed. Elements of arrays stay, because the
    places of those behind them would change."""
    for place in places:
        root = _without(root, tokens_of(place))
    return root


def _without(value: Any, tokens: list[str]) -> Any:
    token, *rest = tokens
    if isinstance(value, dict) and token in value:
        if not rest:
            return {name: member for name, member in value.items() if name != token}
        return value | {token: _without(value[token], rest)}
    if isinstance(value, list) and rest and _INDEX.fullmatch(token) and int(token) < len(value):
        index = int(token)
        return [*value[:index], _without(value[index], rest), *value[index + 1 :]]
    return value
