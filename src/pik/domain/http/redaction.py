"""Removes the values of a payload that nobody may see from a failure's text, before anybody reads it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

from pik.domain.shared.limits import MAX_REDACTED_VALUES, MIN_REDACTED_CHARS
from pik.domain.shared.numbers import Number, decimal_of, number_text
from pik.domain.shared.places import values_at

REDACTED: Final = "<redacted>"

Clean = Callable[[str], str]


def cleaner(payloads: Iterable[Any], paths: Sequence[str]) -> Clean:
    """A function that removes from a text the values at these places (JSON Pointers) of the payloads, and all values
    below them.

    A value is searched for as it is, as JSON writes it and as Python writes it. Member names, true, false and null are
    not redacted. If there are more than MAX_REDACTED_VALUES values, the whole text is redacted.
    """
    parts = (part for payload in payloads for path in paths for part in values_at(payload, path))
    leaves = (leaf for part in parts for leaf in _leaves(part))
    values = list(islice(leaves, MAX_REDACTED_VALUES + 1))
    if not values:
        return str
    if len(values) > MAX_REDACTED_VALUES:
        return lambda text: REDACTED
    # Longest first: if one value is the start of another, the rest of the longer one must not remain.
    pattern = re.compile("|".join(sorted(set(_patterns(values)), key=lambda it: (-len(it), it))))
    return lambda text: pattern.sub(REDACTED, text)


def _leaves(value: Any) -> Iterator[str | Number]:
    pending = [value]
    while pending:
        part = pending.pop()
        if isinstance(part, dict):
            pending.extend(part.values())
        elif isinstance(part, list):
            pending.extend(part)
        # bool before int: True is an int in Python
        elif not isinstance(part, bool) and isinstance(part, str | Number) and part != "":
            yield part


def _patterns(values: Sequence[str | Number]) -> Iterator[str]:
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
            for text in (str(value), number_text(value), format(decimal_of(value), "f")):
                yield rf"(?<![\w.]){re.escape(text)}(?!\w|\.\d)"
