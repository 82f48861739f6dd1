"""What the processor does with a batch of messages, before and between its calls to AWS."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

from pik.domain.event.envelope import stored_payload
from pik.domain.event.fields import RawRef
from pik.domain.event.work import BadWork, Work, parse_work
from pik.domain.process.amounts import Amount, AmountRules
from pik.domain.process.dead_letters import Reason, body_of
from pik.domain.process.inputs import Input
from pik.domain.process.metrics import plain
from pik.domain.process.versions import DayKey, Past, Version
from pik.domain.shared.failures import (
    Attempt,
    Failure,
    PermanentFailure,
    ProcessingFailure,
    TransientFailure,
    ValidationFailure,
)
from pik.domain.shared.foreign import ForeignReader
from pik.domain.shared.limits import MAX_ATTEMPTS, MAX_BODY_BYTES, MAX_NAME_CHARS

AmountLimits = Mapping[str, Decimal]
"""The largest amount of an order by currency; ANY_CURRENCY is for those that are not listed, if it is there."""

ANY_CURRENCY: Final = "*"
_ORDER: Final = "order"


class BrokenReference(ValidationFailure):
    """The message points to bytes that do not exist, or to a bucket other than RawBucket."""


class AmountOverLimit(ProcessingFailure):
    """An order of more than the limit of its currency."""


class Contended(TransientFailure):
    """Other processors kept writing to the same entity's day."""


class MissingVersion(PermanentFailure):
    """A marker names a version that is not in the table."""


class StaysInQueue(Exception):
    """Reports to the batch utility that a message is not done; the cleaned reason was logged elsewhere."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One record of a batch. `work` is None when the body could not be read; then `error` says why. `receipt` is the
    delivery's receipt handle; `sent_at` is when the message was sent to WorkQueue."""

    message_id: str
    receive_count: int
    work: Work | None
    error: Failure | None = None
    body: str = ""
    group: str = ""
    receipt: str = ""
    sent_at: str = ""

    @property
    def is_repeat(self) -> bool:
        """Whether an earlier attempt may have counted the event and died before announcing that."""
        work = self.work
        return self.receive_count > 1 or (work is not None and (work.attempts_before > 0 or work.origin == "redrive"))

    def attempt(self, max_receive_count: int) -> Attempt:
        """This attempt for the ledger."""
        last = self.receive_count >= max_receive_count
        if self.work is None:
            return Attempt(self.message_id, None, self.receive_count, last)
        columns = self.work.columns()
        columns.pop("attempts_before")
        number = self.work.attempts_before + self.receive_count
        return Attempt(self.message_id, self.work.event_id, number, last, columns)


def read_deliveries(records: Iterable[Mapping[str, Any]]) -> list[Delivery]:
    """The records of an SQS batch, in order. Anyone may have sent the messages, so one that cannot be read has an error
    and does not affect the others. AWS itself promises the message id, without which nothing can be answered."""
    return [_read(record) for record in records]


def _read(record: Mapping[str, Any]) -> Delivery:
    reader = ForeignReader()
    system = reader.members(record, "attributes")
    receives = reader.whole(system, "ApproximateReceiveCount", 1, MAX_ATTEMPTS, 0)
    read = Delivery(
        message_id=record["messageId"],
        receive_count=max(1, receives),
        work=None,
        body=body_of(record.get("body")),
        group=reader.text(system, "MessageGroupId", MAX_NAME_CHARS),
        receipt=body_of(record.get("receiptHandle")),
        sent_at=reader.milliseconds(system, "SentTimestamp") if "SentTimestamp" in system else "",
    )
    try:
        work = parse_work(read.body)
        if not receives:
            # Whether this attempt is the last one, or a repeated one, cannot be known.
            raise BadWork(f"record: {'; '.join(reader.notes) or 'ApproximateReceiveCount is missing'}")
    except BadWork as error:
        return replace(read, error=error)
    return replace(read, work=replace(work, attempts_before=max(work.attempts_before, _died_after(record))))


def _died_after(record: Mapping[str, Any]) -> int:
    """Attempts before somebody moved a dead letter back unchanged: its reason still has their number. A number that the
    kit cannot have written counts as none."""
    reader = ForeignReader()
    attributes = reader.members(record, "messageAttributes")
    values = {name: reader.members(attributes, name).get("stringValue") for name in attributes}
    reason = Reason.of({name: value for name, value in values.items() if isinstance(value, str)})
    return reason.attempts if reason else 0


@dataclass(frozen=True, slots=True)
class ObjectRead:
    """One read: the bytes of an object from the first to the last that its messages need. Events of one request are
    adjacent, so little else is read."""

    key: str
    offset: int
    length: int
    deliveries: tuple[Delivery, ...]

    def open(self, data: bytes, rules: AmountRules) -> dict[str, Input | Exception]:
        """Each message's event from the bytes that were read, or the error that prevented it."""
        return {it.message_id: self._open(it.work, data, rules) for it in self.deliveries if it.work}

    def failed(self, error: Exception) -> dict[str, Input | Exception]:
        """Each message's outcome when the bytes could not be read."""
        return {it.message_id: error for it in self.deliveries}

    def _open(self, work: Work, data: bytes, rules: AmountRules) -> Input | Exception:
        start = work.ref.offset - self.offset
        piece = data[start : start + work.ref.length]
        try:
            if len(piece) != work.ref.length:
                end = self.offset + len(data)
                raise BrokenReference(
                    f"{self.key} ends at {end}; the event is {work.ref.length} from {work.ref.offset}"
                )
            return open_event(work, piece, rules)
        # A failure of one event must not affect the others of the object.
        except Exception as error:  # noqa: BLE001
            return error


