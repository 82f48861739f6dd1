"""The put-back of a rescue: letters go from files to the dead-letter queue again, each once where SQS permits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from pik.adapters.s3.redrive_files import rescued_key
from pik.domain.redrive import message as redrive_message
from pik.domain.redrive import put_back as rules
from pik.domain.redrive import run as redrive_run
from pik.domain.redrive.message import Entry
from pik.domain.redrive.put_back import HOLDER, ROUND, PutBackMark
from pik.domain.redrive.request import RESCUE, RedriveRequest
from pik.domain.redrive.selection import BEING_PUT_BACK
from pik.domain.shared.failures import EntryRefused
from pik.domain.shared.limits import SEND_ROUNDS
from pik.domain.shared.redrive_limits import MAX_PREVIEW_MESSAGES, PREVIEW_HOLD_SECONDS, PUT_BACK_CHUNK
from pik.domain.shared.row import Row
from pik.flows.wave import WaveOutcome
from pik.observability import logger

if TYPE_CHECKING:
    from pik.adapters.dynamodb.put_back_marks import PutBackMarks
    from pik.adapters.dynamodb.run_store import RunStore
    from pik.adapters.s3.redrive_files import RedriveFiles
    from pik.adapters.sqs.dead_letter_queue import DeadLetterQueue
    from pik.adapters.sqs.work_queue import WorkQueue
    from pik.domain.process.dead_letters import DeadLetter

_CLAIMS: Final = 3
"""Attempts to claim a rescue: each that fails was lost to another run, which then puts the rescue back."""


class PutBack:
    """Claims a rescue for a run, and sends its files chunk by chunk."""

    def __init__(
        self, letters: DeadLetterQueue, queue: WorkQueue, files: RedriveFiles, runs: RunStore, marks: PutBackMarks
    ) -> None:
        self._letters = letters
        self._queue = queue
        self._files = files
        self._runs = runs
        self._marks = marks

    def freeze(self, run_id: str, request: RedriveRequest, now: str) -> Row:
        """What the run takes: the files of the rescue; nothing while another run puts it back. Raises LookupError where
        there is no such rescue."""
        totals = redrive_run.no_totals()
        for _ in range(_CLAIMS):
            rescue = self._runs.get(request.rescue_id or "")
            if rescue is None or rescue.get("action") != RESCUE:
                raise LookupError(f"there is no rescue {request.rescue_id!r}")
            files = self._files_of(rescue)
            count = sum(it["size"] for it in files)
            totals = {**totals, "selected": count}
            if rescue.get(HOLDER) != run_id and rules.is_at_work(self._holder(rescue), now):
                break
            if self._claims(rescue, run_id, request):
                claimed = self._runs.get(request.rescue_id or "") or rescue
                return {"frozen_at": now, "frozen": count, "files": files, "totals": totals, ROUND: claimed[ROUND]}
        logger.warning("another run puts this rescue back", run_id=run_id, rescue_id=request.rescue_id)
        skipped = {BEING_PUT_BACK: totals["selected"]}
        return {"frozen_at": now, "frozen": 0, "totals": {**totals, "skipped": skipped}}

    def _files_of(self, rescue: Row) -> list[Row]:
        # A wave that died between its file and its note, and was never repeated, has left letters nowhere else.
        key = rescued_key(rescue["run_id"], len(rescue["waves"]), rescue["frozen_at"]) if "frozen_at" in rescue else ""
        kept = self._files.get_lines(key) if key else None
        return rules.files_of(rescue, [{"key": key, "size": len(kept)}] if kept else [])

    def _holder(self, rescue: Row) -> Row | None:
        return self._runs.get(rescue[HOLDER]) if HOLDER in rescue else None

    def _claims(self, rescue: Row, run_id: str, request: RedriveRequest) -> bool:
        """Whether the rescue is this run's to put back; False when yet another run was first. Its holder is over."""
        holder = rescue.get(HOLDER)
        if holder == run_id:
            return True
        turn = rescue.get(ROUND, 0) + (1 if request.again else 0)
        changes = {HOLDER: run_id, ROUND: turn}
        # Its own name too: the SDK repeats a write whose answer was lost.
        claimed, _ = self._runs.change(rescue["run_id"], changes, {HOLDER: [holder, run_id]})
        return claimed

    def send(self, run_id: str, file: Row, start: int, turn: int, token: str) -> WaveOutcome | None:
        """One file; `start` is the place of its first letter in the selection, `turn` the rescue's round, and `token`
        names this attempt. None when another attempt of the run has taken over. Raises LookupError."""
        lines = self._files.get_lines(file["key"])
        if lines is None:
            raise LookupError(f"the rescued messages are gone: {file['key']}")
        entries = [Entry.of(line) for line in lines]
        done = WaveOutcome()
        for number, places in enumerate(rules.chunks(len(entries), PUT_BACK_CHUNK)):
            mark = PutBackMark(file["key"], turn, number, run_id, token, tuple(places))
            chunk = {place: entries[place] for place in places}
            outcome = self._send_chunk(mark, chunk)
            if outcome is None:
                return None
            last, errors = outcome
            sent = last.sent_by(run_id)
            done.redriven += sent
            done.already += len(chunk) - sent - len(last.todo)
            done.doubled += last.doubled
            done.unsent |= {start + place: errors.get(place, _REFUSED) for place in last.todo}
        return done

    def _send_chunk(
        self, fresh: PutBackMark, entries: Mapping[int, Entry]
    ) -> tuple[PutBackMark, dict[int, Exception]] | None:
        """The chunk's mark when it is done with, and why letters are not back; None when another attempt has it."""
        stored = self._marks.claim(fresh, None)
        mark, errors = fresh, dict[int, Exception]()
        for attempt in range(SEND_ROUNDS):
            if stored is not None:
                if stored.is_done:
                    return stored, errors
                claimed = self._claimed(fresh, stored, entries)
                if claimed is None:
                    return None
                mark = claimed
            report = self._queue.send_each({place: redrive_message.put_back(entries[place]) for place in mark.todo})
            errors = {**report.refused, **report.unknown}
            mark = mark.after(report.refused, report.unknown, report.repeated)
            if not self._marks.note(mark):
                return None
            if mark.is_done or attempt == SEND_ROUNDS - 1:
                break
            stored = mark
        return mark, errors

    def _claimed(self, fresh: PutBackMark, stored: PutBackMark, entries: Mapping[int, Entry]) -> PutBackMark | None:
        """A claim that takes over from the stored one. Where its sender may have died, the queue is read first."""
        present = set[int]() if stored.settled else self._present({place: entries[place] for place in stored.todo})
        mark = stored.claimed(fresh.run_id, fresh.token, present)
        return mark if self._marks.claim(mark, stored) is None else None

    def _present(self, entries: Mapping[int, Entry]) -> set[int]:
        """The places of the entries that are seen in the queue. Letters that others hold at the moment are not."""
        seen: list[DeadLetter] = []

        def enough(letter: DeadLetter) -> bool:
            if rules.present_among(entries, [letter]):
                seen.append(letter)
            return len(seen) >= len(entries) and len(rules.present_among(entries, seen)) == len(entries)

        swept = self._letters.sweep(PREVIEW_HOLD_SECONDS, MAX_PREVIEW_MESSAGES, enough)
        self._letters.release(swept.letters)
        return rules.present_among(entries, swept.letters)

    def tally(self, run_id: str, file: Row, turn: int) -> tuple[int, int]:
        """Letters of a file that this run has put back, and those that an earlier one has: for a run that ends before
        it has noted the file."""
        ours = others = 0
        for number, places in enumerate(rules.chunks(file["size"], PUT_BACK_CHUNK)):
            mark = self._marks.get(PutBackMark(file["key"], turn, number, run_id, "", ()))
            if mark is None:
                continue
            ours += mark.sent_by(run_id)
            others += len(places) - len(mark.todo) - mark.sent_by(run_id)
        return ours, others


_REFUSED: Final = EntryRefused("Unknown", "it was not sent in an earlier attempt")
