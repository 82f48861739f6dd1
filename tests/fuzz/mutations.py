"""One request into another that nobody meant to send."""

from __future__ import annotations

import base64
import copy
import gzip
import json
import zlib
from collections.abc import Callable
from random import Random
from typing import Any, Final

from tests.fuzz.corpus import TEXTS, TOKENS, VALUES, Call, body_of

_CONTENT_TYPES: Final = (
    "application/json",
    "application/json; charset=utf-8",
    'APPLICATION/JSON; charset="utf8"',
    "application/json; charset=utf-16",
    "application/x-ndjson",
    "application/cloudevents+json",
    "application/cloudevents-batch+json",
    "application/vnd.api+json",
    "text/plain",
    "text/plain; charset=UTF-8",
    "application/octet-stream",
    "application/xml",
    "",
    ";",
    "application/json\u00e9",
)
_ENCODINGS: Final = ("", "identity", "utf-8", "gzip", "deflate", "gzip, gzip", "br", "GZIP", "x")
_LANGUAGES: Final = ("", "ja", "en;q=0", "*;q=0.5, ja-JP;q=abc", "ja" * 500, ",;=q", "\x00")
_ATTRIBUTES: Final = ("id", "source", "type", "subject", "time", "specversion", "dataschema", "traceparent", "x" * 70)
_NAMES: Final = (
    "order",
    "x" * 256,
    "#" * 256,
    "%" * 256,
    "\N{GRINNING FACE}" * 250,
    "\N{GRINNING FACE}" * 256,
    "\u3042" * 256,
)
_HEADERS: Final[tuple[tuple[str, tuple[Any, ...]], ...]] = (
    ("content-type", _CONTENT_TYPES),
    ("content-encoding", _ENCODINGS),
    ("accept-language", _LANGUAGES),
)


def mutated(call: Call, rng: Random) -> Call:
    """A copy of a request, changed in one to four ways."""
    changed = copy.deepcopy(call)
    for _ in range(rng.choice((1, 1, 2, 2, 3, 4))):
        rng.choices([change for change, _ in _CHANGES], [weight for _, weight in _CHANGES])[0](changed, rng)
    return changed


def _replace_body(call: Call, rng: Random) -> None:
    _set(call, rng.choice(TEXTS))


def _change_bytes(call: Call, rng: Random) -> None:
    data = bytearray(body_of(call))
    for _ in range(rng.choice((1, 1, 2, 5))):
        at = rng.randint(0, len(data))
        end = min(len(data), at + rng.choice((0, 1, 1, 3, 20)))
        piece = rng.choice((b"", bytes([rng.randrange(256)]), rng.choice(TOKENS), bytes(data[at:end]) * 2))
        data[at:end] = piece
    _set(call, bytes(data[:20_000]))


