"""The request of a replay: a scope, a half-open window, and what to do with what is found there."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from pik.domain.event.rows import entity_key, source_day_key
from pik.domain.http.checks import Checks
from pik.domain.http.strict_json import kind_of
from pik.domain.shared import times
from pik.domain.shared.identity import canonical_json
from pik.domain.shared.limits import MAX_REPLAY_DAYS, MAX_REPLAY_LIMIT, SOURCE_DAY_SHARDS
from pik.domain.shared.problems import InvalidEvent, Problem, pointer

SHARDS: Final = SOURCE_DAY_SHARDS

_NAMES: Final = ("entity_id", "source", "event_type")
_SWITCHES: Final = ("include_duplicates", "dry_run", "shadow")
_MEMBERS: Final = frozenset({*_NAMES, *_SWITCHES, "start_time", "end_time", "limit", "next_token"})
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Partition:
    """Rows under one hash key, in order of their SK. `indexed`: in BySourceDay, else in the table itself."""

    key: str
    indexed: bool


@dataclass(frozen=True, slots=True)
class ReplayFilters:
    """Which events: those of an entity, or of a source and a type, with `start` <= event time < `end`.

    `limit` bounds how many are sent; `shadow` gives the replay a run of its own instead of LIVE.
    """

    start: str
    end: str
    entity_id: str | None = None
    source: str | None = None
    event_type: str | None = None
    limit: int | None = None
    include_duplicates: bool = False
    dry_run: bool = False
    shadow: bool = False

    def columns(self) -> dict[str, Any]:
        """The members as requested, without those that were omitted."""
        named = {
            "entity_id": self.entity_id,
            "source": self.source,
            "event_type": self.event_type,
            "start_time": self.start,
            "end_time": self.end,
            "limit": self.limit,
            "include_duplicates": self.include_duplicates,
            "dry_run": self.dry_run,
            "shadow": self.shadow,
        }
        return {name: value for name, value in named.items() if value is not None}

    @property
    def digest(self) -> str:
        """What binds a token to these filters; 32 hex digits."""
        return hashlib.sha256(canonical_json(self.columns())).hexdigest()[:32]

    @property
    def first_key(self) -> str:
        """No row of the window has a smaller SK."""
        return f"TS#{self.start}"

    @property
    def last_key(self) -> str:
        """Every row of the window has a smaller SK, because a key goes on after its time."""
        return f"TS#{self.end}"

    def holds(self, event_time: str) -> bool:
        """Whether a normalised time lies in the window."""
        return self.start <= event_time < self.end

    @property
    def partition_count(self) -> int:
        """How many partitions hold the window's rows."""
        return 1 if self.entity_id is not None else days_touched(self.start, self.end) * SHARDS

    def partition(self, number: int) -> Partition:
        """One of them, in order of days."""
        if self.entity_id is not None:
            return Partition(entity_key(self.entity_id), indexed=False)
        days, shard = divmod(number, SHARDS)
        day = (_date(self.start) + timedelta(days=days)).isoformat()
        return Partition(source_day_key(str(self.source), str(self.event_type), day, shard), indexed=True)


def days_touched(start: str, end: str) -> int:
    """UTC days with a moment in `[start, end)`; both normalised, `start` the earlier."""
    last = (times.to_datetime(end) - _MICROSECOND).date()
    return (last - _date(start)).days + 1


def read_request(value: Any, *, dry_run: bool) -> tuple[ReplayFilters, str | None]:
    """The filters of a parsed body, and its next_token. `dry_run`: the stack's switch, which no request lifts.

    Raises InvalidEvent with everything that is wrong.
    """
    if not isinstance(value, dict):
        raise InvalidEvent([Problem("body", "request_not_an_object", {"given": kind_of(value)})])
    members = {name: given for name, given in value.items() if given is not None}
    checks = Checks(pointer)
    checks.refuse(members.keys() - _MEMBERS)
    scope = _read_scope(checks, members)
    start, end = _read_window(checks, members)
    limit = checks.whole(members, "limit", 1, MAX_REPLAY_LIMIT, None)
    switches = {name: checks.switch(members, name, default=False) for name in _SWITCHES}
    token = checks.text(members, "next_token")
    checks.finish(by_place=True)
    filters = ReplayFilters(
        start,
        end,
        **scope,
        limit=limit,
        include_duplicates=switches["include_duplicates"],
        dry_run=switches["dry_run"] or dry_run,
        shadow=switches["shadow"],
    )
    return filters, token


def _read_scope(checks: Checks, members: Mapping[str, Any]) -> dict[str, Any]:
    """An entity, or a source with a type."""
    given = [name for name in _NAMES if name in members]
    if not given:
        checks.include([Problem("body", "replay_without_scope")])
    elif "entity_id" in given and len(given) > 1:
        checks.include([Problem("body", "replay_with_two_scopes")])
    elif "entity_id" not in given:
        for name in ("source", "event_type"):
            if name not in given:
                checks.add(name, "missing_member", member=name)
    return {name: checks.optional(members, name) for name in given}


def _read_window(checks: Checks, members: Mapping[str, Any]) -> tuple[str, str]:
    """Both ends, which must be given; an empty text for one that has a problem."""
    for name in ("start_time", "end_time"):
        if name not in members:
            checks.add(name, "unscoped_window", member=name)
    start, end = checks.time(members, "start_time") or "", checks.time(members, "end_time") or ""
    if not (start and end):
        return start, end
    if start >= end:
        checks.add("start_time", "empty_window", start=start, end=end)
    elif "entity_id" not in members and days_touched(start, end) > MAX_REPLAY_DAYS:
        checks.add("end_time", "window_too_long", days=days_touched(start, end), maximum=MAX_REPLAY_DAYS)
    return start, end


def _date(text: str) -> date:
    return times.to_datetime(text).date()
