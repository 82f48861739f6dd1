"""A run's hold on its letters: minutes at first, the rest of the run only when it lasts longer, and its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from pik.domain.redrive.message import Entry
from pik.domain.redrive.state import RedriveState
from pik.domain.shared import times
from pik.domain.shared.failures import error_code
from pik.domain.shared.redrive_limits import REDRIVE_HOLD_SECONDS, REDRIVE_PART_MESSAGES
from pik.domain.shared.row import Row
from pik.observability import logger

if TYPE_CHECKING:
    from pik.adapters.s3.redrive_files import RedriveFiles
    from pik.adapters.sqs.dead_letter_queue import DeadLetterQueue

_GONE: Final = frozenset({"InvalidParameterValue", "ReceiptHandleIsInvalid"})
"""What SQS says of a receipt whose message was deleted, or received again by somebody else."""

_VISIBLE: Final = frozenset({"MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight"})
"""What it says of a receipt whose message is visible again."""


class LetterHold:
    """Extends and ends the hold of a run on what it has not sent."""

    def __init__(self, letters: DeadLetterQueue, files: RedriveFiles, now: Callable[[], datetime]) -> None:
        self._letters = letters
        self._files = files
        self._now = now

    def extend(self, state: RedriveState, start: int, wait_seconds: int) -> Row:
        """Holds what is in the selection from `start` on to the end of the run, if it would otherwise be visible again
        before a step that begins in `wait_seconds` is over. Returns what the run's row must say of that.

        Most runs are over before the hold of their freeze is, so they never extend it. Raises LookupError.
        """
        if not state.outlives_hold(times.from_datetime(self._now() + timedelta(seconds=wait_seconds)), start):
            return {}
        until = times.from_datetime(self._now() + timedelta(seconds=REDRIVE_HOLD_SECONDS))
        failed: dict[str, Exception] = {}
        for at in range(start, state.count, REDRIVE_PART_MESSAGES):
            entries = self._entries(state, at, min(at + REDRIVE_PART_MESSAGES, state.count))
            failed |= self._letters.hold_receipts(receipts_of(entries), REDRIVE_HOLD_SECONDS)
        lost, stuck = _split(failed)
        logger.info("hold extended", run_id=state.run_id, count=state.count - start, until=until)
        if lost:
            # They are sent all the same: an event that somebody else sends too counts once.
            logger.warning("letters are not held any more", run_id=state.run_id, count=len(lost))
        if stuck:
            error = next(iter(stuck.values()))
            logger.warning("not extended: the next step tries again", run_id=state.run_id, exc_info=error)
            return {}
        return {"held_until": until}

    def give_back(self, state: RedriveState) -> tuple[int, int]:
        """Makes what was not sent visible again: how many letters that are, and how many are not there any more: an
        attempt that died had sent them, or somebody deleted them."""
        left = state.count - state.sent_to
        if left <= 0:
            return 0, 0
        try:
            entries = self._entries(state, state.sent_to, state.count)
        except LookupError:
            logger.exception(
                "nothing can be released: visible again when the hold ends", run_id=state.run_id, count=left
            )
            return left, 0
        lost, stuck = _split(self._letters.release_receipts(receipts_of(entries)))
        gone = sum(error_code(error) in _GONE for error in lost.values())
        if stuck:
            logger.warning("not released: visible again when the hold ends", run_id=state.run_id, count=len(stuck))
        return left - gone, gone

    def _entries(self, state: RedriveState, start: int, end: int) -> list[Entry]:
        return self._files.entries(state.run_id, state.frozen_at, start, end)


def receipts_of(entries: Sequence[Entry]) -> dict[str, str]:
    """The receipts of letters by message id."""
    return {entry.message_id: entry.receipt for entry in entries}


def _split(failed: Mapping[str, Exception]) -> tuple[dict[str, Exception], dict[str, Exception]]:
    """The letters that this run does not hold any more, and those of which that is not known."""
    lost = {it: error for it, error in failed.items() if error_code(error) in _GONE | _VISIBLE}
    return lost, {it: error for it, error in failed.items() if it not in lost}
