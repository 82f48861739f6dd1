"""The attributes of a CloudEvent in binary mode: HTTP headers as sent, one entry of an object's metadata as kept."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote_to_bytes

from pik.domain.shared.limits import MAX_ATTRIBUTES_BYTES
from pik.domain.shared.problems import InvalidEvent, Problem

_PREFIX: Final = "ce-"
_CONTENT_TYPE: Final = "datacontenttype"
_MARKS: Final = frozenset({"ce-specversion", "ce-id", "ce-source", "ce-type"})
"""Attributes that every CloudEvent has. One of them says that a CloudEvent was meant; another header of that prefix
does not, and an event in another form is not refused for it."""

_ENCODER: Final = json.JSONEncoder(separators=(",", ":"))
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


def binary_attributes(headers: Mapping[str, str]) -> dict[str, str] | None:
    """The attributes in the headers of a CloudEvent in binary mode, Content-Type among them; None for other requests.

    Headers that name no attribute (`ce-my_header`) are kept like attributes, because nothing else keeps them. Raises
    InvalidEvent for values that are not UTF-8.
    """
    if _MARKS.isdisjoint(headers):
        return None
    found = {
        name.removeprefix(_PREFIX): _value(name, value)
        for name, value in headers.items()
        if name.startswith(_PREFIX) and name != _PREFIX + _CONTENT_TYPE
    }
    content_type = headers.get("content-type", "").strip()
    return found | {_CONTENT_TYPE: content_type} if content_type else found


def packed(attributes: Mapping[str, str]) -> str:
    """All attributes as one text: a JSON object in printable ASCII, fit for a header. Raises InvalidEvent when it is
    larger than an object's metadata may be."""
    text = _ENCODER.encode(dict(attributes)).replace("\x7f", "\\u007f")
    if len(text) > MAX_ATTRIBUTES_BYTES:
        longest = max(attributes, key=lambda name: len(_ENCODER.encode(attributes[name])))
        params: dict[str, str | int] = {"bytes": len(text), "maximum": MAX_ATTRIBUTES_BYTES}
        raise InvalidEvent([Problem(_place(longest), "attributes_too_large", params)])
    return text


def _place(attribute: str) -> str:
    return "header:content-type" if attribute == _CONTENT_TYPE else f"header:{_PREFIX}{attribute}"


def _value(header: str, value: str) -> str:
    """A header's value as the HTTP binding of CloudEvents reads it (section 3.1.3.2): quotes and backslashes are
    undone, then one round of percent-encoding. A lone `%` is itself."""
    quoted = _QUOTED.fullmatch(value.strip())
    if quoted:
        value = _ESCAPED.sub(r"\1", quoted[1])
    data = unquote_to_bytes(value.encode("utf-8", "surrogatepass"))
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InvalidEvent([Problem(f"header:{header}", "invalid_utf8", {"offset": error.start})]) from error
