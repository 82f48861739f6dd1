"""An HTTP request split into its events: the body's bytes, and one or many events in them, each with its place."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final
from urllib.parse import quote

from pik.domain.http.cloud_headers import binary_attributes, packed
from pik.domain.http.strict_json import MalformedJson, check_values, parse_array, parse_json
from pik.domain.shared.limits import (
    MAX_BODY_BYTES,
    MAX_EVENT_BYTES,
    MAX_EVENT_VALUES,
    MAX_EVENTS_PER_REQUEST,
    MAX_REQUEST_VALUES,
)
from pik.domain.shared.problems import InvalidEvent, Problem, pointer

JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
CLOUD_EVENT: Final = "application/cloudevents+json"
CLOUD_BATCH: Final = "application/cloudevents-batch+json"
OCTETS: Final = "application/octet-stream"
SUPPORTED_TYPES: Final = (JSON, NDJSON, CLOUD_EVENT, CLOUD_BATCH)

BINARY_SUFFIX: Final = "bin"
"""Of the keys of objects whose bytes are a payload that is not JSON; all other raw objects hold JSON."""

_CLOUD_EVENTS: Final = "application/cloudevents"  # and what follows: formats of structured and batched mode
_ALIASES: Final = {"application/ndjson": NDJSON, "application/jsonl": NDJSON, "application/x-jsonlines": NDJSON}
_UTF8: Final = frozenset({"", "utf-8", "utf8", "us-ascii"})
_CHARSET: Final = re.compile(r";\s*charset\s*=\s*\"?([^\";\s]*)", re.IGNORECASE)
_MEDIA_TYPE: Final = re.compile(r"[a-z0-9!#$&^_.+-]{1,127}/[a-z0-9!#$&^_.+-]{1,127}")  # RFC 6838, section 4.2
_JSON_TYPE: Final = re.compile(r"[^/]+/(?:json|[^/]+\+json)")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_LINE: Final = re.compile(rb"\S[^\n]*")
_MAX_REQUEST_ID_CHARS: Final = 200


@dataclass(frozen=True, slots=True)
class Part:
    """One event as sent: its parsed value (bytes for a payload that is not JSON) or the reason why it could not be
    parsed, and the place of its bytes in the body."""

    path: str
    offset: int
    length: int
    value: Any = None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class RequestBody:
    """The parts of a body. `many` decides the form of the answer; `attributes` come from a binary CloudEvent's headers.
    `volatile` are places of the payload (JSON Pointers) that differ between deliveries of one event."""

    parts: tuple[Part, ...]
    media_type: str
    many: bool
    attributes: Mapping[str, str] | None = None
    volatile: tuple[str, ...] = ()


def body_bytes(body: str | None, is_base64: bool) -> bytes:
    """The bytes that API Gateway passed on. It base64-encodes what it takes for binary.

    Raises InvalidEvent for a body that is flagged as base64 and is not.
    """
    if body is None:
        return b""
    if not is_base64:
        # A lone surrogate cannot be UTF-8; it is passed on so that the parser names its place.
        return body.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidEvent([Problem("body", "broken_base64")]) from error


def media_type(headers: Mapping[str, str]) -> str:
    """The supported media type of a request, without parameters; all names of JSON are one. Raises InvalidEvent (status
    415)."""
    given = headers.get("content-type", "")
    name = media_type_name(given)
    name = JSON if is_json(name) else name
    if name not in SUPPORTED_TYPES:
        raise unsupported("header:content-type", given, ", ".join(SUPPORTED_TYPES))
    _require_utf8(given)
    return name


def media_type_name(given: str) -> str:
    """The name of a media type, without parameters and in lower case; the other names of NDJSON are its own."""
    name = given.partition(";")[0].strip().lower()
    return _ALIASES.get(name, name)


def is_json(name: str) -> bool:
    """Whether a media type is JSON by its name (`application/ld+json`); the formats of CloudEvents are not meant."""
    return not name.startswith(_CLOUD_EVENTS) and _JSON_TYPE.fullmatch(name) is not None


def object_suffix(kind: str) -> str:
    """The suffix of a raw object's key, by the media type of its body."""
    if kind == NDJSON:
        return "ndjson"
    return "json" if kind in SUPPORTED_TYPES else BINARY_SUFFIX


def object_metadata(
    request_id: str, received_at: str, attributes: Mapping[str, str] | None, codings: tuple[str, ...] = ()
) -> dict[str, str]:
    """What the body alone does not hold: printable ASCII, bounded. All attributes of a binary CloudEvent are one entry,
    because clients that read an object refuse an answer of more than a hundred headers. Raises InvalidEvent."""
    kept = {"request-id": quote(request_id)[:_MAX_REQUEST_ID_CHARS], "received-at": received_at}
    if codings:
        kept["original-encoding"] = ",".join(codings)
    if attributes:
        kept["attributes"] = packed(attributes)
    return kept


def split(data: bytes, headers: Mapping[str, str]) -> RequestBody:
    """The events of a body. `headers` have lower-case names.

    Raises InvalidEvent: empty or oversize (413) bodies, unsupported media types (415), text that cannot be parsed.
    """
    if len(data) > MAX_BODY_BYTES:
        raise InvalidEvent([Problem("body", "body_too_large", {"bytes": len(data), "maximum": MAX_BODY_BYTES})], 413)
    name = media_type_name(headers.get("content-type", ""))
    if name != NDJSON and not name.startswith(_CLOUD_EVENTS):
        attributes = binary_attributes(headers)
        if attributes is not None:
            return _binary(data, name, headers, attributes)
    start = _text_start(data)
    if not data[start:].strip():
        raise InvalidEvent([Problem("body", "empty_body")])
    kind = media_type(headers)
    if kind == NDJSON:
        return _many(_lines(data, start), kind)
    if kind == CLOUD_BATCH or data[start:].lstrip()[:1] == b"[":
        return _many(_array(data, start), kind)
    return RequestBody((_single(data, start),), kind, many=False)


