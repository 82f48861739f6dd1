"""The events of a file or a pipe, each with its line and its bytes exactly as they stand there."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol

from pik.domain.http.messages import render
from pik.domain.http.strict_json import MalformedJson, parse_array
from pik.domain.shared.limits import MAX_BODY_BYTES
from pik_cli.shell.errors import Misuse, Refusal
from pik_cli.shell.limits import CLI_MAX_JSON_BYTES

_BOM: Final = b"\xef\xbb\xbf"
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
_LINE_SUFFIXES: Final = (".ndjson", ".jsonl", ".jsonlines")
_SPACE: Final = re.compile(r"[ \t\n\r]*")
_HASH_BLOCK: Final = 1024 * 1024


class Form(StrEnum):
    """How the events stand in the file."""

    NDJSON = "ndjson"
    JSON = "json"
    CLOUDEVENT = "cloudevents"
    CLOUDEVENTS = "cloudevents-batch"


class ByteReader(Protocol):
    """What is asked of a file or a pipe."""

    def read(self, size: int = ..., /) -> bytes: ...

    def readline(self, size: int = ..., /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Item:
    """One event: its number in the file and its line (both from 1), the place of its first byte, and its bytes.

    `data` is None for an event that is too long for any request; `length` is how long it is, its line end included.
    """

    number: int
    line: int
    offset: int
    length: int
    data: bytes | None


@dataclass
class Prefixed:
    """A stream whose beginning was already read; it may be one that cannot go back."""

    head: bytes
    rest: ByteReader

    def read(self, size: int = -1, /) -> bytes:
        if size < 0:
            taken, self.head = self.head, b""
            return taken + self.rest.read()
        taken, self.head = self.head[:size], self.head[size:]
        return taken + (self.rest.read(size - len(taken)) if len(taken) < size else b"")

    def readline(self, size: int = -1, /) -> bytes:
        end = self.head.find(b"\n") + 1 or len(self.head)
        end = min(end, size) if size >= 0 else end
        line, self.head = self.head[:end], self.head[end:]
        if line.endswith(b"\n") or len(line) == size:
            return line
        return line + self.rest.readline(size - len(line) if size >= 0 else -1)


def detect(head: bytes, name: str) -> Form:
    """The form of a file whose beginning (at least its first two lines that are not blank) is `head`."""
    if name.endswith(_LINE_SUFFIXES):
        return Form.NDJSON
    text = head.removeprefix(_BOM).lstrip()
    if text.startswith(b"["):
        return Form.CLOUDEVENTS if _first_is_cloud_event(text[1:]) else Form.JSON
    lines = [line for line in text.splitlines() if line.strip()]
    # One event per line, also when the first line is broken: then the second shows it.
    if any(_parses(line) for line in lines[:2]):
        return Form.NDJSON
    return Form.CLOUDEVENT if _first_is_cloud_event(text) else Form.JSON


def begin(stream: ByteReader, name: str) -> tuple[Form, Prefixed]:
    """Read as much as shows the form; the returned stream starts at the beginning.

    Raises Misuse for a file in UTF-16.
    """
    head, lines = b"", 0
    while lines < 2 and len(head) <= MAX_BODY_BYTES:
        line = stream.readline(MAX_BODY_BYTES)
        if not line:
            break
        head += line
        lines += bool(line.strip())
    if head.startswith(_UTF16):
        raise Misuse(f"{name} is UTF-16; events are UTF-8.", f"Convert it: iconv -f UTF-16 -t UTF-8 {name}")
    return detect(head, name), Prefixed(head, stream)


def items(stream: ByteReader, form: Form) -> Iterator[Item]:
    """The events in order. Raises Refusal for a JSON text that cannot be taken apart."""
    return _lines(stream) if form is Form.NDJSON else _values(stream)


def content_sha(stream: ByteReader) -> str:
    """SHA-256 of all that the stream holds, read in blocks."""
    digest = hashlib.sha256()
    while block := stream.read(_HASH_BLOCK):
        digest.update(block)
    return digest.hexdigest()


def _lines(stream: ByteReader) -> Iterator[Item]:
    number = line_number = offset = 0
    while True:
        line, length = _next_line(stream)
        if not length:
            return
        line_number += 1
        if line is None:
            number += 1
            yield Item(number, line_number, offset, length, None)
        else:
            text = (line.removeprefix(_BOM) if offset == 0 else line).strip()
            if text:
                number += 1
                yield Item(number, line_number, offset + line.find(text), len(text), text)
        offset += length


def _next_line(stream: ByteReader) -> tuple[bytes | None, int]:
    """A line with its end, and its length; None for a line that no request can hold, which is not kept in memory."""
    line = stream.readline(MAX_BODY_BYTES + 1)
    length = len(line)
    if length <= MAX_BODY_BYTES or line.endswith(b"\n"):
        return line, length
    while not line.endswith(b"\n"):
        line = stream.readline(MAX_BODY_BYTES)
        if not line:
            break
        length += len(line)
    return None, length


def _values(stream: ByteReader) -> Iterator[Item]:
    data = stream.read(CLI_MAX_JSON_BYTES + 1)
    if len(data) > CLI_MAX_JSON_BYTES:
        raise Refusal(
            f"A JSON text is read whole, and this one has more than {CLI_MAX_JSON_BYTES // 2**20} MiB.",
            "Write it as one event per line, which has no such bound:\njq -c '.[]' FILE | pik send -",
        )
    start = len(_BOM) if data.startswith(_BOM) else 0
    text = data[start:]
    places = _elements(text) if text.lstrip()[:1] == b"[" else _sequence(text)
    line, seen = 1, 0
    for number, (offset, length) in enumerate(places, 1):
        line += text.count(b"\n", seen, offset)
        seen = offset
        yield Item(number, line, start + offset, length, text[offset : offset + length])


def _elements(data: bytes) -> Iterator[tuple[int, int]]:
    try:
        yield from ((element.offset, element.length) for element in parse_array(data))
    except MalformedJson as error:
        problem = error.problems[0]
        raise _unreadable(render(problem.code, problem.params, "en")) from error


def _sequence(data: bytes) -> Iterator[tuple[int, int]]:
    """JSON values one after another, as jq writes them: one, or many."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise _unreadable(f"byte {error.start + 1} is not UTF-8") from error
    decode = json.JSONDecoder(parse_int=str, parse_float=str).raw_decode  # only the ends of the values are wanted
    at, offset = _skip(text, 0), 0
    seen = 0
    while at < len(text):
        try:
            _, end = decode(text, at)
        except json.JSONDecodeError as error:
            raise _unreadable(f"{error.msg} at line {error.lineno}, column {error.colno}") from error
        except RecursionError as error:
            raise _unreadable("too many levels of arrays and objects") from error
        offset += at - seen  # between values is white space, one byte per character
        length = len(text[at:end].encode())
        yield offset, length
        offset, seen, at = offset + length, end, _skip(text, end)


def _unreadable(why: str) -> Refusal:
    return Refusal(
        f"The JSON cannot be read: {why}",
        "Fix the file; if it holds one event per line, say so with --format ndjson.",
    )


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _parses(line: bytes) -> bool:
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict | list)


def _first_is_cloud_event(text: bytes) -> bool:
    """Whether the first object of a text has a member specversion; `text` may end within it."""
    text = text.lstrip()
    if not text.startswith(b"{"):
        return False
    decoded = text.decode("utf-8", "replace")
    try:
        value, _ = json.JSONDecoder().raw_decode(decoded)
    except (ValueError, RecursionError):
        return re.match(r"\{\s*\"specversion\"\s*:", decoded) is not None
    return isinstance(value, dict) and "specversion" in value
