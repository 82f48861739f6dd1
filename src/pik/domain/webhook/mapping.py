"""A webhook request as an event: what its source's file finds in it becomes the attributes of a CloudEvent.

From there it is a CloudEvent in binary mode: the body is its data, byte for byte, and the attributes are kept with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from pik.domain.event.envelope import cloud_event
from pik.domain.http.cloud_headers import binary_attributes, packed
from pik.domain.http.encodings import codings
from pik.domain.http.requests import JSON, RequestBody, split, unsupported
from pik.domain.http.strict_json import kind_of
from pik.domain.shared import times
from pik.domain.shared.problems import InvalidEvent, Problem
from pik.domain.webhook.source import WebhookSource

_ATTRIBUTES: Final = {"id": "id", "source": "source", "type": "type", "entity": "subject", "time": "time"}
"""Members of a source's file to attributes of a CloudEvent."""

_MEMBERS: Final = {f"header:ce-{attribute}": f"webhook:{member}" for member, attribute in _ATTRIBUTES.items()}
_JSON_TYPES: Final = frozenset({"", JSON, "text/json", "text/plain"})  # SNS says text/plain
_SECRET_HEADERS: Final = frozenset({"authorization", "cookie"})
_MILLISECONDS_FROM: Final = 10**11  # as seconds this would be the year 5138


def read_body(headers: Mapping[str, str], body: bytes) -> RequestBody:
    """The one JSON object of a webhook's body.

    Raises InvalidEvent: 400 for what is no JSON object, 413 for one that is too large, 415 for other content.
    """
    given = headers.get("content-type", "")
    name = given.partition(";")[0].strip().lower()
    if name not in _JSON_TYPES and not name.endswith("+json"):
        raise unsupported("header:content-type", given, JSON)
    # What a sender signs is what it sent; no sender compresses.
    if codings(headers.get("content-encoding")):
        raise unsupported("header:content-encoding", headers["content-encoding"], "identity")
    request = split(body, {"content-type": JSON})
    (part, *_) = request.parts
    if request.many:
        raise InvalidEvent([Problem("body", "not_an_object", {"given": "array"})])
    if part.problems:
        raise InvalidEvent(part.problems, 413)
    if not isinstance(part.value, dict):
        raise InvalidEvent([Problem("body", "not_an_object", {"given": kind_of(part.value)})])
    return request


def view_of(source: WebhookSource, headers: dict[str, str], body: Any) -> dict[str, Any]:
    """What the expressions of a source's file see: the parsed body, and the headers except those that hold secrets;
    attributes of a CloudEvent as they were before they became headers. Raises InvalidEvent for those that cannot be."""
    hidden = _SECRET_HEADERS | {source.signature.header}
    attributes = {f"ce-{name}": value for name, value in (binary_attributes(headers) or {}).items()}
    shown = {name: value for name, value in (headers | attributes).items() if name not in hidden}
    return {"body": body, "headers": shown}


def challenge_of(source: WebhookSource, view: Mapping[str, Any]) -> str | None:
    """What a sender that checks the address of its endpoint wants to hear; None for an event."""
    answer = source.challenge.search(view) if source.challenge else None
    return answer if isinstance(answer, str) else None


def as_event(source: WebhookSource, request: RequestBody, view: Mapping[str, Any]) -> RequestBody:
    """The request with the attributes that the source's file finds in it. Raises InvalidEvent with every problem."""
    problems: list[Problem] = []
    attributes = {"specversion": "1.0", "source": source.name}
    for member, expression in source.event.items():
        found = expression.search(view)
        if member == "time" and isinstance(found, int | float | Decimal) and not isinstance(found, bool):
            found = _time_of(found)
        text = _text(found)
        if text is not None:
            attributes[_ATTRIBUTES[member]] = text
        elif found is not None or member in {"id", "type", "source"}:
            params = {"member": member, "expression": expression.text, "given": kind_of(found)}
            problems.append(Problem(f"webhook:{member}", "unmapped_member", params))
    if problems:
        raise InvalidEvent(problems)
    try:
        cloud_event(attributes, request.parts[0].value, "", "header:ce-")
        packed(attributes)
    except InvalidEvent as error:
        moved = [Problem(_MEMBERS.get(it.path, it.path), it.code, it.params) for it in error.problems]
        raise InvalidEvent(moved, error.status) from error
    return replace(request, attributes=attributes, volatile=source.volatile)


def _text(value: Any) -> str | None:
    """A text, or a whole number as text; numbers with fractions name nothing."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else None


def _time_of(number: float | Decimal) -> str:
    """Seconds or milliseconds since 1970 as a time; a number outside the calendar as text, which no time looks like."""
    seconds = Decimal(str(number))
    if abs(seconds) >= _MILLISECONDS_FROM:
        seconds /= 1000
    try:
        return times.from_datetime(datetime.fromtimestamp(float(seconds), UTC))
    except (ValueError, OverflowError, OSError):
        return str(number)
