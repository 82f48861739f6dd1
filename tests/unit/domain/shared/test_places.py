"""Places in a value of JSON."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from pik.domain.shared.places import tokens_of, values_at, without

ROOT: Any = {"a": {"b": [1, {"c": 2, "~/": 3}]}, "": 4}


@pytest.mark.parametrize(
    ("place", "values"),
    [
        ("/a/b/0", [1]),
        ("/a/b/1/c", [2]),
        ("/a/b/1/~0~1", [3]),
        ("/", [4]),
        ("", [ROOT]),
        ("/a/x", []),
        ("/a/b/2", []),
        ("/a/b/01", []),
        ("/a/b/-", []),
        ("/a/b/" + "9" * 5000, []),
        ("/a/b/٠", []),
        ("/a/b/0/c", []),
    ],
)
def test_a_value_is_found_at_its_place(place: str, values: list[Any]) -> None:
    assert values_at(ROOT, place) == values


@pytest.mark.parametrize(
    ("places", "rest"),
    [
        (["/a/b/1/c", "/"], {"a": {"b": [1, {"~/": 3}]}}),
        (["/a"], {"": 4}),
        (["/a/b/0", "/x", "/a/b/7/c", "//y"], ROOT),
    ],
)
def test_members_are_left_out_and_elements_are_not(places: list[str], rest: Any) -> None:
    before = copy.deepcopy(ROOT)
    assert without(ROOT, places) == rest
    assert before == ROOT


def test_the_tokens_of_a_place() -> None:
    assert tokens_of("/a~1b/~0/0") == ["a/b", "~", "0"]
