"""How a redrive widens: the sizes of its waves, what is known of those that were sent, and whether another follows.

A wave is judged by the ledger: each event with a failed attempt under this run is failing. The first wave must be
decided, each event of it failing or in an aggregate, before more is risked; later ones need only not fail too often.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any, Final

from pik.domain.process.versions import DayKey
from pik.domain.redrive.message import Entry
from pik.domain.redrive.request import REDRIVE, RESCUE
from pik.domain.redrive.state import RedriveState, Wave
from pik.domain.shared import times
from pik.domain.shared.foreign import ForeignReader
from pik.domain.shared.limits import (
    BATCH_KEYS,
    MAX_FAILURE_MESSAGE_CHARS,
    MAX_FINGERPRINT_CHARS,
    MAX_NAME_CHARS,
    REDRIVE_CONFIRM_READS,
    REDRIVE_MAX_CHECKS,
    REDRIVE_RUN_SECONDS,
)
from pik.domain.shared.row import Row

FAILING: Final = "too_many_failing"
UNDECIDED: Final = "undecided"
OUT_OF_TIME: Final = "out_of_time"
NOTHING_SENT: Final = "nothing_sent"

_SHOWN_OF_CAUSE: Final = {
    "fingerprint": MAX_FINGERPRINT_CHARS,
    "error_type": MAX_NAME_CHARS,
    "message": MAX_FAILURE_MESSAGE_CHARS,
}
"""What the run's row says of the commonest failure, and how much of it."""


@dataclass(frozen=True, slots=True)
class WaveEvidence:
    """What is known of the events that a run redrove. `failing`: their last ledger rows by event id. `applied`: those
    found in an aggregate, of the events that were looked for."""

    failing: Mapping[str, Mapping[str, Any]]
    applied: frozenset[str] = frozenset()

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]], applied: Iterable[str] = ()) -> WaveEvidence:
        """`rows` of the ledger, the last first."""
        failing: dict[str, Mapping[str, Any]] = {}
        for row in rows:
            failing.setdefault(str(row.get("event_id") or row.get("PK", "")), row)
        return cls(failing, frozenset(applied))

    def undecided(self, events: Iterable[str]) -> int:
        """How many of these have neither failed nor been applied."""
        return len({it for it in events if it not in self.failing and it not in self.applied})

    def commonest(self) -> Mapping[str, Any]:
        """A ledger row of the fingerprint that most events failed with; empty when none failed."""
        if not self.failing:
            return {}
        counts = Counter(str(row.get("fingerprint", "")) for row in self.failing.values())
        ((most, count),) = counts.most_common(1)
        first = next(row for row in self.failing.values() if str(row.get("fingerprint", "")) == most)
        return {**first, "count": count}


@dataclass(frozen=True, slots=True)
class Wait:
    """Look again in a while."""

    seconds: int
    waves: tuple[Wave, ...] | None = None


@dataclass(frozen=True, slots=True)
class Send:
    """The next wave: entries of the selection from `start` up to `end`."""

    start: int
    end: int
    waves: tuple[Wave, ...]


@dataclass(frozen=True, slots=True)
class End:
    """No other wave. `stopped` is why, empty when nothing is left; `because` are the facts for a person."""

    waves: tuple[Wave, ...]
    stopped: str = ""
    because: Mapping[str, Any] = field(default_factory=dict)
    unconfirmed: int = 0


def seconds_until_due(state: RedriveState, now: str) -> int:
    """Seconds before which the last wave cannot be judged: a step that comes too early is a repeated one."""
    if not state.waves or now >= state.waves[-1].due_at:
        return 0
    return math.ceil((times.to_datetime(state.waves[-1].due_at) - times.to_datetime(now)).total_seconds())


def is_judged(state: RedriveState) -> bool:
    """Whether what was sent is looked at before anything else: always before a run widens, and at its end."""
    redrives = state.request.action == REDRIVE and bool(state.waves)
    return redrives and (state.request.canary is not None or state.all_sent)


def first_wave(state: RedriveState, entries: Sequence[Entry]) -> list[Entry]:
    """The entries of the first wave that are on their way. `entries` begin where the selection does."""
    wave = state.waves[0]
    unsent = set(wave.unsent)
    return [it for place, it in enumerate(entries[: wave.size]) if place not in unsent]


def decide(state: RedriveState, seen: WaveEvidence, events: Sequence[str], now: str) -> Wait | Send | End:
    """What a step does. `events`: those of the first wave, while it is the only one."""
    if not is_judged(state):
        return _onward(state, state.waves, seen, now)
    canary = state.request.canary
    undecided = seen.undecided(events)
    waves = _noted(state, seen, undecided)
    if canary and len(seen.failing) > canary.max_failure_rate * state.redriven:
        return _stop(state, waves, seen, FAILING, undecided)
    if canary and len(waves) == 1 and undecided:
        if waves[0].checks < REDRIVE_MAX_CHECKS and not _is_late(state, now):
            return Wait(canary.wait_seconds, waves)
        return _stop(state, waves, seen, UNDECIDED, undecided)
    return _onward(state, waves, seen, now)


