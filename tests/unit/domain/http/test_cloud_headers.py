"""Headers of CloudEvents in binary mode: values as the HTTP binding reads them, and kept as one entry of metadata."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pik.domain.http.cloud_headers import binary_attributes, packed
from pik.domain.shared.limits import MAX_ATTRIBUTES_BYTES
from pik.domain.shared.problems import InvalidEvent

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def read(value: str) -> str:
    found = binary_attributes({"ce-id": value})
    assert found is not None
    return found["id"]


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("/my source", "/my source"),
        ('"/my source"', "/my source"),
        (r'"a \"b\" \\ c"', r'a "b" \ c'),
        ('"%E5%BA%97"', "店"),
        (' "a" ', "a"),
        ('"a%22b"', 'a"b'),
        ("%E5%BA%97", "店"),
        ("%F0%9F%98%80", "😀"),
        ("100%", "100%"),
        ("%zz%4", "%zz%4"),
        ("%2525", "%25"),
        ("a%20b", "a b"),
        ("a+b", "a+b"),
        ('"', '"'),
        ('"open', '"open'),
        ('a "b" c', 'a "b" c'),
        ('"a" b "c"', '"a" b "c"'),
        (r"a\b", r"a\b"),
        ('""', ""),
        ("café", "café"),
    ],
)
def test_a_value_is_unquoted_and_then_percent_decoded_once(header: str, value: str) -> None:
    assert read(header) == value


@given(texts)
def test_what_a_sender_encodes_is_what_is_read(text: str) -> None:
    assert read(quote(text, safe="")) == text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%25")
    assert read(f'"{escaped}"') == text


@pytest.mark.parametrize(
    ("value", "offset"), [("%C0%A0", 0), ("ab%FF", 2), ("%ED%A0%80", 0), ("x\ud800", 1), ('"%E5"', 0)]
)
def test_escapes_that_are_not_utf8_are_refused_at_their_header(value: str, offset: int) -> None:
    with pytest.raises(InvalidEvent) as caught:
        binary_attributes({"ce-id": "1", "ce-source": value})
    (problem,) = caught.value.problems
    assert (problem.path, problem.code, problem.params) == ("header:ce-source", "invalid_utf8", {"offset": offset})


@pytest.mark.parametrize("mark", ["ce-id", "ce-type", "ce-source", "ce-specversion"])
def test_one_attribute_that_all_cloud_events_have_makes_a_cloud_event(mark: str) -> None:
    assert binary_attributes({mark: "x", "host": "h"}) == {mark[3:]: "x"}


def test_another_header_of_that_prefix_does_not_make_a_cloud_event() -> None:
    assert binary_attributes({"ce-tenant": "x", "content-type": "application/json"}) is None


def test_the_content_type_is_an_attribute_and_a_header_cannot_contradict_it() -> None:
    headers = {"ce-id": "1", "ce-datacontenttype": "text/css", "content-type": "text/plain; charset=latin1"}
    assert binary_attributes(headers) == {"id": "1", "datacontenttype": "text/plain; charset=latin1"}
    assert binary_attributes({"ce-id": "1", "ce-datacontenttype": "text/css"}) == {"id": "1"}


def test_extensions_and_names_that_are_none_are_kept() -> None:
    assert binary_attributes({"ce-id": "1", "ce-traceparent": "00-a", "ce-my_own": "x"}) == {
        "id": "1",
        "traceparent": "00-a",
        "my_own": "x",
    }


@given(st.dictionaries(st.text("abc_09", min_size=1, max_size=8), texts, max_size=9))
def test_packed_attributes_are_printable_ascii_and_read_back(attributes: dict[str, str]) -> None:
    text = packed(attributes | {"del": "\x7f"} if attributes else attributes)
    attributes = attributes | {"del": "\x7f"} if attributes else attributes
    assert text.isascii()
    assert text.isprintable()
    assert json.loads(text) == attributes


def test_attributes_that_do_not_fit_are_refused_at_the_longest_and_none_is_dropped() -> None:
    frame = len(packed({"id": "", "source": ""}))
    assert len(packed({"id": "", "source": "s" * (MAX_ATTRIBUTES_BYTES - frame)})) == MAX_ATTRIBUTES_BYTES
    with pytest.raises(InvalidEvent) as caught:
        packed({"id": "", "source": "s" * (MAX_ATTRIBUTES_BYTES - frame + 1)})
    (problem,) = caught.value.problems
    assert (caught.value.status, problem.path, problem.code) == (400, "header:ce-source", "attributes_too_large")
    assert problem.params == {"bytes": MAX_ATTRIBUTES_BYTES + 1, "maximum": MAX_ATTRIBUTES_BYTES}
    with pytest.raises(InvalidEvent, match="header:content-type"):
        packed({"id": "1", "datacontenttype": "x" * MAX_ATTRIBUTES_BYTES})
