"""The request of a redrive, or of its preview: which dead letters, what is done with them, and how carefully."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from pik.domain.http.strict_json import kind_of
from pik.domain.redrive.selection import Criteria
from pik.domain.redrive.transform import Transform, read_transform
from pik.domain.shared import limits
from pik.domain.shared.failures import Category
from pik.domain.shared.problems import InvalidEvent, Problem, pointer

T = TypeVar("T")

REDRIVE: Final = "redrive"
RESCUE: Final = "rescue"
PUT_BACK: Final = "put_back"
ACTIONS: Final = (REDRIVE, RESCUE, PUT_BACK)


@dataclass(frozen=True, slots=True)
class Canary:
    """How a redrive widens: `size` messages first, each further wave `widen` times as many, each judged after
    `wait_seconds` and followed by another only if at most `max_failure_rate` of it failed."""

    size: int = limits.CANARY_SIZE
    widen: int = limits.CANARY_WIDEN
    max_failure_rate: float = limits.CANARY_MAX_FAILURE_RATE
    wait_seconds: int = limits.CANARY_WAIT_SECONDS


@dataclass(frozen=True, slots=True)
class RedriveRequest:
    """A start. `max_messages` None: all; `canary` None: all in one wave."""

    action: str
    criteria: Criteria
    manifest_id: str | None = None
    max_messages: int | None = limits.MAX_REDRIVE_MESSAGES
    jitter_seconds: int = 0
    backoff: bool = True
    canary: Canary | None = None
    transform: Transform | None = None
    rescue_id: str | None = None
    dry_run: bool = False
    samples: int = limits.PREVIEW_SAMPLES

    def columns(self) -> dict[str, Any]:
        """As a table holds it: no fractions, and what is JSON of any kind as a text."""
        canary, transform = self.canary, self.transform
        return {
            **self._members(),
            "canary": canary and _members_of(canary) | {"max_failure_rate": repr(canary.max_failure_rate)},
            "transform": transform and json.dumps(_members_of(transform)),
        }

    @classmethod
    def of(cls, columns: Mapping[str, Any]) -> RedriveRequest:
        """The request of a run's row."""
        canary, transform = columns.get("canary"), columns.get("transform")
        return cls(
            action=columns["action"],
            criteria=Criteria.of(columns["criteria"]),
            manifest_id=columns.get("manifest_id"),
            max_messages=columns.get("max_messages"),
            jitter_seconds=columns["jitter_seconds"],
            backoff=columns["backoff"],
            canary=canary and Canary(**{**canary, "max_failure_rate": float(canary["max_failure_rate"])}),
            transform=transform and Transform(**json.loads(transform)),
            rescue_id=columns.get("rescue_id"),
            dry_run=columns["dry_run"],
            samples=columns["samples"],
        )

    def shown(self) -> dict[str, Any]:
        """As a person reads it."""
        beside = {
            "canary": self.canary and _members_of(self.canary),
            "transform": self.transform and _members_of(self.transform),
        }
        return {name: value for name, value in (self._members() | beside).items() if value is not None}

    def _members(self) -> dict[str, Any]:
        return {
            "action": self.action,
            "criteria": self.criteria.columns(),
            "manifest_id": self.manifest_id,
            "max_messages": self.max_messages,
            "jitter_seconds": self.jitter_seconds,
            "backoff": self.backoff,
            "rescue_id": self.rescue_id,
            "dry_run": self.dry_run,
            "samples": self.samples,
        }


def _members_of(value: Canary | Transform) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}


_NAMES: Final = ("entity_id", "source", "error_type", "fingerprint")
_AGES: Final = ("min_age_seconds", "max_age_seconds")
_FILTERS: Final = ("category", *_NAMES, "max_age_seconds", "expiring_within_seconds")
_EVERY: Final = frozenset({"action", "dry_run"})
_TAKING: Final = _EVERY | {*_FILTERS, "min_age_seconds", "manifest_id", "max_messages", "all", "force", "samples"}
_MEMBERS: Final[Mapping[str, frozenset[str]]] = {
    REDRIVE: _TAKING | {"jitter_seconds", "backoff", "attempt_budget", "canary", "transform"},
    RESCUE: _TAKING,
    PUT_BACK: _EVERY | {"rescue_id"},
}
"""Action to what can be asked of it."""

