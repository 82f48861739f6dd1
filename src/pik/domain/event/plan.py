"""What to write for an event, as steps that any crash may cut short and any retry may repeat.

Each step is a group of writes, all or nothing; what became of them decides the next step, until the event is settled:

    Claim   the dedupe row (and, in a batch, the index row with it), only if absent
      |
      +-> Index   the index row, only if absent                             written: ACCEPTED
      |  the id is known
      v
    Note    a row of its own + a check that the first's index row is there  written: DUPLICATE or CONFLICT
      |  the first's request died between its dedupe row and its index row
      v
    Repair  a row of its own + the first's index row, only if absent        written: DUPLICATE or CONFLICT

Any request may write the first's index row, and its INSERT is in the stream exactly once; and every event that was
received and not rejected has exactly one row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

from pik.domain.event.envelope import Event
from pik.domain.event.fields import RawRef
from pik.domain.event.rows import (
    ACCEPTED,
    CONFLICT,
    DUPLICATE,
    Status,
    accepted_row,
    dedupe_row,
    first_row,
    is_repeat,
    known_from_index,
    noted_row,
)
from pik.domain.shared.limits import EVENTS_PER_TRANSACTION
from pik.domain.shared.row import Row

Table = Literal["events", "dedupe"]


@dataclass(frozen=True, slots=True)
class Put:
    """Write a row only where none is: nothing in these tables is ever written over."""

    table: Table
    row: Row

    @property
    def target(self) -> tuple[str, ...]:
        return (self.table, *_key_of(self.table, self.row).values())


@dataclass(frozen=True, slots=True)
class Check:
    """Go on only when the index row with this key exists and holds this payload."""

    pk: str
    sk: str
    payload_sha: str

    @property
    def target(self) -> tuple[str, ...]:
        return ("events", self.pk, self.sk)


Action = Put | Check


class ActionResult(Enum):
    """What became of an action that met no row in its way."""

    WRITTEN = "written"
    NOT_WRITTEN = "not written"  # another action of its group was refused, or another request held the item
    MISSING = "missing"  # a check found no row


@dataclass(frozen=True, slots=True)
class Exists:
    """A row stood there already, or, where a check met it, another one than was expected."""

    row: Mapping[str, Any]


ActionOutcome = ActionResult | Exists


@dataclass(frozen=True, slots=True)
class Submission:
    """An event on its way in: where its bytes are, which request brought it and at which place."""

    event: Event
    ref: RawRef
    request_id: str
    index: int


@dataclass(frozen=True, slots=True)
class Settled:
    """The end: the status that the producer gets, and what is known of the first event with this id."""

    status: Status
    first: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Claim:
    """The first step of an event. `together` writes both rows in one transaction: atomic, at twice the price a row,
    and worth it in a batch, where one call then carries fifty events."""

    submission: Submission
    ttl_days: int
    together: bool

    def actions(self) -> tuple[Put, ...]:
        submission = self.submission
        claim = Put("dedupe", dedupe_row(submission.event, submission.ref, submission.request_id, self.ttl_days))
        return (claim, *Index(submission, self.ttl_days).actions()) if self.together else (claim,)

    def next(self, outcomes: Sequence[ActionOutcome]) -> IngestStep | Settled:
        claim, *index = outcomes
        if isinstance(claim, Exists) and not _is_own(self.submission, claim.row):
            return Note(self.submission, claim.row)
        if index:
            return (
                Index(self.submission, self.ttl_days).next(index) if index[0] is not ActionResult.NOT_WRITTEN else self
            )
        return self if claim is ActionResult.NOT_WRITTEN else Index(self.submission, self.ttl_days)


@dataclass(frozen=True, slots=True)
class Index:
    """The second step of an event whose id is claimed."""

    submission: Submission
    ttl_days: int

    def actions(self) -> tuple[Put, ...]:
        submission = self.submission
        return (Put("events", accepted_row(submission.event, submission.ref, submission.request_id)),)

    def next(self, outcomes: Sequence[ActionOutcome]) -> IngestStep | Settled:
        (index,) = outcomes
        if isinstance(index, Exists) and not _is_own(self.submission, index.row):
            # The event outlived its dedupe row, whose TTL has passed; the index still knows it.
            return Note(self.submission, known_from_index(index.row))
        if index is ActionResult.NOT_WRITTEN:
            return self
        submission = self.submission
        return Settled(ACCEPTED, dedupe_row(submission.event, submission.ref, submission.request_id, self.ttl_days))


@dataclass(frozen=True, slots=True)
class Note:
    """A duplicate or a conflict: a row of its own, provided that the first event is indexed."""

    submission: Submission
    first: Mapping[str, Any]

    @property
    def status(self) -> Status:
        return DUPLICATE if is_repeat(self.submission.event, self.first) else CONFLICT

    def actions(self) -> tuple[Action, ...]:
        return (self._own_row(), Check(self.first["pk"], self.first["sk"], self.first["payload_sha"]))

    def next(self, outcomes: Sequence[ActionOutcome]) -> IngestStep | Settled:
        own, check = outcomes
        if isinstance(check, Exists):
            # The first outlived its dedupe row, and a conflict's request has put its own in that place.
            return Note(self.submission, known_from_index(check.row))
        if check is ActionResult.MISSING:
            return Repair(self.submission, self.first)
        if ActionResult.NOT_WRITTEN in (own, check):
            return self
        return Settled(self.status, self.first)

    def _own_row(self) -> Put:
        own = self.submission
        return Put("events", noted_row(own.event, own.ref, own.request_id, own.index, self.status, self.first))


@dataclass(frozen=True, slots=True)
class Repair(Note):
    """As Note, and writes the first's index row, which its own request did not live to write."""

    def actions(self) -> tuple[Action, ...]:
        return (self._own_row(), Put("events", first_row(self.submission.event, self.first)))

    def next(self, outcomes: Sequence[ActionOutcome]) -> IngestStep | Settled:
        own, first = outcomes
        if isinstance(first, Exists):
            # Its request lived after all, or another one repaired it: an ordinary duplicate.
            return Note(self.submission, self.first)
        return self if ActionResult.NOT_WRITTEN in (own, first) else Settled(self.status, self.first)


