"""Strict JSON: what Python's own parser would silently repair is refused with its place."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pik.domain.http.strict_json import MalformedJson, check_values, kind_of, parse_array, parse_json
from pik.domain.shared.identity import canonical_json
from pik.domain.shared.limits import MAX_EVENT_VALUES, MAX_NESTING

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
values: st.SearchStrategy[Any] = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=20
)


@given(values, st.booleans(), st.sampled_from([None, 1]))
def test_what_json_writes_is_read_as_it_was(value: Any, ascii_only: bool, indent: int | None) -> None:
    assert parse_json(json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()) == value


@given(st.lists(values, max_size=6), st.booleans())
def test_the_elements_of_an_array_are_found_at_their_bytes(elements: list[Any], ascii_only: bool) -> None:
    data = (" [ " + " ,\n".join(json.dumps(it, ensure_ascii=ascii_only) for it in elements) + " ] ").encode()
    found = parse_array(data)
    assert [it.value for it in found] == elements
    assert [parse_json(data[it.offset : it.offset + it.length]) for it in found] == elements


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        value = parse_json(data)
    except MalformedJson as error:
        assert len(error.problems) == 1  # noqa: PT017 (either end is fine, each has its own claim)
    else:
        assert json.loads(data, parse_float=Decimal) == json.loads(canonical_json(value), parse_float=Decimal)


@pytest.mark.parametrize(
    ("text", "path", "code"),
    [
        ('{"a":{"b":[0,NaN]}}', "/a/b/1", "not_a_number"),
        ('{"a":-Infinity}', "/a", "not_a_number"),
        ('{"a":1e999}', "/a", "number_out_of_range"),
        ('{"a":[1,-1e-401]}', "/a/1", "number_out_of_range"),
        ('{"a":1e99999999999999999999}', "/a", "number_out_of_range"),
        ('{"a":%s}' % ("9" * 101), "/a", "too_many_digits"),
        ('{"a":-%s}' % ("9" * 5000), "/a", "too_many_digits"),
        ('{"a":0.%s}' % ("9" * 100), "/a", "too_many_digits"),
        ('{"a":{"b":1,"c":2,"b":3}}', "/a", "duplicate_member"),
        ('{"a":["ok","\\ud83d"]}', "/a/1", "lone_surrogate"),
        ('{"\\udc00":1}', "body", "lone_surrogate"),
        ('{"a/b":{"~":NaN}}', "/a~1b/~0", "not_a_number"),
        ("[" * 10_000, "body", "too_deep"),
        ("[" * 100_000, "body", "too_many_values"),
        ('{"a":1} x', "body", "malformed_json"),
        ('{"a":1', "body", "malformed_json"),
        ("", "body", "malformed_json"),
        ("'a'", "body", "malformed_json"),
        ('"\x01"', "body", "malformed_json"),
        ("\ufeff{}", "body", "malformed_json"),
    ],
)
def test_what_two_readers_could_read_differently_is_refused_at_its_place(text: str, path: str, code: str) -> None:
    with pytest.raises(MalformedJson) as caught:
        parse_json(text.encode())
    assert [(it.path, it.code) for it in caught.value.problems] == [(path, code)]


def test_nesting_is_allowed_up_to_its_bound_and_no_further() -> None:
    assert parse_json(b"[" * MAX_NESTING + b"]" * MAX_NESTING)
    with pytest.raises(MalformedJson, match="too_deep"):
        parse_json(b"[" * (MAX_NESTING + 1) + b"]" * (MAX_NESTING + 1))


@pytest.mark.parametrize(
    "text",
    ["9007199254740993", "-1234567890123456789012345678901234567890", "0.12345678901234567", "1e-400", "-1.5e400"],
)
def test_a_number_that_no_double_has_keeps_its_value(text: str) -> None:
    (number,) = parse_json(f"[{text}]".encode())
    assert Decimal(number) == Decimal(text)
    assert kind_of(number) == "number"


def test_the_first_name_that_is_repeated_is_named_however_many_there_are() -> None:
    members = ",".join(f'"{number}":1' for number in range(MAX_EVENT_VALUES // 2))
    with pytest.raises(MalformedJson) as caught:
        parse_json(f'{{{members},"7":1,"3":1}}'.encode())
    assert caught.value.problems[0].params == {"member": "7"}


# What a value starts with is text within a string, also after an escaped mark and in one that does not end.
VALUES_OR_TEXT = [
    (b"[" + b"1," * (MAX_EVENT_VALUES - 2) + b"1]", False),
    (b"[" + b"1," * MAX_EVENT_VALUES + b"1]", True),
    (b"[" + b"{}," * (MAX_EVENT_VALUES // 2) + b"1]", True),
    (b"[" + b'"",' * MAX_EVENT_VALUES + b"1]", True),
    (b'["' + b"," * 3 * MAX_EVENT_VALUES + b'"]', False),
    (b'["' + b'\\",[{' * MAX_EVENT_VALUES + b'"]', False),
    (b'["' + b",[{" * MAX_EVENT_VALUES, False),
    (b'["\\\\",' + b"[]," * MAX_EVENT_VALUES + b"1]", True),
    (b"[" + b"[" * MAX_EVENT_VALUES, True),
    (b"}" * 3 * MAX_EVENT_VALUES, False),
]


@pytest.mark.parametrize(("data", "too_many"), VALUES_OR_TEXT, ids=range(len(VALUES_OR_TEXT)))
def test_values_are_counted_before_they_are_built_and_text_is_not(data: bytes, too_many: bool) -> None:
    problems: list[str] = []
    try:
        parse_json(data)
    except MalformedJson as error:
        problems = [problem.code for problem in error.problems]
    assert ("too_many_values" in problems) == too_many


@settings(max_examples=300)
@given(values)
def test_values_are_counted_as_they_are(value: Any) -> None:
    data = json.dumps(value).encode()
    count = _count_inner(value)
    check_values(data, count)
    if count:
        with pytest.raises(MalformedJson):
            check_values(data, count - 1)


def _count_inner(value: Any) -> int:
    """Members and elements at any depth; an empty object or array counts as if it had one."""
    if not isinstance(value, dict | list):
        return 0
    children = list(value.values()) if isinstance(value, dict) else value
    return max(1, len(children)) + sum(map(_count_inner, children))


def test_an_array_is_read_as_far_as_is_needed() -> None:
    assert [it.value for it in parse_array(b"[1,2,3,broken", 3)] == [1, 2, 3]
    with pytest.raises(MalformedJson):
        parse_array(b"[1,2,3,broken", 4)


def test_a_pair_of_surrogate_escapes_is_one_character() -> None:
    assert parse_json(b'"\\ud83c\\udf89"') == "\N{PARTY POPPER}"


def test_bytes_that_are_no_utf8_are_named_by_their_offset() -> None:
    with pytest.raises(MalformedJson) as caught:
        parse_json(b'{"a":"\xff"}')
    assert (caught.value.problems[0].code, caught.value.problems[0].params) == ("invalid_utf8", {"offset": 6})


def test_a_syntax_error_names_line_and_column() -> None:
    with pytest.raises(MalformedJson) as caught:
        parse_json(b'{\n  "a" 1}')
    assert "line 2, column 7" in str(caught.value.problems[0].params["detail"])


def test_one_bad_element_spoils_only_itself() -> None:
    good, bad, also_good = parse_array(b'[{"a":1}, {"a":NaN}, {"a":3}]')
    assert (good.problems, also_good.problems) == ((), ())
    assert [(it.path, it.code) for it in bad.problems] == [("/1/a", "not_a_number")]


@pytest.mark.parametrize("text", ["[1,]", "[1 2]", "[1", "[1]]", "[,1]", "[1},"])
def test_an_array_that_is_broken_is_refused_as_a_whole(text: str) -> None:
    with pytest.raises(MalformedJson):
        parse_array(text.encode())
