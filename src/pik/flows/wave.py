"""The waves of a redrive: messages go to WorkQueue, and the letters that they were are deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pik.domain.event.fields import RawRef
from pik.domain.redrive import message as redrive_message
from pik.domain.redrive.message import Entry
from pik.domain.redrive.request import RedriveRequest
from pik.domain.redrive.state import Wave
from pik.domain.shared.redrive_limits import MAX_RECEIVE_ENTRIES, WAVE_RESERVE_MS
from pik.domain.shared.row import Row
from pik.observability import EVENTS_SENT, EVENTS_UNSENT, MetricUnit, logger, metrics

if TYPE_CHECKING:
    from pik.adapters.s3.raw_store import RawStore
    from pik.adapters.sqs.dead_letter_queue import DeadLetterQueue
    from pik.adapters.sqs.work_queue import WorkQueue
    from pik.domain.event.envelope import Schemas
    from pik.domain.redrive.transform import Transform
    from pik.flows.invocation import TimeLeft
    from pik.workers import Workers


@dataclass(slots=True)
class WaveOutcome:
    """What became of a pack, or of a whole wave. `unsent` are places in the selection, with the reason."""

    redriven: int = 0
    unsent: dict[int, Exception] = field(default_factory=dict)
    kept: dict[str, Exception] = field(default_factory=dict)
    longest_delay: int = 0
    changed: list[Row] = field(default_factory=list)
    already: int = 0
    """Letters of a put-back that an earlier one has returned."""
    doubled: int = 0
    """Of the letters that were put back, those that may be in the queue twice."""

    def add(self, other: WaveOutcome) -> None:
        self.redriven += other.redriven
        self.unsent |= other.unsent
        self.kept |= other.kept
        self.longest_delay = max(self.longest_delay, other.longest_delay)
        self.changed += other.changed


class WaveSender:
    """Sends the entries of a wave, ten in a task, and deletes at once the letters of those that are in the queue."""

    def __init__(
        self,
        raw: RawStore,
        work: WorkQueue,
        letters: DeadLetterQueue,
        workers: Workers,
        schemas: Schemas,
        chance: Callable[[], float],
    ) -> None:
        self._raw = raw
        self._work = work
        self._letters = letters
        self._workers = workers
        self._chance = chance
        self._schemas = schemas

    def send(
        self, run_id: str, request: RedriveRequest, entries: Mapping[int, Entry], time_left: TimeLeft
    ) -> WaveOutcome:
        """The entries are numbered by their places. What is not sent stays where it is, and is visible again."""

        def send(places: Sequence[int]) -> WaveOutcome:
            if time_left() < WAVE_RESERVE_MS:
                error = TimeoutError("the step's time was up before this pack was begun")
                return WaveOutcome(unsent=dict.fromkeys(places, error))
            return self._send_pack(run_id, request, {place: entries[place] for place in places})

        packs = _tens(entries)
        total = WaveOutcome()
        for places, outcome in zip(packs, self._workers.run(send, packs), strict=True):
            total.add(WaveOutcome(unsent=dict.fromkeys(places, outcome)) if isinstance(outcome, Exception) else outcome)
        # Visible again at once, not when the hold runs out; a receipt that is no longer good needs no release.
        self._letters.release_receipts({entries[place].message_id: entries[place].receipt for place in total.unsent})
        return total

    def _send_pack(self, run_id: str, request: RedriveRequest, entries: Mapping[int, Entry]) -> WaveOutcome:
        sent = WaveOutcome()
        messages = {}
        for place, given in entries.items():
            try:
                entry = self._transformed(run_id, request.transform, given, sent) if request.transform else given
                delay = redrive_message.delay_of(
                    given.event.redrives,
                    backoff=request.backoff,
                    jitter_seconds=request.jitter_seconds,
                    chance=self._chance(),
                )
                messages[place] = redrive_message.redriven(entry, run_id, delay)
            # Whatever is wrong with one event, the others of its pack are sound.
            except Exception as error:  # noqa: BLE001
                sent.unsent[place] = error
        sent.unsent |= self._work.send_pack(messages)
        gone = {entries[place].message_id: entries[place].receipt for place in messages if place not in sent.unsent}
        sent.redriven = len(gone)
        sent.longest_delay = max((it.delay for it in messages.values()), default=0)
        sent.kept = self._letters.delete_pack(gone) if gone else {}
        return sent

    def _transformed(self, run_id: str, transform: Transform, entry: Entry, sent: WaveOutcome) -> Entry:
        """Raises what keeps the new payload from being made or written."""
        work = entry.event
        ref = work.ref
        data = self._raw.read(ref.key, ref.offset, ref.length)
        body, sha = redrive_message.with_payload(entry, transform, data, self._schemas)
        event_id = work.event_id
        key = redrive_message.transformed_key(run_id, event_id, sha)
        self._raw.put(key, body, "application/json", {"run-id": run_id, "event-id": event_id})
        change = {"event_id": event_id, "before": work.payload_sha, "after": sha, "from": ref.key, "to": key}
        sent.changed.append(change)
        return redrive_message.with_ref(entry, RawRef(self._raw.bucket, key, 0, len(body)), sha)


def _tens(places: Iterable[int]) -> list[list[int]]:
    found = list(places)
    return [found[at : at + MAX_RECEIVE_ENTRIES] for at in range(0, len(found), MAX_RECEIVE_ENTRIES)]


def observe(run_id: str, wave: Wave, sent: WaveOutcome) -> None:
    """Metrics and log lines of a wave that was sent."""
    metrics.add_metric(EVENTS_SENT, MetricUnit.Count, sent.redriven)
    metrics.add_metric(EVENTS_UNSENT, MetricUnit.Count, wave.failed)
    metrics.flush_metrics()
    facts: dict[str, Any] = {"wave": wave.number, "size": wave.size, "sent": sent.redriven, "due_at": wave.due_at}
    logger.info("wave sent", run_id=run_id, **facts)
    for problem, failed in (("not sent", sent.unsent), ("sent, and not deleted", sent.kept)):
        if failed:
            error = next(iter(failed.values()))
            logger.error(f"messages {problem}", run_id=run_id, count=len(failed), exc_info=error)
