"""An HTTP request split into its events: the body's bytes, and one or many events in them, each with its place."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final
from urllib.parse import quote, unquote

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
SUPPORTED_TYPES: Final = (JSON, NDJSON, CLOUD_EVENT, CLOUD_BATCH)

_ALIASES: Final = {"application/ndjson": NDJSON, "application/jsonl": NDJSON, "application/x-jsonlines": NDJSON}
_UTF8: Final = frozenset({"", "utf-8", "utf8", "us-ascii"})
_CHARSET: Final = re.compile(r";\s*charset\s*=\s*\"?([^\";\s]*)", re.IGNORECASE)
_ATTRIBUTE: Final = re.compile(r"ce-([a-z0-9]{1,64})")
_LINE: Final = re.compile(rb"\S[^\n]*")
_MAX_METADATA_BYTES: Final = 1_500  # S3 refuses an object whose metadata exceed 2 KB


@dataclass(frozen=True, slots=True)
class Part:
    """One event as sent: its parsed value or the reason why it could not be parsed, and the place of its bytes in the
    body."""

    path: str
    offset: int
    length: int
    value: Any = None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class RequestBody:
    """The parts of a body. `many` decides the form of the answer; `attributes` come from a binary CloudEvent's
    headers."""

    parts: tuple[Part, ...]
    media_type: str
    many: bool
    attributes: Mapping[str, str] | None = None


def body_bytes(body: str | None, is_base64: bool) -> bytes:
    """The bytes that the producer sent. API Gateway base64-encodes what it takes for binary.

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
    """The supported media type of a request, without parameters. Raises InvalidEvent (status 415)."""
    given = headers.get("content-type", "")
    name = given.partition(";")[0].strip().lower()
    name = _ALIASES.get(name, name)
    charset = _CHARSET.search(given)
    encoding = headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise unsupported("header:content-encoding", encoding, "identity")
    if charset and charset[1].lower() not in _UTF8:
        raise unsupported("header:content-type", given, "charset=utf-8")
    if name not in SUPPORTED_TYPES:
        raise unsupported("header:content-type", given, ", ".join(SUPPORTED_TYPES))
    return name


def object_suffix(kind: str) -> str:
    """The suffix of a raw object's key, by the media type of its body."""
    return "ndjson" if kind == NDJSON else "json"


def object_metadata(request_id: str, received_at: str, attributes: Mapping[str, str] | None) -> dict[str, str]:
    """What the body alone does not hold: a binary CloudEvent's attributes are headers. Printable ASCII, bounded; the
    five that identify the event are in its index row at any size."""
    kept = {"request-id": quote(request_id), "received-at": received_at}
    room = _MAX_METADATA_BYTES
    for name, value in (attributes or {}).items():
        text = quote(value, safe=" -_.~:/+")
        room -= len(name) + len(text)
        if room >= 0:
            kept[f"ce-{name}"] = text
    return kept


def split(data: bytes, headers: Mapping[str, str]) -> RequestBody:
    """The events of a body. `headers` have lower-case names.

    Raises InvalidEvent: empty or oversize (413) bodies, unsupported media types (415), text that cannot be parsed.
    """
    if not data.strip():
        raise InvalidEvent([Problem("body", "empty_body")])
    if len(data) > MAX_BODY_BYTES:
        raise InvalidEvent([Problem("body", "body_too_large", {"bytes": len(data), "maximum": MAX_BODY_BYTES})], 413)
    kind = media_type(headers)
    attributes = _binary_attributes(headers)
    if attributes is not None and kind == JSON:
        return RequestBody((_single(data),), kind, many=False, attributes=attributes)
    if kind == NDJSON:
        return _many(_lines(data), kind)
    if kind == CLOUD_BATCH or data.lstrip()[:1] == b"[":
        return _many(_array(data), kind)
    return RequestBody((_single(data),), kind, many=False)


def _single(data: bytes) -> Part:
    return _too_large("", 0, len(data)) or Part("", 0, len(data), parse_json(data))


def _array(data: bytes) -> Iterator[Part]:
    _check_all_values(data)
    for index, element in enumerate(parse_array(data, MAX_EVENTS_PER_REQUEST + 1)):
        path, offset, length = pointer(index), element.offset, element.length
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


def _lines(data: bytes) -> Iterator[Part]:
    _check_all_values(data)
    number = seen = 0
    for match in _LINE.finditer(data):
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
    if not parts:
        raise InvalidEvent([Problem("body", "empty_batch")])
    if len(parts) > MAX_EVENTS_PER_REQUEST:
        raise InvalidEvent([Problem("body", "too_many_events", {"maximum": MAX_EVENTS_PER_REQUEST})], 413)
    return RequestBody(parts, kind, many=True)


def _binary_attributes(headers: Mapping[str, str]) -> dict[str, str] | None:
    # CloudEvents' HTTP binding, section 3.1.3: attribute values in headers are percent-encoded.
    found = {
        match[1]: unquote(value) for name, value in headers.items() if (match := _ATTRIBUTE.fullmatch(name)) is not None
    }
    return found or None


def unsupported(path: str, given: str, supported: str) -> InvalidEvent:
    """The refusal of a content type or encoding: 415."""
    problem = Problem(path, "unsupported_media_type", {"given": given or "none", "supported": supported})
    return InvalidEvent([problem], 415)
