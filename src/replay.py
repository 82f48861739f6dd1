"""POST /replay and GET /replay/{run_id}: send a window's stored events through the queue again.

Parse what is asked for, read the index rows of the window, decide which become messages, send them, say what became of
the others. What does not fit the time of one request goes on with the token of its answer.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from pik import startup
from pik.adapters.clients import Clients
from pik.adapters.event_reader import EventReader, Page
from pik.adapters.failure_signs import AWS_FAILURES, is_passing
from pik.adapters.invocation import Context
from pik.adapters.run_store import RunStore
from pik.adapters.work_queue import WorkQueue
from pik.adapters.workers import Workers
from pik.domain import answers, replay_run, times
from pik.domain.limits import (
    MAX_SEND_ENTRIES,
    REPLAY_BACKLOG_EVENTS,
    REPLAY_PAGE_ROWS,
    REPLAY_PAGE_ROWS_LEAST,
    REPLAY_RESERVE_MS,
    REPLAY_SEND_EVENTS,
    REPLAY_THREADS,
)
from pik.domain.messages import pick_language
from pik.domain.problems import InvalidEvent, Problem
from pik.domain.replay import Position, Progress, Read
from pik.domain.replay_request import Filters, read_request
from pik.domain.replay_run import Outcome, new_run_id
from pik.domain.replay_token import read_token, write_token
from pik.domain.requests import JSON, body_bytes, media_type
from pik.domain.responses import Response, response, unavailable
from pik.domain.strict_json import parse_json
from pik.domain.work import Message, is_run_id
from pik.observability import EVENTS_SENT, EVENTS_UNSENT, MetricUnit, logged, logger, metrics
from pik.settings import ReplaySettings, environment, in_lambda


@dataclass(frozen=True, slots=True)
class Run:
    """One invocation: which run it belongs to, where it begins, and who asked."""

    run_id: str
    filters: Filters
    position: Position
    fresh: bool
    requested_by: str
    request_id: str


class Replay:
    """One request at a time; everything that it needs from outside is handed in."""

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
        self._reader = EventReader(clients.dynamodb, settings.events_table)
        self._runs = RunStore(clients.dynamodb, settings.runs_table)
        self._queue = WorkQueue(clients.sqs, settings.work_queue_url, self._workers)

    def __call__(self, event: Mapping[str, Any], context: Context) -> Response:
        headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        match event["routeKey"]:
            case "POST /replay":
                return self._post(event, headers, context)
            case "GET /replay/{run_id}":
                return self._get((event.get("pathParameters") or {}).get("run_id", ""), headers)
        problem = Problem("body", "unknown_route", {"given": str(event["routeKey"])})
        return _refusal(404, problem, headers)

    def _get(self, run_id: str, headers: Mapping[str, str]) -> Response:
        try:
            row = self._runs.get(run_id) if is_run_id(run_id) else None
        except AWS_FAILURES as error:
            if not is_passing(error):
                raise
            logger.warning("run not read", run_id=run_id, exc_info=True)
            return unavailable(headers.get("accept-language"))
        if row is None or row["kind"] != replay_run.KIND:
            return _refusal(404, Problem("path:run_id", "unknown_run", {"given": run_id}), headers)
        return response(200, replay_run.shown(row))

    def _post(self, event: Mapping[str, Any], headers: Mapping[str, str], context: Context) -> Response:
        try:
            run = self._asked(event, headers)
        except InvalidEvent as error:
            logger.info("replay refused", problems=[f"{it.path}: {it.code}" for it in error.problems])
            body = {"error": answers.error(error.problems, headers.get("accept-language"))}
            return response(error.status, body)
        try:
            self._begin(run)
        except AWS_FAILURES as error:
            if not is_passing(error):
                raise
            logger.warning("replay not begun", run_id=run.run_id, exc_info=True)
            return unavailable(headers.get("accept-language"))
        return self._carry_out(run, headers, context)

    def _asked(self, event: Mapping[str, Any], headers: Mapping[str, str]) -> Run:
        """Raises InvalidEvent."""
        data = body_bytes(event.get("body"), event.get("isBase64Encoded", False))
        kind = media_type(headers)
        if kind != JSON:
            problem = Problem("header:content-type", "unsupported_media_type", {"given": kind, "supported": JSON})
            raise InvalidEvent([problem], 415)
        value = parse_json(data) if data.strip() else {}
        filters, token = read_request(value, dry_run=self._settings.dry_run)
        run_id, position = new_run_id(self._time(), self._chance()), Position()
        if token is not None:
            run_id, position = read_token(token, filters)
        asked = event["requestContext"]
        who = replay_run.requester(asked)
        return Run(run_id, filters, position, token is None, who, asked["requestId"])

    def _begin(self, run: Run) -> None:
        """Writes down who asks for what before anything is sent. Raises ClientError."""
        if run.fresh and not run.filters.dry_run:
            row = replay_run.first_record(run.run_id, run.filters, run.requested_by, run.request_id, self._time())
            self._runs.begin(row)

    def _carry_out(self, run: Run, headers: Mapping[str, str], context: Context) -> Response:
        sweep = _Sweep(run, self._reader, None if run.filters.dry_run else self._queue, self._workers, context)
        try:
            outcome = sweep.run()
        except Exception as error:
            # Whatever ended it, the run must not stay RUNNING on record. Raised again: it is no success.
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
            return unavailable(headers.get("accept-language"), {"run_id": run.run_id, "next_token": token})
        if outcome.status == replay_run.FAILED:
            return unavailable(headers.get("accept-language"), {"run_id": run.run_id, "next_token": token})
        language = pick_language(headers.get("accept-language"), None)
        more = token if outcome.status == replay_run.PARTIAL else None
        return response(200, replay_run.answer(run.run_id, run.filters, outcome, position, more, language))

    def _record(self, run: Run, outcome: Outcome, position: Position) -> None:
        if not run.filters.dry_run:
            self._runs.update(run.run_id, replay_run.changes(outcome, position, self._time()))

    def _note_failure(self, run: Run, sweep: _Sweep, error: Exception) -> None:
        outcome = sweep.outcome(replay_run.FAILED, type(error).__name__)
        try:
            self._record(run, outcome, sweep.progress.position())
        except AWS_FAILURES:
            logger.warning("failed run not recorded", run_id=run.run_id, exc_info=True)

    def _time(self) -> str:
        return times.from_datetime(self._now())


class _Sweep:
    """Reads pages and sends batches side by side until all is done, time is up, or something fails."""

    def __init__(
        self, run: Run, reader: EventReader, queue: WorkQueue | None, workers: Workers, context: Context
    ) -> None:
        self.progress = Progress(run.filters, run.run_id, run.position)
        self._run = run
        self._reader = reader
        self._queue = queue
        self._workers = workers
        self._context = context
        self._pending: list[tuple[Read, Future[Page | Exception]]] = []
        self._stopped = ""

    def run(self) -> Outcome:
        """Raises what is no passing failure of AWS."""
        try:
            while self._step() and not self._stopped and self._has_time():
                pass
        finally:
            # A function that answers while its threads run would have them go on in the next request.
            wait([future for _, future in self._pending])
        progress = self.progress
        if progress.complete and not self._stopped:
            return self.outcome(replay_run.COMPLETE)
        did_something = progress.sent or progress.failed or progress.skipped()
        return self.outcome(replay_run.PARTIAL if did_something or not self._stopped else replay_run.FAILED)

    def outcome(self, status: str, stopped: str = "") -> Outcome:
        """What was done up to now."""
        progress = self.progress
        return Outcome(status, progress.sent, progress.skipped(), progress.failed, stopped or self._stopped)

    def _step(self) -> bool:
        """Asks for pages, sends a batch, takes the pages that came; False when there was nothing to do."""
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

    def _page(self, read: Read) -> Page:
        left = self.progress.remaining
        rows = REPLAY_PAGE_ROWS if left is None else max(REPLAY_PAGE_ROWS_LEAST, min(left, REPLAY_PAGE_ROWS))
        filters = self._run.filters
        return self._reader.page(read.partition, read.after, filters.first_key, filters.last_key, rows)

    def _send(self, batch: Mapping[int, Message]) -> None:
        failed = self._queue.send(batch) if self._queue else {}
        self.progress.was_sent(batch, failed)
        if failed:
            # The rest of the window would fare no better just now; the token goes on before the first of these.
            some = next(iter(failed.values()))
            self._stopped = type(some).__name__
            logger.error("messages not sent", run_id=self._run.run_id, count=len(failed), exc_info=some)

    def _take(self) -> None:
        """Hands over the pages that are there, in the order in which they were asked for. Raises."""
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


def _observe(run: Run, outcome: Outcome) -> None:
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


def _refusal(status: int, problem: Problem, headers: Mapping[str, str]) -> Response:
    return response(status, {"error": answers.error([problem], headers.get("accept-language"))})


@logged
def handler(event: dict[str, Any], context: Context) -> Response:
    """Lambda's entry point; payload format 2.0."""
    return _built()(event, context)


@cache
def _built() -> Replay:
    """One for the life of the process: what it is made of is built once."""
    return Replay(ReplaySettings.from_env(environment()), Clients())


if in_lambda(environment()):
    _built()
    startup.done()
