"""What a redrive changes in a payload: a JMESPath expression makes a new payload, then single places are set."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import jmespath
from jmespath.exceptions import JMESPathError

from pik.domain.http.strict_json import kind_of
from pik.domain.shared.failures import ValidationFailure
from pik.domain.shared.limits import MAX_NESTING
from pik.domain.shared.places import tokens_of
from pik.domain.shared.problems import InvalidEvent, Problem, pointer
from pik.domain.shared.redrive_limits import MAX_JMESPATH_CHARS, MAX_SET_PLACES

_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)
_PAYLOAD: Final = "payload"
_MEMBERS: Final = frozenset({"set", "jmespath"})
_SPACES: Final = re.compile(r"\s+")


class TransformFailed(ValidationFailure):
    """The transform does not fit this payload; the message names the place."""


@dataclass(frozen=True, slots=True)
class Transform:
    """`set`: places and the values to put there. A place is `member.member.0`, with or without `payload.` before it, or
    a JSON Pointer, for members that have dots in their names. `jmespath`: empty, or an expression whose result is the
    new payload; it sees the payload as its root."""

    set: Mapping[str, Any] = field(default_factory=dict)
    jmespath: str = ""

    def apply(self, payload: Any) -> Any:
        """The new payload; the given one is not changed. Raises TransformFailed."""
        if self.jmespath:
            try:
                payload = jmespath.search(self.jmespath, payload)
            except JMESPathError as error:
                raise TransformFailed(f"jmespath: {_one_line(error)}") from error
            if payload is None:
                raise TransformFailed(f"jmespath: {self.jmespath!r} finds nothing in this payload")
        payload = copy.deepcopy(payload) if self.set else payload
        for place, value in self.set.items():
            payload = _put(payload, place, copy.deepcopy(value))
        return payload


def read_transform(value: Any, base: str = "/transform") -> Transform:
    """The transform of a request; `base` is its own JSON Pointer. Raises InvalidEvent with every problem."""
    if not isinstance(value, dict):
        raise InvalidEvent([Problem(base, "wrong_type", {"member": "transform", "expected": "object"})])
    problems = [
        Problem(base + pointer(name), "additional_properties", {"member": name})
        for name in sorted(value.keys() - _MEMBERS)
    ]
    places, expression = value.get("set") or {}, value.get("jmespath") or ""
    if not places and not expression:
        problems.append(Problem(base, "empty_transform"))
    problems += _wrong_places(places, f"{base}/set") + _wrong_expression(expression, f"{base}/jmespath")
    if problems:
        raise InvalidEvent(problems)
    return Transform(places, expression)


def _wrong_places(places: Any, base: str) -> list[Problem]:
    if not isinstance(places, dict):
        return [Problem(base, "wrong_type", {"member": "set", "expected": "object"})]
    if len(places) > MAX_SET_PLACES:
        return [Problem(base, "too_many_places", {"count": len(places), "maximum": MAX_SET_PLACES})]
    return [Problem(base + pointer(place), "bad_place", {"given": place}) for place in places if not _is_place(place)]


def _wrong_expression(expression: Any, base: str) -> list[Problem]:
    if not isinstance(expression, str):
        return [Problem(base, "wrong_type", {"member": "jmespath", "expected": "string"})]
    if len(expression) > MAX_JMESPATH_CHARS:
        return [Problem(base, "too_long", {"member": "jmespath", "maximum": MAX_JMESPATH_CHARS})]
    try:
        if expression:
            jmespath.compile(expression)
    except JMESPathError as error:
        return [Problem(base, "bad_jmespath", {"detail": _one_line(error)})]
    return []


def _is_place(place: str) -> bool:
    tokens = _tokens(place)
    return 0 < len(tokens) <= MAX_NESTING and (place.startswith("/") or all(tokens))


def _tokens(place: str) -> list[str]:
    """The members on the way to a place, outermost first."""
    tokens = tokens_of(place) if place.startswith("/") else place.split(".")
    # A payload that itself has a member of this name is reached by naming it twice.
    return tokens[1:] if tokens[0] == _PAYLOAD else tokens


def _put(payload: Any, place: str, value: Any) -> Any:
    """The payload with `value` at a place; missing objects on the path are created."""
    *way, last = _tokens(place)
    at = payload
    for token in way:
        inner = _inner(at, token, place)
        if inner is None:
            at[token] = inner = {}
        at = inner
    if isinstance(at, list):
        at[_index(at, last, place)] = value
    elif isinstance(at, dict):
        at[last] = value
    else:
        raise TransformFailed(f"set {place}: {last!r} cannot be set in a value of type {kind_of(at)}")
    return payload


def _inner(at: Any, token: str, place: str) -> Any:
    """The value one step further on the path; None if it is missing and an object can be created."""
    if isinstance(at, dict):
        return at.get(token)
    if isinstance(at, list):
        return at[_index(at, token, place)]
    raise TransformFailed(f"set {place}: {token!r} cannot be looked up in a value of type {kind_of(at)}")


def _index(at: list[Any], token: str, place: str) -> int:
    if not _INDEX.fullmatch(token) or int(token) >= len(at):
        raise TransformFailed(f"set {place}: {token!r} is not an index of an array of length {len(at)}")
    return int(token)


def _one_line(error: Exception) -> str:
    return _SPACES.sub(" ", str(error)).strip()
