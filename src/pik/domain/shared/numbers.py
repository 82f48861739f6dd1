"""Numbers of JSON: each keeps the value that its digits say.

A number is an `int` or a `float` where one of these has exactly its value, and a `Decimal` otherwise. A float "has" the
value that its shortest decimal form shows: 0.1 is one tenth. So the two amounts 0.12345678901234567 and
0.12345678901234568, which are one double, stay two, and 1e-400, which no double can hold, is not zero.
"""

from __future__ import annotations

import re
from decimal import Decimal
from math import isfinite
from typing import Final

import rfc8785

from pik.domain.shared.limits import MAX_NUMBER_DIGITS, MAX_NUMBER_EXPONENT, MAX_SAFE_INTEGER

Number = int | float | Decimal

_FRACTION: Final = re.compile(r"-?([0-9]+)(?:\.([0-9]+))?(?:[eE]([-+]?[0-9]+))?", re.ASCII)
_SURE_CHARS: Final = 16  # a point and fifteen digits: a double has every such value (DBL_DIG of IEEE 754)
_EXPONENT_CHARS: Final = 9  # a longer exponent is out of range, or its number is zero
_LEAST_PLAIN_POWER: Final = -6  # ECMAScript, Number::toString: below and above, a number is written with an exponent
_MOST_PLAIN_POWER: Final = 20
_LEAST_POWER: Final = -324  # of a double
_MOST_POWER: Final = 308


class UnboundedNumber(ValueError):
    """A number with more digits than are kept, or too large or too small; `code` and `params` say which."""

    def __init__(self, code: str, **params: str | int) -> None:
        super().__init__(f"{code}: {params}")
        self.code = code
        self.params = params


def read_integer(literal: str) -> int:
    """The value of an integer of JSON. Raises UnboundedNumber."""
    if len(literal) > MAX_NUMBER_DIGITS:
        _check_digits(len(literal.lstrip("-")))
    return int(literal)


def read_fraction(literal: str) -> float | Decimal:
    """The value of a number of JSON with a fraction or an exponent. Raises UnboundedNumber."""
    if len(literal) <= _SURE_CHARS and "e" not in literal and "E" not in literal:
        return float(literal)
    match = _FRACTION.fullmatch(literal)
    if match is None:
        raise ValueError(f"{literal[:MAX_NUMBER_DIGITS]!r} is not a number of JSON")
    whole, fraction, exponent = match[1], match[2] or "", match[3] or "0"
    _check_digits(len(whole) + len(fraction))
    if not (whole + fraction).strip("0"):
        return float(f"{'-' if literal[0] == '-' else ''}0")
    if len(exponent) > _EXPONENT_CHARS:
        raise _out_of_range(literal)
    value = Decimal(literal)
    if abs(value.adjusted()) > MAX_NUMBER_EXPONENT:
        raise _out_of_range(literal)
    nearest = float(literal)
    return nearest if _has_value(nearest, value) else value


def decimal_of(number: Number) -> Decimal:
    """The exact value of a number."""
    return Decimal(repr(number)) if isinstance(number, float) else Decimal(number)


def number_text(number: Number) -> str:
    """The canonical text of a number, one per value: that of RFC 8785 where a double has the value.

    Other values are written by the same rules (ECMAScript's Number::toString), with all of their digits. Raises
    ValueError for infinities and NaN.
    """
    if isinstance(number, float) or (isinstance(number, int) and abs(number) <= MAX_SAFE_INTEGER):
        return rfc8785.dumps(number).decode()
    value = Decimal(number)
    if _LEAST_POWER <= value.adjusted() <= _MOST_POWER and _has_value(nearest := float(value), value):
        return rfc8785.dumps(nearest).decode()
    return _exact_text(value)


def _has_value(nearest: float, value: Decimal) -> bool:
    return isfinite(nearest) and Decimal(repr(nearest)) == value


def _exact_text(value: Decimal) -> str:
    if not value.is_finite():
        raise ValueError(f"{value} is not a number of JSON")
    power = value.adjusted()
    if _LEAST_PLAIN_POWER <= power <= _MOST_PLAIN_POWER:
        text = format(value, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    mantissa = format(value, "e").partition("e")[0]
    return f"{mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}e{power:+d}"


def _check_digits(digits: int) -> None:
    if digits > MAX_NUMBER_DIGITS:
        raise UnboundedNumber("too_many_digits", digits=digits, maximum=MAX_NUMBER_DIGITS)


def _out_of_range(literal: str) -> UnboundedNumber:
    return UnboundedNumber("number_out_of_range", literal=literal, maximum=MAX_NUMBER_EXPONENT)
