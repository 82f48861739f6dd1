"""The steps of a redrive, as its state machine calls them: freeze what is taken, send it in waves, finish.

Freeze receives the dead letters once, keeps what is wanted hidden and writes it to S3. Each wave sends the next of them
and deletes those that were sent; before it widens, it looks at what became of the wave before. Finish gives back what
is left. What can follow at once, does. A step may die anywhere and be repeated: what it noted before, the repeat finds,
and what it did not note is done again, which at worst sends an event twice, and an event counts once.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from pik.adapters.client.failures import AWS_FAILURES
from pik.adapters.dynamodb.aggregate_store import AggregateStore
from pik.adapters.dynamodb.applied_events import AppliedEvents
from pik.adapters.dynamodb.failure_reader import FailureReader
from pik.adapters.dynamodb.put_back_marks import PutBackMarks
from pik.adapters.dynamodb.run_store import RunStore
from pik.adapters.s3.raw_store import RawStore
from pik.adapters.s3.redrive_files import RedriveFiles, report_key, rescued_key, selection_key, wave_key
from pik.adapters.sqs.dead_letter_queue import DeadLetterQueue, QueueState
from pik.adapters.sqs.work_queue import WorkQueue
from pik.domain.http.validation import SchemaRegistry
from pik.domain.process.versions import DayKey
from pik.domain.redrive import confirm
from pik.domain.redrive import message as redrive_message
from pik.domain.redrive import run as redrive_run
from pik.domain.redrive import waves as redrive_waves
from pik.domain.redrive.confirm import Outcome, OutcomeTally
from pik.domain.redrive.message import Entry
from pik.domain.redrive.put_back import ROUND
from pik.domain.redrive.request import PUT_BACK, REDRIVE, RESCUE
from pik.domain.redrive.selection import ALREADY_PUT_BACK, CANCELLED, STOPPED
from pik.domain.redrive.state import RedriveState, Wave
from pik.domain.redrive.waves import End, Send, Wait, WaveEvidence
from pik.domain.shared import times
from pik.domain.shared.failures import Failure
from pik.domain.shared.limits import MAX_FAILURE_MESSAGE_CHARS
from pik.domain.shared.redrive_limits import REDRIVE_PART_MESSAGES, REDRIVE_RESERVE_MS, REDRIVE_STEP_MS, SWEEP_THREADS
from pik.domain.shared.row import Row
from pik.flows.day import DayReader
from pik.flows.freeze import Freezer
from pik.flows.hold import LetterHold, receipts_of
from pik.flows.invocation import InvocationContext, TimeLeft
from pik.flows.put_back import PutBack
from pik.flows.wave import WaveOutcome, WaveSender, observe
from pik.observability import logger
from pik.schemas import load_schemas
from pik.settings import RedriveStepSettings
from pik.workers import Workers

if TYPE_CHECKING:
    from pik.adapters.client.clients import Clients

WAVE: Final = "WAVE"
WAIT: Final = "WAIT"
FINISH: Final = "FINISH"
END: Final = "END"

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Next:
    """What comes after a step. `state`: the run as it now is, where the next step may follow at once."""

    step: str
    state: RedriveState | None = None
    wait_seconds: int = 0


class RedriveStepFlow:
    """One step at a time; everything that it needs from outside is handed in."""

    def __init__(
        self,
        settings: RedriveStepSettings,
        clients: Clients,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        chance: Callable[[], float] = random.random,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        self._now = now
        self._chance = chance
        self._workers = Workers(SWEEP_THREADS)
        self._runs = RunStore(clients.dynamodb, settings.runs_table)
        self._files = RedriveFiles(clients.s3, settings.raw_bucket)
        self._letters = DeadLetterQueue(clients.sqs, settings.dead_letter_queue_url, self._workers)
        dead = WorkQueue(clients.sqs, settings.dead_letter_queue_url, self._workers)
        self._ledger = FailureReader(clients.dynamodb, settings.failures_table, self._workers)
        self._freezer = Freezer(self._letters, self._files, self._ledger, settings.max_receive_count)
        self._hold = LetterHold(self._letters, self._files, now)
        marks = PutBackMarks(clients.dynamodb, settings.runs_table)
        self._put_back = PutBack(self._letters, dead, self._files, self._runs, marks)
        applied = AppliedEvents(clients.dynamodb, settings.applied_table, sleep)
        self._days = DayReader(AggregateStore(clients.dynamodb, settings.aggregates_table), applied)
        work = WorkQueue(clients.sqs, settings.work_queue_url, self._workers)
        raw = RawStore(clients.s3, settings.raw_bucket)
        schemas = SchemaRegistry(load_schemas(), allow_unknown=True)
        self._sender = WaveSender(raw, work, self._letters, self._workers, schemas, chance)

    def __call__(self, event: Mapping[str, Any], context: InvocationContext) -> Answer:
        run_id, step, time_left = event["run_id"], event["step"], context.get_remaining_time_in_millis
        if self._settings.dry_run:
            # A stack that was made dry while the run was under way: its messages are visible again when the hold ends.
            logger.warning("dry run: the step does nothing", run_id=run_id, step=step)
            return _answer(run_id, Next(END))
        # What the step needs as well as the row is requested at the same time.
        queue = self._workers.soon(self._letters.state) if step == "freeze" else None
        failed = self._workers.soon(lambda: self._ledger.of_run(run_id)) if step == "wave" else None
        under_way, row = self._runs.change(run_id, {"updated_at": self._time()}, {"status": redrive_run.UNDER_WAY})
        if not under_way or row is None:
            logger.warning("the run is over", run_id=run_id, step=step, status=row and row["status"])
            return _answer(run_id, Next(END))
        state = RedriveState.of(row)
        if queue:
            after = self._freeze(state, queue, time_left)
        elif failed:
            after = self._wave(state, failed, time_left)
        elif step == "finish":
            after = self._finish(state, event.get("error"), time_left)
        else:
            raise ValueError(f"step {step!r} is not known; statemachines/redrive.asl.yaml names the steps")
        # What can follow at once does, while there is time for it: no other invocation is paid for, and nothing is read
        # that this one has just written.
        while after.state is not None and time_left() > REDRIVE_STEP_MS:
            onward = after.step == WAVE
            after = self._wave(after.state, None, time_left) if onward else self._finish(after.state, None, time_left)
        return _answer(run_id, after)

    # --- freeze ---

    def _freeze(self, state: RedriveState, queue: Future[QueueState], time_left: TimeLeft) -> Next:
        if state.frozen_at:
            return Next(WAVE, state)
        if state.cancel_requested:
            return Next(FINISH, state)
        run_id = state.run_id
        request, now = state.request, self._time()
        if request.action == PUT_BACK:
            selection, held = self._put_back.freeze(run_id, request, now), dict[str, Exception]()
        else:
            selection, held = self._freezer.freeze(run_id, request, queue.result(), now, time_left)
        if held:
            error = next(iter(held.values()))
            logger.warning("not released: visible again when the hold ends", count=len(held), exc_info=error)
        names = ("frozen_at", "frozen", "totals", "files", "in_flight", "held_until", ROUND)
        changes: Row = {name: selection[name] for name in names if name in selection}
        changes |= {"selected": selection["totals"]["selected"], "updated_at": self._time()}
        noted, row = self._runs.change(run_id, changes, {"status": redrive_run.UNDER_WAY, "sent_to": [0]})
        logger.info("frozen", run_id=run_id, frozen=selection["frozen"], totals=selection["totals"])
        return Next(WAVE if selection["frozen"] else FINISH, RedriveState.of(row) if noted and row else None)

    # --- wave ---

    def _wave(self, state: RedriveState, failed: Future[list[Row]] | None, time_left: TimeLeft) -> Next:
        if state.cancel_requested or state.stopped:
            return Next(FINISH, state)
        if early := redrive_waves.seconds_until_due(state, self._time()):
            # The wave was sent, and its step is repeated because its answer was lost.
            return Next(WAIT, wait_seconds=early)
        seen, events = self._gather_evidence(state, failed, time_left)
        match redrive_waves.decide(state, seen, events, self._time()):
            case Wait(seconds, waves):
                held = self._hold.extend(state, state.sent_to, seconds)
                self._note(state, {"waves": _columns(waves), **held})
                return Next(WAIT, wait_seconds=seconds)
            case End() as end:
                return self._stop(state, end, time_left)
            case Send() as step:
                return self._send(state, step, time_left)

    def _gather_evidence(
        self, state: RedriveState, failed: Future[list[Row]] | None, time_left: TimeLeft
    ) -> tuple[WaveEvidence, list[str]]:
        """What is known of what was sent; and the events of the first wave, while that is the only one. `failed`: the
        run's failed attempts, where they were requested already."""
        if not redrive_waves.is_judged(state):
            return WaveEvidence({}), []
        rows = failed.result() if failed else self._ledger.of_run(state.run_id)
        entries: list[Entry] = []
        if state.request.canary and len(state.waves) == 1:
            entries = redrive_waves.first_wave(state, self._entries(state, 0, state.waves[0].size))
        events = [entry.event.event_id for entry in entries]
        if state.all_sent:
            outcome, applied = self._confirm(state, rows, time_left)
            return WaveEvidence.of(rows, applied, outcome), events
        return WaveEvidence.of(rows, self._applied(confirm.by_day(entries))), events

    def _confirm(self, state: RedriveState, rows: Sequence[Row], time_left: TimeLeft) -> tuple[Outcome, set[str]]:
        """What became of every letter that the run sent, and the events that were found in an aggregate."""
        tally = OutcomeTally(state, WaveEvidence.of(rows).failing.keys())
        for start in range(0, state.sent_to, REDRIVE_PART_MESSAGES):
            if tally.is_over or time_left() < REDRIVE_RESERVE_MS:
                break
            entries = self._entries(state, start, min(start + REDRIVE_PART_MESSAGES, state.sent_to))
            days = tally.days(entries)
            tally.add(entries, days, self._applied(days))
        return tally.outcome(), tally.applied

    def _applied(self, days: Mapping[DayKey, list[str]]) -> list[str]:
        """Those of the events that are in an aggregate."""
        applied: list[str] = []
        for past in self._workers.run(lambda day: self._days.look(*day), days.items()):
            if isinstance(past, Exception):
                raise past
            applied += past.counted
        return applied

    def _send(self, state: RedriveState, step: Send, time_left: TimeLeft) -> Next:
        request, number = state.request, len(state.waves)
        size = step.end - step.start
        held = self._hold.extend(state, step.start, state.wait_after(size, 0))
        key = ""
        if request.action == PUT_BACK:
            file, turn = state.row["files"][number], state.row.get(ROUND, 0)
            put_back = self._put_back.send(state.run_id, file, step.start, turn, f"{self._time()}#{self._chance()}")
            if put_back is None:
                return self._lost_to_another(state)
            sent = put_back
        else:
            entries = dict(enumerate(self._entries(state, step.start, step.end), step.start))
            if request.action == RESCUE:
                key = rescued_key(state.run_id, number, state.frozen_at)
                sent = self._rescue(key, list(entries.values()))
            else:
                sent = self._sender.send(state.run_id, request, entries, time_left)
        if sent.changed:
            self._files.put(wave_key(state.run_id, number), {"wave": number, "changed": sent.changed})
        now = self._now()
        wait = state.wait_after(size, sent.longest_delay)
        wave = Wave(
            number=number,
            size=size,
            redriven=sent.redriven,
            sent_at=times.from_datetime(now),
            due_at=times.from_datetime(now + timedelta(seconds=wait)),
            unsent=tuple(sorted(sent.unsent)),
            kept=len(sent.kept),
            key=key,
        )
        observe(state.run_id, wave, sent)
        held |= self._hold.extend(state.having(held), step.end, wait)
        changes = {
            **held,
            "sent_to": step.end,
            "waves": _columns((*step.waves, wave)),
            "totals": redrive_waves.totals_with(
                state.totals, request.action, wave, already=sent.already, doubled=sent.doubled
            ),
        }
        noted = self._note(state, changes)
        return Next(WAIT, wait_seconds=wait) if noted and wait else Next(WAVE, noted)

    def _rescue(self, key: str, entries: Sequence[Entry]) -> WaveOutcome:
        """In the file before they are deleted; a repeated step finds its own file, and deletes what is left."""
        self._files.put_lines(key, map(redrive_message.rescued, entries))
        return WaveOutcome(len(entries), kept=self._letters.delete_receipts(receipts_of(entries)))

    def _stop(self, state: RedriveState, end: End, time_left: TimeLeft) -> Next:
        changes = {"waves": _columns(end.waves), "stopped": end.stopped, "because": end.because}
        changes |= _outcome_columns(state, end.outcome)
        if not end.stopped and time_left() > REDRIVE_STEP_MS:  # it finishes at once, and a repeat may judge again
            return Next(FINISH, state.having(changes))
        return Next(FINISH, self._note(state, changes))

    def _note(self, state: RedriveState, changes: Row) -> RedriveState | None:
        """Writes down what a step did, and returns the run. None when another attempt of the step was first: then that
        one's counts stand, and the next step goes on from there."""
        expected = {"status": redrive_run.UNDER_WAY, "sent_to": [state.sent_to]}
        noted, row = self._runs.change(state.run_id, {**changes, "updated_at": self._time()}, expected)
        if noted and row:
            return RedriveState.of(row)
        self._lost_to_another(state)
        return None

    def _lost_to_another(self, state: RedriveState) -> Next:
        logger.warning("another attempt of this step was first", run_id=state.run_id, sent_to=state.sent_to)
        return Next(WAVE)

    def _entries(self, state: RedriveState, start: int, end: int) -> list[Entry]:
        return self._files.entries(state.run_id, state.frozen_at, start, end)

    # --- finish ---

    def _finish(self, state: RedriveState, error: Mapping[str, Any] | None, time_left: TimeLeft) -> Next:
        run_id = state.run_id
        if not state.frozen_at:  # a selection may be there that was not noted
            selection = self._files.get(selection_key(run_id)) or {}
            names = ("frozen_at", "frozen", "totals")
            state = state.having({name: selection[name] for name in names if name in selection})
        status, reason = _how_it_ends(state, failed=bool(error))
        state, skipped, gone = self._give_back(state)
        state = self._with_outcome(state, time_left)
        totals = redrive_waves.totals_at_end(state.totals, reason, skipped, gone)
        now = self._time()
        changes: Row = {
            "status": status,
            "selected": totals["selected"],
            "waves": state.row["waves"],
            "totals": totals,
            **({"outcome": state.row["outcome"]} if "outcome" in state.row else {}),
            "updated_at": now,
            "finished_at": now,
            "report_key": report_key(run_id),
        }
        if error:
            changes |= {"stopped": str(error.get("Error", "error")), "because": {"cause": _short(error.get("Cause"))}}
        report = {name: value for name, value in {**state.row, **changes}.items() if name != "PK"}
        self._files.put(report_key(run_id), report)
        self._runs.change(run_id, changes, {"status": redrive_run.UNDER_WAY})
        logger.info("finished", run_id=run_id, status=status, stopped=report["stopped"], totals=totals)
        return Next(END)

    def _with_outcome(self, state: RedriveState, time_left: TimeLeft) -> RedriveState:
        """The run with what became of its messages, where no step before has found that out: it was stopped, cancelled
        or failed. A table that cannot be read does not keep it from ending."""
        if state.request.action != REDRIVE or not state.waves or "outcome" in state.row:
            return state
        try:
            outcome, _ = self._confirm(state, self._ledger.of_run(state.run_id), time_left)
        except (*AWS_FAILURES, Failure, LookupError):
            logger.exception("what became of the messages is not known", run_id=state.run_id)
            outcome = OutcomeTally(state, frozenset()).outcome()
        waves = outcome.noted(state.waves)
        return state.having({"waves": _columns(waves), **_outcome_columns(state, outcome)})

    def _give_back(self, state: RedriveState) -> tuple[RedriveState, int, int]:
        """Makes what was not sent visible again: how many letters that are, and how many are not there any more."""
        if state.request.action == PUT_BACK:
            return self._account_for_file(state)
        return state, *self._hold.give_back(state)

    def _account_for_file(self, state: RedriveState) -> tuple[RedriveState, int, int]:
        """A put-back that ends in a file of which it has not noted what it sent: its marks say that."""
        left = state.count - state.sent_to
        if left <= 0:
            return state, 0, 0
        file = state.row["files"][len(state.waves)]
        ours, others = self._put_back.tally(state.run_id, file, state.row.get(ROUND, 0))
        totals = {**state.totals, "redriven": state.totals["redriven"] + ours}
        totals = redrive_waves.with_skipped(totals, ALREADY_PUT_BACK, others)
        return state.having({"totals": totals}), left - ours - others, 0

    def _time(self) -> str:
        return times.from_datetime(self._now())


def _answer(run_id: str, after: Next) -> Answer:
    return {"run_id": run_id, "next": after.step, "wait_seconds": after.wait_seconds}


def _columns(waves: Sequence[Wave] | None) -> list[Row]:
    return [wave.columns() for wave in waves or ()]


def _outcome_columns(state: RedriveState, outcome: Outcome | None) -> Row:
    if outcome is None:
        return {}
    return {"totals": {**state.totals, "unconfirmed": outcome.unconfirmed}, "outcome": outcome.columns()}


def _how_it_ends(state: RedriveState, *, failed: bool) -> tuple[str, str]:
    """The status of a run, and the reason for which what is left was not taken."""
    if failed:
        return redrive_run.FAILED, STOPPED
    if state.cancel_requested:
        return redrive_run.CANCELLED, CANCELLED
    return (redrive_run.STOPPED if state.stopped else redrive_run.COMPLETE), STOPPED


def _short(cause: object) -> str:
    return str(cause or "")[:MAX_FAILURE_MESSAGE_CHARS]
