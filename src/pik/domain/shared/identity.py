"""The identity of an event. Released identities never change: tests/unit/domain/shared/identity_vectors.json holds
them."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, Final

import rfc8785

_ENCODE: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode
_MAY_DIFFER: Final = re.compile(r"[0-9]e[-+]|[0-9]{16}")
_WHOLE_FLOAT: Final = re.compile(r'"(?:[^"\\]|\\.)*"|(-?[0-9]+)\.0(?![0-9])')  # strings are skipped as a whole


def canonical_json(value: Any) -> bytes:
    """RFC 8785 (JSON Canonicalization Scheme): exactly one byte string per JSON value, so 42.50 and 42.5 are the same.

    The standard library writes the same text, apart from `.0`, which is removed, if all is ASCII (its order of members
    is then that of UTF-16) and no number has an exponent or sixteen digits, where Python and ECMAScript (or the limits
    of I-JSON) differ. That saves a third of the CPU of an event. Everything else is left to rfc8785, including the
    errors.
    """
    try:
        text = _ENCODE(value)
    except (TypeError, ValueError):
        return rfc8785.dumps(value)
    if not text.isascii() or _MAY_DIFFER.search(text):
        return rfc8785.dumps(value)
    return (_WHOLE_FLOAT.sub(_without_fraction, text) if ".0" in text else text).encode()


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
