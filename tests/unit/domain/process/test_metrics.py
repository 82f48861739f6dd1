"""Metrics are monoids: exact, and blind to order and batches."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pik.domain.process import metrics
from pik.domain.process.inputs import Input
from pik.domain.process.metrics import REGISTRY, Metric, measure, sums_text
from tests.support.makers import AMOUNT_RULES, make_input, make_work

AMOUNTS = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, places=25, min_value=-(10**25), max_value=10**25),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(min_value=-(2**53) + 1, max_value=2**53 - 1),
    st.none(),
    st.booleans(),
    st.text(max_size=3),
)
TIMES = st.datetimes().map(lambda it: it.strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0"))
EVENTS = st.lists(
    st.builds(lambda n, a, t: make_input(n, amount=a, event_time=t), st.integers(), AMOUNTS, TIMES), max_size=8
)


@pytest.mark.parametrize("metric", REGISTRY, ids=lambda it: it.name)
@given(
    events=st.lists(
        st.builds(lambda n, a, t: make_input(n, amount=a, event_time=t), st.integers(), AMOUNTS, TIMES),
        min_size=3,
        max_size=3,
    )
)
def test_a_metric_is_a_commutative_monoid(metric: Metric[Any], events: list[Input]) -> None:
    a, b, c = map(metric.lift, events)
    assert metric.combine(a, metric.combine(b, c)) == metric.combine(metric.combine(a, b), c)
    assert metric.combine(a, b) == metric.combine(b, a)
    assert metric.combine(metric.identity, a) == a == metric.combine(a, metric.identity)


@given(EVENTS, st.data())
def test_neither_order_nor_batches_change_the_values(events: list[Input], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(events))
    cut = data.draw(st.integers(0, len(events)))
    assert measure(measure({}, shuffled[:cut]), shuffled[cut:]) == measure({}, events)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=30))
def test_the_sum_of_any_doubles_is_exact(amounts: list[float]) -> None:
    sums = sums_of([make_input(n, amount=amount) for n, amount in enumerate(amounts)])
    assert Fraction(sums.get("XXX", "0")) == sum((Fraction(repr(amount)) for amount in amounts), Fraction())


def sums_of(events: list[Input], before: Any = None) -> dict[str, str]:
    return dict(measure({"daily_amount_sum": before or {}}, events)["daily_amount_sum"])  # type: ignore[arg-type]


def test_a_sum_is_what_a_person_reads_and_adds() -> None:
    events = [make_input(n, amount=amount) for n, amount in enumerate([42.50, 0.1, 0.2, 7, -3])]
    assert sums_of(events) == {"XXX": "46.8"}


def test_the_largest_and_the_smallest_doubles_fit_one_sum() -> None:
    events = [make_input(n, amount=amount) for n, amount in enumerate([1.7976931348623157e308, 5e-324])]
    total = sums_of(events)["XXX"]
    assert total.startswith("17976931348623157000")
    assert total.endswith("005")
    assert Decimal(total) - Decimal("5e-324") == Decimal("1.7976931348623157e308")


@pytest.mark.parametrize(
    ("left", "right", "total"), [("1.10", "0.90", "2"), ("0", "-0.0", "0"), ("5", "-5.00", "0"), ("9e2", "1e2", "1000")]
)
def test_equal_sums_are_equal_texts(left: str, right: str, total: str) -> None:
    assert metrics.add(left, right) == total


def test_each_currency_has_a_sum_of_its_own() -> None:
    payloads = [
        {"amount": 10, "currency": "USD"},
        {"amount": 1000, "currency": "JPY"},
        {"amount": 0.5, "currency": "USD"},
        {"amount": 3},
    ]
    events = [opened("order", payload) for payload in payloads]
    assert sums_of(events) == {"JPY": "1000", "USD": "10.5", "XXX": "3"}
    assert sums_text(sums_of(events)) == "1000 JPY, 10.5 USD, 3"


def test_a_refund_subtracts() -> None:
    order = opened("order", {"orderId": "o", "amount": 42.5, "currency": "EUR"})
    refund = opened("refund", {"orderId": "o", "amount": 42.5, "currency": "EUR"})
    assert sums_of([order, refund]) == sums_of([refund, order]) == {"EUR": "0"}


def test_amounts_that_cannot_be_added_are_reported() -> None:
    payloads = [{"amount": "7"}, {"amount": 7, "currency": "dollars"}, {"amount": 7}, {"amount": None}, {}]
    values = measure({}, [opened("payment", payload) for payload in payloads])
    assert values["daily_amounts_not_counted"] == 2
    assert values["daily_amount_sum"] == {"XXX": "7"}


def test_a_sum_that_was_written_before_currencies_goes_on_without_one() -> None:
    event = opened("order", {"amount": 2, "currency": "USD"})
    assert sums_of([event], "40.5") == {"USD": "2", "XXX": "40.5"}
    assert sums_of([event], "0") == {"USD": "2"}
    assert [sums_text(before) for before in ("40.5", "0", {})] == ["40.5", "", ""]


def opened(event_type: str, payload: Any) -> Input:
    return Input.of(make_work(payload, event_type=event_type), payload, AMOUNT_RULES)


def test_the_values_of_two_events() -> None:
    events = [
        make_input(1, amount=2, event_time="2026-11-20T10:00:00.000000Z"),
        make_input(2, amount=0.5, event_time="2026-11-20T09:00:00.000001Z"),
    ]
    assert measure({}, events) == {
        "daily_event_count": 2,
        "daily_amount_sum": {"XXX": "2.5"},
        "daily_amounts_not_counted": 0,
        "first_event_time": "2026-11-20T09:00:00.000001Z",
        "last_event_time": "2026-11-20T10:00:00.000000Z",
    }


def test_a_metric_added_later_starts_at_its_identity_on_an_older_version() -> None:
    largest = Metric("largest", 0, lambda event: int(event.payload["amount"]), max)
    old = measure({}, [make_input(1, amount=9)])
    new = measure(old, [make_input(2, amount=4)], (*REGISTRY, largest))
    assert new["largest"] == 4
    assert new["daily_amount_sum"] == {"XXX": "13"}


def test_a_value_that_this_code_does_not_know_is_kept() -> None:
    assert measure({"from_the_future": 3}, [make_input(1)])["from_the_future"] == 3


def test_measuring_does_not_change_the_version_before() -> None:
    before = measure({}, [make_input(1)])
    copy = dict(before)
    measure(before, [make_input(2)])
    assert before == copy