_COUNTS: Final = (*_AGES, "expiring_within_seconds", "max_messages", "samples")
_QUERY: Final = frozenset({"category", *_NAMES, *_COUNTS})
_CANARY: Final = frozenset({"size", "widen", "max_failure_rate", "wait_seconds"})
_ALIASES: Final = {
    "entityId": "entity_id",
    "errorType": "error_type",
    "maxAgeSeconds": "max_age_seconds",
    "maxMessages": "max_messages",
    "minAgeSeconds": "min_age_seconds",
    "perMessageDelayJitter": "jitter_seconds",
}
_WHOLE: Final = re.compile(r"-?[0-9]{1,15}", re.ASCII)
_MANIFEST_ID: Final = re.compile(r"mft-\d{8}T\d{6}Z-[0-9a-f]{8}", re.ASCII)
_RUN_ID: Final = re.compile(r"rdr-\d{8}T\d{6}Z-[0-9a-f]{8}", re.ASCII)


@dataclass(frozen=True, slots=True)
class PreviewRequest:
    """The request of a preview. `max_messages` bounds how many match."""

    criteria: Criteria
    max_messages: int
    samples: int


def read_preview(query: Mapping[str, str]) -> PreviewRequest:
    """The preview that a query string asks for. Raises InvalidEvent with everything that is wrong."""
    reader = _Reader(lambda member: f"query:{member}")
    members = reader.members({name: value for name, value in query.items() if value != ""})
    reader.refuse(members.keys() - _QUERY)
    for name in _COUNTS:
        if name in members and _WHOLE.fullmatch(members[name]):
            members[name] = int(members[name])
    criteria = Criteria(**reader.filters(members), min_age_seconds=reader.min_age(members, 0))
    most = reader.whole(members, "max_messages", 1, limits.MAX_PREVIEW_MESSAGES, limits.PREVIEW_MESSAGES)
    samples = reader.whole(members, "samples", 0, limits.MAX_PREVIEW_SAMPLES, limits.PREVIEW_SAMPLES)
    reader.finish()
    return PreviewRequest(criteria, most, samples)


def read_start(value: Any, *, dry_run: bool) -> RedriveRequest:
    """The start that a parsed body asks for. `dry_run`: the stack's switch, which no request lifts.

    Raises InvalidEvent with everything that is wrong.
    """
    if not isinstance(value, dict):
        raise InvalidEvent([Problem("body", "request_not_an_object", {"given": kind_of(value)})])
    reader = _Reader(pointer)
    members = reader.members({name: it for name, it in value.items() if it is not None})
    action = reader.one_of(members, "action", ACTIONS) or REDRIVE
    for name in members.keys() - _MEMBERS[action]:
        known = any(name in of_action for of_action in _MEMBERS.values())
        reader.add(name, "not_of_action" if known else "additional_properties", member=name, action=action)
    members = {name: it for name, it in members.items() if name in _MEMBERS[action]}
    request = _put_back(reader, members) if action == PUT_BACK else _taking(reader, members, action)
    reader.finish()
    return replace(request, dry_run=request.dry_run or dry_run)


def read_cancel(value: Any) -> str:
    """The run that a parsed body asks to stop. Raises InvalidEvent with everything that is wrong."""
    if not isinstance(value, dict):
        raise InvalidEvent([Problem("body", "request_not_an_object", {"given": kind_of(value)})])
    reader = _Reader(pointer)
    reader.refuse(value.keys() - {"run_id"})
    if value.get("run_id") is None:
        reader.add("run_id", "missing_member", member="run_id")
    run_id = reader.name(value, "run_id")
    reader.finish()
    return str(run_id)


