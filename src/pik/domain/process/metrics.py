"""The metrics of an entity's day. A metric is a monoid: the order and batching of events cannot change its value.

To add one, append it to REGISTRY. Versions written before do not have it: a missing value counts as the identity, so a
new metric starts with the next event, and a shadow replay computes it for past days.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from typing import Any, Final, Generic, TypeVar

from pik.domain.process.amounts import NO_CURRENCY, Amount, AmountReading, UncountedAmount
from pik.domain.process.inputs import Input
from pik.domain.shared.limits import MAX_SUM_DIGITS

Sums = Mapping[str, str]
"""Exact sums as decimal texts, by currency."""

Value = str | int | Sums
V = TypeVar("V", str, int, Sums)

# A sum that had to be rounded would depend on the order of its parts, so rounding is an error.
_EXACT: Final = Context(prec=MAX_SUM_DIGITS, traps=[DivisionByZero, Inexact, InvalidOperation, Overflow])


@dataclass(frozen=True, slots=True)
class Metric(Generic[V]):
    """`lift` is one event's value; `combine` must be associative and commutative, with `identity` as its neutral
    element."""

    name: str
    identity: V
    lift: Callable[[Input], V]
    combine: Callable[[V, V], V]


def plain(number: Decimal) -> str:
    """The only text of a number: no exponent, no trailing zeros, no negative zero; so equal sums are equal texts."""
    return format(number.normalize(_EXACT), "f") if number else "0"


def add(a: str, b: str) -> str:
    """The exact sum of two decimal texts."""
    return plain(_EXACT.add(Decimal(a), Decimal(b)))


def add_sums(a: Sums | str, b: Sums) -> Sums:
    """The sums by currency. Versions written before sums had a currency hold one text, which then has none."""
    before = {} if a == "0" else {NO_CURRENCY: a} if isinstance(a, str) else a
    merged = {currency: add(before.get(currency, "0"), b.get(currency, "0")) for currency in {*before, *b}}
    return dict(sorted(merged.items()))


def sums_text(sums: Sums | str) -> str:
    """Sums as people read them: `42.5 EUR, 3960 JPY`, without a code where there is no currency; empty for none."""
    named = add_sums("0", add_sums(sums, {}))
    return ", ".join(total if code == NO_CURRENCY else f"{total} {code}" for code, total in named.items())


def earlier(a: str, b: str) -> str:
    """The earlier of two normalized times; the empty text means no time."""
    return min(a or b, b or a)


def later(a: str, b: str) -> str:
    """The later of two normalized times; the empty text means no time."""
    return max(a, b)


def _sum_of(amount: AmountReading) -> Sums:
    return {amount.currency: plain(amount.value)} if isinstance(amount, Amount) else {}


REGISTRY: Final[tuple[Metric[Any], ...]] = (
    Metric("daily_event_count", 0, lambda event: 1, operator.add),
    Metric("daily_amount_sum", {}, lambda event: _sum_of(event.amount), add_sums),
    Metric("daily_amounts_not_counted", 0, lambda event: int(isinstance(event.amount, UncountedAmount)), operator.add),
    Metric("first_event_time", "", lambda event: event.work.event_time, earlier),
    Metric("last_event_time", "", lambda event: event.work.event_time, later),
)


def measure(
    before: Mapping[str, Value], events: Iterable[Input], registry: Sequence[Metric[Any]] = REGISTRY
) -> dict[str, Value]:
    """The values of `before` with `events` added. A value of a metric that this code does not know is kept as it is:
    after a rollback the newer code finds it again."""
    values = dict(before)
    events = list(events)
    for metric in registry:
        value = values.get(metric.name, metric.identity)
        for event in events:
            value = metric.combine(value, metric.lift(event))
        values[metric.name] = value
    return values
