"""JSON as I-JSON (RFC 7493) defines it: one meaning or a clear refusal, never a silent repair.

Python's parser keeps the last of two equal members, accepts NaN, and rounds numbers to doubles. Two parsers can
disagree on what such a text means, so it must not become an event: its hash would represent more than one payload.
Numbers keep the value of their digits (`pik.domain.shared.numbers`). Parsing takes time and memory in proportion to the
text: what would take more is refused before it is built.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import Any, Final

from pik.domain.shared.limits import MAX_EVENT_VALUES, MAX_NESTING
from pik.domain.shared.numbers import UnboundedNumber, read_fraction, read_integer
from pik.domain.shared.problems import InvalidEvent, Problem, pointer

_WHITE_SPACE: Final = re.compile(r"[ \t\n\r]*")
_UP_TO_VALUE: Final = re.compile(
    rb'(?:[^",\[{]++|"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\Z))*+(?:[,\[{]|\Z)',
    re.DOTALL,
)
"""The text to the next value, whole strings skipped. It matches everywhere, an unfinished string too, and nothing is
tried twice (possessive quantifiers): a search takes time in proportion to the text, whatever the text is."""

_KINDS: Final = {
    dict: "object",
    list: "array",
    str: "string",
    bool: "boolean",
    int: "number",
    float: "number",
    Decimal: "number",
}


class MalformedJson(InvalidEvent):
    """A text that is not JSON, or JSON that two parsers may read differently."""


@dataclass(frozen=True, slots=True)
class _Defect:
    """Takes the place of a refused value in the parsed tree, so that its path can be found."""

    code: str
    params: dict[str, str | int]


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a JSON array: its value or why it was refused, and the place of its bytes in the array's text."""

    value: Any
    problems: tuple[Problem, ...]
    offset: int
    length: int


def parse_json(data: bytes, base: str = "") -> Any:
    """The value of a JSON text in UTF-8. `base` is the prefix of the problems' paths.

    Raises MalformedJson: not UTF-8, not JSON, duplicate members, NaN or infinity, numbers beyond the bounds of
    `numbers`, lone surrogates, more than MAX_NESTING levels or MAX_EVENT_VALUES values.
    """
    check_values(data, MAX_EVENT_VALUES, base)
    text = _decode(data, base)
    start = _skip(text, 0)
    value, end, sound = _read(text, start, base)
    after = _skip(text, end)
    if after != len(text):
        raise _syntax(base, "unexpected text after the value", text, after)
    problems = _problems(value, text, base, sound=sound)
    if problems:
        raise MalformedJson(problems)
    return value


def kind_of(value: Any) -> str:
    """JSON's own word for the type of a parsed value."""
    return _KINDS.get(type(value), "null")


def check_values(data: bytes, maximum: int, base: str = "") -> None:
    """Raises MalformedJson when a text of JSON, or lines of it, hold more values than `maximum`.

    Counts what precedes a value without parsing, so a text that would take much memory is refused before it is built.
    """
    if len(data) <= maximum or data.count(b",") + data.count(b"[") + data.count(b"{") <= maximum:
        return
    # in strings these characters are text: count again, without them
    beyond = next(islice(_UP_TO_VALUE.finditer(data), maximum, None), None)
    if beyond is not None and data[beyond.end() - 1 : beyond.end()] in {b",", b"[", b"{"}:
        raise MalformedJson([Problem(base or "body", "too_many_values", {"maximum": maximum})])


def parse_array(data: bytes, most: int | None = None) -> list[Element]:
    """The first elements of a JSON array, each with its place in bytes; a refused element does not affect the others.
    Reading stops after `most`, where that is given.

    Raises MalformedJson when the text cannot be read so far.
    """
    text = _decode(data, "")
    return list(islice(_elements(text, ascii_only=len(text) == len(data)), most))


