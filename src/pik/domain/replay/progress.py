"""A replay's decisions: the outcome of each row, and the position when the replay must stop.

A partition in progress is a lane. Its rows are settled in order: skipped with a reason, or known to be in the queue.
The position of a lane is its last settled row, so a replay that dies anywhere continues there and has lost nothing.
Rows after one that was not sent are read again, and may be sent twice, which the processor counts once.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from pik.domain.event.fields import REFERENCE_MEMBERS
from pik.domain.event.rows import ACCEPTED, CONFLICT, DUPLICATE
from pik.domain.event.work import BadWork, Message, read_work
from pik.domain.replay.request import Partition, ReplayFilters
from pik.domain.shared.limits import REPLAY_LANES
from pik.domain.shared.row import Row
from pik.domain.shared.runs import LIVE

OUTSIDE_WINDOW: Final = "outside_window"
DUPLICATES: Final = "duplicate"
CONFLICTS: Final = "conflict"
NO_RAW: Final = "missing_raw_reference"
LIMIT_REACHED: Final = "limit_reached"
UNREADABLE: Final = "unreadable"
REASONS: Final = (OUTSIDE_WINDOW, DUPLICATES, CONFLICTS, NO_RAW, LIMIT_REACHED, UNREADABLE)
"""Why a row that was read is not sent."""


def judge(row: Row, filters: ReplayFilters, run: str) -> Message | str:
    """The message of a row, or the reason why it has none."""
    status = row.get("status")
    if status == CONFLICT:
        return CONFLICTS
    if status == DUPLICATE:
        if not filters.include_duplicates:
            return DUPLICATES
        # The first event's time counts: with its own time, a duplicate could be an event of another day.
        row = {**row, "event_time": row.get("first_event_time")}
    elif status != ACCEPTED:
        return UNREADABLE
    if any(row.get(name) in (None, "") for name in REFERENCE_MEMBERS):
        return NO_RAW
    try:
        work = read_work({**row, "origin": "replay", "run": run if filters.shadow else LIVE, "attempts_before": 0})
        return work.message() if filters.holds(work.event_time) else OUTSIDE_WINDOW
    except BadWork:
        return UNREADABLE


@dataclass(frozen=True, slots=True)
class ReplayCounts:
    """The outcome of rows: sent, or skipped for a reason."""

    sent: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return self.sent + sum(self.skipped.values())


@dataclass(frozen=True, slots=True)
class Position:
    """Where a replay continues: the first partition that was not begun, the last settled SK of each lane, and the
    outcome of all rows up to there."""

    following: int = 0
    lanes: Mapping[int, str] = field(default_factory=dict)
    tally: ReplayCounts = field(default_factory=ReplayCounts)


@dataclass(frozen=True, slots=True)
class PageRead:
    """A page to read: the rows of a partition after a key."""

    lane: int
    partition: Partition
    after: str


@dataclass(slots=True)
class _Lane:
    """`read_to` is None when the partition was read to its end. `waiting`: its rows that are not settled, in order,
    each with its key and its reason or the number of its message."""

    settled_to: str
    read_to: str | None
    reading: bool = False
    waiting: deque[tuple[str, str | int]] = field(default_factory=deque)


class Progress:
    """One invocation of a replay, from a position to the next. It requests reads and sends, and gets their results."""

    def __init__(self, filters: ReplayFilters, run: str, position: Position) -> None:
        self._filters = filters
        self._run = run
        self._following = position.following
        self._lanes = {number: _Lane(after, after) for number, after in sorted(position.lanes.items())}
        self._settled_sent = position.tally.sent
        self._settled_skipped = Counter(position.tally.skipped)
        self._before = position.tally
        self._next_message = 0
        self._unsent: dict[int, Message] = {}
        self._sent: set[int] = set()
        self.sent = 0
        self.failed = 0

    def reads(self) -> list[PageRead]:
        """The pages to read next: one per lane that has more; opens new lanes up to their maximum."""
        while len(self._lanes) < REPLAY_LANES and self._following < self._filters.partition_count:
            self._lanes[self._following] = _Lane("", "")
            self._following += 1
        pages = []
        for number, lane in self._lanes.items():
            if not lane.reading and lane.read_to is not None:
                lane.reading = True
                pages.append(PageRead(number, self._filters.partition(number), lane.read_to))
        return pages

    def took(self, read: PageRead, rows: Iterable[Row], read_to: str | None) -> None:
        """A page was read: `rows` in order; `read_to` is where the next page begins, None at the partition's end."""
        lane = self._lanes[read.lane]
        lane.reading, lane.read_to = False, read_to
        for row in rows:
            lane.waiting.append((row["SK"], self._plan(row)))
        self._settle()

    def _plan(self, row: Row) -> str | int:
        verdict = judge(row, self._filters, self._run)
        if isinstance(verdict, str):
            return verdict
        if self.remaining == 0:
            return LIMIT_REACHED
        self._next_message += 1
        self._unsent[self._next_message] = verdict
        return self._next_message

    def batch(self, size: int, whole: int) -> dict[int, Message]:
        """Up to `size` messages to send now; a multiple of `whole` while more may come to fill the last entry batch."""
        count = min(size, len(self._unsent))
        if not self.all_read:
            count -= count % whole
        return {number: self._unsent[number] for _, number in zip(range(count), self._unsent, strict=False)}

    def was_sent(self, numbers: Iterable[int], failed: Iterable[int]) -> None:
        """The result of a batch: the messages that were sent, and those of them that are not known to be in the
        queue."""
        lost = set(failed)
        for number in numbers:
            del self._unsent[number]
            if number not in lost:
                self._sent.add(number)
                self.sent += 1
        self.failed += len(lost)
        self._settle()

    def _settle(self) -> None:
        """Moves each lane's position past rows that are skipped or sent, and closes lanes that are done."""
        for number, lane in list(self._lanes.items()):
            while lane.waiting and self._is_settled(lane.waiting[0][1]):
                key, outcome = lane.waiting.popleft()
                lane.settled_to = key
                if isinstance(outcome, str):
                    self._settled_skipped[outcome] += 1
                else:
                    self._sent.discard(outcome)
                    self._settled_sent += 1
            if lane.read_to is None and not lane.waiting:
                del self._lanes[number]

    def _is_settled(self, outcome: str | int) -> bool:
        return isinstance(outcome, str) or outcome in self._sent

    @property
    def backlog(self) -> int:
        """Messages that wait to be sent."""
        return len(self._unsent)

    @property
    def remaining(self) -> int | None:
        """Events that may still be planned under the limit; None without one."""
        if self._filters.limit is None:
            return None
        planned = self._before.sent + self.sent + len(self._unsent)
        return max(0, self._filters.limit - planned)

    @property
    def all_read(self) -> bool:
        """Whether no page is left to read: all were read, or the limit needs no more."""
        if self.remaining == 0:
            return True
        begun = self._following == self._filters.partition_count
        return begun and all(lane.read_to is None for lane in self._lanes.values())

    @property
    def complete(self) -> bool:
        """Whether everything that was requested is in the queue."""
        return self.all_read and not self._unsent and not self.failed

    def position(self) -> Position:
        """Where to continue, and the outcome of all rows before; call it when no read or send is in progress."""
        skipped = {reason: count for reason, count in self._settled_skipped.items() if count}
        lanes = {number: lane.settled_to for number, lane in self._lanes.items()}
        return Position(self._following, lanes, ReplayCounts(self._settled_sent, skipped))

    def skipped(self) -> dict[str, int]:
        """The rows that this invocation settled without sending, by reason."""
        here = self._settled_skipped - Counter(self._before.skipped)
        return {reason: here[reason] for reason in REASONS if here[reason]}
