"""The freeze of a redrive: what a run takes is fixed before anything moves."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pik.domain.redrive import freeze as redrive_freeze
from pik.domain.redrive.freeze import JUDGED, SweepGoal
from pik.domain.redrive.request import RESCUE, RedriveRequest
from pik.domain.redrive.selection import explained
from pik.domain.shared import times
from pik.domain.shared.redrive_limits import FREEZE_HOLD_SECONDS, MAX_REDRIVE_ALL, REDRIVE_RESERVE_MS
from pik.domain.shared.row import Row

if TYPE_CHECKING:
    from pik.adapters.dynamodb.failure_reader import FailureReader
    from pik.adapters.s3.redrive_files import RedriveFiles
    from pik.adapters.sqs.dead_letter_queue import DeadLetterQueue, QueueState
    from pik.flows.invocation import TimeLeft


class Freezer:
    """Receives dead letters once, keeps those that are wanted hidden, and writes them to S3."""

    def __init__(
        self,
        letters: DeadLetterQueue,
        files: RedriveFiles,
        ledger: FailureReader,
        max_receive_count: int,
    ) -> None:
        self._letters = letters
        self._files = files
        self._ledger = ledger
        self._max_receive_count = max_receive_count

    def freeze(
        self, run_id: str, request: RedriveRequest, state: QueueState, now: str, time_left: TimeLeft
    ) -> tuple[Row, dict[str, Exception]]:
        """What a run takes: `frozen_at`, `frozen` (messages), `totals`, and `in_flight` and `held_until` or the `files`
        of a rescue; and the ids of letters that it does not take and could not release, with the reason: they are
        visible again when the hold ends.

        Repeated by a step whose answer was lost, it answers what was written first. Raises LookupError where what the
        request names is gone.
        """
        return self._take(run_id, request, state, now, time_left)

    def _take(
        self, run_id: str, request: RedriveRequest, state: QueueState, now: str, time_left: TimeLeft
    ) -> tuple[Row, dict[str, Exception]]:
        """Sweeps the queue. What it does not keep is visible again, also when it raises."""
        criteria = request.criteria
        if request.manifest_id:
            criteria = redrive_freeze.with_manifest(criteria, self._files.get_manifest(request.manifest_id))
        most = redrive_freeze.most_of(request, criteria)
        wanted = SweepGoal(criteria, most, now, state.retention_seconds, lambda: time_left() < REDRIVE_RESERVE_MS)
        attributes = ("All",) if request.action == RESCUE else JUDGED
        swept = self._letters.sweep(FREEZE_HOLD_SECONDS, MAX_REDRIVE_ALL, wanted.enough, state, attributes)
        letters = swept.letters
        try:
            unknown = redrive_freeze.needing_ledger(letters, criteria)
            known = self._ledger.latest(unknown) if unknown else {}
            letters = [explained(it, known.get(redrive_freeze.ledger_name(it))) for it in letters]
            choice = redrive_freeze.choose(
                letters, criteria, most, now, state.retention_seconds, complete=swept.complete
            )
            entries = redrive_freeze.entries_of(choice, request, self._max_receive_count)
            held = self._letters.release(choice.refused)
            found = {
                "frozen_at": now,
                "frozen": len(entries),
                "totals": choice.totals(),
                "in_flight": state.in_flight,
                "complete": choice.complete,
                "held_until": times.from_datetime(times.to_datetime(now) + timedelta(seconds=FREEZE_HOLD_SECONDS)),
            }
            first = self._files.put_selection(run_id, found, entries)
        except Exception:
            # Nobody will take these now, and they would stay hidden for the hold.
            self._letters.release(swept.letters)
            raise
        if first["frozen_at"] != now:  # another attempt of this step was first; what this one holds, it gives back
            held |= self._letters.release(choice.taken)
        return first, held