def unsupported(path: str, given: str, supported: str) -> InvalidEvent:
    """The refusal of a content type: 415."""
    problem = Problem(path, "unsupported_media_type", {"given": given or "none", "supported": supported})
    return InvalidEvent([problem], 415)


def _require_utf8(given: str) -> None:
    charset = _CHARSET.search(given)
    if charset and charset[1].lower() not in _UTF8:
        raise InvalidEvent([Problem("header:content-type", "unsupported_charset", {"given": charset[1]})], 415)


def _text_start(data: bytes) -> int:
    """Where a text begins: editors and exports put a byte order mark before it."""
    return len(_BYTE_ORDER_MARK) if data.startswith(_BYTE_ORDER_MARK) else 0


def _binary(data: bytes, name: str, headers: Mapping[str, str], attributes: dict[str, str]) -> RequestBody:
    """A CloudEvent in binary mode: its body is the payload, of whatever type the header says. Without a type it is JSON
    when it can be read as JSON."""
    if name and not _MEDIA_TYPE.fullmatch(name):
        raise unsupported("header:content-type", headers["content-type"], "type/subtype")
    start = _text_start(data)
    if is_json(name) and data:
        _require_utf8(headers["content-type"])
        part = _single(data, start, lines=False)
        return RequestBody((part,), JSON, many=False, attributes=attributes)
    if not name:
        try:
            return RequestBody((_single(data, start, lines=False),), JSON, many=False, attributes=attributes)
        except MalformedJson:
            pass  # not JSON, which no header claims that it is
    kind = name if name and not is_json(name) else OCTETS
    return RequestBody(
        (_too_large("", 0, len(data)) or Part("", 0, len(data), data),), kind, many=False, attributes=attributes
    )


def _single(data: bytes, start: int, *, lines: bool = True) -> Part:
    """The one event of a body; `lines`: say so when the body is NDJSON under another name."""
    text = data[start:]
    try:
        return _too_large("", start, len(text)) or Part("", start, len(text), parse_json(text))
    except MalformedJson as error:
        if lines and _is_ndjson(text):
            raise InvalidEvent([Problem("header:content-type", "several_json_texts", {"supported": NDJSON})]) from error
        raise


def _is_ndjson(text: bytes) -> bool:
    """Whether a text that is not JSON begins with a line that is an object, and a second one that looks like it."""
    first, _, rest = text.lstrip().partition(b"\n")
    if not rest.lstrip().startswith(b"{"):
        return False
    try:
        return isinstance(parse_json(first), dict)
    except MalformedJson:
        return False


def _array(data: bytes, start: int) -> Iterator[Part]:
    _check_all_values(data)
    for index, element in enumerate(parse_array(data[start:], MAX_EVENTS_PER_REQUEST + 1)):
        path, offset, length = pointer(index), start + element.offset, element.length
        too_large = _too_large(path, offset, length)
        yield too_large or _checked(Part(path, offset, length, element.value, element.problems), data)


def _checked(part: Part, data: bytes) -> Part:
    """An element of an array, which was parsed before its own bounds were known."""
    try:
        check_values(data[part.offset : part.offset + part.length], MAX_EVENT_VALUES, part.path)
    except MalformedJson as error:
        return Part(part.path, part.offset, part.length, problems=error.problems)
    return part


def _check_all_values(data: bytes) -> None:
    """Each event may be sound on its own, so what helps is a smaller request: 413."""
    try:
        check_values(data, MAX_REQUEST_VALUES)
    except MalformedJson as error:
        problem = Problem("body", "too_many_request_values", {"maximum": MAX_REQUEST_VALUES})
        raise InvalidEvent([problem], 413) from error


def _lines(data: bytes, start: int) -> Iterator[Part]:
    _check_all_values(data)
    if next(islice(_LINE.finditer(data, start), MAX_EVENTS_PER_REQUEST, None), None) is not None:
        raise _too_many()  # before any of them is parsed
    number, seen = 0, start
    for match in _LINE.finditer(data, start):
        text, offset = match[0].rstrip(), match.start()
        number, seen = number + data.count(b"\n", seen, offset), offset
        path = pointer(number)
        try:
            yield _too_large(path, offset, len(text)) or Part(path, offset, len(text), parse_json(text, path))
        except MalformedJson as error:
            yield Part(path, offset, len(text), problems=error.problems)


def _too_large(path: str, offset: int, length: int) -> Part | None:
    if length <= MAX_EVENT_BYTES:
        return None
    problem = Problem(path or "body", "event_too_large", {"bytes": length, "maximum": MAX_EVENT_BYTES})
    return Part(path, offset, length, problems=(problem,))


def _many(all_parts: Iterator[Part], kind: str) -> RequestBody:
    parts = tuple(islice(all_parts, MAX_EVENTS_PER_REQUEST + 1))  # no more is parsed than is needed to refuse it
    if not parts and kind != CLOUD_BATCH:
        raise InvalidEvent([Problem("body", "empty_batch")])
    if len(parts) > MAX_EVENTS_PER_REQUEST:
        raise _too_many()
    return RequestBody(parts, kind, many=True)


def _too_many() -> InvalidEvent:
    return InvalidEvent([Problem("body", "too_many_events", {"maximum": MAX_EVENTS_PER_REQUEST})], 413)
