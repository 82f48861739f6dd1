"""A batch that is refused because of one entry: the others are done, and it costs nothing when all goes well."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from pik.adapters.client.isolation import isolated, worth_repeating
from pik.domain.shared.failures import EntryRefused
from tests.support.faults import refused, timeout


class Batches:
    """A service that refuses a whole batch that holds one of `bad`, and reports those in `failing` alone."""

    def __init__(self, bad: set[int], error: Exception, failing: frozenset[int] = frozenset()) -> None:
        self.bad = bad
        self.error = error
        self.failing = failing
        self.calls: list[list[int]] = []
        self.done: list[int] = []

    def __call__(self, batch: Sequence[int]) -> dict[int, Exception]:
        self.calls.append(list(batch))
        if self.bad & set(batch):
            raise self.error
        self.done += [it for it in batch if it not in self.failing]
        return {it: EntryRefused("InternalError", "") for it in batch if it in self.failing}


@given(st.sets(st.integers(0, 9)), st.frozensets(st.integers(0, 9)))
def test_only_the_refused_are_not_done_and_every_other_is_done_once(bad: set[int], failing: frozenset[int]) -> None:
    service = Batches(bad, refused("InvalidMessageContents"), failing)
    failed = isolated(service, range(10))
    assert failed.keys() == bad | failing
    assert sorted(service.done) == sorted(set(range(10)) - bad - failing)
    assert len(service.calls) == (11 if bad else 1)


@pytest.mark.parametrize("error", [ValueError("too many digits"), KeyError("DataType"), refused("ValidationException")])
def test_it_does_not_matter_in_what_way_an_entry_is_wrong(error: Exception) -> None:
    service = Batches({1}, error)
    assert isolated(service, range(3)) == {1: error}
    assert service.done == [0, 2]


@pytest.mark.parametrize("error", [refused("AccessDenied"), refused("ThrottlingException"), timeout()])
def test_an_error_that_is_about_no_entry_is_raised_after_one_call(error: Exception) -> None:
    service = Batches({1}, error)
    with pytest.raises((ClientError, ReadTimeoutError)):
        isolated(service, range(3))
    assert len(service.calls) == 1


def test_an_outage_while_entries_are_sent_alone_costs_the_entries_that_it_meets() -> None:
    service = Batches({1}, refused("ValidationException"))
    calls: list[int] = []

    def call(batch: Sequence[int]) -> dict[int, Exception]:
        calls.append(len(batch))
        if len(calls) == 4:
            raise refused("ThrottlingException")
        return service(batch)

    assert isolated(call, range(4)).keys() == {1, 2}
    assert service.done == [0, 3]


def test_one_entry_that_is_refused_is_not_asked_for_twice() -> None:
    error = refused("ValidationException")
    service = Batches({0}, error)
    assert isolated(service, [0]) == {0: error}
    assert len(service.calls) == 1


def test_what_was_refused_alone_is_not_worth_repeating_and_what_failed_is() -> None:
    assert not worth_repeating(refused("InvalidMessageContents"))
    assert not worth_repeating(ValueError("x"))
    assert worth_repeating(EntryRefused("InvalidParameterValue", ""))
    assert worth_repeating(refused("ThrottlingException"))