def plan_reads(deliveries: Iterable[Delivery], bucket: str) -> tuple[list[ObjectRead], dict[str, Exception]]:
    """The reads, one per object of a request, and the errors of the messages that do not name bytes in the bucket of
    raw events."""
    reads: dict[str, list[ObjectRead]] = {}
    refused: dict[str, Exception] = {}
    for delivery in deliveries:
        work = delivery.work
        if work is None:
            refused[delivery.message_id] = delivery.error or BadWork("work message: unreadable")
        elif work.ref.bucket != bucket:
            # A message must not make the function read other data to which it has access.
            refused[delivery.message_id] = BrokenReference(f"the event is in {work.ref.bucket!r}, not in {bucket!r}")
        else:
            _add(reads.setdefault(work.ref.key, []), delivery, work.ref)
    return [read for of_key in reads.values() for read in of_key], refused


def _add(reads: list[ObjectRead], delivery: Delivery, ref: RawRef) -> None:
    """Adds a message to the first read of its object that stays as short as a request's object can be: a message that
    names a place far away must not make the function read, and hold, all that is in between."""
    for place, read in enumerate(reads):
        start = min(read.offset, ref.offset)
        length = max(read.offset + read.length, ref.offset + ref.length) - start
        if length <= MAX_BODY_BYTES:
            reads[place] = ObjectRead(ref.key, start, length, (*read.deliveries, delivery))
            return
    reads.append(ObjectRead(ref.key, ref.offset, ref.length, (delivery,)))


def open_event(work: Work, data: bytes, rules: AmountRules) -> Input:
    """The event of a message from its bytes, verified to be what was accepted. Raises MalformedJson, HashMismatch."""
    return Input.of(work, stored_payload(work.ref.key, data, work.payload_sha), rules)


def judge(opened: Mapping[str, Input | Exception], limits: AmountLimits) -> dict[str, Input | Exception]:
    """The opened events; each that breaks a business rule is replaced by the error."""
    return {message_id: _judged(it, limits) if isinstance(it, Input) else it for message_id, it in opened.items()}


def _judged(event: Input, limits: AmountLimits) -> Input | Exception:
    try:
        check_rules(event, limits)
    # What a rule raises concerns this event alone.
    except Exception as error:  # noqa: BLE001
        return error
    return event


def check_rules(event: Input, limits: AmountLimits) -> None:
    """The business rules. Raises a ProcessingFailure."""
    amount = event.amount
    if event.work.event_type != _ORDER or not isinstance(amount, Amount):
        return
    limit = limits.get(amount.currency, limits.get(ANY_CURRENCY))
    if limit is not None and amount.value > limit:
        raise AmountOverLimit(f"order amount {plain(amount.value)} is over the limit of {plain(limit)}")


def group_by_day(events: Iterable[Input]) -> dict[DayKey, list[Input]]:
    """The events of a batch by the day that they count towards; an event that several messages carry is there once."""
    groups: dict[DayKey, dict[str, Input]] = {}
    for event in events:
        groups.setdefault(DayKey.of(event.work), {}).setdefault(event.work.event_id, event)
    return {key: list(by_id.values()) for key, by_id in groups.items()}


def ids_by_day(deliveries: Iterable[Delivery]) -> dict[DayKey, list[str]]:
    """The ids of a batch's events by the day that they count towards; needs only the messages, not the events'
    bytes."""
    groups: dict[DayKey, dict[str, None]] = {}
    for delivery in deliveries:
        if delivery.work:
            groups.setdefault(DayKey.of(delivery.work), {})[delivery.work.event_id] = None
    return {key: list(ids) for key, ids in groups.items()}


@dataclass(frozen=True, slots=True)
class Due:
    """A version that must be announced before a message is done."""

    key: DayKey
    number: int


@dataclass(slots=True)
class DayOutcome:
    """The outcome of one day's events in this batch; numbers are versions, by event id.

    `counted` in this batch; `known` to have been counted before; `contested`: possibly counted by a write of this batch
    whose answer was lost. `error` is why the others were not counted. `at_hand` are the versions read and written.
    """

    key: DayKey
    counted: dict[str, int] = field(default_factory=dict)
    known: dict[str, int] = field(default_factory=dict)
    contested: set[str] = field(default_factory=set)
    at_hand: dict[int, Version] = field(default_factory=dict)
    error: Exception | None = None

    def sift(self, past: Past, events: Iterable[Input]) -> list[Input]:
        """The events that are still to be counted; for the others, notes which versions counted them."""
        fresh, known = past.sift(events)
        self.known |= known
        if past.latest:
            self.at_hand[past.latest.number] = past.latest
        return fresh

    def add(self, version: Version) -> None:
        """Adds a version that this batch wrote."""
        self.counted |= dict.fromkeys(version.added, version.number)
        self.at_hand[version.number] = version

    def due(self, delivery: Delivery, event_id: str) -> Due | None:
        """The version to announce for a message; None when there is nothing left to do for it.

        A first delivery of an event that was counted before is a duplicate: the processor that counted it announces it.
        A repeated delivery may exist because that processor died first, so it announces again; consumers get a version
        at least once, under a stable id. Raises what prevented the event from being counted.
        """
        if event_id in self.counted:
            return Due(self.key, self.counted[event_id])
        if event_id in self.known:
            again = delivery.is_repeat or event_id in self.contested
            return Due(self.key, self.known[event_id]) if again else None
        raise self.error or LookupError(f"event {event_id} was neither counted nor refused")
