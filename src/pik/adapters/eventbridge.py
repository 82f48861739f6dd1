"""EventBus: publishes announcements in batches and reports which of them the bus did not accept."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from pik.adapters.client.isolation import isolated
from pik.domain.process.versions import BUS_SOURCE, Announcement
from pik.domain.shared.failures import EntryRefused
from pik.domain.shared.limits import BUS_BACKOFF_SECONDS, BUS_ROUNDS, MAX_BUS_BYTES, MAX_BUS_ENTRIES
from pik.domain.shared.packing import packs

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

    from pik.workers import Workers


class EventBus:
    """One bus."""

    def __init__(
        self, events: EventBridgeClient, bus_name: str, workers: Workers, sleep: Callable[[float], None]
    ) -> None:
        self._events = events
        self._bus_name = bus_name
        self._workers = workers
        self._sleep = sleep

    def publish(self, announcements: Sequence[Announcement]) -> dict[str, Exception]:
        """Publishes batches in parallel; entries that EventBridge refuses are sent again, at most BUS_ROUNDS times.

        Returns the ids of those that are not on the bus, with the reason. A call that fails as a whole is final: the
        SDK has repeated it already. One that is refused as a whole because of an entry is made again entry by entry.
        """
        by_id = {it.id: it for it in announcements}
        final: dict[str, Exception] = {}
        refused: dict[str, Exception] = {}
        pending = list(by_id.values())
        for round_number in range(BUS_ROUNDS):
            failed = self._publish_once(pending)
            final |= {it: error for it, error in failed.items() if not isinstance(error, EntryRefused)}
            refused = {it: error for it, error in failed.items() if isinstance(error, EntryRefused)}
            if not refused:
                break
            pending = [by_id[it] for it in refused]
            if round_number + 1 < BUS_ROUNDS:
                self._sleep(random.uniform(0, BUS_BACKOFF_SECONDS * 2**round_number))  # noqa: S311 (jitter)
        return final | refused

    def _publish_once(self, announcements: Sequence[Announcement]) -> dict[str, Exception]:
        batches = list(packs(announcements, _size, MAX_BUS_ENTRIES, MAX_BUS_BYTES))
        failed: dict[str, Exception] = {}
        for batch, outcome in zip(batches, self._workers.run(self._publish_batch, batches), strict=True):
            failed |= {it.id: outcome for it in batch} if isinstance(outcome, Exception) else outcome
        return failed

    def _publish_batch(self, batch: Sequence[Announcement]) -> Mapping[str, Exception]:
        by_id = {it.id: it for it in batch}
        return isolated(lambda ids: self._put([by_id[it] for it in ids]), list(by_id))

    def _put(self, batch: Sequence[Announcement]) -> dict[str, Exception]:
        answer = self._events.put_events(Entries=[self._entry(it) for it in batch])
        if not answer["FailedEntryCount"]:
            return {}
        return {
            it.id: EntryRefused(result["ErrorCode"], result.get("ErrorMessage", ""))
            for it, result in zip(batch, answer["Entries"], strict=True)
            if result.get("ErrorCode")
        }

    def _entry(self, announcement: Announcement) -> PutEventsRequestEntryTypeDef:
        return {
            "EventBusName": self._bus_name,
            "Source": BUS_SOURCE,
            "DetailType": announcement.detail_type,
            "Detail": announcement.detail,
        }


def _size(announcement: Announcement) -> int:
    return len(BUS_SOURCE) + len(announcement.detail_type) + len(announcement.detail.encode())
