"""Reading a queue to its end: how many receives to begin, when that is enough, and when it is over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

from pik.domain.process.dead_letters import DeadLetter
from pik.domain.shared.failures import is_passing
from pik.domain.shared.redrive_limits import (
    MAX_RECEIVE_ENTRIES,
    SWEEP_EMPTY_RECEIVES,
    SWEEP_FAILED_RECEIVES,
    SWEEP_THREADS,
)


@dataclass(slots=True)
class QueueSweep:
    """One sweep. Receives run side by side, and the caller calls `holds`, `took` and `failed` one at a time.

    It is over when two receives brought nothing new and none that was begun after them did: one may be empty by chance,
    and a queue that keeps giving what it gave before has been seen, too. `visible` is the queue's own count,
    `enough` is asked of each new letter.
    """

    max_read: int
    enough: Callable[[DeadLetter], bool]
    visible: int
    letters: dict[str, DeadLetter] = field(default_factory=dict)
    receipts: dict[str, str] = field(default_factory=dict)
    """Of every message that was received, by its id, whether or not it became a letter."""
    error: Exception | None = None
    _dry: set[int] = field(default_factory=set)
    _begun: int = 0
    _failures: int = 0
    _stopped: bool = False
    _round: int = 0

    @property
    def complete(self) -> bool:
        """Whether the queue had no other letter to give."""
        return len(self._dry) >= SWEEP_EMPTY_RECEIVES

    def is_over(self) -> bool:
        """Whether no other receive is to be begun."""
        return self._stopped or self.complete or self.error is not None or len(self.letters) >= self.max_read

    def next_receives(self) -> list[tuple[int, int]]:
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

    def holds(self, receipts: Mapping[str, str]) -> None:
        """What a receive brought, before anybody reads it. A message that came again has a newer receipt, and only that
        one works."""
        self.receipts.update(receipts)

    def took(self, number: int, letters: Sequence[DeadLetter]) -> None:
        """What a receive brought, as letters."""
        fresh = [letter for letter in letters if letter.message_id not in self.letters]
        self.letters.update((letter.message_id, letter) for letter in letters)
        self._dry = {dry for dry in self._dry if dry > number} if fresh else self._dry | {number}
        for letter in fresh:
            self._stopped = self.enough(letter) or self._stopped

    def failed(self, error: Exception) -> None:
        """A receive that failed, after the SDK's own repeats; an error that will not pass ends the sweep."""
        self._failures += 1
        if not is_passing(error) or self._failures > SWEEP_FAILED_RECEIVES:
            self.error = error
