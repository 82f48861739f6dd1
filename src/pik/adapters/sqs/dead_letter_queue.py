"""WorkDeadLetterQueue: sweeps it, gives letters back, and deletes those that are safe elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from threading import Lock
from typing import TYPE_CHECKING, Any

from pik.adapters.client.failures import AWS_FAILURES
from pik.adapters.sqs.entries import refused
from pik.domain.process.dead_letters import DeadLetter
from pik.domain.shared.failures import is_passing
from pik.domain.shared.limits import (
    MAX_RECEIVE_ENTRIES,
    RELEASE_ROUNDS,
    SWEEP_EMPTY_RECEIVES,
    SWEEP_FAILED_RECEIVES,
    SWEEP_THREADS,
    SWEEP_WAIT_SECONDS,
)

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from pik.workers import Workers


@dataclass(frozen=True, slots=True)
class QueueState:
    """What SQS says of the queue; its counts are approximate, as AWS puts it."""

    visible: int
    in_flight: int
    delayed: int
    retention_seconds: int


@dataclass(frozen=True, slots=True)
class Swept:
    """Letters that are now held, each once. `complete`: the queue had no other to give."""

    letters: list[DeadLetter]
    complete: bool


class DeadLetterQueue:
    """One standard queue. Raises ClientError, and botocore's exceptions for what never got an answer."""

    def __init__(self, sqs: SQSClient, url: str, workers: Workers) -> None:
        self._sqs = sqs
        self._url = url
        self._workers = workers

    def state(self) -> QueueState:
        """The queue's counts and how long it keeps a message."""
        answer = self._sqs.get_queue_attributes(
            QueueUrl=self._url,
            AttributeNames=[
                "ApproximateNumberOfMessages",
                "ApproximateNumberOfMessagesNotVisible",
                "ApproximateNumberOfMessagesDelayed",
                "MessageRetentionPeriod",
            ],
        )
        found = answer["Attributes"]
        return QueueState(
            visible=int(found["ApproximateNumberOfMessages"]),
            in_flight=int(found["ApproximateNumberOfMessagesNotVisible"]),
            delayed=int(found["ApproximateNumberOfMessagesDelayed"]),
            retention_seconds=int(found["MessageRetentionPeriod"]),
        )

    def sweep(
        self,
        hold_seconds: int,
        max_read: int,
        enough: Callable[[DeadLetter], bool],
        state: QueueState | None = None,
        attributes: Sequence[str] = ("All",),
    ) -> Swept:
        """Receives what the queue has, up to `max_read` letters, or until `enough` says so of one of them. All that it
        returns stays hidden for `hold_seconds`; the caller releases what it does not want.

        `state`: the queue's, when the caller has just read it. `attributes`: of the messages, those that matter to
        the caller; each costs CPU. A raising sweep has released what it received.
        """
        sweep = _Sweep(hold_seconds, max_read, enough, (state or self.state()).visible, list(attributes))
        try:
            while calls := sweep.next_calls():
                for outcome in self._workers.run(lambda call: self._receive(sweep, *call), calls):
                    if isinstance(outcome, Exception):
                        raise outcome
            if sweep.error:
                raise sweep.error
        except Exception:
            # Else nobody would see these letters until the hold runs out.
            self.release(list(sweep.letters.values()))
            raise
        return Swept(list(sweep.letters.values()), sweep.complete)

    def release(self, letters: Sequence[DeadLetter]) -> dict[str, Exception]:
        """Makes letters visible again at once. Returns the message ids of those that stay hidden until their hold runs
        out, with the reason."""
        return self._in_batches(self._release, letters)

    def delete(self, letters: Sequence[DeadLetter]) -> dict[str, Exception]:
        """Deletes letters. Returns the message ids of those that are not known to be gone, with the reason."""
        return self._in_batches(self._delete, letters)

    def release_receipts(self, receipts: Mapping[str, str]) -> dict[str, Exception]:
        """As `release`, of receipts by message id."""
        return self._in_rounds(self._release, receipts)

    def delete_receipts(self, receipts: Mapping[str, str]) -> dict[str, Exception]:
        """As `delete`, of receipts by message id."""
        return self._in_rounds(self._delete, receipts)

    def delete_pack(self, receipts: Mapping[str, str]) -> dict[str, Exception]:
        """As `delete`, of at most ten receipts by message id, in one call and the caller's thread."""
        return _attempted(self._delete, receipts)

    def _in_batches(self, act: Act, letters: Sequence[DeadLetter]) -> dict[str, Exception]:
        return self._in_rounds(act, {it.message_id: it.receipt for it in letters})

    def _in_rounds(self, act: Act, receipts: Mapping[str, str]) -> dict[str, Exception]:
        """What failed is tried once again at once."""
        failed: dict[str, Exception] = {}
        pending = dict(receipts)
        for _ in range(RELEASE_ROUNDS):
            failed = {}
            packs = _packs(pending)
            for pack, outcome in zip(packs, self._workers.run(act, packs), strict=True):
                failed |= dict.fromkeys(pack, outcome) if isinstance(outcome, Exception) else outcome
            if not failed:
                break
            pending = {message_id: receipts[message_id] for message_id in failed}
        return failed

    def _receive(self, sweep: _Sweep, number: int, most: int) -> None:
        if sweep.is_over():
            return
        try:
            answer = self._sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=most,
                VisibilityTimeout=sweep.hold_seconds,
                WaitTimeSeconds=SWEEP_WAIT_SECONDS,
                MessageSystemAttributeNames=["ApproximateReceiveCount", "MessageGroupId", "SentTimestamp"],
                MessageAttributeNames=sweep.attributes,
            )
        except AWS_FAILURES as error:
            sweep.failed(error)
            return
        sweep.took(number, [DeadLetter.of(message) for message in answer.get("Messages", [])])

    def _release(self, receipts: Mapping[str, str]) -> dict[str, Exception]:
        entries: Any = [
            {"Id": str(place), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
            for place, receipt in enumerate(receipts.values())
        ]
        answer = self._sqs.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)
        return refused(answer, {str(place): it for place, it in enumerate(receipts)})

    def _delete(self, receipts: Mapping[str, str]) -> dict[str, Exception]:
        entries: Any = [{"Id": str(place), "ReceiptHandle": receipt} for place, receipt in enumerate(receipts.values())]
        answer = self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)
        return refused(answer, {str(place): it for place, it in enumerate(receipts)})


