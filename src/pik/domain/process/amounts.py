"""The amount of an event: how much, in which currency, and with which sign, as its type's schema says.

A schema says it with `x-pik-amount`: `{"value": "/total", "currency": "/currency", "sign": -1}`. The places are JSON
Pointers into the payload; `currency` and `sign` may be left out. A type without the annotation has its amount at
`/amount` and its currency at `/currency`.

What cannot be added is not counted, and said so: an amount without a value is no amount, but a text where a type does
not announce one, or a currency that nobody knows, is an `UncountedAmount`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Self

from pik.domain.shared.numbers import Number, UnboundedNumber, decimal_of, read_fraction
from pik.domain.shared.places import values_at

KEYWORD: Final = "x-pik-amount"
NO_CURRENCY: Final = "XXX"
"""ISO 4217's own code for amounts that have no currency."""

_CODES: Final = """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD
    CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL
    GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD
    KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO
    NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD
    SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV
    WST XAF XAG XAU XCD XCG XDR XOF XPD XPF XPT XXX YER ZAR ZMW ZWG
"""
CURRENCIES: Final = frozenset(_CODES.split())
"""ISO 4217. An open set would let one producer grow a day's version without bound."""

_DECIMAL: Final = re.compile(r"-?[0-9]{1,100}(?:\.[0-9]{1,100})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Amount:
    """What an event adds to the sum of its day."""

    value: Decimal
    currency: str = NO_CURRENCY


@dataclass(frozen=True, slots=True)
class UncountedAmount:
    """An amount that is there and cannot be added, and why."""

    reason: str


AmountReading = Amount | UncountedAmount | None


@dataclass(frozen=True, slots=True)
class AmountRule:
    """Where the amount of a type's events is. `texts`: whether a decimal number written as text counts."""

    value: str = "/amount"
    currency: str = "/currency"
    sign: int = 1
    texts: bool = False

    @classmethod
    def of(cls, schema: Mapping[str, Any]) -> Self:
        """The rule of a schema. Raises ValueError for an annotation that says nothing sensible."""
        annotation = schema.get(KEYWORD)
        if annotation is None:
            return cls()
        rule = cls(**{"currency": "", **annotation}, texts=True)
        places = [place for place in (rule.value, rule.currency) if place]
        if rule.sign not in {1, -1} or not rule.value or not all(place.startswith("/") for place in places):
            raise ValueError(f"{KEYWORD}: {annotation!r} names no JSON Pointers, or a sign other than 1 and -1")
        return rule

    def read(self, payload: Any) -> AmountReading:
        """The amount of a payload; None where there is none."""
        given = _at(payload, self.value)
        if given is None:
            return None
        value = self._number(given)
        if value is None:
            return UncountedAmount(f"the amount at {self.value} is not a number")
        currency = _at(payload, self.currency) if self.currency else None
        if currency is None:
            return Amount(self.sign * value)
        if not isinstance(currency, str) or currency not in CURRENCIES:
            return UncountedAmount(f"the currency at {self.currency} is not a code of ISO 4217")
        return Amount(self.sign * value, currency)

    def _number(self, given: Any) -> Decimal | None:
        # bool before int: True is an int in Python
        if isinstance(given, Number) and not isinstance(given, bool):
            return decimal_of(given)
        if not (self.texts and isinstance(given, str) and _DECIMAL.fullmatch(given)):
            return None
        try:
            return decimal_of(read_fraction(given))
        except UnboundedNumber:
            return None


def _at(payload: Any, place: str) -> Any:
    """The value at a place; None where there is none, as for null."""
    return next(iter(values_at(payload, place)), None)


class AmountRules:
    """The rules of all types; a type without a schema has the rule of a schema without an annotation."""

    def __init__(self, schemas: Mapping[str, Mapping[str, Any]]) -> None:
        self._rules = {event_type: AmountRule.of(schema) for event_type, schema in schemas.items()}

    def read(self, event_type: str, payload: Any) -> AmountReading:
        """The amount of an event."""
        return self._rules.get(event_type, _UNANNOUNCED).read(payload)


_UNANNOUNCED: Final = AmountRule()