def _put_back(reader: _Reader, members: Mapping[str, Any]) -> RedriveRequest:
    if "rescue_id" not in members:
        reader.add("rescue_id", "missing_member", member="rescue_id")
    return RedriveRequest(
        PUT_BACK,
        Criteria(),
        max_messages=None,
        rescue_id=reader.matching(members, "rescue_id", _RUN_ID),
        dry_run=reader.switch(members, "dry_run", default=False),
    )


def _taking(reader: _Reader, members: Mapping[str, Any], action: str) -> RedriveRequest:
    """A redrive or a rescue."""
    manifest_id = reader.matching(members, "manifest_id", _MANIFEST_ID)
    if "manifest_id" in members:
        for name in sorted(members.keys() & _FILTERS):
            reader.add(name, "redrive_with_two_scopes", member=name)
    redrives = action == REDRIVE
    budget = reader.whole(members, "attempt_budget", 1, limits.MAX_ATTEMPT_BUDGET, limits.REDRIVE_ATTEMPT_BUDGET)
    criteria = Criteria(
        **reader.filters(members),
        # A rescue changes nothing about its messages, so it may take those that failed a moment ago.
        min_age_seconds=reader.min_age(members, limits.REDRIVE_MIN_AGE_SECONDS if redrives else 0),
        attempt_budget=budget if redrives else None,
    )
    force = reader.switch(members, "force", default=False)
    if redrives and not force and criteria.min_age_seconds < limits.REDRIVE_MIN_AGE_SECONDS:
        reader.add("min_age_seconds", "needs_force", minimum=limits.REDRIVE_MIN_AGE_SECONDS)
    return RedriveRequest(
        action,
        criteria,
        manifest_id=manifest_id,
        max_messages=reader.how_many(members),
        jitter_seconds=reader.whole(members, "jitter_seconds", 0, limits.MAX_JITTER_SECONDS, 0),
        backoff=reader.switch(members, "backoff", default=redrives),
        canary=reader.canary(members) if redrives else None,
        transform=reader.transform(members),
        dry_run=reader.switch(members, "dry_run", default=False),
        samples=reader.whole(members, "samples", 0, limits.MAX_PREVIEW_SAMPLES, limits.PREVIEW_SAMPLES),
    )


