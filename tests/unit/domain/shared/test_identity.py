"""Identity: released vectors never change, and no two different events share an id."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from pik.domain.shared.identity import canonical_json, event_id, payload_sha
from pik.domain.shared.numbers import number_text

VECTORS = json.loads((Path(__file__).parent / "identity_vectors.json").read_text())

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
identities = st.tuples(names, names, names, st.none() | names, st.none() | names, names)

numbers = (
    st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.decimals(-(10**9), 10**9, places=2).map(float)  # amounts
    | st.builds(lambda digits, power: float(f"{digits}e{power}"), st.integers(-9999, 9999), st.integers(-12, 24))
)
strings = st.text() | st.text('0123456789.-+eE"\\\x00\n\x1f\x7f\u00e9\ud83d\ude00\uffff,:[]{}', max_size=30)
scalars = st.none() | st.booleans() | numbers | strings
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(strings, inner, max_size=4), max_leaves=12
)


def id_of(parts: tuple[Any, ...]) -> str:
    source, event_type, entity, key, time, sha = parts
    return event_id(source, event_type, entity, idempotency_key=key, event_time=time, sha=sha)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_released_identities_never_change(vector: dict[str, Any]) -> None:
    sha = payload_sha(vector["payload"])
    assert sha == vector["payload_sha"]
    assert (
        event_id(*vector["names"], idempotency_key=vector["key"], event_time=vector["time"], sha=sha)
        == vector["event_id"]
    )


def test_there_is_a_vector_for_each_way_to_be_identified() -> None:
    assert {(vector["key"] is None, vector["time"] is None) for vector in VECTORS} >= {
        (True, True),
        (True, False),
        (False, False),
    }


def test_a_number_is_its_value_not_its_spelling() -> None:
    assert payload_sha({"amount": 42.50}) == payload_sha({"amount": 42.5})
    assert payload_sha({"amount": 42.0}) == payload_sha({"amount": 42})
    assert canonical_json({"b": 1, "a": [1e21, 0.1]}) == b'{"a":[1e+21,0.1],"b":1}'


def outcome(write: Callable[[Any], bytes], value: Any) -> bytes | str:
    try:
        return write(value)
    except ValueError:
        return "refused"


@settings(max_examples=500, deadline=None)
@given(json_values)
@example([1.0, -0.0, 10.05, 1e15, 1e16, 1e-4, 1e-5, 100.0, 2**53 - 1])
@example({"1.0": "2.0", "\\": '3.0"', "\x7f": "\x1f", "e": "1e-5", "a": [5.0]})
@example({"\uffff": 1, "\U00010000": 2})
@example([float("nan"), float("inf"), "\ud800"])
def test_canonical_json_is_that_of_rfc_8785_whichever_way_it_is_written(value: Any) -> None:
    assert outcome(canonical_json, value) == outcome(rfc8785.dumps, value)


@settings(deadline=None)
@given(json_values, st.sampled_from([2**53 + 1, Decimal("0.12345678901234567"), Decimal("1e-400")]))
def test_one_number_that_no_double_has_leaves_all_else_as_rfc_8785_says(value: Any, number: int | Decimal) -> None:
    expected = outcome(rfc8785.dumps, [value, {"n": 0}])
    assume(isinstance(expected, bytes))
    assert canonical_json([value, {"n": number}]) == expected[:-3] + number_text(number).encode() + b"}]"


def test_numbers_have_one_text_for_each_value() -> None:
    written = [2**53, 2**53 + 1, 10**21, 10**21 + 1, Decimal("1e400"), Decimal("100.00"), -(10**23)]
    assert canonical_json(written) == (
        b"[9007199254740992,9007199254740993,1e+21,1.000000000000000000001e+21,1e+400,100,-1e+23]"
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), "\ud800", {"\ud800": 1}])
def test_what_has_no_canonical_form_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        canonical_json([value])


@pytest.mark.parametrize("value", [b"x", {1, 2}])
def test_what_is_no_json_at_all_is_named(value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{type(value).__name__} is not a type of JSON$"):
        canonical_json([value, 10**30])


def test_the_order_of_members_does_not_count_and_the_order_of_elements_does() -> None:
    assert payload_sha({"a": 1, "b": 2}) == payload_sha({"b": 2, "a": 1})
    assert payload_sha([1, 2]) != payload_sha([2, 1])


def test_parts_cannot_run_into_each_other() -> None:
    assert id_of(("a|b", "c", "e", None, None, "s")) != id_of(("a", "b|c", "e", None, None, "s"))


def test_with_a_key_neither_time_nor_payload_counts() -> None:
    assert id_of(("s", "t", "e", "k", "2026", "x")) == id_of(("s", "t", "e", "k", None, "y"))


def test_a_key_that_spells_a_payload_hash_is_another_event() -> None:
    assert id_of(("s", "t", "e", "abc", None, "abc")) != id_of(("s", "t", "e", None, None, "abc"))


@given(identities, identities)
def test_different_identities_have_different_ids(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    def meaning(parts: tuple[Any, ...]) -> tuple[Any, ...]:
        return parts[:4] if parts[3] is not None else (*parts[:3], None, *parts[4:])

    assume(meaning(one) != meaning(other))
    assert id_of(one) != id_of(other)
