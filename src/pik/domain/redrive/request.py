"""The request of a redrive, or of its preview: which dead letters, what is done with them, and how carefully."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from pik.domain.http.checks import Checks
from pik.domain.http.strict_json import kind_of, parse_json
from pik.domain.redrive.selection import Criteria
from pik.domain.redrive.transform import Transform, read_transform
from pik.domain.shared import redrive_limits
from pik.domain.shared.failures import Category
from pik.domain.shared.identity import canonical_json
from pik.domain.shared.problems import InvalidEvent, Problem, pointer

REDRIVE: Final = "redrive"
RESCUE: Final = "rescue"
PUT_BACK: Final = "put_back"
ACTIONS: Final = (REDRIVE, RESCUE, PUT_BACK)


@dataclass(frozen=True, slots=True)
class Canary:
    """How a redrive widens: `size` messages first, each further wave `widen` times as many, each judged after
    `wait_seconds` and followed by another only if at most `max_failure_rate` of it failed."""

    size: int = redrive_limits.CANARY_SIZE
    widen: int = redrive_limits.CANARY_WIDEN
    max_failure_rate: float = redrive_limits.CANARY_MAX_FAILURE_RATE
    wait_seconds: int = redrive_limits.CANARY_WAIT_SECONDS


@dataclass(frozen=True, slots=True)
class RedriveRequest:
    """A start. `max_messages` None: all; `canary` None: all in one wave."""

    action: str
    criteria: Criteria
    manifest_id: str | None = None
    max_messages: int | None = redrive_limits.MAX_REDRIVE_MESSAGES
    jitter_seconds: int = 0
    backoff: bool = True
    canary: Canary | None = None
    transform: Transform | None = None
    rescue_id: str | None = None
    again: bool = False
    """Put a rescue back from the start, though it was put back before."""
    dry_run: bool = False
    diffs_only: bool = False
    """Show only what a preview's samples would become; such a request is answered and never stored."""
    samples: int = redrive_limits.PREVIEW_SAMPLES

    def columns(self) -> dict[str, Any]:
        """As a table holds it: no fractions, and what is JSON of any kind as a text."""
        canary, transform = self.canary, self.transform
        return {
            **self._members(),
            "canary": canary and _members_of(canary) | {"max_failure_rate": repr(canary.max_failure_rate)},
            "transform": transform and canonical_json(_members_of(transform)).decode(),
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
            transform=transform and Transform(**parse_json(transform.encode())),
            rescue_id=columns.get("rescue_id"),
            again=columns.get("again", False),
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
            **({"again": True} if self.again else {}),
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
    REDRIVE: _TAKING | {"jitter_seconds", "backoff", "attempt_budget", "canary", "transform", "diffs_only"},
    RESCUE: _TAKING,
    PUT_BACK: _EVERY | {"rescue_id", "again"},
}
"""Action to what can be asked of it."""

_COUNTS: Final = (*_AGES, "expiring_within_seconds", "max_messages", "samples", "attempt_budget")
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
    checks = Checks(lambda member: f"query:{member}")
    members = _by_own_names(checks, {name: value for name, value in query.items() if value != ""})
    checks.refuse(members.keys() - _QUERY)
    for name in _COUNTS:
        if name in members and _WHOLE.fullmatch(members[name]):
            members[name] = int(members[name])
    criteria = Criteria(
        **_read_filters(checks, members),
        min_age_seconds=_read_min_age(checks, members, 0),
        attempt_budget=checks.whole(members, "attempt_budget", 1, redrive_limits.MAX_ATTEMPT_BUDGET, None),
    )
    most = checks.whole(
        members, "max_messages", 1, redrive_limits.MAX_PREVIEW_MESSAGES, redrive_limits.PREVIEW_MESSAGES
    )
    samples = checks.whole(members, "samples", 0, redrive_limits.MAX_PREVIEW_SAMPLES, redrive_limits.PREVIEW_SAMPLES)
    checks.finish(by_place=True)
    return PreviewRequest(criteria, most, samples)