def _elements(text: str, *, ascii_only: bool) -> Iterator[Element]:
    at = _skip(text, 0)
    if text[at : at + 1] != "[":
        raise _syntax("", "expected an array", text, at)
    at = _skip(text, at + 1)
    seen_chars = seen_bytes = index = 0
    closed = text[at : at + 1] == "]"
    while not closed:
        base = pointer(index)
        value, end, sound = _read(text, at, base)
        raw = text[at:end]
        offset = at if ascii_only else seen_bytes + len(text[seen_chars:at].encode())
        length = len(raw) if ascii_only else len(raw.encode())
        seen_chars, seen_bytes = end, offset + length
        yield Element(value, _problems(value, raw, base, sound=sound), offset, length)
        index += 1
        at = _skip(text, end)
        mark = text[at : at + 1]
        if mark not in {",", "]"}:
            raise _syntax("", "expected ',' or ']'", text, at)
        closed = mark == "]"
        at = at if closed else _skip(text, at + 1)
    at = _skip(text, at + 1)
    if at != len(text):
        raise _syntax("", "unexpected text after the array", text, at)


def _read(text: str, at: int, base: str) -> tuple[Any, int, bool]:
    """A value, where it ends, and whether nothing in it was refused."""
    try:
        try:
            return *_SOUND.raw_decode(text, at), True
        except (_Unsound, UnboundedNumber):  # parse again, to find the place
            return *_MARKING.raw_decode(text, at), False
    except json.JSONDecodeError as error:
        raise _syntax(base, error.msg, text, error.pos) from error
    except RecursionError as error:
        raise MalformedJson([Problem(base or "body", "too_deep", {"maximum": MAX_NESTING})]) from error


def _problems(value: Any, text: str, base: str, *, sound: bool) -> tuple[Problem, ...]:
    """The first refused value in `value`; the tree is walked only when there may be one."""
    may_be_deep = text.count("[") + text.count("{") > MAX_NESTING
    may_have_surrogates = "\\u" in text
    if sound and not (may_be_deep or may_have_surrogates):
        return ()
    problem = next(_walk(value, base), None)
    return (problem,) if problem else ()


class _Unsound(Exception):
    """A text holds something that may have to be refused."""


def _object(pairs: list[tuple[str, Any]]) -> Any:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    return _Defect("duplicate_member", {"member": _first_repeat(name for name, _ in pairs)})


def _first_repeat(names: Iterable[str]) -> str:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    raise AssertionError("no name is repeated")


def _fraction(literal: str) -> Any:
    try:
        return read_fraction(literal)
    except UnboundedNumber as error:
        return _Defect(error.code, error.params)


def _integer(literal: str) -> Any:
    try:
        return read_integer(literal)
    except UnboundedNumber as error:
        return _Defect(error.code, error.params)


def _constant(literal: str) -> Any:
    return _Defect("not_a_number", {"literal": literal})


def _sound_object(pairs: list[tuple[str, Any]]) -> Any:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Unsound
    return members


def _unsound_constant(literal: str) -> Any:
    raise _Unsound


# A decoder is costly to make, and these two serve all threads.
_SOUND: Final = json.JSONDecoder(
    object_pairs_hook=_sound_object,
    parse_float=read_fraction,
    parse_int=read_integer,
    parse_constant=_unsound_constant,
)
_MARKING: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_fraction, parse_int=_integer, parse_constant=_constant
)


def _walk(root: Any, base: str) -> Iterator[Problem]:
    pending: list[tuple[Any, str, int]] = [(root, base, 1)]
    while pending:
        value, path, level = pending.pop()
        if isinstance(value, _Defect):
            yield Problem(path or "body", value.code, value.params)
        elif isinstance(value, str):
            if _has_surrogate(value):
                yield Problem(path or "body", "lone_surrogate")
        elif isinstance(value, dict | list):
            if level > MAX_NESTING:
                yield Problem(path, "too_deep", {"maximum": MAX_NESTING})
                continue
            if isinstance(value, dict) and any(_has_surrogate(name) for name in value):
                yield Problem(path or "body", "lone_surrogate")
                continue
            children = value.items() if isinstance(value, dict) else enumerate(value)
            pending.extend((child, path + pointer(name), level + 1) for name, child in reversed(list(children)))


def _has_surrogate(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _decode(data: bytes, base: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise MalformedJson([Problem(base or "body", "invalid_utf8", {"offset": error.start})]) from error


def _skip(text: str, at: int) -> int:
    match = _WHITE_SPACE.match(text, at)
    return match.end() if match else at


def _syntax(base: str, detail: str, text: str, at: int) -> MalformedJson:
    line = text.count("\n", 0, at) + 1
    column = at - text.rfind("\n", 0, at)
    where = f"{detail} at line {line}, column {column}"
    return MalformedJson([Problem(base or "body", "malformed_json", {"detail": where})])
