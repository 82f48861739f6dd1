"""What fuzzing starts from: the payloads of `events/`, and texts at the borders of JSON's grammar.

The texts are of the kind that test suites for JSON parsers have: each is something that some parser somewhere accepts
and another refuses, or that crashes one that does not expect it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

EVENTS: Final = Path(__file__).parents[2] / "events"

Call = dict[str, Any]
"""A request as API Gateway passes it on."""


def calls() -> list[Call]:
    """The HTTP requests of `events/`, in the order of their files."""
    found = (json.loads(path.read_text("utf-8")) for path in sorted(EVENTS.glob("*.json")))
    return [call for call in found if isinstance(call, Mapping) and "routeKey" in call]


def body_of(call: Call) -> bytes:
    """The body as the sender sent it; nothing where that cannot be known."""
    body = call.get("body") or ""
    if call.get("isBase64Encoded"):
        try:
            return base64.b64decode(body)
        except ValueError:
            return b""
    return str(body).encode("utf-8", "surrogatepass")


TEXTS: Final[tuple[bytes, ...]] = (
    # structures
    b"",
    b" ",
    b"[]",
    b"{}",
    b"[[]   ]",
    b"[1,,2]",
    b"[,1]",
    b"[1,]",
    b"[1 true]",
    b"[",
    b"]",
    b"[1",
    b"[1}",
    b'{"a"',
    b'{"a":',
    b'{"a":1,}',
    b'{"a" "b"}',
    b"{a:1}",
    b"{'a':1}",
    b'{"a":1,"a":1}',
    b'{"a":1,"\\u0061":2}',
    b'{"":0}',
    b'{"__proto__":{}}',
    b'{"a":/*comment*/1}',
    b"1 2",
    b"nul",
    b"True",
    b"null",
    b"[" * 500,
    b'{"":' * 200 + b"0" + b"}" * 200,
    b'{"a":[' * 40 + b"]}" * 40,
    # numbers
    b"[-0]",
    b"[-0.0]",
    b"[0e0]",
    b"[0e+1]",
    b"[1E400]",
    b"[1e-400]",
    b"[1e401]",
    b"[1e99999999999]",
    b"[9007199254740993]",
    b"[-1234567890123456789012345678901234567890]",
    b"[" + b"9" * 101 + b"]",
    b"[" + b"9" * 5000 + b"]",
    b"[0." + b"0" * 120 + b"1]",
    b"[0.1000000000000000055511151231257827021181583404541015625]",
    b"[+1]",
    b"[.5]",
    b"[1.]",
    b"[01]",
    b"[0x1]",
    b"[NaN]",
    b"[Infinity]",
    b"[-Infinity]",
    b"[1_000]",
    "[１]".encode(),
    # strings
    b'["\\u0000"]',
    b'["\x00"]',
    b'["\\ud800"]',
    b'["\\udc00\\ud800"]',
    b'["\\ud83d\\ude00"]',
    b'{"\\ud800":1}',
    b'["\\x41"]',
    b'["\\u00g0"]',
    b'["\n"]',
    b'["\xff"]',
    b'["\xed\xa0\x80"]',
    b'["\xf4\x90\x80\x80"]',
    b'["\xc0\xaf"]',
    '["\u2028\u2029\u202e\u200d\ufeff"]'.encode(),
    b"\xef\xbb\xbf{}",
    b"\xfe\xff\x00{\x00}",
    "{}".encode("utf-16"),
    # lines
    b'{"a":1}\n{"a":2}\n',
    b'{"a":1}\r\n\r\n{"a":2}',
    b"\n\n\n",
    b'{"a":\n1}',
)

TOKENS: Final[tuple[bytes, ...]] = (
    *TEXTS,
    b'"',
    b"\\",
    b"\\u",
    b"{",
    b"}",
    b",",
    b":",
    b"\n",
    b"\r\n",
    b"\x00",
    b"\x1b[31m",
    b"#",
    b"%",
    b"%23",
    b"..",
    b"/",
    b"~1",
    b'"specversion":"1.0",',
    b'"payload":',
    b'"event_type":"order",',
    b'"idempotency_key":"k",',
    b"x" * 300,
    "\N{GRINNING FACE}".encode() * 260,
    "😀".encode()[:2],
)
"""What is put into a body somewhere."""

VALUES: Final[tuple[Any, ...]] = (
    None,
    True,
    False,
    0,
    -1,
    1.5,
    1e300,
    2**53,
    2**63,
    10**99,
    "",
    " ",
    "x",
    "0",
    "-1",
    "1e9",
    "x" * 257,
    "x" * 1_025,
    "\N{GRINNING FACE}" * 256,
    "#%" * 128,
    "\x00",
    "\x7f",
    "\x1b[31m",
    "\u202e",
    "\r\nx: y",
    "２０２６-11-20T10:15:30Z",
    "2026-11-20T10:15:30Z",
    "2026-11-20T10:15:30.123456789012345678+14:00",
    "2016-12-31T23:59:60Z",
    "9999-12-31T23:59:59.999999Z",
    "0000-00-00T00:00:00Z",
    "1970-01-01T00:00:00+14:00",
    "rpl-20261120T101530Z-0a1b2c3d",
    "rdr-20261120T101530Z-0a1b2c3d",
    "mft-20261120T101530Z-0a1b2c3d",
    [],
    {},
    [[]],
    [None] * 600,
    {"": ""},
    {"a": {"b": {"c": []}}},
)
"""What a member is replaced by."""
