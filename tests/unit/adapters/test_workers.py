"""Workers: calls side by side, each with an outcome of its own."""

from __future__ import annotations

import threading

import pytest

from pik.adapters.workers import Workers


def test_outcomes_come_in_the_order_of_the_items_and_failures_stay_in_their_place() -> None:
    zero, *rest = Workers(2).run(lambda n: 10 // n, [0, 1, 2, 5])
    assert isinstance(zero, ZeroDivisionError)
    assert rest == [10, 5, 2]


def test_no_more_calls_than_threads_are_under_way() -> None:
    both = threading.Barrier(2, timeout=5)
    assert Workers(2).run(lambda n: both.wait() >= 0, range(4)) == [True] * 4


def test_the_death_of_the_process_is_no_outcome() -> None:
    def die(_: int) -> None:
        raise SystemExit(1)

    with pytest.raises(SystemExit):
        Workers(1).run(die, [1])