class _Reader:
    """Collects what is wrong with a request, so that the caller gets all of it at once."""

    def __init__(self, place: Callable[[str], str]) -> None:
        self._place = place
        self._found: list[Problem] = []

    def add(self, member: str, code: str, /, **params: str | int) -> None:
        self._found.append(Problem(self._place(member), code, params))

    def finish(self) -> None:
        if self._found:
            raise InvalidEvent(sorted(self._found, key=lambda it: it.path))

    def refuse(self, names: Iterable[str]) -> None:
        for name in names:
            self.add(name, "additional_properties", member=name)

    def members(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The members by their own names, those of the guides' curl lines translated."""
        for alias in given.keys() & _ALIASES:
            if _ALIASES[alias] in given:
                self.add(alias, "duplicate_member", member=_ALIASES[alias])
        return {_ALIASES.get(name, name): it for name, it in given.items()}

    def filters(self, members: Mapping[str, Any]) -> dict[str, Any]:
        """The criteria except for the least age."""
        bound = limits.MAX_AGE_FILTER_SECONDS
        return {
            "category": self.one_of(members, "category", tuple(Category)),
            **{name: self.name(members, name) for name in _NAMES},
            "max_age_seconds": self.whole(members, "max_age_seconds", 0, bound, None),
            "expiring_within_seconds": self.whole(members, "expiring_within_seconds", 1, bound, None),
        }

    def min_age(self, members: Mapping[str, Any], default: int) -> int:
        found = self.whole(members, "min_age_seconds", 0, limits.MAX_AGE_FILTER_SECONDS, default)
        longest = members.get("max_age_seconds")
        if type(longest) is int and longest < found:
            self.add("max_age_seconds", "minimum", minimum=found)
        return found

    def how_many(self, members: Mapping[str, Any]) -> int | None:
        everything = self.switch(members, "all", default=False)
        if everything and "max_messages" not in members:
            return None
        most = members.get("max_messages")
        if not everything and type(most) is int and limits.MAX_REDRIVE_MESSAGES < most <= limits.MAX_REDRIVE_ALL:
            self.add("max_messages", "needs_all", maximum=limits.MAX_REDRIVE_MESSAGES)
            return None
        return self.whole(members, "max_messages", 1, limits.MAX_REDRIVE_ALL, limits.MAX_REDRIVE_MESSAGES)

    def canary(self, members: Mapping[str, Any]) -> Canary | None:
        value = members.get("canary", {})
        if value is False:
            return None
        if not isinstance(value, dict):
            self.add("canary", "wrong_type", member="canary", expected="object, boolean")
            return None
        inner = _Reader(lambda member: self._place("canary") + pointer(member))
        inner.refuse(value.keys() - _CANARY)
        canary = Canary(
            inner.whole(value, "size", 1, limits.MAX_CANARY_SIZE, limits.CANARY_SIZE),
            inner.whole(value, "widen", 1, limits.MAX_CANARY_WIDEN, limits.CANARY_WIDEN),
            inner.share(value, "max_failure_rate", limits.CANARY_MAX_FAILURE_RATE),
            inner.whole(value, "wait_seconds", 1, limits.MAX_CANARY_WAIT_SECONDS, limits.CANARY_WAIT_SECONDS),
        )
        self._found += inner._found
        return canary

    def transform(self, members: Mapping[str, Any]) -> Transform | None:
        if "transform" not in members:
            return None
        try:
            return read_transform(members["transform"], self._place("transform"))
        except InvalidEvent as error:
            self._found += error.problems
            return None

    def name(self, members: Mapping[str, Any], member: str) -> str | None:
        value = members.get(member)
        if value is None:
            return None
        if not isinstance(value, str):
            self.add(member, "wrong_type", member=member, expected="string")
        elif not value.strip():
            self.add(member, "blank", member=member)
        elif len(value) > limits.MAX_NAME_CHARS:
            self.add(member, "too_long", member=member, maximum=limits.MAX_NAME_CHARS)
        else:
            return value
        return None

    def one_of(self, members: Mapping[str, Any], member: str, allowed: tuple[str, ...]) -> str | None:
        value = members.get(member)
        if value is None or value in allowed:
            return value
        self.add(member, "enum", allowed=", ".join(allowed))
        return None

    def matching(self, members: Mapping[str, Any], member: str, form: re.Pattern[str]) -> str | None:
        value = self.name(members, member)
        if value is not None and not form.fullmatch(value):
            self.add(member, "pattern", pattern=form.pattern)
            return None
        return value

    def switch(self, members: Mapping[str, Any], member: str, *, default: bool) -> bool:
        value = members.get(member, default)
        if not isinstance(value, bool):
            self.add(member, "wrong_type", member=member, expected="boolean")
            return default
        return value

    def whole(self, members: Mapping[str, Any], member: str, smallest: int, largest: int, default: T) -> int | T:
        if member not in members:
            return default
        value = members[member]
        # bool before int: True is an int in Python
        if isinstance(value, bool) or not isinstance(value, int):
            self.add(member, "wrong_type", member=member, expected="integer")
        elif value < smallest:
            self.add(member, "minimum", minimum=smallest)
        elif value > largest:
            self.add(member, "maximum", maximum=largest)
        else:
            return value
        return default

    def share(self, members: Mapping[str, Any], member: str, default: float) -> float:
        value = members.get(member, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.add(member, "wrong_type", member=member, expected="number")
        elif value < 0:
            self.add(member, "minimum", minimum=0)
        elif value > 1:
            self.add(member, "maximum", maximum=1)
        else:
            return float(value)
        return default
