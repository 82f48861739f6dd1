"""Values of a payload that must not be told: what a failure says passes through here before anybody reads it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any, Final

from pik.domain.shared.limits import MAX_REDACTED_VALUES, MIN_REDACTED_CHARS

REDACTED: Final = "<redacted>"

Clean = Callable[[str], str]


def cleaner(payloads: Iterable[Any], paths: Sequence[str]) -> Clean:
    """What takes the values at these places (JSON Pointers) of payloads out of a text, and all values below them.

    A value is looked for as itself, as JSON and as Python write it. A member's name, true, false and null are no
    values. Where there are more than MAX_REDACTED_VALUES, nothing of the text is left.
    """
    found = (value for it in payloads for path in paths for part in _at(it, path) for value in _leaves(part))
    values = list(islice(found, MAX_REDACTED_VALUES + 1))
    if not values:
        return str
    if len(values) > MAX_REDACTED_VALUES:
        return lambda text: REDACTED
    # The longest first: of two values that begin alike, the rest of one must not be left.
    pattern = re.compile("|".join(sorted(set(_patterns(values)), key=lambda it: (-len(it), it))))
    return lambda text: pattern.sub(REDACTED, text)


def _at(payload: Any, path: str) -> list[Any]:
    """The value at a JSON Pointer, or nothing."""
    found = payload
    for token in path.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict) and name in found:
            found = found[name]
        elif isinstance(found, list) and name.isascii() and name.isdigit() and int(name) < len(found):
            found = found[int(name)]
        else:
            return []
    return [found]


def _leaves(value: Any) -> Iterator[str | int | float]:
    pending = [value]
    while pending:
        it = pending.pop()
        if isinstance(it, dict):
            pending.extend(it.values())
        elif isinstance(it, list):
            pending.extend(it)
        # bool before int: True is an int in Python
        elif not isinstance(it, bool) and isinstance(it, str | int | float) and it != "":
            yield it


def _patterns(values: Sequence[str | int | float]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            for text in (
                value,
                repr(value)[1:-1],
                json.dumps(value)[1:-1],
                json.dumps(value, ensure_ascii=False)[1:-1],
            ):
                word = len(text) < MIN_REDACTED_CHARS
                yield rf"(?<!\w){re.escape(text)}(?!\w)" if word else re.escape(text)
        else:
            for text in (repr(value), format(Decimal(repr(value)).normalize(), "f")):
                yield rf"(?<![\w.]){re.escape(text)}(?!\w|\.\d)"
