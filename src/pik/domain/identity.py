"""Who an event is. Released identities never change: tests/unit/domain/identity_vectors.json holds them."""

from __future__ import annotations

import hashlib
from typing import Any

import rfc8785


def canonical_json(value: Any) -> bytes:
    """RFC 8785 (JSON Canonicalization Scheme): one byte text for one value, so 42.50 and 42.5 are the same amount."""
    return rfc8785.dumps(value)


def payload_sha(payload: Any) -> str:
    """SHA-256 of the canonical payload, 64 hex digits."""
    return hashlib.sha256(canonical_json(payload)).hexdigest()


def event_id(
    source: str, event_type: str, entity_id: str, *, idempotency_key: str | None, event_time: str | None, sha: str
) -> str:
    """SHA-256 of a canonical JSON array, 64 hex digits; an array, so that `a|b`, `c` and `a`, `b|c` differ.

    With an idempotency key the producer says what is the same event: neither time nor payload counts. Without one, the
    event's own time and payload do; an event that brought no time (`event_time` None) is its payload alone.
    """
    parts: list[str | None] = [source, event_type, entity_id]
    parts += [idempotency_key] if idempotency_key is not None else [event_time, sha]
    return hashlib.sha256(canonical_json(parts)).hexdigest()
