"""The redrive API: look at the dead letters, start a redrive of some, see how it goes, stop it.

A preview and a dry start read the letters and give them back at once. A start writes the run down and leaves the work
to the state machine (`redrive_step`), which also does what a start of hours needs: waves, waiting, going on.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from pik.adapters.client.failures import AWS_FAILURES
from pik.adapters.dynamodb.failure_reader import FailureReader
from pik.adapters.dynamodb.run_store import RunStore
from pik.adapters.s3.raw_store import RawStore
from pik.adapters.s3.redrive_files import RedriveFiles
from pik.adapters.sqs.dead_letter_queue import DeadLetterQueue, QueueState
from pik.adapters.stepfunctions import StateMachine
from pik.domain.event.envelope import stored_payload
from pik.domain.http import answers
from pik.domain.http.front_door import HttpCall
from pik.domain.http.messages import Language
from pik.domain.http.responses import Response, response, unavailable
from pik.domain.http.strict_json import parse_json
from pik.domain.http.validation import SchemaRegistry
from pik.domain.process.dead_letters import DeadLetter
from pik.domain.redrive import preview as redrive_preview
from pik.domain.redrive import put_back
from pik.domain.redrive import run as redrive_run
from pik.domain.redrive.freeze import LetterChoice, SweepGoal, choose, ledger_name, most_of
from pik.domain.redrive.message import Entry, entry_of, with_payload
from pik.domain.redrive.put_back import HOLDER
from pik.domain.redrive.request import PUT_BACK, RESCUE, RedriveRequest, read_cancel, read_preview, read_start
from pik.domain.redrive.selection import ALREADY_PUT_BACK, Criteria, explained
from pik.domain.redrive.transform import Transform
from pik.domain.shared import times
from pik.domain.shared.failures import Failure, is_passing
from pik.domain.shared.problems import InvalidEvent, Problem
from pik.domain.shared.redrive_limits import (
    MAX_PREVIEW_MESSAGES,
    PREVIEW_HOLD_SECONDS,
    PREVIEW_LEDGER_ROWS,
    PREVIEW_RESERVE_MS,
    PREVIEW_THREADS,
)
from pik.domain.shared.row import Row
from pik.domain.shared.runs import is_run_id
from pik.flows.invocation import InvocationContext
from pik.flows.router import Router
from pik.observability import logger
from pik.schemas import load_schemas
from pik.settings import RedriveSettings
from pik.workers import Workers

if TYPE_CHECKING:
    from pik.adapters.client.clients import Clients


@dataclass(frozen=True, slots=True)
class Sight:
    """What one sweep saw, of a queue in the state in which it was before: which letters it would take."""

    queue: QueueState
    choice: LetterChoice

    def describe(self, now: str) -> answers.Json:
        counts = {"visible": self.queue.visible, "in_flight": self.queue.in_flight, "delayed": self.queue.delayed}
        return redrive_preview.describe(self.choice, counts, now, self.queue.retention_seconds)


class RedriveApiFlow:
    """One request at a time; everything that it needs from outside is passed in."""

    def __init__(
        self,
        settings: RedriveSettings,
        clients: Clients,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        chance: Callable[[], str] = lambda: secrets.token_hex(4),
    ) -> None:
        self._settings = settings
        self._now = now
        self._chance = chance
        self._workers = Workers(PREVIEW_THREADS)
        self._dead = DeadLetterQueue(clients.sqs, settings.dead_letter_queue_url, self._workers)
        self._failures = FailureReader(clients.dynamodb, settings.failures_table, self._workers)
        self._runs = RunStore(clients.dynamodb, settings.runs_table)
        self._files = RedriveFiles(clients.s3, settings.raw_bucket)
        self._raw = RawStore(clients.s3, settings.raw_bucket)
        self._machine = StateMachine(clients.stepfunctions, settings.state_machine_arn)
        routes = {
            "GET /redrive/preview": self._preview,
            "POST /redrive/start": self._start,
            "GET /redrive/{run_id}": self._show,
            "POST /redrive/cancel": self._cancel,
        }
        self._router = Router(routes, now)

    def __call__(self, event: Mapping[str, Any], context: InvocationContext) -> Response:
        return self._router(event, context)

    def _preview(self, call: HttpCall, context: InvocationContext) -> Response:
        preview = read_preview(call.query)
        sight = self._look(preview.criteria, preview.max_messages, call, context)
        choice, now, retention = sight.choice, call.received_at, sight.queue.retention_seconds
        picked = redrive_preview.picked(choice.taken, preview.samples)
        ledger = self._failures.rows(map(ledger_name, picked), PREVIEW_LEDGER_ROWS)
        receives = self._settings.max_receive_count
        samples = [
            redrive_preview.sample(it, ledger.get(ledger_name(it), []), now, retention, receives) for it in picked
        ]
        manifest_id = None
        if choice.taken and not self._settings.dry_run:
            manifest_id = redrive_run.new_manifest_id(now, self._chance())
            content = redrive_preview.manifest(
                manifest_id, preview, choice, self._entries(picked), call.requested_by, now
            )
            self._files.put_manifest(manifest_id, content)
        logger.info(
            "redrive previewed", manifest_id=manifest_id, requested_by=call.requested_by, matched=len(choice.taken)
        )
        words = redrive_preview.explanation(
            choice, sight.queue.in_flight, now, call.language, dry=self._settings.dry_run
        )
        body = {"manifest_id": manifest_id, **sight.describe(now), "samples": samples, "explanation": words}
        return response(200, body)

    def _look(self, criteria: Criteria, most: int, call: HttpCall, context: InvocationContext) -> Sight:
        """Reads the queue once, until `most` letters match or time is up, and gives every letter back."""
        state = self._dead.state()
        left = context.get_remaining_time_in_millis
        wanted = SweepGoal(
            criteria, most, call.received_at, state.retention_seconds, lambda: left() < PREVIEW_RESERVE_MS
        )
        swept = self._dead.sweep(PREVIEW_HOLD_SECONDS, MAX_PREVIEW_MESSAGES, wanted.enough, state)
        # At once: whatever fails from here on, nobody is kept from these letters.
        kept = self._dead.release(swept.letters)
        if kept:
            error = next(iter(kept.values()))
            logger.warning("letters hidden for a minute more", count=len(kept), exc_info=error)
        ledger = self._failures.latest(ledger_name(it) for it in swept.letters if it.reason is None)
        letters = [explained(it, ledger.get(ledger_name(it))) for it in swept.letters]
        choice = choose(letters, criteria, most, call.received_at, state.retention_seconds, complete=swept.complete)
        return Sight(state, choice)

    def _start(self, call: HttpCall, context: InvocationContext) -> Response:
        request = read_start(call.read_json(), dry_run=self._settings.dry_run)
        if request.action == PUT_BACK:
            rescue = self._rescue(str(request.rescue_id))
            last = self._run(rescue[HOLDER]) if HOLDER in rescue else None
            if problem := put_back.refusal(rescue, last, call.received_at, again=request.again):
                raise InvalidEvent([problem], 409)
            if request.dry_run:
                done = 0 if request.again else put_back.done_of(last)
                return _put_back_rehearsed(request, rescue, done, call.language)
        manifest = self._manifest(request)
        if request.diffs_only:
            return self._show_diffs(request, manifest, call)
        if request.dry_run:
            named = frozenset(manifest["message_ids"]) if manifest else None
            return self._rehearse(request, named, call, context)
        run_id = redrive_run.new_run_id(call.received_at, self._chance())
        request_id = call.request_id
        row = redrive_run.first_record(run_id, request, call.requested_by, request_id, call.received_at)
        self._runs.begin(row)
        try:
            execution = self._machine.start(run_id, {"run_id": run_id})
        except AWS_FAILURES as error:
            self._note_not_started(row, error)
            if not is_passing(error):
                raise
            logger.warning("redrive not started", run_id=run_id, exc_info=True)
            return unavailable(call.accept_language, {"run_id": run_id})
        logger.info("redrive started", run_id=run_id, requested_by=call.requested_by, request=request.columns())
        body = {"run_id": run_id, "status": redrive_run.RUNNING, "state_machine_execution": execution}
        return response(202, body)

    def _rescue(self, run_id: str) -> Row:
        """The row of the rescue to put back. Raises InvalidEvent."""
        row = self._run(run_id)
        if row is None or row["action"] != RESCUE:
            raise InvalidEvent([Problem("/rescue_id", "unknown_rescue", {"given": run_id})])
        return row

    def _manifest(self, request: RedriveRequest) -> Mapping[str, Any] | None:
        """What a preview wrote down, None for a request without a manifest. Raises InvalidEvent."""
        if request.manifest_id is None:
            return None
        manifest = self._files.get_manifest(request.manifest_id)
        if manifest is None:
            raise InvalidEvent([Problem("/manifest_id", "unknown_manifest", {"given": request.manifest_id})])
        found: Mapping[str, Any] = manifest
        return found

    def _show_diffs(self, request: RedriveRequest, manifest: Mapping[str, Any] | None, call: HttpCall) -> Response:
        """What the samples of a preview would become, from its manifest and the raw events: the queue is not read."""
        samples = [Entry.of(columns) for columns in (manifest or {}).get("samples", [])]
        body = {
            "dry_run": True,
            "action": request.action,
            "manifest_id": request.manifest_id,
            "diffs": self._diffs(request.transform, samples),
            "explanation": redrive_preview.no_change(call.language),
        }
        return response(200, body)

    def _rehearse(
        self, request: RedriveRequest, named: frozenset[str] | None, call: HttpCall, context: InvocationContext
    ) -> Response:
        """What a start would do, without doing any of it."""
        criteria = replace(request.criteria, message_ids=named)
        sight = self._look(criteria, most_of(request, criteria), call, context)
        picked = redrive_preview.picked(sight.choice.taken, request.samples)
        body = {
            "dry_run": True,
            "action": request.action,
            **sight.describe(call.received_at),
            "would": redrive_preview.would(sight.choice),
            "diffs": self._diffs(request.transform, self._entries(picked)),
            "explanation": redrive_preview.rehearsal(sight.choice, sight.queue.in_flight, call.language),
        }
        return response(200, body)

    def _entries(self, letters: Iterable[DeadLetter]) -> list[Entry]:
        return [entry_of(letter, self._settings.max_receive_count, whole=False) for letter in letters]

    def _diffs(self, transform: Transform | None, entries: Sequence[Entry]) -> list[answers.Json]:
        if transform is None:
            return []
        diffs: list[answers.Json] = []
        for outcome in self._workers.run(lambda entry: self._diff(transform, entry), entries):
            if isinstance(outcome, Exception):
                raise outcome
            diffs.append(outcome)
        return diffs

    def _diff(self, transform: Transform, entry: Entry) -> answers.Json:
        """The payload of one event before and after; `error` in place of what cannot be shown."""
        work = entry.work
        diff: answers.Json = {"message_id": entry.message_id, "event_id": work.event_id if work else None}
        if work is None:
            return diff | {"error": "the message cannot be read"}
        if work.ref.bucket != self._settings.raw_bucket:
            # A message must not make the function read what it may read for other reasons.
            return diff | {"error": f"the event is in {work.ref.bucket!r}, not in {self._settings.raw_bucket!r}"}
        try:
            data = self._raw.read(work.ref.key, work.ref.offset, work.ref.length)
            payload = stored_payload(work.ref.key, data, work.payload_sha)
            diff["before"] = f"{len(payload)} bytes that are not JSON" if isinstance(payload, bytes) else payload
            body, _ = with_payload(entry, transform, data, _schemas())
        except (Failure, InvalidEvent) as error:
            return diff | {"error": str(error)}
        except AWS_FAILURES as error:
            if is_passing(error):
                raise
            return diff | {"error": str(error)}
        return diff | {"after": parse_json(body)["payload"]}

    def _note_not_started(self, row: Row, error: Exception) -> None:
        """Best effort: the run must not stay RUNNING on record. One that runs all the same is left alone."""
        run_id = row["run_id"]
        changes = {"status": redrive_run.FAILED, "stopped": redrive_run.NOT_STARTED, "updated_at": self._time()}
        try:
            self._runs.change(run_id, changes, {"updated_at": [row["updated_at"]]})
        except AWS_FAILURES:
            logger.warning("run not noted as failed", run_id=run_id, exc_info=True)
        logger.error("state machine not started", run_id=run_id, exc_info=error)

    def _show(self, call: HttpCall, context: InvocationContext) -> Response:
        run_id = call.path.get("run_id", "")
        row = self._run(run_id)
        if row is None:
            raise InvalidEvent([Problem("path:run_id", "unknown_redrive", {"given": run_id})], 404)
        return response(200, redrive_run.describe(row, call.received_at, call.language))

    def _cancel(self, call: HttpCall, context: InvocationContext) -> Response:
        run_id = read_cancel(call.read_json())
        row = self._run(run_id)
        if row is None:
            raise InvalidEvent([Problem("/run_id", "unknown_redrive", {"given": run_id})], 404)
        if self._settings.dry_run and row["status"] in redrive_run.UNDER_WAY:
            return response(200, {"run_id": run_id, "status": row["status"], "dry_run": True})
        changes = {"cancel_requested": True, "status": redrive_run.CANCELLING, "updated_at": call.received_at}
        expected: dict[str, Sequence[Any]] = {"status": redrive_run.UNDER_WAY}
        if redrive_run.is_abandoned(row, call.received_at):
            # No step will run and see the request.
            changes["status"] = redrive_run.CANCELLED
            expected["updated_at"] = [row["updated_at"]]
        changed = False
        if not self._settings.dry_run:
            changed, row = self._runs.change(run_id, changes, expected)
        status = row["status"] if row else "?"
        if not changed:
            problem = Problem("/run_id", "run_is_over", {"given": run_id, "status": status})
            error = answers.error([problem], call.accept_language)
            return response(409, {"error": error, "run_id": run_id, "status": status})
        logger.info("redrive cancelled", run_id=run_id, requested_by=call.requested_by, status=status)
        return response(200, {"run_id": run_id, "status": status})

    def _run(self, run_id: str) -> Row | None:
        """A redrive's row; None when there is none, or it is a replay's."""
        row = self._runs.get(run_id) if is_run_id(run_id) else None
        return row if row and row["kind"] == redrive_run.KIND else None

    def _time(self) -> str:
        return times.from_datetime(self._now())


def _put_back_rehearsed(request: RedriveRequest, rescue: Row, done: int, language: Language) -> Response:
    """`done`: messages that an earlier put-back has returned."""
    count = max(0, rescue["totals"]["rescued"] - done)
    body = {
        "dry_run": True,
        "action": request.action,
        "rescue_id": request.rescue_id,
        "would": {"selected": count, "skipped": {ALREADY_PUT_BACK: done} if done else {}},
        "diffs": [],
        "explanation": redrive_run.put_back_rehearsal(count, language),
    }
    return response(200, body)


@cache
def _schemas() -> SchemaRegistry:
    """Built when the first transform is rehearsed: few requests need it. An event that is here was accepted once."""
    return SchemaRegistry(load_schemas(), allow_unknown=True)
