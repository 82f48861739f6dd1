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

from pik.domain.redrive.confirm import Outcome
from pik.domain.redrive.message import Entry
from pik.domain.redrive.request import REDRIVE, RESCUE
from pik.domain.redrive.selection import ALREADY_PUT_BACK
from pik.domain.redrive.state import RedriveState, Wave
from pik.domain.shared import times
from pik.domain.shared.foreign import ForeignReader
from pik.domain.shared.limits import MAX_FAILURE_MESSAGE_CHARS, MAX_FINGERPRINT_CHARS, MAX_NAME_CHARS
from pik.domain.shared.redrive_limits import CANARY_WAIT_SECONDS, REDRIVE_MAX_CHECKS, REDRIVE_RUN_SECONDS
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
    found in an aggregate, of the events that were looked for. `outcome`: of all letters, once all are sent."""

    failing: Mapping[str, Mapping[str, Any]]
    applied: frozenset[str] = frozenset()
    outcome: Outcome | None = None

    @classmethod
    def of(
        cls, rows: Iterable[Mapping[str, Any]], applied: Iterable[str] = (), outcome: Outcome | None = None
    ) -> WaveEvidence:
        """`rows` of the ledger, the last first."""
        failing: dict[str, Mapping[str, Any]] = {}
        for row in rows:
            failing.setdefault(str(row.get("event_id") or row.get("PK", "")), row)
        return cls(failing, frozenset(applied), outcome)

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
    """No other wave. `stopped` is why, empty when nothing is left; `because` are the facts for a person. `outcome` is
    None where it was not looked up."""

    waves: tuple[Wave, ...]
    stopped: str = ""
    because: Mapping[str, Any] = field(default_factory=dict)
    outcome: Outcome | None = None


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


def _onward(state: RedriveState, waves: tuple[Wave, ...], seen: WaveEvidence, now: str) -> Wait | Send | End:
    if state.waves and state.waves[-1].size == state.waves[-1].failed:
        return _stop(state, waves, seen, NOTHING_SENT)
    if state.all_sent:
        if _is_worth_waiting(state, waves, seen.outcome) and not _is_late(state, now):
            return Wait(CANARY_WAIT_SECONDS, waves)
        return End(waves, outcome=seen.outcome)
    if _is_late(state, now):
        return _stop(state, waves, seen, OUT_OF_TIME)
    return Send(state.sent_to, state.sent_to + state.next_size(), waves)


def _is_worth_waiting(state: RedriveState, waves: tuple[Wave, ...], outcome: Outcome | None) -> bool:
    """Whether events that were sent and not yet decided are looked up again: once in any case, and then for as long as
    each check finds that more of them are decided."""
    if outcome is None or not outcome.waiting or waves[-1].checks >= REDRIVE_MAX_CHECKS:
        return False
    return waves[-1].checks == 1 or sum(outcome.decided) > sum(it.decided for it in state.waves)


def _noted(state: RedriveState, seen: WaveEvidence, undecided: int) -> tuple[Wave, ...]:
    """The waves with what is now known of the last."""
    *before, last = state.waves
    failing = max(0, len(seen.failing) - sum(it.failing for it in before))
    # Until all is sent, whether an event was applied is looked up for the first wave of a careful run only.
    decided = last.redriven - undecided if state.request.canary and not before else failing
    waves = (*before, _changed(last, failing=failing, decided=decided, checks=last.checks + 1))
    return seen.outcome.noted(waves) if seen.outcome else waves


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
    return End(waves, reason, because, seen.outcome)


def _is_late(state: RedriveState, now: str) -> bool:
    age = times.to_datetime(now) - times.to_datetime(state.frozen_at)
    return age > timedelta(seconds=REDRIVE_RUN_SECONDS)


def _changed(wave: Wave, **changes: Any) -> Wave:
    return Wave(**{**asdict(wave), **changes})


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


def totals_with(totals: Row, action: str, wave: Wave, *, already: int = 0, doubled: int = 0) -> Row:
    """The totals of a run, another wave included. `already`: letters of a put-back that an earlier one has returned;
    `doubled`: those that may be in the queue twice."""
    done = "rescued" if action == RESCUE else "redriven"
    added = {done: wave.redriven, "failed": wave.failed, "kept": wave.kept} | ({"doubled": doubled} if doubled else {})
    found = {**totals, **{name: totals.get(name, 0) + count for name, count in added.items()}}
    return with_skipped(found, ALREADY_PUT_BACK, already)


def totals_at_end(totals: Row, reason: str, skipped: int, gone: int) -> Row:
    """The totals of a run that ends before all was sent: what is left was skipped, or is not there any more."""
    return with_skipped({**totals, "already_gone": totals["already_gone"] + gone}, reason, skipped)


def with_skipped(totals: Row, reason: str, count: int) -> Row:
    """The totals with so many more skipped for a reason."""
    skipped = totals["skipped"]
    return {**totals, "skipped": {**skipped, reason: skipped.get(reason, 0) + count}} if count else totals
