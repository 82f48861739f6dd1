"""What a redrive may change in a payload, and what it says of what does not fit."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pik.domain.redrive.transform import Transform, TransformFailed, read_transform
from pik.domain.shared.problems import InvalidEvent
from pik.domain.shared.redrive_limits import MAX_JMESPATH_CHARS, MAX_SET_PLACES

ORDER = {"orderId": "1", "amount": 5, "items": [{"price": 1}, {"price": 2}], "a.b": {"c": 0}}


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        ("amount", 7, {**ORDER, "amount": 7}),
        ("payload.amount", 7, {**ORDER, "amount": 7}),
        ("/payload/amount", 7, {**ORDER, "amount": 7}),
        ("items.1.price", 9, {**ORDER, "items": [{"price": 1}, {"price": 9}]}),
        ("items.0", None, {**ORDER, "items": [None, {"price": 2}]}),
        ("/a.b/c", 1, {**ORDER, "a.b": {"c": 1}}),
        ("customer.name.last", "x", {**ORDER, "customer": {"name": {"last": "x"}}}),
        ("payload.payload.x", 1, {**ORDER, "payload": {"x": 1}}),
        ("/x~1y~0", 1, {**ORDER, "x/y~": 1}),
    ],
)
def test_a_place_is_set(place: str, value: Any, expected: Any) -> None:
    assert Transform({place: value}).apply(ORDER) == expected


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("items.2.price", "not an index of an array of length 2"),
        ("items.x", "not an index"),
        ("items.-1", "not an index"),
        ("orderId.part", "value of type string"),
        ("amount.a.b", "value of type number"),
    ],
)
def test_a_place_that_is_not_there_is_named(place: str, said: str) -> None:
    with pytest.raises(TransformFailed, match=said) as raised:
        Transform({place: 1}).apply(ORDER)
    assert f"set {place}" in str(raised.value)


def test_an_expression_makes_the_new_payload_and_places_are_set_in_it() -> None:
    transform = Transform({"currency": "EUR"}, "{orderId: orderId, amount: sum(items[].price)}")
    assert transform.apply(ORDER) == {"orderId": "1", "amount": 3, "currency": "EUR"}


@pytest.mark.parametrize(("expression", "said"), [("nothing", "finds nothing"), ("length(amount)", "length")])
def test_an_expression_that_fails_on_a_payload_says_so(expression: str, said: str) -> None:
    with pytest.raises(TransformFailed, match=said):
        Transform({}, expression).apply(ORDER)


@given(st.dictionaries(st.sampled_from(["amount", "items.0.price", "new.member"]), st.integers() | st.lists(st.none())))
def test_the_payload_that_is_given_stays_as_it_is(places: dict[str, Any]) -> None:
    before = copy.deepcopy(ORDER)
    done = Transform(places, "").apply(ORDER)
    assert before == ORDER
    again = Transform(places, "").apply(done)
    assert again == done, "to set the same again changes nothing"
    for value in places.values():
        if isinstance(value, list):
            value.append("changed later")
    assert done == again


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("x", [("/transform", "wrong_type")]),
        ({}, [("/transform", "empty_transform")]),
        ({"set": {}, "jmespath": ""}, [("/transform", "empty_transform")]),
        ({"set": []}, [("/transform", "empty_transform")]),
        ({"set": ["a"]}, [("/transform/set", "wrong_type")]),
        (
            {"set": {"": 1, "a..b": 1, "payload": 1}},
            [(f"/transform/set/{it}", "bad_place") for it in ("", "a..b", "payload")],
        ),
        ({"set": {f"a{n}": 1 for n in range(MAX_SET_PLACES + 1)}}, [("/transform/set", "too_many_places")]),
        ({"jmespath": "a["}, [("/transform/jmespath", "bad_jmespath")]),
        ({"jmespath": 1}, [("/transform/jmespath", "wrong_type")]),
        ({"jmespath": "a" * (MAX_JMESPATH_CHARS + 1)}, [("/transform/jmespath", "too_long")]),
        (
            {"jmespath": "a[", "sets": {}},
            [("/transform/sets", "additional_properties"), ("/transform/jmespath", "bad_jmespath")],
        ),
    ],
)
def test_all_that_is_wrong_with_a_transform_is_found(value: Any, found: list[tuple[str, str]]) -> None:
    with pytest.raises(InvalidEvent) as raised:
        read_transform(value)
    assert [(it.path, it.code) for it in raised.value.problems] == found


def test_a_sound_transform_is_read() -> None:
    assert read_transform({"set": {"a": 1}, "jmespath": "@"}) == Transform({"a": 1}, "@")
