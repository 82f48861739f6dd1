"""Sending: several requests under way at once, each batch's end noted as soon as it is known."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

import httpx

from pik.domain.event.rows import REJECTED
from pik_cli.send.batches import Batch
from pik_cli.send.journal import Journal
from pik_cli.send.summary import FAILED, EventCounts, all_as, of_answer, too_long
from pik_cli.shell.api import Backoff, HttpApi, call_with_retries, is_passing, json_object, message_of
from pik_cli.shell.errors import PikError, Refusal, Unreachable, explain
from pik_cli.shell.limits import CLI_FAILED_BATCHES

_TOO_LARGE = httpx.codes.REQUEST_ENTITY_TOO_LARGE
_NOT_ALLOWED = frozenset({401, 403})


@dataclass
class BatchOutcome:
    """What became of a batch. `failure` says why the API gave no verdict on some of it; then it is to be sent again."""

    tally: EventCounts
    failure: str = ""
    dry_run: bool = False

    def add(self, other: BatchOutcome) -> None:
        """Take in the end of another part of the batch."""
        self.tally.add(other.tally)
        self.failure = self.failure or other.failure
        self.dry_run = self.dry_run or other.dry_run


class RequestAbandoned(Exception):
    """A request was given up because the run ends; nothing is known of its events."""


class Sender:
    """Sends one batch; called from several threads."""

    def __init__(
        self, api: HttpApi, backoff: Backoff, on_retry: Callable[[str, float], None], *, compressed: bool = False
    ) -> None:
        self._api = api
        self._compressed = compressed
        self._backoff = backoff
        self._on_retry = on_retry
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self.repeats = 0

    def stop(self) -> None:
        """End the waits between attempts; a request that is under way gets its answer."""
        self._ending.set()

    def __call__(self, batch: Batch) -> BatchOutcome:
        """Raises Unreachable when no request can succeed, Stopped when the run ends before there is an answer."""
        outcome = BatchOutcome(too_long(batch.refused))
        if batch.items:
            outcome.add(self._post(batch))
        return outcome

    def _post(self, batch: Batch) -> BatchOutcome:
        body, headers = batch.request(compressed=self._compressed)
        if self._ending.is_set():
            raise RequestAbandoned
        try:
            response = call_with_retries(
                lambda: self._api.call("POST", "/events", body, headers), self._backoff, self._pause, self._count
            )
        except httpx.TransportError as error:
            if self._ending.is_set():
                raise RequestAbandoned from error
            raise explain(error) or error from error
        if self._ending.is_set() and is_passing(response.status_code):
            raise RequestAbandoned
        return self._understand(batch, response)

    def _understand(self, batch: Batch, response: httpx.Response) -> BatchOutcome:
        status, answer = response.status_code, json_object(response)
        tally = of_answer(batch, answer)
        if tally is not None:
            return BatchOutcome(tally, "", bool(answer.get("dry_run")))
        if status == _TOO_LARGE and len(batch.items) > 1:
            first, second = batch.halves()
            outcome = self._post(first)
            outcome.add(self._post(second))
            return outcome
        reason = f"HTTP {status}: {message_of(response)}"
        if status in _NOT_ALLOWED:
            raise Unreachable(
                f"The API does not let these credentials send: {reason}", "See --auth, --profile and PIK_TOKEN."
            )
        if status == httpx.codes.NOT_FOUND:
            raise Unreachable(f"There is no POST /events at {self._api.base_url}: {reason}", "Check --stack.")
        if 400 <= status < 500 and not is_passing(status):
            return BatchOutcome(
                all_as(REJECTED, batch.items, "body", message_of(response)), "", bool(answer.get("dry_run"))
            )
        return BatchOutcome(all_as(FAILED, batch.items, "", reason), reason)

    def _pause(self, seconds: float) -> bool:
        return not self._ending.wait(seconds)

    def _count(self, reason: str, seconds: float) -> None:
        with self._lock:
            self.repeats += 1
        self._on_retry(reason, seconds)


@dataclass
class SendRun:
    """The state of one send. The journal holds what all runs of this file did and is safe; `unrecorded` is what this
    run learned in addition: failures, and the answers of a stack that stores nothing."""

    journal: Journal
    unrecorded: EventCounts = field(default_factory=EventCounts)
    fresh_events: int = 0
    sent_batches: int = 0
    skipped_batches: int = 0
    failed_batches: int = 0
    dry_run: bool = False
    interrupted: bool = False
    abandoned: bool = False
    read_to_the_end: bool = False
    error: PikError | None = None
    warnings: list[str] = field(default_factory=list)
    _failed_in_a_row: int = 0

    @property
    def complete(self) -> bool:
        """Whether every event of the file has its verdict."""
        return self.read_to_the_end and not (self.failed_batches or self.error or self.interrupted)

    @property
    def ending(self) -> bool:
        """Whether nothing new is to be started."""
        return self.interrupted or self.error is not None

    def total(self) -> EventCounts:
        """What became of the whole file, earlier runs included."""
        tally = EventCounts()
        tally.add(self.journal.tally)
        tally.add(self.unrecorded)
        return tally

    def settle(self, batch: Batch, outcome: BatchOutcome) -> None:
        """Take in the end of one batch."""
        self.sent_batches += 1
        self.fresh_events += outcome.tally.events
        self.dry_run = self.dry_run or outcome.dry_run
        self._failed_in_a_row = self._failed_in_a_row + 1 if outcome.failure else 0
        if outcome.failure:
            self.failed_batches += 1
            self._consider_stopping(outcome.failure)
        if outcome.failure or outcome.dry_run:  # what a stack with DryRun=true answers, it has not stored
            self.unrecorded.add(outcome.tally)
        else:
            self._record(batch, outcome)

    def _consider_stopping(self, failure: str) -> None:
        if self._failed_in_a_row == CLI_FAILED_BATCHES and self.error is None:
            self.error = Refusal(
                f"Stopped: {CLI_FAILED_BATCHES} batches in a row failed, the last with {failure}",
                "See `pik health` and `pik logs ingest --level ERROR`.",
            )

    def _record(self, batch: Batch, outcome: BatchOutcome) -> None:
        try:
            self.journal.record(batch.number, outcome.tally)
        except OSError as error:
            self.journal.path = None
            self.warnings.append(f"The journal cannot be written ({error}): after a break, all is sent again.")


@dataclass
class _Loop:
    batches: Iterator[Batch]
    sender: Sender
    run: SendRun
    concurrency: int
    progress: Callable[[Batch], None]
    pool: ThreadPoolExecutor
    pending: dict[Future[BatchOutcome], Batch] = field(default_factory=dict)
    reading: bool = False

    def on_interrupt(self, _number: int, _frame: FrameType | None) -> None:
        """Ctrl-C. An exception would tear a batch's end from its record, so only a wait for input is broken off."""
        if self.reading or self.run.interrupted:
            raise KeyboardInterrupt
        self.run.interrupted = True
        self.sender.stop()

    def submit_all(self) -> None:
        """Start every batch, at most `concurrency` at once."""
        while not self.run.ending:
            batch = self._next()
            if batch is None:
                return
            if batch.number in self.run.journal.done:
                self.run.skipped_batches += 1
                self.progress(batch)
                continue
            self.drain(self.concurrency - 1)
            if not self.run.ending:
                self.pending[self.pool.submit(self.sender, batch)] = batch

    def drain(self, allowed: int = 0) -> None:
        """Wait until at most `allowed` requests are under way."""
        while len(self.pending) > allowed:
            done, _ = wait(self.pending, return_when=FIRST_COMPLETED)
            # In the order of the file, so that what is in a row failed in a row.
            for future in sorted(done, key=lambda it: self.pending[it].number):
                self._settle(self.pending.pop(future), future)

    def _settle(self, batch: Batch, future: Future[BatchOutcome]) -> None:
        try:
            self.run.settle(batch, future.result())
        except RequestAbandoned:
            return
        except PikError as error:
            self.run.error = self.run.error or error
            return
        self.progress(batch)

    def _next(self) -> Batch | None:
        self.reading = True
        try:
            batch = next(self.batches, None)
        except KeyboardInterrupt:
            self.run.interrupted = True
            return None
        except PikError as error:  # the file cannot be read to its end; what was read before is on its way
            self.run.error = error
            return None
        finally:
            self.reading = False
        self.run.read_to_the_end = batch is None
        return batch


def send_all(
    batches: Iterable[Batch],
    sender: Sender,
    run: SendRun,
    concurrency: int,
    progress: Callable[[Batch], None] = lambda _batch: None,
) -> None:
    """Send every batch that the journal does not have. What happened is in `run`, errors that end the run included.

    Ctrl-C starts nothing more and waits for the requests under way; a second one leaves them, unrecorded, and then
    their threads still run (`run.abandoned`).
    """
    pool = ThreadPoolExecutor(concurrency, thread_name_prefix="send")
    loop = _Loop(iter(batches), sender, run, concurrency, progress, pool)
    try:
        with _interrupts(loop.on_interrupt):
            loop.submit_all()
            if run.ending:
                sender.stop()
            loop.drain()
    except KeyboardInterrupt:
        run.abandoned = run.interrupted = True
        sender.stop()
    finally:
        pool.shutdown(wait=not run.abandoned, cancel_futures=True)


@contextmanager
def _interrupts(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Let `handler` have Ctrl-C; signals exist in the main thread only, elsewhere nothing is changed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
