"""Dead letters for tests of what is pure."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pik.domain.process.dead_letters import DeadLetter, Reason
from pik.domain.shared import times
from tests.support.makers import make_work

NOW = "2026-11-20T12:00:00.000000Z"
RETENTION = 14 * 86_400


def ago(seconds: float) -> str:
    """A time before NOW."""
    return times.from_datetime(times.to_datetime(NOW) - timedelta(seconds=seconds))


def letter(
    number: int = 0, *, age: float = 3600, sent: float = 7200, reason: bool = True, readable: bool = True, **work: Any
) -> DeadLetter:
    """A letter whose event failed `age` seconds before NOW and that was sent `sent` before; by default both known."""
    event = make_work({"orderId": f"order-{number}", "amount": 1}, **work)
    why = Reason(
        category="VALIDATION",
        error_type="HashMismatch",
        fingerprint="f" * 32,
        message="no payload",
        event_id=event.event_id,
        attempts=2,
        failed_at=ago(age),
        first_sent_at=ago(sent),
        run=event.run,
    )
    return DeadLetter(
        message_id=f"message-{number}",
        receipt=f"receipt-{number}",
        body=event.message().body if readable else "no work message",
        group="shop",
        sent_at=ago(sent),
        receive_count=1,
        attributes=why.attributes() if reason else {},
        work=event if readable else None,
        reason=why if reason else None,
    )
