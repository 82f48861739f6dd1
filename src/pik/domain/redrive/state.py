"""A redrive run between two steps: what its row in RunsTable says, and how large its next wave is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any, Final

from pik.domain.redrive.request import REDRIVE, RedriveRequest
from pik.domain.shared import times
from pik.domain.shared.redrive_limits import (
    CANARY_WAIT_SECONDS,
    REDRIVE_CONFIRM_SECONDS,
    REDRIVE_LEAST_HOLD_SECONDS,
    REDRIVE_MAX_WAVES,
    REDRIVE_WAVE_MESSAGES,
)
from pik.domain.shared.row import Row


@dataclass(frozen=True, slots=True)
class Wave:
    """One wave. `redriven` of `size` left the dead-letter queue, except for `kept`, whose letters could not be deleted;
    `unsent` are the places of the others in the selection. `decided` of the redriven are known to have failed or to be
    applied, `failing` of them have failed. `due_at`: when it may be judged; `checks`: how often it was. `key` is where
    a rescue keeps the wave's messages."""

    number: int
    size: int
    redriven: int
    sent_at: str
    due_at: str
    unsent: tuple[int, ...] = ()
    kept: int = 0
    failing: int = 0
    decided: int = 0
    checks: int = 0
    key: str = ""

    @property
    def failed(self) -> int:
        return len(self.unsent)

    def columns(self) -> Row:
        return {**asdict(self), "unsent": list(self.unsent), "failed": self.failed}

    @classmethod
    def of(cls, columns: Mapping[str, Any]) -> Wave:
        found = {name: columns[name] for name in cls.__slots__ if name in columns}
        return cls(**{**found, "unsent": tuple(columns.get("unsent", ()))})


@dataclass(frozen=True, slots=True)
class RedriveState:
    """A run between two steps. `count` messages are in its selection, those before `sent_to` were in a wave; before the
    freeze `frozen_at` is empty. `row` is all that RunsTable holds of the run."""

    run_id: str
    request: RedriveRequest
    frozen_at: str
    count: int
    sent_to: int
    waves: tuple[Wave, ...]
    sizes: tuple[int, ...] = ()
    """Of the waves to come, where they are given: a put-back's are the files of its rescue."""
    totals: Row = field(default_factory=dict)
    cancel_requested: bool = False
    stopped: str = ""
    held_until: str = ""
    """When the first of its letters is visible again, unless the hold is extended."""
    row: Row = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, row: Row) -> RedriveState:
        """From the run's row."""
        return cls(
            run_id=row["run_id"],
            request=RedriveRequest.of(row["request"]),
            frozen_at=row.get("frozen_at", ""),
            count=row.get("frozen", 0),
            sent_to=row["sent_to"],
            waves=tuple(map(Wave.of, row["waves"])),
            sizes=tuple(file["size"] for file in row.get("files", [])),
            totals=row["totals"],
            cancel_requested=row["cancel_requested"],
            stopped=row["stopped"],
            held_until=row.get("held_until", ""),
            row=row,
        )

    def having(self, changes: Row) -> RedriveState:
        """The run with other columns in its row."""
        return RedriveState.of({**self.row, **changes})

    @property
    def all_sent(self) -> bool:
        return self.sent_to >= self.count

    @property
    def redriven(self) -> int:
        return sum(it.redriven for it in self.waves)

    def outlives_hold(self, moment: str, start: int) -> bool:
        """Whether letters from `start` on may be visible again before a step that begins at `moment` is over. `moment`
        is normalized. A put-back holds none, and a run of an earlier release holds its letters to its end."""
        if start >= self.count or not self.held_until:
            return False
        over = times.to_datetime(moment) + timedelta(seconds=REDRIVE_LEAST_HOLD_SECONDS)
        return over > times.to_datetime(self.held_until)

    def next_size(self) -> int:
        """Messages of the next wave."""
        number, left = len(self.waves), self.count - self.sent_to
        if self.sizes:
            return self.sizes[number]
        canary = self.request.canary
        if canary is None:
            return min(left, REDRIVE_WAVE_MESSAGES)
        if number == 0:
            return min(left, canary.size)
        size: int = canary.size * canary.widen ** min(number, _STEEP)
        if number >= REDRIVE_MAX_WAVES // 2:
            # It widens by too little to come to an end in time: the waves that are left share what is left.
            size = max(size, math.ceil(left / max(1, REDRIVE_MAX_WAVES - number)))
        return min(left, size, REDRIVE_WAVE_MESSAGES)

    def wait_after(self, size: int, longest_delay: int) -> int:
        """Seconds from sending a wave of `size` messages to what comes next. `longest_delay` is one of theirs. After
        the last wave there is nothing to hold back: it is checked soon, and again if that was too soon."""
        if self.request.action != REDRIVE:
            return 0
        canary = self.request.canary
        if self.sent_to + size >= self.count:
            return longest_delay + min(REDRIVE_CONFIRM_SECONDS, canary.wait_seconds if canary else CANARY_WAIT_SECONDS)
        return canary.wait_seconds + longest_delay if canary else 0


_STEEP: Final = 20
"""Beyond this exponent even a doubling has passed any size."""
