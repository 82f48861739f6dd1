"""Numbers: each keeps the value of its digits, and has one canonical text."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
import rfc8785
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pik.domain.shared.limits import MAX_NUMBER_DIGITS, MAX_NUMBER_EXPONENT
from pik.domain.shared.numbers import UnboundedNumber, decimal_of, number_text, read_fraction, read_integer

digits = st.text("0123456789", min_size=1, max_size=45)
fractions = st.builds(
    lambda sign, whole, fraction, exponent: f"{sign}{int(whole)}.{fraction}{exponent}",
    st.sampled_from(["", "-"]),
    digits,
    digits,
    st.just("")
    | st.builds("{}{}{}".format, st.sampled_from("eE"), st.sampled_from(["", "+", "-"]), st.integers(0, 330)),
)


@settings(max_examples=500)
@given(fractions)
@example("0.1")
@example("-0.0")
@example("123456789012345.6")
@example("0.10000000000000000055511151231257827021181583404541015625")
@example("5e-324")
@example("4.9e-324")
@example("1.7976931348623157e308")
@example("1.7976931348623159e308")
def test_a_fraction_keeps_its_value(literal: str) -> None:
    try:
        number = read_fraction(literal)
    except UnboundedNumber:
        assert abs(Decimal(literal).adjusted()) > MAX_NUMBER_EXPONENT
        return
    assert decimal_of(number) == Decimal(literal)
    assert isinstance(number, float) == (Decimal(repr(float(literal))) == Decimal(literal))


@settings(max_examples=500)
@given(fractions, fractions)
@example("1.0", "1.00")
@example("0.12345678901234567", "0.12345678901234568")
@example("1e400", "10e399")
def test_two_numbers_have_one_text_when_they_are_one_value_and_never_else(one: str, other: str) -> None:
    try:
        texts = number_text(read_fraction(one)), number_text(read_fraction(other))
    except UnboundedNumber:
        return
    assert (texts[0] == texts[1]) == (Decimal(one) == Decimal(other))
    assert [Decimal(text) for text in texts] == [Decimal(one), Decimal(other)]


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**53) + 1, 2**53 - 1))
def test_what_a_double_has_is_written_as_rfc_8785_says(fraction: float, whole: int) -> None:
    assert number_text(fraction) == rfc8785.dumps(fraction).decode()
    assert number_text(whole) == rfc8785.dumps(whole).decode()
    assert number_text(Decimal(repr(fraction))) == rfc8785.dumps(fraction).decode()


@given(st.integers(-(10**40), 10**40))
def test_the_text_of_an_integer_is_read_as_the_same_value(whole: int) -> None:
    assert Decimal(number_text(whole)) == read_integer(str(whole)) == whole
    assert json.loads(number_text(whole), parse_int=Decimal, parse_float=Decimal) == whole


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (9007199254740993, "9007199254740993"),
        (-123456789012345678901, "-123456789012345678901"),
        (1234567890123456789012, "1.234567890123456789012e+21"),
        (Decimal("12345678901234567.890"), "12345678901234567.89"),
        (Decimal("0.000001234567890123456789"), "0.000001234567890123456789"),
        (Decimal("0.0000001234567890123456789"), "1.234567890123456789e-7"),
        (Decimal("-1e-400"), "-1e-400"),
    ],
)
def test_numbers_that_no_double_has_are_laid_out_by_the_rules_of_ecmascript(number: int | Decimal, text: str) -> None:
    assert number_text(number) == text


@pytest.mark.parametrize(
    ("literal", "code"),
    [
        ("1e401", "number_out_of_range"),
        ("-9.9e-401", "number_out_of_range"),
        ("1e" + "9" * 5000, "number_out_of_range"),
        ("0." + "1" * MAX_NUMBER_DIGITS, "too_many_digits"),
        ("1" * 5000 + "e5", "too_many_digits"),
    ],
)
def test_a_fraction_out_of_bounds_is_refused(literal: str, code: str) -> None:
    with pytest.raises(UnboundedNumber) as caught:
        read_fraction(literal)
    assert caught.value.code == code
    bound = MAX_NUMBER_DIGITS if code == "too_many_digits" else MAX_NUMBER_EXPONENT
    assert caught.value.params["maximum"] == bound


def test_the_bounds_themselves_are_read() -> None:
    longest = "9" * MAX_NUMBER_DIGITS
    assert read_integer(f"-{longest}") == -int(longest)
    assert decimal_of(read_fraction(f"1e{MAX_NUMBER_EXPONENT}")) == Decimal(10) ** MAX_NUMBER_EXPONENT
    assert read_fraction(f"1e-{MAX_NUMBER_EXPONENT}") == Decimal(f"1e-{MAX_NUMBER_EXPONENT}")
    with pytest.raises(UnboundedNumber, match="too_many_digits"):
        read_integer(longest + "9")


@pytest.mark.parametrize("literal", ["0e999999999999", "0.000e-5000", "-0e1"])
def test_zero_is_zero_at_any_exponent(literal: str) -> None:
    assert read_fraction(literal) == 0
    assert number_text(read_fraction(literal)) == "0"


@pytest.mark.parametrize("number", [float("nan"), float("inf"), Decimal("NaN"), Decimal("-Infinity")])
def test_what_is_no_number_has_no_text(number: float | Decimal) -> None:
    with pytest.raises(ValueError, match=r"."):
        number_text(number)
