"""Which dead letters a redrive takes, and the reason for each that it skips."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any, Final

from pik.domain.process.dead_letters import DeadLetter, Reason
from pik.domain.shared import times
from pik.domain.shared.limits import LEAST_FINGERPRINT_DIGITS
from pik.domain.shared.row import Row

FILTERED: Final = "filtered"
TOO_YOUNG: Final = "too_young"
TOO_OLD: Final = "too_old"
BUDGET_EXHAUSTED: Final = "budget_exhausted"
UNREADABLE: Final = "unreadable"
LIMIT_REACHED: Final = "limit_reached"
CANCELLED: Final = "cancelled"
STOPPED: Final = "stopped"
ALREADY_PUT_BACK: Final = "already_put_back"
BEING_PUT_BACK: Final = "being_put_back"
"""Of a put-back: letters that an earlier one has returned, and those that another run is returning at the moment."""


@dataclass(frozen=True, slots=True)
class Criteria:
    """What a letter must match; None matches all. Ages count from the event's last failure.


    `expiring_within_seconds`: SQS drops it before that. `attempt_budget`: redrives that one event may have; set only
    when letters are to be redriven, which also requires a readable message. `message_ids`: a preview's letters.
    """

    category: str | None = None
    error_type: str | None = None
    fingerprint: str | None = None
    entity_id: str | None = None
    source: str | None = None
    min_age_seconds: int = 0
    max_age_seconds: int | None = None
    expiring_within_seconds: int | None = None
    attempt_budget: int | None = None
    message_ids: frozenset[str] | None = None

    def columns(self) -> Row:
        """For the run's row; without `message_ids`, which are in a file, and without criteria that are None."""
        criteria = asdict(self)
        criteria.pop("message_ids")
        return {name: value for name, value in criteria.items() if value is not None}

    @classmethod
    def of(cls, columns: Mapping[str, Any]) -> Criteria:
        """From a run's row; members that this version does not know are ignored."""
        known = cls.__slots__
        return cls(**{name: value for name, value in columns.items() if name in known})

    @property
    def needs_reason(self) -> bool:
        """Whether letters without a reason must be looked up in the ledger before they are judged."""
        return (self.category, self.error_type, self.fingerprint) != (None, None, None)

    def refusal(self, letter: DeadLetter, now: str, retention_seconds: int) -> str:
        """Why the letter does not match; empty when it does. `now` is normalized; the retention is the queue's."""
        if not self._names(letter) or not self._expires(letter, now, retention_seconds):
            return FILTERED
        return self._unfit(letter) or self._wrong_age(letter, now)

    def allowed_at(self, letter: DeadLetter) -> str:
        """When a letter that is too young is old enough, normalised."""
        return times.from_datetime(times.to_datetime(letter.died_at) + timedelta(seconds=self.min_age_seconds))

    def _unfit(self, letter: DeadLetter) -> str:
        """Why a letter cannot be redriven; empty when it can, or when letters are not to be redriven."""
        if self.attempt_budget is None:
            return ""
        if letter.work is None:
            return UNREADABLE
        return BUDGET_EXHAUSTED if letter.work.redrives >= self.attempt_budget else ""

    def _wrong_age(self, letter: DeadLetter, now: str) -> str:
        if not self.min_age_seconds and self.max_age_seconds is None:
            return ""
        age = age_seconds(letter, now)
        if age < self.min_age_seconds:
            return TOO_YOUNG
        return TOO_OLD if self.max_age_seconds is not None and age > self.max_age_seconds else ""

    def _expires(self, letter: DeadLetter, now: str, retention_seconds: int) -> bool:
        most = self.expiring_within_seconds
        return most is None or seconds_left(letter, now, retention_seconds) <= most

    def _names(self, letter: DeadLetter) -> bool:
        """Whether the letter matches by id, by content and by cause."""
        if self.message_ids is not None and letter.message_id not in self.message_ids:
            return False
        work, reason = letter.work, letter.reason
        if self.entity_id is not None and (work is None or work.entity_id != self.entity_id):
            return False
        if self.source is not None and (work is None or work.source != self.source):
            return False
        return not self.needs_reason or (reason is not None and self._is_cause(reason))

    def _is_cause(self, reason: Reason) -> bool:
        """Whether a letter's reason matches."""
        return (
            self.category in {None, reason.category}
            and self.error_type in {None, reason.error_type}
            and (self.fingerprint is None or _is_of(self.fingerprint, reason.fingerprint))
        )


def _is_of(given: str, fingerprint: str) -> bool:
    """Whether a fingerprint matches: the whole of it, or enough leading digits to be unambiguous."""
    return given == fingerprint or (len(given) >= LEAST_FINGERPRINT_DIGITS and fingerprint.startswith(given))


def age_seconds(letter: DeadLetter, now: str) -> int:
    """Whole seconds since the event's last failure; negative when the two clocks differ."""
    return (times.to_datetime(now) - times.to_datetime(letter.died_at)) // timedelta(seconds=1)


def seconds_left(letter: DeadLetter, now: str, retention_seconds: int) -> int:
    """Whole seconds until SQS drops the letter."""
    kept = (times.to_datetime(now) - times.to_datetime(letter.sent_at)) // timedelta(seconds=1)
    return retention_seconds - kept


def explained(letter: DeadLetter, row: Mapping[str, Any] | None) -> DeadLetter:
    """A letter that SQS itself moved, and that so has no reason, with the reason from the ledger; any other unchanged.
    `row` is the event's latest in FailuresTable."""
    if letter.reason is not None or row is None:
        return letter
    # The ledger's names for what a letter carries; a row that somebody edited is read as carefully as a letter.
    named = {**row, "reason": row.get("message"), "attempts": row.get("attempt")}
    reason = Reason.of(named)
    if reason is None:
        return letter
    event_id, run = (letter.work.event_id, letter.work.run) if letter.work else ("", "")
    return replace(letter, reason=replace(reason, event_id=event_id, first_sent_at=letter.sent_at, run=run))
