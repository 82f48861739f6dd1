"""The identity of an event. Released identities never change: tests/unit/domain/shared/identity_vectors.json holds
them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

import rfc8785

from pik.domain.shared.numbers import number_text

_ENCODE: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode
_MAY_DIFFER: Final = re.compile(r"[0-9]e[-+]|[0-9]{16}")
_WHOLE_FLOAT: Final = re.compile(r'"(?:[^"\\]|\\.)*"|(-?[0-9]+)\.0(?![0-9])')  # strings are skipped as a whole


def canonical_json(value: Any) -> bytes:
    """RFC 8785 (JSON Canonicalization Scheme): exactly one byte string per JSON value, so 42.50 and 42.5 are the same.
    Numbers that no double holds, which the scheme does not cover, have all of their digits (`numbers.number_text`).

    The standard library writes the same text, apart from `.0`, which is removed, if all is ASCII (its order of members
    is then that of UTF-16) and no number has an exponent or sixteen digits, where Python and ECMAScript differ. That
    saves a third of the CPU of an event. Raises ValueError for what is not a value of JSON.
    """
    try:
        text = _ENCODE(value)
        if not text.isascii() or _MAY_DIFFER.search(text):
            return rfc8785.dumps(value)
    except (TypeError, ValueError):  # a Decimal, or an integer that RFC 8785 refuses
        return "".join(_exact_parts(value)).encode()
    return (_WHOLE_FLOAT.sub(_without_fraction, text) if ".0" in text else text).encode()


def _exact_parts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        # RFC 8785, section 3.2.3: members are sorted by their names' UTF-16 code units
        members = sorted(value.items(), key=lambda member: member[0].encode("utf-16-be"))
        opening = "{"
        for name, member in members:
            yield f"{opening}{_ENCODE(name)}:"
            yield from _exact_parts(member)
            opening = ","
        yield "}" if members else "{}"
    elif isinstance(value, list | tuple):
        opening = "["
        for element in value:
            yield opening
            yield from _exact_parts(element)
            opening = ","
        yield "]" if value else "[]"
    elif isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        yield number_text(value)
    elif value is None or isinstance(value, str | bool):
        yield _ENCODE(value)
    else:
        raise ValueError(f"{type(value).__name__} is not a type of JSON")


def _without_fraction(match: re.Match[str]) -> str:
    whole: str | None = match[1]
    if whole is None:
        return match[0]
    return "0" if whole == "-0" else whole


def payload_sha(payload: Any) -> str:
    """SHA-256 of the canonical payload, 64 hex digits."""
    return hashlib.sha256(canonical_json(payload)).hexdigest()


def event_id(
    source: str, event_type: str, entity_id: str, *, idempotency_key: str | None, event_time: str | None, sha: str
) -> str:
    """SHA-256 of a canonical JSON array, 64 hex digits; an array, so that (`a|b`, `c`) and (`a`, `b|c`) differ.

    With an idempotency key the producer decides what is the same event: neither time nor payload counts. Without one,
    the event's own time and payload count; without a time (`event_time` None), only the payload.
    """
    parts: list[str | None] = [source, event_type, entity_id]
    parts += [idempotency_key] if idempotency_key is not None else [event_time, sha]
    return hashlib.sha256(canonical_json(parts)).hexdigest()
