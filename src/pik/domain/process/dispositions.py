"""What happens to a message whose attempt failed: it is retried later, or it goes to WorkDeadLetterQueue with its
reason. The ledger, the bus and the message itself state the same reason."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from pik.domain.event.fields import ANNOUNCED
from pik.domain.event.work import Message, group_of
from pik.domain.http.redaction import Clean
from pik.domain.process.batch import Delivery
from pik.domain.process.dead_letters import Reason
from pik.domain.process.versions import Announcement
from pik.domain.shared.failures import Attempt, Category, Cause
from pik.domain.shared.identity import canonical_json
from pik.domain.shared.limits import (
    MAX_BACKOFF_SECONDS,
    MAX_REASON_CHARS,
    PERMANENT_BACKOFF_SECONDS,
    RETRY_BACKOFF_SECONDS,
)

FAILED: Final = "event.failed"

_HOPELESS: Final = frozenset({Category.VALIDATION, Category.PROCESSING})
_ANNOUNCED: Final = (*ANNOUNCED, "run", "origin")


class Disposition(StrEnum):
    """What happens to the message of a failed attempt."""

    RETRY = "RETRY"
    DEAD_LETTER = "DEAD_LETTER"


def decide(category: Category, *, last: bool) -> Disposition:
    """A failure that no retry can change makes a dead letter at once, any other after the last attempt: SQS would move
    the message then too, but without a reason."""
    return Disposition.DEAD_LETTER if last or category in _HOPELESS else Disposition.RETRY


def longest_wait(category: Category, receive_count: int) -> int:
    """The maximum of the seconds for which a message with this receive count stays hidden. The wait is random between 1
    and this (full jitter), so that messages that failed together do not come back together."""
    base = PERMANENT_BACKOFF_SECONDS if category is Category.PERMANENT else RETRY_BACKOFF_SECONDS
    doublings = min(receive_count - 1, MAX_BACKOFF_SECONDS.bit_length())
    return min(base << doublings, MAX_BACKOFF_SECONDS)


@dataclass(frozen=True, slots=True)
class Failed:
    """One failed attempt. `clean` removes from a text what must not be shown of the event."""

    delivery: Delivery
    attempt: Attempt
    error: Exception
    clean: Clean
    cause: Cause
    disposition: Disposition
    failed_at: str

    @classmethod
    def of(
        cls, delivery: Delivery, error: Exception, max_receive_count: int, failed_at: str, clean: Clean = str
    ) -> Failed:
        attempt = delivery.attempt(max_receive_count)
        cause = Cause.of(error, clean)
        return cls(delivery, attempt, error, clean, cause, decide(cause.category, last=attempt.last), failed_at)

    @property
    def message_id(self) -> str:
        return self.delivery.message_id

    @property
    def is_dead(self) -> bool:
        return self.disposition is Disposition.DEAD_LETTER

    @property
    def longest_wait(self) -> int:
        return longest_wait(self.cause.category, self.delivery.receive_count)

    def letter(self) -> Message:
        """The message for WorkDeadLetterQueue: as received, with the reason."""
        work = self.delivery.work
        reason = Reason(
            category=self.cause.category,
            error_type=self.cause.error_type,
            fingerprint=self.cause.fingerprint,
            message=self.cause.message,
            event_id=self.attempt.event_id or "",
            attempts=self.attempt.number,
            failed_at=self.failed_at,
            first_sent_at=self.delivery.sent_at,
            run=work.run if work else "",
            injected=self.cause.injected,
        )
        group = self.delivery.group or (group_of(work.source) if work else "")
        return Message(self.delivery.body, group, reason.attributes())

    def announcement(self) -> Announcement:
        """`event.failed`. All deliveries of one message announce under one id; a redriven message has its own."""
        work = self.delivery.work
        parts = [self.attempt.ledger_event, work.run if work else "", work.attempts_before if work else 0]
        stable_id = hashlib.sha256(canonical_json([FAILED, *parts])).hexdigest()
        columns = self.attempt.columns
        detail: dict[str, Any] = {
            "id": stable_id,
            **{name: columns[name] for name in _ANNOUNCED if name in columns},
            "message_id": self.message_id,
            "category": str(self.cause.category),
            "error_type": self.cause.error_type,
            "fingerprint": self.cause.fingerprint,
            "reason": self.cause.message[:MAX_REASON_CHARS],
            "attempts": self.attempt.number,
            "first_sent_at": self.delivery.sent_at,
            "failed_at": self.failed_at,
            "replayed": columns.get("origin") == "replay",
            "redrives": columns.get("redrives", 0),
            "redrive_run": columns.get("redrive_run", ""),
            **({"injected": self.cause.injected} if self.cause.injected else {}),
        }
        return Announcement(stable_id, FAILED, json.dumps(detail, separators=(",", ":")))
