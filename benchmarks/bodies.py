"""Bodies of the largest size that are made to cost as much as they can."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from pik.domain.shared.limits import (
    MAX_BODY_BYTES,
    MAX_EVENT_VALUES,
    MAX_EVENTS_PER_REQUEST,
    MAX_NUMBER_DIGITS,
    MAX_REQUEST_VALUES,
)

_JSON: Final = "application/json"
_NDJSON: Final = "application/x-ndjson"


def _filled(piece: bytes, size: int = MAX_BODY_BYTES) -> bytes:
    return piece * (size // len(piece))


def _array(element: bytes) -> bytes:
    return b"[" + _filled(element + b",")[: -len(element) - 1] + element + b"]"


def _one_name_twice() -> bytes:
    names = b",".join(b'"%06d":1' % number for number in range(MAX_EVENT_VALUES - 2))
    return b"{" + names + b',"000000":2}'


def _dense_events(value: bytes) -> bytes:
    """As many values as a request may have, in as few events as possible."""
    values = (MAX_EVENT_VALUES - 10) // (2 if value.startswith(b"{") else 1)
    inner = b",".join([value] * values)
    event = b'{"source":"s","event_type":"t","entity_id":"e","payload":[' + inner + b"]}"
    return b"\n".join([event] * (MAX_REQUEST_VALUES // MAX_EVENT_VALUES))


def _wrong_orders() -> bytes:
    """As many findings as a request may have."""
    lines = [{"quantity": 0, "price": -1, "sku": ""} for _ in range(120)]
    event = {"orderId": "", "amount": -1, "currency": "x", "items": lines}
    size = MAX_BODY_BYTES // (len(json.dumps(event)) + 1)
    return b"\n".join([json.dumps(event).encode()] * min(MAX_EVENTS_PER_REQUEST, size))


def _wide_strings() -> bytes:
    text = "\\ud83d\\ude00" * 80_000
    event = {"source": "s", "event_type": "chat.message", "entity_id": "e"}
    return b"\n".join([(json.dumps(event)[:-1] + f', "payload": {{"message": "{text}"}}}}').encode()] * 4)


BODIES: Final[dict[str, tuple[str, Callable[[], bytes]]]] = {
    "one name twice among the most that an event may have": (_JSON, _one_name_twice),
    "tiny lines": (_NDJSON, lambda: _filled(b"1\n")),
    "tiny elements": (_JSON, lambda: _array(b"1")),
    "empty objects": (_JSON, lambda: _array(b"{}")),
    "empty strings": (_JSON, lambda: _array(b'""')),
    "an unfinished string of escaped marks": (_JSON, lambda: b'["' + _filled(rb"\"")),
    "quotation marks": (_NDJSON, lambda: _filled(b'"')),
    "nesting": (_JSON, lambda: _filled(b"[")),
    "members within members": (_NDJSON, lambda: _filled(b'{"a":')),
    "as many small objects as are accepted": (_NDJSON, lambda: _dense_events(b'{"a":1}')[:MAX_BODY_BYTES]),
    "as many numbers as are accepted": (_NDJSON, lambda: _dense_events(b"1.99999999e-399")),
    "as many doubles as are accepted": (_NDJSON, lambda: _dense_events(b"1.23456789012e-99")),
    "as many integers beyond a double as are accepted": (_NDJSON, lambda: _dense_events(b"12345678901234567")),
    "as many integers of the greatest length": (
        _NDJSON,
        lambda: b"\n".join([b'{"orderId":"o","amount":[' + b",".join([b"7" * MAX_NUMBER_DIGITS] * 9_000) + b"]}"] * 4),
    ),
    "as many findings as are reported": (_NDJSON, _wrong_orders),
    "escaped surrogate pairs": (_NDJSON, _wide_strings),
    "blank lines": (_NDJSON, lambda: _filled(b"\n")[:-1] + b"1"),
}
