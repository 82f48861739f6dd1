"""An entity's day as it stands: the latest version, and which versions counted the events in hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pik.domain.aggregates import DayKey, Past, in_doubt

if TYPE_CHECKING:
    from pik.adapters.aggregate_store import AggregateStore
    from pik.adapters.applied_events import AppliedEvents


class DayReader:
    """The reads of AggregatesTable and AppliedTable that together say what was counted."""

    def __init__(self, days: AggregateStore, applied: AppliedEvents) -> None:
        self._days = days
        self._applied = applied

    def look(self, key: DayKey, event_ids: Sequence[str]) -> Past:
        """The day's latest version and what became of these events: one read, on a big day two.

        Raises RowsUnprocessed, ClientError, and botocore's exceptions for what never got an answer.
        """
        latest = self._days.latest(key)
        return Past.of(latest, event_ids, self._applied.versions(key, in_doubt(latest, event_ids)))
