"""Content codings (RFC 9110, section 8.4) of a request's body: what was compressed is unpacked, within bounds.

The bound applies while unpacking, so a body that would unpack to gigabytes costs no more than one of the largest size.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Final

from pik.domain.shared.limits import MAX_BODY_BYTES, MAX_CONTENT_CODINGS, MAX_GZIP_MEMBERS
from pik.domain.shared.problems import InvalidEvent, Problem

HEADER: Final = "header:content-encoding"

_GZIP: Final = "gzip"
_DEFLATE: Final = "deflate"
_NAMES: Final = {_GZIP: _GZIP, "x-gzip": _GZIP, _DEFLATE: _DEFLATE}
# "utf-8" is a character set and no coding, but senders who confuse the two headers have changed nothing in the body.
_NOTHING: Final = frozenset({"", "identity", "utf-8", "utf8"})
_SUPPORTED: Final = "gzip, deflate, identity"

_GZIP_MAGIC: Final = b"\x1f\x8b"
_GZIP_WINDOW: Final = 31
_ZLIB_WINDOW: Final = 15
_RAW_WINDOW: Final = -15
_CHUNK: Final = 65_536
_REPLACEMENT: Final = "\ufffd"


def codings(header: str | None) -> tuple[str, ...]:
    """The codings that a Content-Encoding header names, in the order in which they were applied; empty for none.

    Raises InvalidEvent (415) for others, and for more than MAX_CONTENT_CODINGS.
    """
    names = [name.strip().lower() for name in (header or "").split(",")]
    applied = [name for name in names if name not in _NOTHING]
    if any(name not in _NAMES for name in applied) or len(applied) > MAX_CONTENT_CODINGS:
        problem = Problem(HEADER, "unsupported_encoding", {"given": header or "", "supported": _SUPPORTED})
        raise InvalidEvent([problem], 415)
    return tuple(_NAMES[name] for name in applied)


def unpack(data: bytes, applied: Sequence[str]) -> bytes:
    """The body before these codings were applied; an empty body stays empty.

    Raises InvalidEvent: 413 for more than MAX_BODY_BYTES before or after, 400 for what is damaged, ends too early, or
    goes on after its end.
    """
    if not applied:
        return data
    if len(data) > MAX_BODY_BYTES:
        raise InvalidEvent([Problem("body", "body_too_large", {"bytes": len(data), "maximum": MAX_BODY_BYTES})], 413)
    for coding in reversed(applied):
        try:
            data = _inflate(data, _GZIP_WINDOW, MAX_GZIP_MEMBERS) if coding == _GZIP else _undeflate(data)
        except (zlib.error, _Damaged) as error:
            detail = str(error).partition("while decompressing data: ")[2] or str(error)
            raise InvalidEvent([Problem("body", "broken_encoding", {"encoding": coding, "detail": detail})]) from error
    return data


def unpacked_text(text: str, applied: Sequence[str]) -> str:
    """The body that API Gateway passed on as text although its header names a coding: it has been unpacked on the way.

    Compressed bytes are not UTF-8, so where they were taken for text they hold replacement characters at their start.
    Raises InvalidEvent for such a body.
    """
    if applied and _REPLACEMENT in text[:2]:
        raise InvalidEvent([Problem(HEADER, "damaged_encoding", {"encoding": ", ".join(applied)})])
    return text


class _Damaged(Exception):
    """Compressed data that are sound as far as they go."""


def _undeflate(data: bytes) -> bytes:
    # RFC 9110 means zlib's format by "deflate"; some clients send the bare stream.
    try:
        return _inflate(data, _ZLIB_WINDOW, 1)
    except (zlib.error, _Damaged) as error:
        try:
            return _inflate(data, _RAW_WINDOW, 1)
        except (zlib.error, _Damaged):
            raise error from None


def _inflate(data: bytes, window: int, most_members: int) -> bytes:
    unpacked = bytearray()
    at = members = 0
    while at < len(data):
        if members and (most_members == 1 or data[at : at + 2] != _GZIP_MAGIC):
            raise _Damaged("something follows its end")
        if members == most_members:
            raise _Damaged(f"it has more than {most_members} members")
        members += 1
        stream = zlib.decompressobj(window)
        while not stream.eof:
            chunk = data[at : at + _CHUNK]
            if not chunk:
                raise _Damaged("it ends too early")
            unpacked += stream.decompress(chunk, MAX_BODY_BYTES - len(unpacked) + 1)
            if len(unpacked) > MAX_BODY_BYTES:
                raise InvalidEvent([Problem("body", "unpacked_too_large", {"maximum": MAX_BODY_BYTES})], 413)
            at += len(chunk) - len(stream.unused_data)
    return bytes(unpacked)