Act = Callable[[Mapping[str, str]], dict[str, Exception]]


@dataclass(slots=True)
class _Sweep:
    """The state of one sweep, which the threads that receive share.

    It is over when two receives brought nothing new and none that was begun after them did: one may be empty by chance,
    and a queue that keeps giving what it gave before has been seen, too.
    """

    hold_seconds: int
    max_read: int
    enough: Callable[[DeadLetter], bool]
    visible: int
    attributes: list[str]
    letters: dict[str, DeadLetter] = field(default_factory=dict)
    error: Exception | None = None
    _dry: set[int] = field(default_factory=set)
    _begun: int = 0
    _failures: int = 0
    _stopped: bool = False
    _round: int = 0
    _lock: Lock = field(default_factory=Lock)

    @property
    def complete(self) -> bool:
        return len(self._dry) >= SWEEP_EMPTY_RECEIVES

    def is_over(self) -> bool:
        return self._stopped or self.complete or self.error is not None or len(self.letters) >= self.max_read

    def next_calls(self) -> list[tuple[int, int]]:
        """The receives of the next round: their numbers, and how many messages each may bring. No more than the count
        calls for, and those that confirm the end. When it calls for none, only these, and then twice as many each round
        for as long as they bring any."""
        if self.is_over():
            return []
        most = self.max_read - len(self.letters)
        receives = ceil((self.visible - len(self.letters)) / MAX_RECEIVE_ENTRIES)
        if receives > 0:
            receives += SWEEP_EMPTY_RECEIVES
        else:
            receives = min(SWEEP_EMPTY_RECEIVES * 2**self._round, SWEEP_THREADS)
            self._round += 1
        # Ten each also where fewer are counted on, for the count is approximate; but never more than may be read.
        places = range(0, min(receives * MAX_RECEIVE_ENTRIES, most), MAX_RECEIVE_ENTRIES)
        first, self._begun = self._begun, self._begun + len(places)
        return [(number, min(MAX_RECEIVE_ENTRIES, most - at)) for number, at in enumerate(places, first)]

    def took(self, number: int, letters: Sequence[DeadLetter]) -> None:
        """What a receive brought. A letter that came again has a newer receipt, and only that one works."""
        with self._lock:
            fresh = [it for it in letters if it.message_id not in self.letters]
            self.letters.update((it.message_id, it) for it in letters)
            self._dry = {it for it in self._dry if it > number} if fresh else self._dry | {number}
            for it in fresh:
                self._stopped = self.enough(it) or self._stopped

    def failed(self, error: Exception) -> None:
        """A receive that failed, after the SDK's own repeats; an error that will not pass ends the sweep."""
        with self._lock:
            self._failures += 1
            if not is_passing(error) or self._failures > SWEEP_FAILED_RECEIVES:
                self.error = error


def _packs(receipts: Mapping[str, str]) -> list[dict[str, str]]:
    items = list(receipts.items())
    return [dict(items[at : at + MAX_RECEIVE_ENTRIES]) for at in range(0, len(items), MAX_RECEIVE_ENTRIES)]


def _attempted(act: Act, receipts: Mapping[str, str]) -> dict[str, Exception]:
    try:
        return act(receipts)
    except AWS_FAILURES as error:
        return dict.fromkeys(receipts, error)
