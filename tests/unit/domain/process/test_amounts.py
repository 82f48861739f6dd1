"""Amounts: read where the schema says, in its currency and with its sign; what cannot be added is said."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pik.domain.process.amounts import CURRENCIES, Amount, AmountRule, AmountRules, UncountedAmount
from pik.schemas import load_schemas

UNANNOUNCED = AmountRule()
TEXTS = AmountRule.of({"x-pik-amount": {"value": "/total/value", "currency": "/total/unit"}})


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"amount": 42.5}, Amount(Decimal("42.5"))),
        ({"amount": 0, "currency": "JPY"}, Amount(Decimal(0), "JPY")),
        ({"amount": Decimal("0.12345678901234567"), "currency": None}, Amount(Decimal("0.12345678901234567"))),
        ({"amount": 12345678901234567890}, Amount(Decimal("12345678901234567890"))),
        ({}, None),
        ({"amount": None}, None),
        ([7], None),
        (7, None),
        (None, None),
    ],
)
def test_a_type_without_an_annotation_has_its_amount_at_the_usual_place(payload: Any, expected: Any) -> None:
    assert UNANNOUNCED.read(payload) == expected


@pytest.mark.parametrize("amount", ["7", "", True, [], {"value": 7}])
def test_an_amount_that_is_no_number_is_not_counted_and_said_so(amount: Any) -> None:
    assert UNANNOUNCED.read({"amount": amount}) == UncountedAmount("the amount at /amount is not a number")


@pytest.mark.parametrize("currency", ["usd", "dollars", "", "QQQ", 840, ["USD"]])
def test_an_unknown_currency_is_not_counted_and_said_so(currency: Any) -> None:
    reading = UNANNOUNCED.read({"amount": 1, "currency": currency})
    assert reading == UncountedAmount("the currency at /currency is not a code of ISO 4217")


@pytest.mark.parametrize(
    ("text", "value"), [("19.90", "19.9"), ("-3", "-3"), ("0.12345678901234567", "0.12345678901234567"), ("007", "7")]
)
def test_a_decimal_number_as_text_counts_where_the_schema_announces_amounts(text: str, value: str) -> None:
    assert TEXTS.read({"total": {"value": text, "unit": "EUR"}}) == Amount(Decimal(value), "EUR")


@pytest.mark.parametrize("text", ["", "1e5", "1,5", " 1", "1.", "NaN", "Infinity", "٣", "0x1", "1" * 101])
def test_other_texts_do_not(text: str) -> None:
    assert isinstance(TEXTS.read({"total": {"value": text}}), UncountedAmount)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=20, min_value=-(10**20), max_value=10**20))
def test_a_sign_turns_the_amount_and_nothing_else(value: Decimal) -> None:
    turned = AmountRule.of({"x-pik-amount": {"value": "/v", "sign": -1}}).read({"v": value, "currency": "EUR"})
    assert turned == Amount(-value)  # no place for a currency was named


@pytest.mark.parametrize(
    "annotation",
    [{"value": "amount"}, {"value": ""}, {"value": "/a", "sign": 2}, {"value": "/a", "currency": "c"}],
)
def test_an_annotation_that_says_nothing_sensible_is_a_mistake_of_the_schema(annotation: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="x-pik-amount"):
        AmountRule.of({"x-pik-amount": annotation})


def test_the_packaged_types() -> None:
    rules = AmountRules(load_schemas())
    payload = {"amount": 5, "currency": "EUR"}
    assert rules.read("order", payload) == Amount(Decimal(5), "EUR")
    assert rules.read("refund", payload) == Amount(Decimal(-5), "EUR")
    assert rules.read("unheard.of", payload) == Amount(Decimal(5), "EUR")
    assert {"USD", "EUR", "JPY", "XXX"} <= CURRENCIES
