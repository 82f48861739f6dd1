"""POST /replay and GET /replay/{run_id}: send a window's stored events through the queue again.

Parse the request, read the index rows of the window, decide which become messages, send them, and report the others
with their reasons. What does not fit the time of one request continues with the token of its answer.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pik.adapters.client.failures import AWS_FAILURES
from pik.adapters.dynamodb.event_reader import EventReader, Page
from pik.adapters.dynamodb.run_store import RunStore
from pik.adapters.sqs.work_queue import WorkQueue
from pik.domain.event.work import Message
from pik.domain.http.front_door import HttpCall
from pik.domain.http.responses import Response, response, unavailable
from pik.domain.replay import run as replay_run
from pik.domain.replay.progress import PageRead, Position, Progress
from pik.domain.replay.request import ReplayFilters, read_request
from pik.domain.replay.run import ReplayOutcome, new_run_id
from pik.domain.replay.token import read_token, write_token
from pik.domain.shared import times
from pik.domain.shared.failures import is_passing
from pik.domain.shared.limits import (
    MAX_SEND_ENTRIES,
    REPLAY_BACKLOG_EVENTS,
    REPLAY_PAGE_ROWS,
    REPLAY_PAGE_ROWS_LEAST,
    REPLAY_RESERVE_MS,
    REPLAY_SEND_EVENTS,
    REPLAY_THREADS,
)
from pik.domain.shared.problems import InvalidEvent, Problem
from pik.domain.shared.runs import is_run_id
from pik.flows.invocation import InvocationContext
from pik.flows.router import Router
from pik.observability import EVENTS_SENT, EVENTS_UNSENT, MetricUnit, logger, metrics
from pik.settings import ReplaySettings
from pik.workers import Workers

if TYPE_CHECKING:
    from pik.adapters.client.clients import Clients


@dataclass(frozen=True, slots=True)
class ReplayCall:
    """One invocation: which run it belongs to, where it begins, and who requested it."""

    run_id: str
    filters: ReplayFilters
    position: Position
    fresh: bool
    requested_by: str
    request_id: str


class ReplayFlow:
    """One request at a time; all of its dependencies are passed in."""

    def __init__(
        self,
        settings: ReplaySettings,
        clients: Clients,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        chance: Callable[[], str] = lambda: secrets.token_hex(4),
    ) -> None:
        self._settings = settings
        self._now = now
        self._chance = chance
        self._workers = Workers(REPLAY_THREADS)
        self._router = Router({"POST /replay": self._start, "GET /replay/{run_id}": self._show}, now)
        self._reader = EventReader(clients.dynamodb_as_sent, settings.events_table)
        self._runs = RunStore(clients.dynamodb, settings.runs_table)
        self._queue = WorkQueue(clients.sqs, settings.work_queue_url, self._workers)

    def __call__(self, event: Mapping[str, Any], context: InvocationContext) -> Response:
        return self._router(event, context)

    def _show(self, call: HttpCall, context: InvocationContext) -> Response:
        run_id = call.path.get("run_id", "")
        row = self._runs.get(run_id) if is_run_id(run_id) else None
        if row is None or row["kind"] != replay_run.KIND:
            raise InvalidEvent([Problem("path:run_id", "unknown_run", {"given": run_id})], 404)
        return response(200, replay_run.describe(row))

    def _start(self, call: HttpCall, context: InvocationContext) -> Response:
        run = self._read(call)
        self._begin(run)
        return self._carry_out(run, call, context)

    def _read(self, call: HttpCall) -> ReplayCall:
        """What is requested. Raises InvalidEvent."""
        filters, token = read_request(call.read_json(), dry_run=self._settings.dry_run)
        run_id, position = new_run_id(call.received_at, self._chance()), Position()
        if token is not None:
            run_id, position = read_token(token, filters)
        return ReplayCall(run_id, filters, position, token is None, call.requested_by, call.request_id)

    def _begin(self, run: ReplayCall) -> None:
        """Writes down who requested what before anything is sent. Raises ClientError."""
        if run.fresh and not run.filters.dry_run:
            row = replay_run.first_record(run.run_id, run.filters, run.requested_by, run.request_id, self._time())
            self._runs.begin(row)

    def _carry_out(self, run: ReplayCall, call: HttpCall, context: InvocationContext) -> Response:
        sweep = _Sweep(run, self._reader, None if run.filters.dry_run else self._queue, self._workers, context)
        try:
            outcome = sweep.run()
        except Exception as error:
            # After any failure the record must not stay RUNNING. Raised again, because the request failed.
            self._note_failure(run, sweep, error)
            raise
        position = sweep.progress.position()
        token = write_token(run.run_id, position, run.filters)
        _observe(run, outcome)
        try:
            self._record(run, outcome, position)
        except AWS_FAILURES as error:
            if not is_passing(error):
                raise
            logger.warning("run not recorded", run_id=run.run_id, exc_info=True)
            return unavailable(call.accept_language, {"run_id": run.run_id, "next_token": token})
        if outcome.status == replay_run.FAILED:
            return unavailable(call.accept_language, {"run_id": run.run_id, "next_token": token})
        more = token if outcome.status == replay_run.PARTIAL else None
        return response(200, replay_run.answer(run.run_id, run.filters, outcome, position, more, call.language))

    def _record(self, run: ReplayCall, outcome: ReplayOutcome, position: Position) -> None:
        if not run.filters.dry_run:
            self._runs.update(run.run_id, replay_run.changes(outcome, position, self._time()))

    def _note_failure(self, run: ReplayCall, sweep: _Sweep, error: Exception) -> None:
        outcome = sweep.outcome(replay_run.FAILED, type(error).__name__)
        try:
            self._record(run, outcome, sweep.progress.position())
        except AWS_FAILURES:
            logger.warning("failed run not recorded", run_id=run.run_id, exc_info=True)

    def _time(self) -> str:
        return times.from_datetime(self._now())


class _Sweep:
    """Reads pages and sends batches concurrently until all is done, time runs out, or something fails."""

    def __init__(
        self,
        run: ReplayCall,
        reader: EventReader,
        queue: WorkQueue | None,
        workers: Workers,
        context: InvocationContext,
    ) -> None:
        self.progress = Progress(run.filters, run.run_id, run.position)
        self._run = run
        self._reader = reader
        self._queue = queue
        self._workers = workers
        self._context = context
        self._pending: list[tuple[PageRead, Future[Page | Exception]]] = []
        self._stopped = ""

    def run(self) -> ReplayOutcome:
        """Raises any failure that is not a transient one of AWS."""
        try:
            while self._step() and not self._stopped and self._has_time():
                pass
        finally:
            # Threads that still run after the answer would continue in the next request.
            wait([future for _, future in self._pending])
        progress = self.progress
        if progress.complete and not self._stopped:
            return self.outcome(replay_run.COMPLETE)
        did_something = progress.sent or progress.failed or progress.skipped()
        return self.outcome(replay_run.PARTIAL if did_something or not self._stopped else replay_run.FAILED)

    def outcome(self, status: str, stopped: str = "") -> ReplayOutcome:
        """What was done so far."""
        progress = self.progress
        return ReplayOutcome(status, progress.sent, progress.skipped(), progress.failed, stopped or self._stopped)

    def _step(self) -> bool:
        """Requests pages, sends a batch, takes the pages that arrived; False when there was nothing to do."""
        progress = self.progress
        if not progress.all_read and progress.backlog < REPLAY_BACKLOG_EVENTS:
            reads = progress.reads()
            self._pending += zip(reads, self._workers.start(self._page, reads), strict=True)
        batch = progress.batch(REPLAY_SEND_EVENTS, MAX_SEND_ENTRIES)
        if batch:
            self._send(batch)
        elif self._pending:
            wait([future for _, future in self._pending], return_when=FIRST_COMPLETED)
        else:
            return False
        self._take()
        return True

    def _page(self, read: PageRead) -> Page:
        left = self.progress.remaining
        rows = REPLAY_PAGE_ROWS if left is None else max(REPLAY_PAGE_ROWS_LEAST, min(left, REPLAY_PAGE_ROWS))
        filters = self._run.filters
        return self._reader.page(read.partition, read.after, filters.first_key, filters.last_key, rows)

    def _send(self, batch: Mapping[int, Message]) -> None:
        failed = self._queue.send(batch) if self._queue else {}
        self.progress.was_sent(batch, failed)
        if failed:
            # The rest of the window would probably fail too; the token continues before the first of these.
            error = next(iter(failed.values()))
            self._stopped = type(error).__name__
            logger.error("messages not sent", run_id=self._run.run_id, count=len(failed), exc_info=error)

    def _take(self) -> None:
        """Hands over the pages that have arrived, in the order of their requests. Raises what a read raised."""
        came = [(read, future) for read, future in self._pending if future.done()]
        self._pending = [(read, future) for read, future in self._pending if not future.done()]
        for read, future in came:
            page = future.result()
            if isinstance(page, Page):
                self.progress.took(read, page.rows, page.read_to)
                continue
            if not is_passing(page):
                raise page
            logger.warning("page not read", run_id=self._run.run_id, partition=read.partition.key, exc_info=page)
            self._stopped = type(page).__name__

    def _has_time(self) -> bool:
        return self._context.get_remaining_time_in_millis() > REPLAY_RESERVE_MS


def _observe(run: ReplayCall, outcome: ReplayOutcome) -> None:
    if not run.filters.dry_run:
        metrics.add_metric(EVENTS_SENT, MetricUnit.Count, outcome.sent)
        metrics.add_metric(EVENTS_UNSENT, MetricUnit.Count, outcome.failed)
        metrics.flush_metrics()
    logger.info(
        "replay answered",
        run_id=run.run_id,
        requested_by=run.requested_by,
        request_id=run.request_id,
        filters=run.filters.columns(),
        status=outcome.status,
        scanned=outcome.scanned,
        sent=outcome.sent,
        skipped=outcome.skipped,
        failed=outcome.failed,
        stopped=outcome.stopped,
    )