def _change_value(call: Call, rng: Random) -> None:
    """Another value, name or shape somewhere in the tree."""
    try:
        tree = json.loads(body_of(call))
    except (ValueError, RecursionError):
        return
    holders = [(None, None), *_holders(tree)]
    holder, key = rng.choice(holders[:200])
    value = copy.deepcopy(rng.choice(VALUES))
    if holder is None:
        tree = rng.choice((value, [tree], [tree, tree], {"payload": tree}, {"data": tree, "specversion": "1.0"}))
    elif isinstance(holder, dict) and rng.random() < 0.3:
        rng.choice((_remove, _rename, _add))(holder, key, rng)
    else:
        holder[key] = value
    try:
        _set(call, json.dumps(tree, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass"))
    except RecursionError:
        return


def _change_names(call: Call, rng: Random) -> None:
    """All names of an event at once: together they fill keys that each of them fits."""
    names = {name: rng.choice(_NAMES) for name in ("source", "event_type", "entity_id", "idempotency_key")}
    _set(call, json.dumps({**names, "payload": {"orderId": "o", "amount": 1}}).encode())


def _remove(holder: dict[str, Any], key: Any, rng: Random) -> None:
    del holder[key]


def _rename(holder: dict[str, Any], key: Any, rng: Random) -> None:
    holder[str(rng.choice(("", "payload", "specversion", "event_type", "x" * 300)))] = holder.pop(key)


def _add(holder: dict[str, Any], key: Any, rng: Random) -> None:
    name = rng.choice(("entity_id", "idempotency_key", "event_time", "data_base64", "data", "limit", "all", "set", "x"))
    holder[name] = copy.deepcopy(rng.choice(VALUES))


def _holders(root: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    pending = [root]
    while pending and len(found) < 1_000:
        value = pending.pop()
        children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, child in list(children):
            found.append((value, key))
            pending.append(child)
    return found


def _repeat_lines(call: Call, rng: Random) -> None:
    _set(call, b"\n".join([body_of(call)] * rng.choice((2, 3, 10))))
    _headers(call)["content-type"] = "application/x-ndjson"


def _change_header(call: Call, rng: Random) -> None:
    name, values = rng.choice(_HEADERS)
    _headers(call)[name] = rng.choice(values)


def _change_attribute(call: Call, rng: Random) -> None:
    value = rng.choice((str(rng.choice(VALUES))[:1_100], '"quo\\"ted"', "%E4%B8%96", "%ff", "%", '"'))
    _headers(call)[f"ce-{rng.choice(_ATTRIBUTES)}"] = value


def _add_attributes(call: Call, rng: Random) -> None:
    for number in range(rng.choice((5, 90, 150))):
        _headers(call)[f"ce-extension{number}"] = "v" * rng.choice((1, 5))


def _pack(call: Call, rng: Random) -> None:
    data, encoding = body_of(call), rng.choice(("gzip", "deflate"))
    packed = gzip.compress(data, mtime=0) if encoding == "gzip" else zlib.compress(data)
    if rng.random() < 0.3:
        packed = packed[: rng.randint(0, len(packed))] + rng.choice((b"", b"x"))
    _headers(call)["content-encoding"] = encoding
    call["body"], call["isBase64Encoded"] = base64.b64encode(packed).decode(), True


def _change_frame(call: Call, rng: Random) -> None:
    """What API Gateway leaves out, or a flag that is wrong."""
    name, value = rng.choice(
        (("body", None), ("headers", None), ("isBase64Encoded", True), ("queryStringParameters", None), ("body", ""))
    )
    call[name] = value


def _change_query(call: Call, rng: Random) -> None:
    names = ("category", "entity_id", "source", "fingerprint", "max_messages", "min_age_seconds", "samples", "all", "x")
    query = dict(call.get("queryStringParameters") or {})
    query[rng.choice((*names, *query))] = str(rng.choice(VALUES))[:1_100]
    call["queryStringParameters"] = query


def _change_path(call: Call, rng: Random) -> None:
    path = dict(call.get("pathParameters") or {})
    if path:
        path[rng.choice(list(path))] = str(rng.choice(VALUES))[:1_100] or "x"
        call["pathParameters"] = path


def _headers(call: Call) -> dict[str, Any]:
    if not isinstance(call.get("headers"), dict):
        call["headers"] = {}
    headers: dict[str, Any] = call["headers"]
    return headers


def _set(call: Call, data: bytes) -> None:
    """As API Gateway passes a body on: as text where it is text, else in base64."""
    try:
        call["body"], call["isBase64Encoded"] = data.decode(), False
    except UnicodeDecodeError:
        call["body"], call["isBase64Encoded"] = base64.b64encode(data).decode(), True


_CHANGES: Final[tuple[tuple[Callable[[Call, Random], None], int], ...]] = (
    (_change_value, 30),
    (_change_bytes, 20),
    (_replace_body, 8),
    (_change_header, 8),
    (_change_attribute, 8),
    (_change_query, 6),
    (_change_path, 3),
    (_repeat_lines, 3),
    (_change_names, 3),
    (_pack, 3),
    (_change_frame, 2),
    (_add_attributes, 1),
)
