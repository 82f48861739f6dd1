"""Packs entries for batch calls: as few packs as the call's limits on count and bytes allow, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def packs(items: Iterable[T], size_of: Callable[[T], int], max_count: int, max_bytes: int) -> Iterator[list[T]]:
    """Consecutive items, at most `max_count` of them and `max_bytes` together.

    An item that alone exceeds `max_bytes` gets its own pack: the service's refusal then affects no other.
    """
    pack: list[T] = []
    total = 0
    for item in items:
        size = size_of(item)
        if pack and (len(pack) == max_count or total + size > max_bytes):
            yield pack
            pack, total = [], 0
        pack.append(item)
        total += size
    if pack:
        yield pack
