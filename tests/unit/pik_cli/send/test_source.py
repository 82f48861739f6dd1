"""Files of events in every form: found out, taken apart, byte for byte."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pik_cli.send.source import Form, Item, Prefixed, begin, content_sha, detect, items
from pik_cli.shell.errors import Misuse, Refusal

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text('aé注文👩‍👩‍👧𠮷\n"\\', max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("k注", max_size=3), inner, max_size=3),
    max_leaves=6,
)
EVENTS = st.lists(st.dictionaries(st.text("k注", max_size=3), VALUES, max_size=3), max_size=12)


def read(data: bytes, form: Form) -> list[Item]:
    return list(items(io.BytesIO(data), form))


def assert_places(data: bytes, found: list[Item]) -> None:
    """Each item's bytes stand at its offset, on its line, and the numbers count."""
    assert [it.number for it in found] == list(range(1, len(found) + 1))
    for it in found:
        assert it.data is not None
        assert data[it.offset : it.offset + it.length] == it.data
        assert it.line == data[: it.offset].count(b"\n") + 1


@given(EVENTS, st.sampled_from([b"\n", b"\r\n", b"\n\n", b" \n\t\n"]), st.booleans(), st.booleans())
@example([{}], b"\n", True, True)
def test_lines_are_found_whole_with_their_places(events: list[Any], end: bytes, mark: bool, closed: bool) -> None:
    texts = [json.dumps(event, ensure_ascii=False).encode() for event in events]
    data = (b"\xef\xbb\xbf" if mark else b"") + end.join(texts) + (end if closed else b"")
    found = read(data, Form.NDJSON)
    assert [it.data for it in found] == texts
    assert_places(data, found)


@given(EVENTS, st.sampled_from([None, 2]), st.booleans(), st.booleans())
def test_elements_of_an_array_are_found_whole_with_their_places(
    events: list[Any], indent: int | None, escaped: bool, mark: bool
) -> None:
    data = (b"\xef\xbb\xbf" if mark else b"") + json.dumps(events, ensure_ascii=escaped, indent=indent).encode()
    found = read(data, Form.JSON)
    assert [json.loads(it.data or b"") for it in found] == events
    assert_places(data, found)


@given(EVENTS, st.sampled_from([None, 2]), st.sampled_from([" ", "\n", "\n\n"]))
def test_values_one_after_another_are_found_whole_with_their_places(
    events: list[Any], indent: int | None, between: str
) -> None:
    data = between.join(json.dumps(event, ensure_ascii=False, indent=indent) for event in events).encode()
    found = read(data, Form.JSON)
    assert [json.loads(it.data or b"") for it in found] == events
    assert_places(data, found)


@pytest.mark.parametrize(
    ("data", "name", "form"),
    [
        (b'{"a":1}\n{"b":2}\n', "x", Form.NDJSON),
        (b'{"a":1}', "x", Form.NDJSON),
        (b'\n\n{"a":1}\n', "x", Form.NDJSON),
        (b'{"a":\n{"b":2}\n', "x", Form.NDJSON),
        (b'{"a":\n 1}\n', "x.ndjson", Form.NDJSON),
        (b"", "x", Form.JSON),
        (b'[{"a":1}]', "x", Form.JSON),
        (b'\xef\xbb\xbf [\n{"a":1}]', "x", Form.JSON),
        (b'{\n "a": 1\n}', "x", Form.JSON),
        (b'{"a": 1,\n "b": 2}', "x.json", Form.JSON),
        (b'[{"specversion":"1.0"}]', "x", Form.CLOUDEVENTS),
        (b'[\n {"id":"1", "specversion":"1.0"}\n]', "x", Form.CLOUDEVENTS),
        (b'[\n {"specversion":"1.0",\n', "x", Form.CLOUDEVENTS),
        (b'{\n "specversion": "1.0"\n}', "x", Form.CLOUDEVENT),
        (b'{"specversion":"1.0"}\n{"specversion":"1.0"}', "x", Form.NDJSON),
    ],
)
def test_the_form_is_found_out(data: bytes, name: str, form: Form) -> None:
    assert detect(data, name) is form


def test_finding_out_the_form_takes_nothing_from_the_stream() -> None:
    data = b'\n{"a":1}\n{"b":2}\n{"c":3}'
    form, stream = begin(io.BytesIO(data), "-")
    assert form is Form.NDJSON
    assert stream.read() == data


def test_a_file_in_utf_16_is_refused_with_the_way_to_convert_it() -> None:
    with pytest.raises(Misuse, match="UTF-16") as caught:
        begin(io.BytesIO('{"a":1}'.encode("utf-16")), "events.txt")
    assert "iconv" in caught.value.fix


@given(st.binary(max_size=40), st.integers(0, 40), st.integers(-1, 8))
def test_a_stream_with_a_prefix_reads_like_the_whole(data: bytes, cut: int, size: int) -> None:
    for whole, method in ((io.BytesIO(data), "read"), (io.BytesIO(data), "readline")):
        prefixed = Prefixed(data[:cut], io.BytesIO(data[cut:]))
        got, expected = [], []
        for _ in range(12):
            got.append(getattr(prefixed, method)(size))
            expected.append(getattr(whole, method)(size))
        assert b"".join(got) == b"".join(expected)
        if method == "readline":
            assert got == expected


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b'[{"a":1}', "line 1"),
        (b'[{"a":1}] []', "after the array"),
        (b'{"a":1}\n{"b":}', "line 2, column 6"),
        (b'{"a":"\xff"}', "byte 7 is not UTF-8"),
        (b'{"a":' * 100_000, "too many levels"),
    ],
)
def test_a_text_that_cannot_be_taken_apart_is_refused_with_its_place(data: bytes, why: str) -> None:
    with pytest.raises(Refusal, match=why):
        read(data, Form.JSON)


def test_a_broken_element_or_line_spoils_only_itself() -> None:
    assert len(read(b'[{"a":1e999},{"a":1}]', Form.JSON)) == 2
    assert [it.data for it in read(b'{"a"\n{"b":1}\n', Form.NDJSON)] == [b'{"a"', b'{"b":1}']


def test_a_line_beyond_a_request_is_not_kept_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pik_cli.send.source.MAX_BODY_BYTES", 10)
    data = b"1234567890\n" + b"x" * 35 + b"\n" + b"12345678901\n" + b"ok\n" + b"y" * 11
    found = read(data, Form.NDJSON)
    assert [(it.number, it.line, it.offset, it.length, it.data) for it in found] == [
        (1, 1, 0, 10, b"1234567890"),
        (2, 2, 11, 36, None),
        (3, 3, 47, 12, None),
        (4, 4, 59, 2, b"ok"),
        (5, 5, 62, 11, None),
    ]


def test_a_json_text_that_is_too_large_to_be_read_whole_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pik_cli.send.source.CLI_MAX_JSON_BYTES", 20)
    assert len(read(b"[" + b" " * 16 + b"{}]", Form.JSON)) == 1
    with pytest.raises(Refusal, match="MiB"):
        read(b"[" + b" " * 17 + b"{}]", Form.JSON)


def test_large_files_of_lines_are_read_as_they_are_needed() -> None:
    """An endless stream gives its first events."""

    class Endless:
        def read(self, size: int = -1, /) -> bytes:
            raise AssertionError("lines are not read whole")

        def readline(self, size: int = -1, /) -> bytes:
            return b'{"a":1}\n'

    stream = items(Endless(), Form.NDJSON)
    assert [next(stream).line for _ in range(3)] == [1, 2, 3]


def test_the_hash_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"abc")
    with file.open("rb") as stream:
        assert content_sha(stream) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
