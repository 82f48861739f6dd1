"""Content codings: what was compressed is what was sent, and no body costs more than its bound."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pik.domain.http.encodings import codings, unpack, unpacked_text
from pik.domain.shared.limits import MAX_BODY_BYTES, MAX_GZIP_MEMBERS
from pik.domain.shared.problems import InvalidEvent

BODY = b'{"orderId":"gz-1","amount":1}'


def raw_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(data) + stream.flush()


PACKERS = {"gzip": [gzip.compress], "deflate": [zlib.compress, raw_deflate]}
PACKED = [(coding, pack) for coding, packers in PACKERS.items() for pack in packers]


def refusal(data: bytes, *applied: str) -> tuple[int, str, str]:
    with pytest.raises(InvalidEvent) as caught:
        unpack(data, applied)
    first = caught.value.problems[0]
    return caught.value.status, first.path, f"{first.code} {first.params.get('detail', '')}".strip()


@pytest.mark.parametrize("header", [None, "", " ", "identity", "Identity", "utf-8", "UTF8", "identity, utf-8", ","])
def test_headers_that_name_no_coding(header: str | None) -> None:
    assert codings(header) == ()
    assert unpack(BODY, ()) == BODY


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("gzip", ("gzip",)),
        ("X-GZIP", ("gzip",)),
        ("deflate", ("deflate",)),
        ("deflate, gzip", ("deflate", "gzip")),
        ("gzip,identity , gzip", ("gzip", "gzip")),
    ],
)
def test_headers_that_name_codings(header: str, names: tuple[str, ...]) -> None:
    assert codings(header) == names


@pytest.mark.parametrize("header", ["br", "zstd", "gzip, br", "gzip;q=1", "gzip gzip", "gzip," * 4])
def test_other_codings_are_refused_with_415_and_the_noun_of_their_header(header: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        codings(header)
    (problem,) = caught.value.problems
    assert (caught.value.status, problem.path, problem.code) == (415, "header:content-encoding", "unsupported_encoding")
    assert problem.params == {"given": header, "supported": "gzip, deflate, identity"}


@given(st.binary(max_size=300), st.sampled_from(PACKED))
def test_a_body_is_what_was_packed(data: bytes, packed: tuple[str, object]) -> None:
    coding, pack = packed
    assert unpack(pack(data), (coding,)) == data  # type: ignore[operator]


def test_codings_are_undone_from_the_last_to_the_first() -> None:
    assert unpack(gzip.compress(zlib.compress(BODY)), ("deflate", "gzip")) == BODY
    assert refusal(gzip.compress(zlib.compress(BODY)), "gzip", "deflate")[0] == 400


def test_an_empty_body_needs_no_coding() -> None:
    assert unpack(b"", ("gzip",)) == b""


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=5))
def test_all_members_of_gzip_are_the_body(parts: list[bytes]) -> None:
    assert unpack(b"".join(map(gzip.compress, parts)), ("gzip",)) == b"".join(parts)


@pytest.mark.parametrize(("coding", "pack"), PACKED)
def test_a_body_of_the_largest_size_fits_and_one_byte_more_is_413(coding: str, pack: object) -> None:
    largest = b" " * MAX_BODY_BYTES
    assert unpack(pack(largest), (coding,)) == largest  # type: ignore[operator]
    assert refusal(pack(largest + b" "), coding) == (413, "body", "unpacked_too_large")  # type: ignore[operator]


def test_a_bomb_is_413_in_one_layer_or_in_two() -> None:
    bomb = gzip.compress(bytes(100 * 1024 * 1024))
    assert refusal(bomb, "gzip") == (413, "body", "unpacked_too_large")
    assert refusal(gzip.compress(bomb, mtime=0), "gzip", "gzip") == (413, "body", "unpacked_too_large")
    assert refusal(zlib.compress(bytes(100 * 1024 * 1024)), "deflate") == (413, "body", "unpacked_too_large")


def test_a_compressed_body_over_the_bound_is_not_even_read() -> None:
    assert refusal(b"\x1f" * (MAX_BODY_BYTES + 1), "gzip") == (413, "body", "body_too_large")


@pytest.mark.parametrize(
    ("data", "coding", "detail"),
    [
        (BODY, "gzip", "incorrect header check"),
        (gzip.compress(BODY, mtime=0)[:-1], "gzip", "it ends too early"),
        (gzip.compress(BODY, mtime=0)[:5], "gzip", "it ends too early"),
        (gzip.compress(BODY, mtime=0) + b"x", "gzip", "something follows its end"),
        (gzip.compress(BODY, mtime=0) + gzip.compress(BODY, mtime=0)[:7], "gzip", "it ends too early"),
        (gzip.compress(BODY, mtime=0)[:-8] + bytes(8), "gzip", "incorrect data check"),
        (gzip.compress(b"", mtime=0) * (MAX_GZIP_MEMBERS + 1), "gzip", f"it has more than {MAX_GZIP_MEMBERS} members"),
        (zlib.compress(BODY)[:-1], "deflate", "it ends too early"),
        (zlib.compress(BODY) + b"x", "deflate", "something follows its end"),
        (gzip.compress(BODY, mtime=0), "deflate", "incorrect header check"),
        (b"\xff\xff\xff", "deflate", "incorrect header check"),
    ],
)
def test_a_damaged_body_is_400_and_says_what_is_wrong(data: bytes, coding: str, detail: str) -> None:
    assert refusal(data, coding) == (400, "body", f"broken_encoding {detail}")


@given(st.binary(max_size=200), st.sampled_from(["gzip", "deflate"]))
def test_whatever_comes_is_unpacked_or_refused(data: bytes, coding: str) -> None:
    try:
        unpack(data, (coding,))
    except InvalidEvent as error:
        assert error.status == 400  # noqa: PT017 (both outcomes are right)


def test_text_that_the_gateway_has_unpacked_is_the_body() -> None:
    assert unpacked_text('{"a":1}', ("gzip",)) == '{"a":1}'
    assert unpacked_text("\ufffd", ()) == "\ufffd"


@pytest.mark.parametrize(("coding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_compressed_bytes_that_were_taken_for_text_are_refused_with_the_way_out(coding: str, pack: object) -> None:
    damaged = pack(BODY).decode("utf-8", "replace")  # type: ignore[operator]
    with pytest.raises(InvalidEvent) as caught:
        unpacked_text(damaged, (coding,))
    assert [(it.path, it.code) for it in caught.value.problems] == [("header:content-encoding", "damaged_encoding")]