def _onward(state: RedriveState, waves: tuple[Wave, ...], seen: WaveEvidence, now: str) -> Send | End:
    if state.waves and state.waves[-1].size == state.waves[-1].failed:
        return _stop(state, waves, seen, NOTHING_SENT)
    if state.all_sent:
        return End(waves, unconfirmed=_unconfirmed(state, waves, seen))
    if _is_late(state, now):
        return _stop(state, waves, seen, OUT_OF_TIME)
    return Send(state.sent_to, state.sent_to + state.next_size(), waves)


def _noted(state: RedriveState, seen: WaveEvidence, undecided: int) -> tuple[Wave, ...]:
    """The waves with what is now known of the last."""
    *before, last = state.waves
    failing = max(0, len(seen.failing) - sum(it.failing for it in before))
    # Whether an event was applied is looked up for the first wave of a careful run, and known of no other.
    decided = last.redriven - undecided if state.request.canary and not before else failing
    return (*before, _changed(last, failing=failing, decided=decided, checks=last.checks + 1))


def _stop(state: RedriveState, waves: tuple[Wave, ...], seen: WaveEvidence, reason: str, undecided: int = 0) -> End:
    common, reader = seen.commonest(), ForeignReader()
    because = {
        "wave": len(waves),
        "redriven": state.redriven,
        "failing": len(seen.failing),
        "undecided": undecided,
        "left": state.count - state.sent_to,
        **{name: reader.text(common, name, most) for name, most in _SHOWN_OF_CAUSE.items()},
        "same_cause": common.get("count", 0),
    }
    return End(waves, reason, because, _unconfirmed(state, waves, seen))


def _unconfirmed(state: RedriveState, waves: Sequence[Wave], seen: WaveEvidence) -> int:
    """The redriven of which nobody knows what became of them; of the first wave it may have been found out before."""
    if state.request.action != REDRIVE:
        return 0
    known = max(len(seen.failing.keys() | seen.applied), sum(it.decided for it in waves))
    return max(0, state.redriven - known)


def _is_late(state: RedriveState, now: str) -> bool:
    age = times.to_datetime(now) - times.to_datetime(state.frozen_at)
    return age > timedelta(seconds=REDRIVE_RUN_SECONDS)


def _changed(wave: Wave, **changes: Any) -> Wave:
    return Wave(**{**asdict(wave), **changes})


def by_day(entries: Iterable[Entry]) -> dict[DayKey, list[str]]:
    """The events of entries by the day that they count towards, each once."""
    days: dict[DayKey, dict[str, None]] = {}
    for entry in entries:
        days.setdefault(DayKey.of(entry.event), {})[entry.event.event_id] = None
    return {key: list(events) for key, events in days.items()}


def few_reads(days: Mapping[DayKey, list[str]]) -> dict[DayKey, list[str]]:
    """As much of the days, the fullest first, as REDRIVE_CONFIRM_READS reads tell about: one of the day itself, and on
    a big day one of the markers of each hundred events."""
    found: dict[DayKey, list[str]] = {}
    left = REDRIVE_CONFIRM_READS
    for key, events in sorted(days.items(), key=lambda it: -len(it[1])):
        part = events[: max(0, left - 1) * BATCH_KEYS]
        if not part:
            break
        found[key] = part
        left -= 1 + math.ceil(len(part) / BATCH_KEYS)
    return found


def in_order(entries: Sequence[Entry], first: int) -> list[Entry]:
    """The order of a selection: the oldest first, which SQS drops first; but the `first` of them are one of each cause
    in turn, for a canary that knows one cause says nothing of the others."""
    oldest = sorted(entries, key=lambda it: (it.sent_at, it.message_id))
    by_cause: dict[str, list[Entry]] = {}
    for entry in oldest:
        by_cause.setdefault(entry.fingerprint, []).append(entry)
    turns = [
        (turn, place, entry) for place, of in enumerate(by_cause.values()) for turn, entry in enumerate(of[:first])
    ]
    ahead = [entry for _, _, entry in sorted(turns, key=lambda turn: turn[:2])[:first]]
    taken = {it.message_id for it in ahead}
    return [*ahead, *(it for it in oldest if it.message_id not in taken)]


def totals_with(totals: Row, action: str, wave: Wave) -> Row:
    """The totals of a run, another wave included."""
    done = "rescued" if action == RESCUE else "redriven"
    added = {done: wave.redriven, "failed": wave.failed, "kept": wave.kept}
    return {**totals, **{name: totals.get(name, 0) + count for name, count in added.items()}}


def totals_at_end(totals: Row, reason: str, skipped: int, gone: int) -> Row:
    """The totals of a run that ends before all was sent: what is left was skipped, or is not there any more."""
    found = {**totals, "skipped": dict(totals["skipped"]), "already_gone": totals["already_gone"] + gone}
    if skipped:
        found["skipped"][reason] = found["skipped"].get(reason, 0) + skipped
    return found
