"""Packs keep order, lose nothing, and are as few as their limits allow."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pik.domain.shared.packing import packs

SIZES = st.lists(st.integers(min_value=0, max_value=50), max_size=60)


def pack(sizes: list[int], max_count: int = 10, max_bytes: int = 40) -> list[list[int]]:
    return list(packs(sizes, lambda size: size, max_count, max_bytes))


@given(SIZES)
def test_every_item_is_in_one_pack_and_in_order(sizes: list[int]) -> None:
    assert [size for it in pack(sizes) for size in it] == sizes


@given(SIZES)
def test_no_pack_breaks_a_limit_but_for_an_item_too_large_by_itself(sizes: list[int]) -> None:
    for it in pack(sizes):
        assert 1 <= len(it) <= 10
        assert sum(it) <= 40 or len(it) == 1


@given(SIZES)
def test_no_pack_could_have_taken_the_next_item_too(sizes: list[int]) -> None:
    found = pack(sizes)
    for it, following in pairwise(found):
        assert len(it) == 10 or sum(it) + following[0] > 40


def test_a_pack_is_filled_to_the_byte_and_to_the_count() -> None:
    assert pack([20, 20, 1]) == [[20, 20], [1]]
    assert pack([1] * 11) == [[1] * 10, [1]]


def test_an_item_over_the_limit_stands_alone() -> None:
    assert pack([1, 41, 1]) == [[1], [41], [1]]


def test_nothing_makes_no_pack() -> None:
    assert pack([]) == []
