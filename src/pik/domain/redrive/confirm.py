"""What became of all that a run redrove: looked up at its end, letter by letter, with a bounded number of reads."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import asdict, dataclass, replace

from pik.domain.process.versions import DayKey
from pik.domain.redrive.message import Entry
from pik.domain.redrive.state import RedriveState, Wave
from pik.domain.shared.limits import BATCH_KEYS
from pik.domain.shared.redrive_limits import OUTCOME_SAMPLES, REDRIVE_CONFIRM_READS
from pik.domain.shared.row import Row


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of the redriven letters, those whose event has failed or is in an aggregate are decided; `decided` counts them by
    wave. `waiting` were looked up and are neither; `unchecked` were not looked up. `samples`: some waiting events."""

    decided: tuple[int, ...]
    waiting: int = 0
    unchecked: int = 0
    samples: tuple[str, ...] = ()

    @property
    def unconfirmed(self) -> int:
        return self.waiting + self.unchecked

    def columns(self) -> Row:
        """As the run's row holds it; the waves have `decided`."""
        columns = asdict(self)
        del columns["decided"]
        return {**columns, "samples": list(self.samples)}

    def noted(self, waves: Sequence[Wave]) -> tuple[Wave, ...]:
        """The waves with what is decided of each."""
        return tuple(replace(wave, decided=count) for wave, count in zip(waves, self.decided, strict=True))


class OutcomeTally:
    """Goes through a run's selection part by part: `days` says what to look up for a part, `add` takes what was found.

    It counts letters and not events: of one event there may be two letters, and both are decided when it is.
    """

    def __init__(self, state: RedriveState, failing: Set[str]) -> None:
        self._state = state
        self._failing = failing
        self._ends = [sum(it.size for it in state.waves[: number + 1]) for number in range(len(state.waves))]
        self._unsent = {place for wave in state.waves for place in wave.unsent}
        self._reads = REDRIVE_CONFIRM_READS
        self._decided = [0] * len(state.waves)
        self._read_to = 0
        self._seen: set[str] = set()
        self._waiting = self._unchecked = 0
        self._samples: dict[str, None] = {}
        self.applied: set[str] = set()

    @property
    def is_over(self) -> bool:
        """Whether no read is left, or no part."""
        return self._reads < _LEAST_READS or self._read_to >= self._state.sent_to

    def days(self, entries: Sequence[Entry]) -> dict[DayKey, list[str]]:
        """The days to read for the next part of the selection, and the events to look for in each."""
        found = few_reads(
            by_day(it for it in self._sent(entries) if it.event.event_id not in self._failing), self._reads
        )
        self._reads -= sum(_reads_of(events) for events in found.values())
        return found

    def add(self, entries: Sequence[Entry], looked_up: Mapping[DayKey, Sequence[str]], applied: Iterable[str]) -> None:
        """What the reads for that part found."""
        self.applied |= set(applied)
        checked = {event_id for events in looked_up.values() for event_id in events}
        for place, entry in enumerate(entries, self._read_to):
            if place in self._unsent:
                continue
            event_id = entry.event.event_id
            self._seen.add(event_id)
            if event_id in self._failing or event_id in self.applied:
                self._decided[self._wave_of(place)] += 1
            elif event_id in checked:
                self._waiting += 1
                self._samples[event_id] = None
            else:
                self._unchecked += 1
        self._read_to += len(entries)

    def outcome(self) -> Outcome:
        """What is known now."""
        decided = tuple(
            count if end <= self._read_to else max(count, wave.decided)
            for count, end, wave in zip(self._decided, self._ends, self._state.waves, strict=True)
        )
        unread = self._state.sent_to - self._read_to
        unread -= sum(place >= self._read_to for place in self._unsent) + len(self._failing - self._seen) * bool(unread)
        samples = tuple(self._samples)[:OUTCOME_SAMPLES]
        return Outcome(decided, self._waiting, self._unchecked + max(0, unread), samples)

    def _sent(self, entries: Sequence[Entry]) -> list[Entry]:
        return [it for place, it in enumerate(entries, self._read_to) if place not in self._unsent]

    def _wave_of(self, place: int) -> int:
        return next(number for number, end in enumerate(self._ends) if place < end)


def by_day(entries: Iterable[Entry]) -> dict[DayKey, list[str]]:
    """The events of entries by the day that they count towards, each once."""
    days: dict[DayKey, dict[str, None]] = {}
    for entry in entries:
        days.setdefault(DayKey.of(entry.event), {})[entry.event.event_id] = None
    return {key: list(events) for key, events in days.items()}


def few_reads(days: Mapping[DayKey, list[str]], reads: int) -> dict[DayKey, list[str]]:
    """As much of the days, the fullest first, as this many reads show: one of the day itself, and on a big day one of
    the markers of each hundred events."""
    found: dict[DayKey, list[str]] = {}
    left = reads
    for key, events in sorted(days.items(), key=lambda it: -len(it[1])):
        part = events[: max(0, left - 1) * BATCH_KEYS]
        if not part:
            break
        found[key] = part
        left -= _reads_of(part)
    return found


def _reads_of(events: Sequence[str]) -> int:
    return 1 + math.ceil(len(events) / BATCH_KEYS)


_LEAST_READS = _reads_of(["one event"])