def read_start(value: Any, *, dry_run: bool) -> RedriveRequest:
    """The start that a parsed body asks for. `dry_run`: the stack's switch, which no request lifts.

    Raises InvalidEvent with everything that is wrong.
    """
    if not isinstance(value, dict):
        raise InvalidEvent([Problem("body", "request_not_an_object", {"given": kind_of(value)})])
    checks = Checks(pointer)
    members = _by_own_names(checks, {name: given for name, given in value.items() if given is not None})
    action = checks.one_of(members, "action", ACTIONS) or REDRIVE
    for name in members.keys() - _MEMBERS[action]:
        known = any(name in of_action for of_action in _MEMBERS.values())
        checks.add(name, "not_of_action" if known else "additional_properties", member=name, action=action)
    members = {name: given for name, given in members.items() if name in _MEMBERS[action]}
    request = _read_put_back(checks, members) if action == PUT_BACK else _read_taking(checks, members, action)
    if request.diffs_only:
        _check_diffs_only(checks, request)
    checks.finish(by_place=True)
    return replace(request, dry_run=request.dry_run or dry_run)


def read_cancel(value: Any) -> str:
    """The run that a parsed body asks to stop. Raises InvalidEvent with everything that is wrong."""
    if not isinstance(value, dict):
        raise InvalidEvent([Problem("body", "request_not_an_object", {"given": kind_of(value)})])
    checks = Checks(pointer)
    checks.refuse(value.keys() - {"run_id"})
    if value.get("run_id") is None:
        checks.add("run_id", "missing_member", member="run_id")
    run_id = checks.optional(value, "run_id")
    checks.finish(by_place=True)
    return str(run_id)


def _read_put_back(checks: Checks, members: Mapping[str, Any]) -> RedriveRequest:
    if "rescue_id" not in members:
        checks.add("rescue_id", "missing_member", member="rescue_id")
    return RedriveRequest(
        PUT_BACK,
        Criteria(),
        max_messages=None,
        rescue_id=checks.matching(members, "rescue_id", _RUN_ID),
        again=checks.switch(members, "again", default=False),
        dry_run=checks.switch(members, "dry_run", default=False),
    )


def _read_taking(checks: Checks, members: Mapping[str, Any], action: str) -> RedriveRequest:
    """A redrive or a rescue."""
    manifest_id = checks.matching(members, "manifest_id", _MANIFEST_ID)
    if "manifest_id" in members:
        for name in sorted(members.keys() & _FILTERS):
            checks.add(name, "redrive_with_two_scopes", member=name)
    redrives = action == REDRIVE
    budget = checks.whole(
        members, "attempt_budget", 1, redrive_limits.MAX_ATTEMPT_BUDGET, redrive_limits.REDRIVE_ATTEMPT_BUDGET
    )
    criteria = Criteria(
        **_read_filters(checks, members),
        # A rescue changes nothing about its messages, so it may take those that failed a moment ago.
        min_age_seconds=_read_min_age(checks, members, redrive_limits.REDRIVE_MIN_AGE_SECONDS if redrives else 0),
        attempt_budget=budget if redrives else None,
    )
    force = checks.switch(members, "force", default=False)
    if redrives and not force and criteria.min_age_seconds < redrive_limits.REDRIVE_MIN_AGE_SECONDS:
        checks.add("min_age_seconds", "needs_force", minimum=redrive_limits.REDRIVE_MIN_AGE_SECONDS)
    return RedriveRequest(
        action,
        criteria,
        manifest_id=manifest_id,
        max_messages=_read_max_messages(checks, members),
        jitter_seconds=checks.whole(members, "jitter_seconds", 0, redrive_limits.MAX_JITTER_SECONDS, 0),
        backoff=checks.switch(members, "backoff", default=redrives),
        canary=_read_canary(checks, members) if redrives else None,
        transform=_read_transform(checks, members),
        dry_run=checks.switch(members, "dry_run", default=False),
        diffs_only=checks.switch(members, "diffs_only", default=False),
        samples=checks.whole(members, "samples", 0, redrive_limits.MAX_PREVIEW_SAMPLES, redrive_limits.PREVIEW_SAMPLES),
    )


