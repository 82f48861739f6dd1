"""Redaction: values at the given places are in no text any more; all else stays as it was."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pik.domain.http import redaction
from pik.domain.http.redaction import cleaner

PAYLOAD = {
    "card": {"number": "4111 1111", "holder": 'Jane "J" Döe', "cvc": 123, "valid": True, "note": None},
    "amount": 1000000.01,
    "items": [{"sku": "ab"}, {"sku": "x-9", "price": 2.5}],
    "a/b": {"~c": "tilde"},
}


@pytest.mark.parametrize(
    ("path", "text", "cleaned"),
    [
        ("/card/number", "no card 4111 1111 here", "no card <redacted> here"),
        ("/card", "4111 1111 123 1234 True None", "<redacted> <redacted> 1234 True None"),
        ("/card/holder", repr(PAYLOAD["card"]), repr(PAYLOAD["card"]).replace('Jane "J" Döe', "<redacted>")),
        ("/card/holder", json.dumps(PAYLOAD["card"]["holder"]), '"<redacted>"'),  # type: ignore[index]
        ("/card/holder", json.dumps(PAYLOAD["card"]["holder"], ensure_ascii=False), '"<redacted>"'),  # type: ignore[index]
        ("/amount", "order amount 1000000.01 is over the limit of 1000000", None),
        ("/items/1/price", "2.5 12.5 2.51 2.5.", "<redacted> 12.5 2.51 <redacted>."),
        ("/items/0/sku", "ab about cab 'ab'", "<redacted> about cab '<redacted>'"),
        ("/a~1b/~0c", "a tilde", "a <redacted>"),
        ("/nowhere", "4111 1111", "4111 1111"),
        ("/items/9/sku", "ab", "ab"),
        ("/items/-/sku", "ab", "ab"),
        ("/amount/deeper", "1000000.01", "1000000.01"),
    ],
)
def test_a_value_at_a_place_is_gone_and_the_rest_stays(path: str, text: str, cleaned: str | None) -> None:
    expected = cleaned if cleaned is not None else "order amount <redacted> is over the limit of 1000000"
    assert cleaner([PAYLOAD], [path])(text) == expected


def test_of_two_values_that_begin_alike_no_rest_is_left() -> None:
    payload = {"a": "secret", "b": "secrets of state"}
    assert cleaner([payload], ["/a", "/b"])("secrets of state, secret") == "<redacted>, <redacted>"


def test_events_that_fail_together_are_cleaned_of_each_others_values() -> None:
    clean = cleaner([{"name": "Jane"}, {"name": "Joseph"}], ["/name"])
    assert clean("neither Jane nor Joseph") == "neither <redacted> nor <redacted>"


def test_where_there_are_too_many_values_nothing_of_the_text_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "MAX_REDACTED_VALUES", 3)
    assert cleaner([{"all": [1, 2, 3]}], ["/all"])("a 1") == "a <redacted>"
    assert cleaner([{"all": [1, 2, 3, 4]}], ["/all"])("harmless") == "<redacted>"


VALUES = st.one_of(
    st.text(min_size=4, max_size=30),
    st.integers(1_000, 2**53 - 1),
    st.floats(1.5, 1e300, allow_nan=False, allow_infinity=False),
)


@given(
    st.recursive(
        VALUES,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
        max_leaves=12,
    ),
    st.sampled_from([str, repr, json.dumps, lambda value: json.dumps(value, ensure_ascii=False)]),
)
def test_no_value_below_a_place_can_be_read_in_a_text_that_quotes_it(value: Any, write: Any) -> None:
    for leaf in leaves(value):
        text = cleaner([{"secret": value}], ["/secret"])(f"begin: {write(leaf)} :end")
        assert str(leaf) not in text or str(leaf) in "begin: <redacted> :end"
        assert text.startswith("begin: ") or str(leaf) in "begin: "


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for it in value.values() for leaf in leaves(it)]
    return [leaf for it in value for leaf in leaves(it)] if isinstance(value, list) else [value]


@given(st.text(max_size=200))
def test_without_places_a_text_is_left_alone(text: str) -> None:
    assert cleaner([PAYLOAD], [])(text) == text
    assert cleaner([], ["/card"])(text) == text
