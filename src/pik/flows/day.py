"""An entity's day: how it is read, and how versions are appended until the given events are counted."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from pik.domain.process.batch import Contended, DayOutcome
from pik.domain.process.versions import DayKey, Past, VersionWrite, in_doubt, plan_version
from pik.domain.shared import times
from pik.domain.shared.failures import DeadlineNear
from pik.domain.shared.limits import (
    DEADLINE_RESERVE_MS,
    MAX_VERSION_ATTEMPTS,
    MAX_VERSION_BACKOFF_SECONDS,
    VERSION_BACKOFF_SECONDS,
)

if TYPE_CHECKING:
    from pik.adapters.dynamodb.aggregate_store import AggregateStore
    from pik.adapters.dynamodb.applied_events import AppliedEvents
    from pik.domain.process.inputs import Input

Left = Callable[[], int]  # milliseconds of the function's time that are left


class DayReader:
    """The reads of AggregatesTable and AppliedTable that together say what was counted."""

    def __init__(self, days: AggregateStore, applied: AppliedEvents) -> None:
        self._days = days
        self._applied = applied

    def look(self, key: DayKey, event_ids: Sequence[str]) -> Past:
        """The day's latest version and which of these events it counted: one read, two on a big day.

        Raises RowsUnprocessed, ClientError, and botocore's exceptions for what never got an answer.
        """
        latest = self._days.latest(key)
        return Past.of(latest, event_ids, self._applied.versions(key, in_doubt(latest, event_ids)))


class DayWriter:
    """Counts events in an entity's day: reads it, plans the next version and writes that; if another processor was
    first, reads again."""

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
        """The current state of the day. Raises as DayReader does."""
        return self._reader.look(key, event_ids)

    def count(self, key: DayKey, events: Sequence[Input], past: Past | Exception, time_left: Left) -> DayOutcome:
        """Never raises: written versions stay, and a failure concerns the other events alone."""
        tally = DayOutcome(key)
        try:
            if isinstance(past, Exception):
                raise past
            self._count(tally, events, past, time_left)
        # Any failure is the outcome of the remaining events, whose messages fail with it.
        except Exception as error:  # noqa: BLE001
            tally.error = error
        return tally

    def _count(self, tally: DayOutcome, events: Sequence[Input], past: Past, time_left: Left) -> None:
        latest, pending, lost = past.latest, tally.sift(past, events), 0
        while pending:
            if time_left() < DEADLINE_RESERVE_MS:
                raise DeadlineNear(f"less than {DEADLINE_RESERVE_MS} ms are left")
            step = plan_version(tally.key, latest, pending, times.from_datetime(self._now()))
            if self._write(step):
                latest, lost = step.version, 0
                tally.add(latest)
                pending = pending[len(latest.added) :]
                continue
            # The SDK repeats a put whose answer was lost, and then finds its own version, which must be announced.
            tally.contested |= set(step.version.added)
            lost += 1
            if lost == MAX_VERSION_ATTEMPTS:
                raise Contended(f"{lost} writes in a row lost their race for {tally.key}")
            self._sleep(_backoff(lost))
            past = self.look(tally.key, [event.work.event_id for event in pending])
            latest, pending = past.latest, tally.sift(past, pending)

    def _write(self, step: VersionWrite) -> bool:
        """Whether the version was written. The markers come first, because readers of the version rely on them."""
        self._applied.mark(step.markers)
        return self._days.append(step.version)


def _backoff(lost: int) -> float:
    longest = min(VERSION_BACKOFF_SECONDS * 2 ** (lost - 1), MAX_VERSION_BACKOFF_SECONDS)
    return random.uniform(0, longest)  # noqa: S311 (jitter, not a secret)
