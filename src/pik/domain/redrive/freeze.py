"""What a run freezes: when it has received enough, and which of the letters it takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from pik.domain.process.dead_letters import DeadLetter
from pik.domain.redrive.message import Entry, entry_of
from pik.domain.redrive.request import REDRIVE, RedriveRequest
from pik.domain.redrive.run import no_totals
from pik.domain.redrive.selection import LIMIT_REACHED, TOO_YOUNG, Criteria
from pik.domain.redrive.waves import in_order
from pik.domain.shared.redrive_limits import MAX_READ_BYTES, MAX_REDRIVE_ALL
from pik.domain.shared.row import Row

JUDGED: Final = ("category", "error_type", "fingerprint", "attempts", "failed_at")
"""The message attributes by which letters are judged and redriven; only a rescue needs all."""


@dataclass(slots=True)
class SweepGoal:
    """Counts what a sweep brings, and says when that is enough. `moment` is now, normalised; `time_is_up` is asked of
    each letter."""

    criteria: Criteria
    most: int
    moment: str
    retention_seconds: int
    time_is_up: Callable[[], bool]
    found: int = 0
    size: int = 0

    def enough(self, letter: DeadLetter) -> bool:
        """Letters whose reason only the ledger has count when they have been looked up, which is after the sweep."""
        self.found += not self.criteria.refusal(letter, self.moment, self.retention_seconds)
        self.size += letter.size
        return self.found >= self.most or self.size >= MAX_READ_BYTES or self.time_is_up()


@dataclass(frozen=True, slots=True)
class LetterChoice:
    """What became of the letters that were received. `missing` are those of a manifest that were not among them; where
    the queue was not read to its end, they may still be there. `allowed_at`: when the last of those that are too young
    is old enough; None when none is too young."""

    taken: list[DeadLetter]
    refused: list[DeadLetter]
    skipped: Mapping[str, int]
    missing: int
    complete: bool
    allowed_at: str | None = None

    def totals(self) -> Row:
        """Of a run that has moved nothing yet."""
        skipped = Counter(self.skipped)
        gone = self.missing if self.complete else 0
        if self.missing > gone:
            skipped[LIMIT_REACHED] += self.missing - gone
        selected = len(self.taken) + len(self.refused) + self.missing
        return {**no_totals(), "selected": selected, "skipped": dict(skipped), "already_gone": gone}


def with_manifest(criteria: Criteria, manifest: Mapping[str, Any] | None) -> Criteria:
    """The criteria of a run that takes what a preview showed. Raises LookupError where the manifest is gone."""
    if manifest is None:
        raise LookupError("the manifest is gone: run the preview again and start with the id that it answers")
    return replace(criteria, message_ids=frozenset(manifest["message_ids"]))


def most_of(request: RedriveRequest, criteria: Criteria) -> int:
    """How many letters a run takes at most."""
    most = request.max_messages or MAX_REDRIVE_ALL
    return most if criteria.message_ids is None else min(most, len(criteria.message_ids))


def needing_ledger(letters: Sequence[DeadLetter], criteria: Criteria) -> dict[str, DeadLetter]:
    """The letters that can be judged only by what the ledger says, by the name under which it knows them."""
    if not criteria.needs_reason:
        return {}
    return {ledger_name(it): it for it in letters if it.reason is None}


def ledger_name(letter: DeadLetter) -> str:
    """What the ledger calls the event of a letter; it does not know one whose body could not be read by its event."""
    return letter.work.event_id if letter.work else f"unknown-{letter.message_id}"


def choose(
    letters: Sequence[DeadLetter], criteria: Criteria, most: int, now: str, retention_seconds: int, *, complete: bool
) -> LetterChoice:
    """Judges letters, the oldest first, so that a limit leaves the youngest."""
    taken: list[DeadLetter] = []
    refused: list[DeadLetter] = []
    skipped: Counter[str] = Counter()
    allowed: list[str] = []
    for letter in sorted(letters, key=lambda it: (it.sent_at, it.message_id)):
        reason = criteria.refusal(letter, now, retention_seconds)
        if not reason and len(taken) >= most:
            reason = LIMIT_REACHED
        if reason == TOO_YOUNG:
            allowed.append(criteria.allowed_at(letter))
        if reason:
            skipped[reason] += 1
            refused.append(letter)
        else:
            taken.append(letter)
    wanted = criteria.message_ids or frozenset()
    missing = len(wanted - {it.message_id for it in letters})
    return LetterChoice(taken, refused, dict(skipped), missing, complete, max(allowed, default=None))


def entries_of(choice: LetterChoice, request: RedriveRequest, max_receive_count: int) -> list[Entry]:
    """The selection, in the order in which it is sent. `max_receive_count` is WorkQueue's."""
    whole = request.action != REDRIVE
    found = [entry_of(it, max_receive_count, whole=whole) for it in choice.taken]
    return in_order(found, request.canary.size if request.canary else 0)
