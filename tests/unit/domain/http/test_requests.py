"""Requests: which events a body holds, and where."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pik.domain.http.requests import body_bytes, is_json, object_metadata, object_suffix, split
from pik.domain.shared.limits import (
    MAX_ATTRIBUTES_BYTES,
    MAX_BODY_BYTES,
    MAX_CONTENT_CODINGS,
    MAX_EVENT_BYTES,
    MAX_EVENT_VALUES,
    MAX_EVENTS_PER_REQUEST,
    MAX_REQUEST_VALUES,
)
from pik.domain.shared.problems import InvalidEvent

JSON = {"content-type": "application/json"}
NDJSON = {"content-type": "application/x-ndjson"}
BINARY = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "s", "ce-type": "t"}
BOM = b"\xef\xbb\xbf"

events = st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), st.integers(0, 9), max_size=3)


def refusal(data: bytes, headers: dict[str, str]) -> tuple[int, str, str]:
    with pytest.raises(InvalidEvent) as caught:
        split(data, headers)
    first = caught.value.problems[0]
    return caught.value.status, first.path, first.code


@given(st.lists(events, min_size=1, max_size=8), st.sampled_from(["\n", "\r\n", "\n\n \n"]), st.booleans())
def test_the_lines_of_ndjson_are_found_at_their_bytes(values: list[Any], gap: str, last_newline: bool) -> None:
    data = (gap.join(json.dumps(it, ensure_ascii=False) for it in values) + gap * last_newline).encode()
    request = split(data, NDJSON)
    assert request.many
    assert [it.value for it in request.parts] == values
    assert [json.loads(data[it.offset : it.offset + it.length]) for it in request.parts] == values


@given(st.lists(events, min_size=1, max_size=8))
def test_the_elements_of_an_array_are_many(values: list[Any]) -> None:
    data = json.dumps(values, ensure_ascii=False).encode()
    request = split(data, JSON)
    assert request.many
    assert [json.loads(data[it.offset : it.offset + it.length]) for it in request.parts] == values
    assert [it.path for it in request.parts] == [f"/{index}" for index in range(len(values))]


def test_one_object_is_one_event() -> None:
    request = split(b' {"a":1} ', JSON)
    assert not request.many
    assert (request.parts[0].value, request.parts[0].offset, request.parts[0].length) == ({"a": 1}, 0, 9)


def test_an_array_of_one_is_answered_as_many() -> None:
    assert split(b'[{"a":1}]', JSON).many


def test_a_bad_line_spoils_only_itself_and_is_named_by_its_number() -> None:
    good, bad, last = split(b'{"a":1}\n{"a":\n\n{"a":3}', NDJSON).parts
    assert (good.problems, last.problems) == ((), ())
    assert [(it.path, it.code) for it in bad.problems] == [("/1", "malformed_json")]
    assert last.path == "/3"


@pytest.mark.parametrize("data", [b"", b"  \n ", b"\t"])
def test_an_empty_body_is_refused(data: bytes) -> None:
    assert refusal(data, JSON) == (400, "body", "empty_body")


def test_an_empty_array_is_refused() -> None:
    assert refusal(b"[]", JSON) == (400, "body", "empty_batch")


def test_bounds_hold_to_the_byte_and_to_the_event() -> None:
    fits = b'"' + b"x" * (MAX_EVENT_BYTES - 2) + b'"'
    assert split(fits, JSON).parts[0].problems == ()
    assert split(fits[:-1] + b'x"', JSON).parts[0].problems[0].code == "event_too_large"
    assert refusal(b" " * MAX_BODY_BYTES + b"1", JSON) == (413, "body", "body_too_large")
    assert len(split(b"1\n" * MAX_EVENTS_PER_REQUEST, NDJSON).parts) == MAX_EVENTS_PER_REQUEST
    assert refusal(b"1\n" * (MAX_EVENTS_PER_REQUEST + 1), NDJSON) == (413, "body", "too_many_events")


def test_values_are_bounded_for_an_event_and_for_a_request() -> None:
    def of(values: int) -> bytes:
        return b"[" + b"1," * (values - 1) + b"1]"

    half = MAX_EVENT_VALUES // 2
    most = [of(half)] * (MAX_REQUEST_VALUES // half - 1)
    assert all(not part.problems for part in split(b"\n".join(most), NDJSON).parts)
    assert all(not part.problems for part in split(b"[" + b",".join(most) + b"]", JSON).parts)
    too_many = [*most, of(half + 1)]
    assert refusal(b"\n".join(too_many), NDJSON) == (413, "body", "too_many_request_values")
    assert refusal(b"[" + b",".join(too_many) + b"]", JSON) == (413, "body", "too_many_request_values")
    for parts in (
        split(b"\n".join([b"{}", of(MAX_EVENT_VALUES + 1), b"{}"]), NDJSON).parts,
        split(b"[{}," + of(MAX_EVENT_VALUES + 1) + b",{}]", JSON).parts,
    ):
        assert [[problem.code for problem in part.problems] for part in parts] == [[], ["too_many_values"], []]
        assert parts[1].problems[0].path == "/1"


def test_nothing_is_parsed_that_is_not_needed_to_refuse_a_body() -> None:
    one_too_many = b"1," * MAX_EVENTS_PER_REQUEST + b"1"
    assert refusal(b"[" + one_too_many + b",broken", JSON) == (413, "body", "too_many_events")
    too_large = b"x" * (MAX_EVENT_BYTES + 1)  # is no JSON either
    assert split(too_large, JSON).parts[0].problems[0].code == "event_too_large"
    assert split(b"1\n" + too_large, NDJSON).parts[1].problems[0].code == "event_too_large"


def test_blank_lines_count_as_places_and_not_as_events() -> None:
    parts = split(b"\n\n 1 \r\n\t\n2", NDJSON).parts
    assert [(part.path, part.offset, part.length, part.value) for part in parts] == [("/2", 3, 1, 1), ("/4", 9, 1, 2)]


@pytest.mark.parametrize(
    "given_type",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "json",
        "application/cloudevents+xml",
        "application/cloudevents-batch+avro",
        "application/+json",
    ],
)
def test_other_media_types_are_refused_with_415(given_type: str) -> None:
    assert refusal(b"{}", {"content-type": given_type}) == (415, "header:content-type", "unsupported_media_type")
    if given_type.startswith("application/cloudevents"):
        assert refusal(b"{}", {"content-type": given_type, **BINARY})[2] == "unsupported_media_type"


@pytest.mark.parametrize("kind", ["application/json", "application/x-ndjson", "application/cloudevents+json"])
def test_another_character_set_is_refused_by_its_name(kind: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        split(b"{}", {"content-type": f"{kind}; charset=Shift_JIS"})
    (problem,) = caught.value.problems
    assert (caught.value.status, problem.path, problem.code) == (415, "header:content-type", "unsupported_charset")
    assert problem.params == {"given": "Shift_JIS"}


def test_a_missing_content_type_is_refused_with_415() -> None:
    assert refusal(b"{}", {}) == (415, "header:content-type", "unsupported_media_type")


@pytest.mark.parametrize(
    "spelling", ["application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"']
)
def test_spellings_of_a_supported_type(spelling: str) -> None:
    assert split(b"{}", {"content-type": spelling}).parts[0].value == {}


@pytest.mark.parametrize("alias", ["application/ndjson", "application/jsonl", "application/x-jsonlines"])
def test_other_names_of_ndjson(alias: str) -> None:
    assert len(split(b"1\n2", {"content-type": alias}).parts) == 2


def test_headers_with_a_prefix_make_a_binary_cloud_event() -> None:
    request = split(b'{"a":1}', JSON | {"ce-id": "1", "ce-source": "%E5%BA%97", "ce-Bad": "x", "host": "h"})
    assert request.attributes == {"id": "1", "source": "店", "Bad": "x", "datacontenttype": "application/json"}


@pytest.mark.parametrize("data", [b'{"a":1}', b"[1,2]", b"null", b'"text"', b"5"])
@pytest.mark.parametrize("content_type", ["application/json", "application/vnd.a.b+json", None])
def test_a_binary_payload_of_json_is_one_value(data: bytes, content_type: str | None) -> None:
    request = split(BOM + data, BINARY | ({"content-type": content_type} if content_type else {}))
    (part,) = request.parts
    assert (request.many, request.media_type) == (False, "application/json")
    assert (part.value, part.offset, part.length) == (json.loads(data), 3, len(data))


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "image/png", "TEXT/xml; charset=utf-16"])
@given(data=st.binary(max_size=20))
def test_a_binary_payload_of_another_type_is_its_bytes(content_type: str, data: bytes) -> None:
    request = split(data, BINARY | {"content-type": content_type})
    (part,) = request.parts
    assert (part.value, part.offset, part.length, request.many) == (data, 0, len(data), False)
    assert request.media_type == content_type.partition(";")[0].lower()
    assert object_suffix(request.media_type) == "bin"
    assert request.attributes is not None
    assert request.attributes["datacontenttype"] == content_type


def test_a_binary_payload_without_a_type_that_is_not_json_is_its_bytes() -> None:
    request = split(b"\xff{", BINARY)
    assert (request.parts[0].value, request.media_type) == (b"\xff{", "application/octet-stream")


@pytest.mark.parametrize("headers", [JSON, {"content-type": "application/ld+json"}, {}, {"content-type": "text/plain"}])
def test_a_binary_event_without_a_body_has_no_bytes(headers: dict[str, str]) -> None:
    request = split(b"", BINARY | headers)
    assert (request.parts[0].value, request.parts[0].length) == (b"", 0)
    assert object_suffix(request.media_type) == "bin"


def test_a_binary_payload_that_claims_to_be_json_must_be() -> None:
    assert refusal(b"{", BINARY | JSON) == (400, "body", "malformed_json")
    assert refusal(b"{}\n{}", BINARY | JSON) == (400, "body", "malformed_json")
    assert refusal(b"{}", BINARY | {"content-type": "not a type"}) == (
        415,
        "header:content-type",
        "unsupported_media_type",
    )
    huge = split(b"x" * (MAX_EVENT_BYTES + 1), BINARY | {"content-type": "text/plain"})
    assert [it.code for it in huge.parts[0].problems] == ["event_too_large"]


def test_a_request_in_another_mode_has_no_attributes() -> None:
    for kind in ("application/cloudevents+json", "application/x-ndjson"):
        assert split(b'{"a":1}', BINARY | {"content-type": kind}).attributes is None
    assert split(b'{"a":1}', JSON | {"ce-tenant": "x"}).attributes is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("application/json", True),
        ("text/json", True),
        ("application/problem+json", True),
        ("application/cloudevents+json", False),
        ("application/cloudevents-batch+json", False),
        ("application/x-ndjson", False),
        ("application/jsonp", False),
        ("json", False),
        ("/json", False),
    ],
)
def test_json_is_recognised_by_its_name(name: str, expected: bool) -> None:
    assert is_json(name) is expected


def test_json_by_another_name_is_json() -> None:
    request = split(b'[{"a":1}]', {"content-type": "application/vnd.shop.order+json; charset=utf-8"})
    assert (request.media_type, request.many) == ("application/json", True)


@pytest.mark.parametrize("kind", ["application/json", "application/cloudevents+json"])
def test_a_byte_order_mark_is_no_part_of_an_event(kind: str) -> None:
    (part,) = split(BOM + b'{"a":1}', {"content-type": kind}).parts
    assert (part.value, part.offset, part.length) == ({"a": 1}, 3, 7)
    assert refusal(BOM, {"content-type": kind})[2] == "empty_body"
    assert refusal(BOM + BOM + b"{}", {"content-type": kind})[2] == "malformed_json"


@given(st.lists(events, min_size=1, max_size=5), st.sampled_from(["\n", "\r\n"]))
def test_a_byte_order_mark_moves_every_place_behind_it(values: list[Any], gap: str) -> None:
    for text, headers in ((gap.join(json.dumps(it) for it in values), NDJSON), (json.dumps(values), JSON)):
        data = BOM + text.encode()
        parts = split(data, headers).parts
        assert [json.loads(data[it.offset : it.offset + it.length]) for it in parts] == values


@pytest.mark.parametrize("gap", [b"\n", b"\r\n", b"\n\n"])
@pytest.mark.parametrize("kind", ["application/json", "application/cloudevents+json"])
def test_ndjson_under_another_name_is_refused_with_its_own(gap: bytes, kind: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        split(BOM + b'{"a":1}' + gap + b'{"a":2}' + gap, {"content-type": kind})
    (problem,) = caught.value.problems
    assert (problem.path, problem.code) == ("header:content-type", "several_json_texts")
    assert problem.params == {"supported": "application/x-ndjson"}


@pytest.mark.parametrize(
    "data", [b'{"a":1}\n', b'{"a":1}\nx', b'{"a":1\n{"a":2}', b"1\n2", b'1\n{"a":1}', b'{"a":1}{"a":2}', b'x\n{"a":1}']
)
def test_other_broken_json_is_not_taken_for_ndjson(data: bytes) -> None:
    if data.endswith(b"\n"):
        assert split(data, JSON).parts[0].value == {"a": 1}
    else:
        assert refusal(data, JSON)[2] == "malformed_json"


def test_a_batch_of_cloud_events_may_be_empty() -> None:
    request = split(b" [ ] ", {"content-type": "application/cloudevents-batch+json"})
    assert (request.parts, request.many) == ((), True)


def test_too_many_lines_are_refused_before_one_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pik.domain.http.requests.parse_json", None)
    assert refusal(b"1\n\r\n \n" * (MAX_EVENTS_PER_REQUEST + 1), NDJSON) == (413, "body", "too_many_events")


def test_a_cloud_events_batch_is_many() -> None:
    assert split(b'[{"specversion":"1.0"}]', {"content-type": "application/cloudevents-batch+json"}).many


def test_a_body_that_came_base64_encoded_is_what_was_sent() -> None:
    assert body_bytes(base64.b64encode(b"\xff{}").decode(), True) == b"\xff{}"
    assert body_bytes("é", False) == "é".encode()
    assert body_bytes(None, True) == b""


@pytest.mark.parametrize("broken", ["***", "YQ", "YQ==YQ==", "é"])
def test_broken_base64_is_refused(broken: str) -> None:
    with pytest.raises(InvalidEvent, match="broken_base64"):
        body_bytes(broken, True)


def test_a_lone_surrogate_in_the_body_is_refused_as_bad_utf8_not_as_a_bug() -> None:
    assert refusal(body_bytes('{"a":"\ud800"}', False), JSON) == (400, "body", "invalid_utf8")


def test_metadata_are_printable_bounded_and_keep_a_binary_events_attributes() -> None:
    headers = {"content-type": "application/json", "ce-id": "%E5%BA%97", "ce-x": "y", "cookie": "c"}
    request = split(b"{}", headers)
    assert object_metadata("r 1", "2026-11-20T12:00:00.000000Z", request.attributes, ("deflate", "gzip")) == {
        "request-id": "r%201",
        "received-at": "2026-11-20T12:00:00.000000Z",
        "original-encoding": "deflate,gzip",
        "attributes": r'{"id":"\u5e97","x":"y","datacontenttype":"application/json"}',
    }
    assert object_metadata("r", "t", None) == {"request-id": "r", "received-at": "t"}


def test_metadata_fit_what_s3_takes_whatever_they_hold() -> None:
    attributes = {"id": "i" * (MAX_ATTRIBUTES_BYTES - len('{"id":""}'))}
    metadata = object_metadata(
        "\n" * 1_000, "2026-11-20T12:00:00.000000Z", attributes, ("deflate",) * MAX_CONTENT_CODINGS
    )
    assert sum(len("x-amz-meta-") + len(name) + len(value) for name, value in metadata.items()) <= 2_048
    assert all(value.isascii() and value.isprintable() for value in metadata.values())
