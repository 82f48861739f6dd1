"""The request of a replay: a scope, a half-open window, and what to do with what is found there."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from pik.domain.event.rows import entity_key, source_day_key
from pik.domain.http.strict_json import kind_of
from pik.domain.shared import times
from pik.domain.shared.identity import canonical_json
from pik.domain.shared.limits import MAX_NAME_CHARS, MAX_REPLAY_DAYS, MAX_REPLAY_LIMIT, SOURCE_DAY_SHARDS
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
    members = {name: it for name, it in value.items() if it is not None}
    reader = _Reader(members)
    for name in members.keys() - _MEMBERS:
        reader.add(name, "additional_properties", member=name)
    scope = reader.scope()
    start, end = reader.time("start_time"), reader.time("end_time")
    limit = reader.limit()
    switches = {name: reader.switch(name) for name in _SWITCHES}
    token = reader.token()
    reader.window(start, end, by_source="entity_id" not in members)
    reader.finish()
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


class _Reader:
    """Collects what is wrong with a request, so that the caller gets all of it at once."""

    def __init__(self, members: Mapping[str, Any]) -> None:
        self._members = members
        self._found: list[Problem] = []

    def add(self, member: str, code: str, /, **params: str | int) -> None:
        self._found.append(Problem(pointer(member), code, params))

    def finish(self) -> None:
        if self._found:
            raise InvalidEvent(sorted(self._found, key=lambda it: it.path))

    def scope(self) -> dict[str, Any]:
        """An entity, or a source with a type."""
        given = [name for name in _NAMES if name in self._members]
        if not given:
            self._found.append(Problem("body", "replay_without_scope"))
        elif "entity_id" in given and len(given) > 1:
            self._found.append(Problem("body", "replay_with_two_scopes"))
        elif "entity_id" not in given:
            for name in ("source", "event_type"):
                if name not in given:
                    self.add(name, "missing_member", member=name)
        return {name: self._name(name) for name in given}

    def _name(self, member: str) -> str:
        value = self._members[member]
        if not isinstance(value, str):
            self.add(member, "wrong_type", member=member, expected="string")
        elif not value.strip():
            self.add(member, "blank", member=member)
        elif len(value) > MAX_NAME_CHARS:
            self.add(member, "too_long", member=member, maximum=MAX_NAME_CHARS)
        else:
            return value
        return ""

    def time(self, member: str) -> str:
        if member not in self._members:
            self.add(member, "unscoped_window", member=member)
            return ""
        value = self._members[member]
        if not isinstance(value, str):
            self.add(member, "wrong_type", member=member, expected="string")
            return ""
        try:
            return times.normalise(value)
        except times.BadTime as error:
            self.add(member, error.code, **error.params)
            return ""

    def window(self, start: str, end: str, *, by_source: bool) -> None:
        """What two sound times are together."""
        if not (start and end):
            return
        if start >= end:
            self.add("start_time", "empty_window", start=start, end=end)
        elif by_source and days_touched(start, end) > MAX_REPLAY_DAYS:
            self.add("end_time", "window_too_long", days=days_touched(start, end), maximum=MAX_REPLAY_DAYS)

    def limit(self) -> int | None:
        value = self._members.get("limit")
        # bool before int: True is an int in Python
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            self.add("limit", "wrong_type", member="limit", expected="integer")
        elif value is not None and value < 1:
            self.add("limit", "minimum", minimum=1)
        elif value is not None and value > MAX_REPLAY_LIMIT:
            self.add("limit", "maximum", maximum=MAX_REPLAY_LIMIT)
        else:
            return value
        return None

    def switch(self, member: str) -> bool:
        value = self._members.get(member, False)
        if not isinstance(value, bool):
            self.add(member, "wrong_type", member=member, expected="boolean")
            return False
        return value

    def token(self) -> str | None:
        value = self._members.get("next_token")
        if value is not None and not isinstance(value, str):
            self.add("next_token", "wrong_type", member="next_token", expected="string")
            return None
        return value


def _date(text: str) -> date:
    return times.to_datetime(text).date()
