"""Payloads against the JSON Schema (2020-12) of their event type; findings name the place and are free of language.

A valid payload is settled by one short-circuiting pass. Only an invalid one pays for collecting what is wrong, and a
hostile one cannot buy much: findings, values looked at, and pattern matching are bounded, and nothing is fetched.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import jsonschema_rs

from pik.domain.http import graphemes
from pik.domain.shared.limits import MAX_DIAGNOSED_VALUES, MAX_ERRORS_PER_EVENT
from pik.domain.shared.places import without
from pik.domain.shared.problems import Problem, pointer

__all__ = ["Problem", "SchemaRegistry"]

_ENTITY_KEYWORD: Final = "x-pik-entity"
_VOLATILE_KEYWORD: Final = "x-pik-volatile"
_IDENTITY_KEYWORD: Final = "x-pik-identity"
_ARRIVAL: Final = "arrival"
_GRAPHEMES_KEYWORD: Final = "maxGraphemes"
_PATTERNS: Final = jsonschema_rs.RegexOptions()  # linear time; look-around and back references fail the build

_BOUNDS: Final[Mapping[str, tuple[str, str]]] = {
    "minLength": ("min_length", "minimum"),
    "maxLength": ("max_length", "maximum"),
    "minimum": ("minimum", "minimum"),
    "maximum": ("maximum", "maximum"),
    "exclusiveMinimum": ("exclusive_minimum", "minimum"),
    "exclusiveMaximum": ("exclusive_maximum", "maximum"),
    "minItems": ("min_items", "minimum"),
    "maxItems": ("max_items", "maximum"),
    "multipleOf": ("multiple_of", "divisor"),
    "pattern": ("pattern", "pattern"),
    "format": ("format", "format"),
}
"""Keywords whose only detail is the value that the schema gives them: code, and the name of the parameter."""

_Token = str | int
_Finding = tuple[tuple[_Token, ...], str, Mapping[str, str | int]]
"""Where, seen from the payload; the code; the parameters."""


class SchemaRegistry:
    """The schemas of the known event types. Validators are built when a type is first met, once.

    `allow_unknown` says whether a type without a schema is accepted as it is.
    """

    def __init__(self, schemas: Mapping[str, Mapping[str, Any]], allow_unknown: bool) -> None:
        self._schemas = schemas
        self._allow_unknown = allow_unknown
        self._validators: dict[str, jsonschema_rs.Validator] = {}

    @property
    def known_types(self) -> tuple[str, ...]:
        """The event types that have a schema, sorted."""
        return tuple(sorted(self._schemas))

    def problems(self, event_type: str, payload: Any, base: str = "/payload") -> list[Problem]:
        """What is wrong with a payload, sorted by place, at most MAX_ERRORS_PER_EVENT; empty when it is valid.

        `payload` is a value as `strict_json` returns it (nesting and integers bounded, no lone surrogates), or the
        bytes of one that is not JSON. Paths start with `base`, the payload's own JSON Pointer. An unknown type that is
        not allowed is one finding, at `/event_type` whatever `base` is. A payload of more than MAX_DIAGNOSED_VALUES
        values gets its first finding.
        Raises ValueError when the type's schema is itself invalid.
        """
        if event_type not in self._schemas:
            return [] if self._allow_unknown else [self._unknown(event_type)]
        if isinstance(payload, bytes):
            return [Problem(base or "body", "payload_not_json" if payload else "payload_missing", {"type": event_type})]
        validator = self._validator(event_type)
        if validator.is_valid(payload):
            return []
        # subschemas of one place may report the same twice
        found = {(*finding[:2], *finding[2].items()): finding for finding in _findings(validator, payload)}
        first = sorted(found.values(), key=_order)[:MAX_ERRORS_PER_EVENT]
        return [Problem(base + pointer(*place) or "body", code, params) for place, code, params in first]

    def entity_member(self, event_type: str) -> str | None:
        """The name of the top-level member that holds the entity of this type, if its schema names one."""
        member = self._schemas.get(event_type, {}).get(_ENTITY_KEYWORD)
        return member if isinstance(member, str) else None

    def bare_members(self, event_type: str) -> tuple[str, ...] | None:
        """The members that a bare payload of this type must have; None when there can be none, because no schema names
        the entity."""
        entity = self.entity_member(event_type)
        if entity is None:
            return None
        return tuple(dict.fromkeys([*self._schemas[event_type].get("required", []), entity]))

    def entity_of(self, event_type: str, payload: Any) -> str | None:
        """The entity that the payload itself names: a string that is not empty, or a whole number as text."""
        member = self.entity_member(event_type)
        if member is None or not isinstance(payload, Mapping):
            return None
        value = payload.get(member)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return value if isinstance(value, str) and value else None

    def comparable(self, event_type: str, payload: Any) -> Any:
        """The payload without what its schema calls volatile: what two attempts to send one event have in common."""
        places = self._schemas.get(event_type, {}).get(_VOLATILE_KEYWORD)
        return without(payload, places) if places else payload

    def is_identified_by_arrival(self, event_type: str) -> bool:
        """Whether an event of this type that has neither key nor time is an event of its own each time it arrives."""
        return bool(self._schemas.get(event_type, {}).get(_IDENTITY_KEYWORD) == _ARRIVAL)

    def _validator(self, event_type: str) -> jsonschema_rs.Validator:
        validator = self._validators.get(event_type)
        if validator is None:  # two threads may both build it; they build the same
            validator = jsonschema_rs.Draft202012Validator(
                dict(self._schemas[event_type]),
                keywords={_GRAPHEMES_KEYWORD: _MaxGraphemes},
                validate_formats=True,
                ignore_unknown_formats=False,
                pattern_options=_PATTERNS,
                offline=True,
                mask="the value",  # messages of the library would else hold the whole value
            )
            self._validators[event_type] = validator
        return validator

    def _unknown(self, event_type: str) -> Problem:
        return Problem("/event_type", "unknown_type", {"given": event_type, "known": ", ".join(self.known_types)})


class _MaxGraphemes:
    """The keyword `maxGraphemes`, as jsonschema-rs wants it. Values that are no strings pass, as with maxLength."""

    def __init__(self, parent_schema: dict[str, Any], value: Any, schema_path: list[str | int]) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise ValueError(f"{_GRAPHEMES_KEYWORD} at {pointer(*schema_path)} must be a whole number, not {value!r}")
        self._maximum = value

    def validate(self, instance: Any) -> None:
        """Raises ValueError, whose text is the maximum."""
        if isinstance(instance, str) and graphemes.exceeds(instance, self._maximum):
            raise ValueError(str(self._maximum))


def _errors(validator: jsonschema_rs.Validator, payload: Any) -> Iterable[jsonschema_rs.ValidationError]:
    if _has_more_values(payload, MAX_DIAGNOSED_VALUES):
        try:
            validator.validate(payload)
        except jsonschema_rs.ValidationError as first:
            return [first]
    return validator.iter_errors(payload)


def _has_more_values(root: Any, maximum: int) -> bool:
    seen = 0
    pending = [root]
    while pending:
        value = pending.pop()
        if isinstance(value, dict | list):
            seen += len(value)
            if seen > maximum:
                return True
            pending.extend(value.values() if isinstance(value, dict) else value)
    return False


def _findings(validator: jsonschema_rs.Validator, payload: Any) -> Iterator[_Finding]:
    for error in _errors(validator, payload):
        place = tuple(error.instance_path)
        kind = error.kind
        match kind.name:
            case "required":
                # at the place where the member belongs, so that the reader finds it by its path alone
                yield (*place, kind.value), "required", {"member": kind.value}
            case "additionalProperties" | "unevaluatedProperties":
                yield from _unexpected(place, kind.value)
            case "falseSchema" if error.schema_path[-1:] == ["additionalProperties"]:
                # so the library reports `additionalProperties: false` in a schema without properties
                yield from _unexpected(place, _at(payload, place))
            case "maxGraphemes":
                count = graphemes.count_graphemes(_at(payload, place))
                yield place, "max_graphemes", {"count": count, "maximum": int(kind.value)}
            case _:
                yield place, *_simple(error, _at(payload, place))


def _unexpected(place: tuple[_Token, ...], members: Iterable[str]) -> Iterator[_Finding]:
    for member in sorted(members)[:MAX_ERRORS_PER_EVENT]:
        yield (*place, member), "additional_properties", {"member": member}


def _simple(error: jsonschema_rs.ValidationError, value: Any) -> tuple[str, Mapping[str, str | int]]:
    name, detail = error.kind.name, error.kind.value
    code, params = "other", {"detail": error.message}
    if name in _BOUNDS:
        code, parameter = _BOUNDS[name]
        return code, {parameter: detail if isinstance(detail, str) else _number(detail)}
    match name:
        case "type":
            code, params = "type", {"expected": ", ".join(detail), "given": _type_name(value)}
        case "enum":
            code, params = "enum", {"allowed": ", ".join(_json(option) for option in detail)}
        case "const":
            code, params = "const", {"allowed": _json(detail)}
        case "uniqueItems":
            code, params = "unique_items", {}
        case "falseSchema":
            code, params = "false_schema", {}
    return code, params


def _at(payload: Any, place: Sequence[_Token]) -> Any:
    for token in place:
        payload = payload[token]
    return payload


def _order(finding: _Finding) -> tuple[list[tuple[int, int, str]], str]:
    tokens, code, _ = finding
    return [(0, token, "") if isinstance(token, int) else (1, 0, token) for token in tokens], code


def _number(value: Any) -> str | int:
    return int(value) if value == int(value) else str(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _type_name(value: Any) -> str:
    # bool before int: True is an int in Python
    for name, kind in _TYPE_NAMES:
        if isinstance(value, kind):
            return name
    raise TypeError(f"{type(value).__name__} is no value of JSON")


_TYPE_NAMES: Final[Sequence[tuple[str, type | tuple[type, ...]]]] = (
    ("null", type(None)),
    ("boolean", bool),
    ("integer", int),
    ("number", (float, Decimal)),
    ("string", str),
    ("array", (list, tuple)),
    ("object", dict),
)