def _check_diffs_only(checks: Checks, request: RedriveRequest) -> None:
    """Diffs are of a preview's samples, under a transform, and nothing is started."""
    for name, given in (
        ("manifest_id", request.manifest_id),
        ("transform", request.transform),
        ("dry_run", request.dry_run),
    ):
        if not given:
            checks.add("diffs_only", "diffs_only_needs", member=name)


def _by_own_names(checks: Checks, given: Mapping[str, Any]) -> dict[str, Any]:
    """The members by their own names, those of the guides' curl lines translated."""
    for alias in given.keys() & _ALIASES:
        if _ALIASES[alias] in given:
            checks.add(alias, "duplicate_member", member=_ALIASES[alias])
    return {_ALIASES.get(name, name): value for name, value in given.items()}


def _read_filters(checks: Checks, members: Mapping[str, Any]) -> dict[str, Any]:
    """The criteria except the least age and the budget."""
    bound = redrive_limits.MAX_AGE_FILTER_SECONDS
    return {
        "category": checks.one_of(members, "category", tuple(Category)),
        **{name: checks.optional(members, name) for name in _NAMES},
        "max_age_seconds": checks.whole(members, "max_age_seconds", 0, bound, None),
        "expiring_within_seconds": checks.whole(members, "expiring_within_seconds", 1, bound, None),
    }


def _read_min_age(checks: Checks, members: Mapping[str, Any], default: int) -> int:
    least = checks.whole(members, "min_age_seconds", 0, redrive_limits.MAX_AGE_FILTER_SECONDS, default)
    longest = members.get("max_age_seconds")
    if type(longest) is int and longest < least:
        checks.add("max_age_seconds", "minimum", minimum=least)
    return least


def _read_max_messages(checks: Checks, members: Mapping[str, Any]) -> int | None:
    everything = checks.switch(members, "all", default=False)
    if everything and "max_messages" not in members:
        return None
    most = members.get("max_messages")
    if (
        not everything
        and type(most) is int
        and redrive_limits.MAX_REDRIVE_MESSAGES < most <= redrive_limits.MAX_REDRIVE_ALL
    ):
        checks.add("max_messages", "needs_all", maximum=redrive_limits.MAX_REDRIVE_MESSAGES)
        return None
    return checks.whole(members, "max_messages", 1, redrive_limits.MAX_REDRIVE_ALL, redrive_limits.MAX_REDRIVE_MESSAGES)


def _read_canary(checks: Checks, members: Mapping[str, Any]) -> Canary | None:
    value = members.get("canary", {})
    if value is False:
        return None
    if not isinstance(value, dict):
        checks.add("canary", "wrong_type", member="canary", expected="object, boolean")
        return None
    inner = checks.within("canary", pointer)
    inner.refuse(value.keys() - _CANARY)
    return Canary(
        inner.whole(value, "size", 1, redrive_limits.MAX_CANARY_SIZE, redrive_limits.CANARY_SIZE),
        inner.whole(value, "widen", 1, redrive_limits.MAX_CANARY_WIDEN, redrive_limits.CANARY_WIDEN),
        inner.share(value, "max_failure_rate", redrive_limits.CANARY_MAX_FAILURE_RATE),
        inner.whole(
            value, "wait_seconds", 1, redrive_limits.MAX_CANARY_WAIT_SECONDS, redrive_limits.CANARY_WAIT_SECONDS
        ),
    )


def _read_transform(checks: Checks, members: Mapping[str, Any]) -> Transform | None:
    if "transform" not in members:
        return None
    try:
        return read_transform(members["transform"], pointer("transform"))
    except InvalidEvent as error:
        checks.include(error.problems)
        return None
