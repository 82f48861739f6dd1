"""An entity's day as it grows: versions are appended until the events in hand are in it, whoever else writes."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from pik.adapters.day_reader import DayReader
from pik.domain import times
from pik.domain.aggregates import DayKey, Past, Step, next_step
from pik.domain.failures import DeadlineNear
from pik.domain.limits import (
    DEADLINE_RESERVE_MS,
    MAX_VERSION_ATTEMPTS,
    MAX_VERSION_BACKOFF_SECONDS,
    VERSION_BACKOFF_SECONDS,
)
from pik.domain.processing import Contended, Tally

if TYPE_CHECKING:
    from pik.adapters.aggregate_store import AggregateStore
    from pik.adapters.applied_events import AppliedEvents
    from pik.domain.work import Input

Left = Callable[[], int]  # milliseconds of the function's time


class DayWriter:
    """Counts events in an entity's day: look, ask for the next step, take it; if another processor was first, again."""

    def __init__(
        self,
        days: AggregateStore,
        applied: AppliedEvents,
        now: Callable[[], datetime],
        sleep: Callable[[float], None],
    ) -> None:
        self._days = days
        self._applied = applied
        self._reader = DayReader(days, applied)
        self._now = now
        self._sleep = sleep

    def look(self, key: DayKey, event_ids: Sequence[str]) -> Past:
        """The day as it stands. Raises as DayReader does."""
        return self._reader.look(key, event_ids)

    def count(self, key: DayKey, events: Sequence[Input], past: Past | Exception, time_left: Left) -> Tally:
        """Never raises: versions that were written stand, and a failure belongs to the other events alone."""
        tally = Tally(key)
        try:
            if isinstance(past, Exception):
                raise past
            self._count(tally, events, past, time_left)
        # Whatever it is, it is the outcome of the events that are left, and their messages fail with it.
        except Exception as error:  # noqa: BLE001
            tally.error = error
        return tally

    def _count(self, tally: Tally, events: Sequence[Input], past: Past, time_left: Left) -> None:
        latest, pending, lost = past.latest, tally.sift(past, events), 0
        while pending:
            if time_left() < DEADLINE_RESERVE_MS:
                raise DeadlineNear(f"less than {DEADLINE_RESERVE_MS} ms are left")
            step = next_step(tally.key, latest, pending, times.from_datetime(self._now()))
            if self._write(step):
                latest, lost = step.version, 0
                tally.add(latest)
                pending = pending[len(latest.added) :]
                continue
            # The SDK repeats a put whose answer was lost, and then meets its own version: that one is announced.
            tally.contested |= set(step.version.added)
            lost += 1
            if lost == MAX_VERSION_ATTEMPTS:
                raise Contended(f"{lost} writes in a row lost their race for {tally.key}")
            self._sleep(_backoff(lost))
            past = self.look(tally.key, [it.work.event_id for it in pending])
            latest, pending = past.latest, tally.sift(past, pending)

    def _write(self, step: Step) -> bool:
        """Whether the version was written. The markers come first: whoever can read the version relies on them."""
        self._applied.mark(step.markers)
        return self._days.append(step.version)


def _backoff(lost: int) -> float:
    longest = min(VERSION_BACKOFF_SECONDS * 2 ** (lost - 1), MAX_VERSION_BACKOFF_SECONDS)
    return random.uniform(0, longest)  # noqa: S311 (jitter, not a secret)
