"""DynamoDB's TTL on DedupeTable: rows are gone at some moment when nobody is about to send."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.simulation import stored
from tests.simulation.service import ServiceContext, SimulatedService
from tests.simulation.workload import WorkloadRequest


class Expiry(SimulatedService):
    """Removes a dedupe row now and then. Only of events that say when they happened: without its dedupe row, one that
    is its payload alone is a new event when it comes again, which is what the TTL promises."""

    def __init__(
        self,
        requests: Sequence[WorkloadRequest],
        context: ServiceContext,
        ingest_rests: Callable[[], bool],
        noticed: Callable[[], None],
    ) -> None:
        super().__init__(context)
        self._ingest_rests = ingest_rests
        self._noticed = noticed
        self._left = self._conditions.expiries
        events = [event for request in requests for event in request.events]
        self._fit = {it.event_id for it in events if it.event_time is not None}

    def can_start(self) -> bool:
        return bool(self._left and self._ingest_rests() and self._rows())

    def start(self) -> None:
        """Let one row go."""
        self._left -= 1
        event_id = self._rng.choice(self._rows())
        self._aws.dynamodb.delete_item(TableName=self._names.dedupe_table, Key={"event_id": {"S": event_id}})
        self._noticed()

    def wake(self) -> None:
        """It never waits for a moment."""

    def _rows(self) -> list[str]:
        rows = stored.rows(self._aws, self._names.dedupe_table)
        return [row["event_id"] for row in rows if row["event_id"] in self._fit]
