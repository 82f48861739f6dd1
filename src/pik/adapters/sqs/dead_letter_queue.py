"""WorkDeadLetterQueue: sweeps it, gives letters back, and deletes those that are safe elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

from pik.adapters.client.failures import AWS_FAILURES
from pik.adapters.client.isolation import isolated
from pik.adapters.sqs.entries import refused
from pik.domain.process.dead_letters import DeadLetter
from pik.domain.redrive.sweep import QueueSweep
from pik.domain.shared.redrive_limits import MAX_RECEIVE_ENTRIES, RELEASE_ROUNDS, SWEEP_WAIT_SECONDS

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
        self._lock = Lock()  # receives of one sweep end side by side

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
        sweep = QueueSweep(max_read, enough, (state or self.state()).visible)
        request = {
            "QueueUrl": self._url,
            "VisibilityTimeout": hold_seconds,
            "WaitTimeSeconds": SWEEP_WAIT_SECONDS,
            "MessageSystemAttributeNames": ["ApproximateReceiveCount", "MessageGroupId", "SentTimestamp"],
            "MessageAttributeNames": list(attributes),
        }
        try:
            while receives := sweep.next_receives():
                for outcome in self._workers.run(lambda receive: self._receive(sweep, request, *receive), receives):
                    if isinstance(outcome, Exception):
                        raise outcome
            if sweep.error:
                raise sweep.error
        except Exception:
            # Otherwise nobody would see these messages, readable or not, until the hold ends.
            self.release_receipts(sweep.receipts)
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

    def hold_receipts(self, receipts: Mapping[str, str], seconds: int) -> dict[str, Exception]:
        """Keeps letters hidden for these seconds from now on. Returns the message ids of those that are not known to
        be, with the reason."""
        return self._in_rounds(lambda it: self._hide(it, seconds), receipts)

    def delete_receipts(self, receipts: Mapping[str, str]) -> dict[str, Exception]:
        """As `delete`, of receipts by message id."""
        return self._in_rounds(self._delete, receipts)

    def delete_pack(self, receipts: Mapping[str, str]) -> dict[str, Exception]:
        """As `delete`, of at most ten receipts by message id, in one call and the caller's thread."""
        try:
            return _each(self._delete, receipts)
        except AWS_FAILURES as error:
            return dict.fromkeys(receipts, error)

    def _in_batches(self, act: Act, letters: Sequence[DeadLetter]) -> dict[str, Exception]:
        return self._in_rounds(act, {it.message_id: it.receipt for it in letters})

    def _in_rounds(self, act: Act, receipts: Mapping[str, str]) -> dict[str, Exception]:
        """What failed is tried once again at once."""
        failed: dict[str, Exception] = {}
        pending = dict(receipts)
        for _ in range(RELEASE_ROUNDS):
            failed = {}
            packs = _packs(pending)
            for pack, outcome in zip(packs, self._workers.run(lambda it: _each(act, it), packs), strict=True):
                failed |= dict.fromkeys(pack, outcome) if isinstance(outcome, Exception) else outcome
            if not failed:
                break
            pending = {message_id: receipts[message_id] for message_id in failed}
        return failed

    def _receive(self, sweep: QueueSweep, request: Mapping[str, Any], number: int, most: int) -> None:
        if sweep.is_over():
            return
        try:
            answer = self._sqs.receive_message(**request, MaxNumberOfMessages=most)
        except AWS_FAILURES as error:
            with self._lock:
                sweep.failed(error)
            return
        messages = answer.get("Messages", [])
        with self._lock:
            sweep.holds({message["MessageId"]: message["ReceiptHandle"] for message in messages})
        letters = [DeadLetter.of(message) for message in messages]
        with self._lock:
            sweep.took(number, letters)

    def _release(self, receipts: Mapping[str, str]) -> dict[str, Exception]:
        return self._hide(receipts, 0)

    def _hide(self, receipts: Mapping[str, str], seconds: int) -> dict[str, Exception]:
        entries: Any = [
            {"Id": str(place), "ReceiptHandle": receipt, "VisibilityTimeout": seconds}
            for place, receipt in enumerate(receipts.values())
        ]
        answer = self._sqs.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)
        return refused(answer, {str(place): it for place, it in enumerate(receipts)})

    def _delete(self, receipts: Mapping[str, str]) -> dict[str, Exception]:
        entries: Any = [{"Id": str(place), "ReceiptHandle": receipt} for place, receipt in enumerate(receipts.values())]
        answer = self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)
        return refused(answer, {str(place): it for place, it in enumerate(receipts)})


Act = Callable[[Mapping[str, str]], dict[str, Exception]]


def _packs(receipts: Mapping[str, str]) -> list[dict[str, str]]:
    items = list(receipts.items())
    return [dict(items[at : at + MAX_RECEIVE_ENTRIES]) for at in range(0, len(items), MAX_RECEIVE_ENTRIES)]


def _each(act: Act, receipts: Mapping[str, str]) -> dict[str, Exception]:
    """One call, or one per receipt where SQS refuses the call because of one of them."""
    return isolated(lambda ids: act({it: receipts[it] for it in ids}), list(receipts))