IngestStep = Claim | Index | Note | Repair


def _is_own(submission: Submission, row: Mapping[str, Any]) -> bool:
    # The SDK repeats a write whose answer was lost, and then meets its own row: it names our own bytes.
    return RawRef.of(row) == submission.ref


@dataclass(frozen=True, slots=True)
class Chunk:
    """Steps that go in one transaction, and its actions; steps that need the same check or repair share it."""

    steps: tuple[IngestStep, ...]
    actions: tuple[Action, ...]
    places: tuple[tuple[int, ...], ...]

    def advance(self, outcomes: Sequence[ActionOutcome]) -> list[tuple[IngestStep, IngestStep | Settled]]:
        """Each step with what follows it, from what became of the chunk's actions."""
        own = ([outcomes[place] for place in places] for places in self.places)
        return [(step, step.next(mine)) for step, mine in zip(self.steps, own, strict=True)]


def chunks(steps: Sequence[IngestStep]) -> list[Chunk]:
    """Steps packed into transactions: DynamoDB refuses two operations on one item within one."""
    return [_chunk(steps[at : at + EVENTS_PER_TRANSACTION]) for at in range(0, len(steps), EVENTS_PER_TRANSACTION)]


def _chunk(steps: Sequence[IngestStep]) -> Chunk:
    actions: dict[tuple[str, ...], tuple[int, Action]] = {}
    places: list[tuple[int, ...]] = []
    for step in steps:
        mine = []
        for action in step.actions():
            place, known = actions.setdefault(action.target, (len(actions), action))
            if isinstance(known, Check) and isinstance(action, Put):
                actions[action.target] = (place, action)
            mine.append(place)
        places.append(tuple(mine))
    return Chunk(tuple(steps), tuple(action for _, action in actions.values()), tuple(places))


def first_claims(submissions: Iterable[Submission], ttl_days: int) -> tuple[list[Claim], list[Submission]]:
    """The claims of a request, and the submissions that repeat the id of an earlier one in it."""
    first: dict[str, Submission] = {}
    repeats = [it for it in submissions if first.setdefault(it.event.event_id, it) is not it]
    return [Claim(it, ttl_days, together=len(first) > 1) for it in first.values()], repeats


def assume_written(steps: Sequence[IngestStep]) -> dict[int, Settled]:
    """How steps would end on tables that know none of these events: what a dry run, which asks no table, can say."""
    ends = {}
    for step in steps:
        after: IngestStep | Settled = step
        while not isinstance(after, Settled):
            after = after.next([ActionResult.WRITTEN for _ in after.actions()])
        ends[step.submission.index] = after
    return ends


def _key_of(table: Table, row: Row) -> Row:
    return {"event_id": row["event_id"]} if table == "dedupe" else {"PK": row["PK"], "SK": row["SK"]}
