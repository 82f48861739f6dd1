"""Workers: calls side by side, each with an outcome of its own."""

from __future__ import annotations

import threading

import pytest

from pik.domain.shared.failures import DeadlineNear
from pik.workers import Workers


def test_outcomes_come_in_the_order_of_the_items_and_failures_stay_in_their_place() -> None:
    zero, *rest = Workers(2).run(lambda n: 10 // n, [0, 1, 2, 5])
    assert isinstance(zero, ZeroDivisionError)
    assert rest == [10, 5, 2]


def test_no_more_calls_than_threads_are_under_way() -> None:
    both = threading.Barrier(2, timeout=5)
    assert Workers(2).run(lambda n: both.wait() >= 0, range(4)) == [True] * 4


def test_calls_that_are_not_done_in_time_are_given_up_and_those_that_wait_never_begin() -> None:
    released, began = threading.Event(), []

    def call(number: int) -> int:
        began.append(number)
        released.wait(5)
        return number

    workers = Workers(1)
    for given_up in workers.run(call, [1, 2], seconds=0.05):
        assert isinstance(given_up, DeadlineNear)
    released.set()
    assert workers.run(lambda number: number, [3], seconds=5) == [3]
    assert 2 not in began


def test_what_is_done_in_time_counts_also_beside_what_is_not() -> None:
    released = threading.Event()
    quick, slow, failed = Workers(3).run(lambda act: act(), [lambda: 1, lambda: released.wait(5), lambda: 1 / 0], 0.2)
    released.set()
    assert quick == 1
    assert isinstance(slow, DeadlineNear)
    assert isinstance(failed, ZeroDivisionError)


def test_the_death_of_the_process_is_no_outcome() -> None:
    def die(_: int) -> None:
        raise SystemExit(1)

    with pytest.raises(SystemExit):
        Workers(1).run(die, [1])


def test_a_call_that_begins_soon_is_waited_for_when_its_result_is_asked_for() -> None:
    workers = Workers(1)
    met = threading.Barrier(2, timeout=5)
    soon = workers.soon(lambda: met.wait() >= 0)
    met.wait()
    assert soon.result()
    with pytest.raises(ZeroDivisionError):
        workers.soon(lambda: 1 / 0).result()
