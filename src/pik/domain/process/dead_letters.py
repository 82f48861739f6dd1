"""A message in WorkDeadLetterQueue: what it carries, why it is there, and when it expires."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pik.domain.event.work import BadWork, Work, parse_work
from pik.domain.shared import times
from pik.domain.shared.limits import MAX_REASON_CHARS

_UNFIT: Final = re.compile(
    r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)  # SQS accepts the characters that XML allows


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a message is dead, as the processor writes it on the message. `attempts` counts all attempts of the event;
    times are normalized; `first_sent_at` is when the failed message was sent to WorkQueue."""

    category: str
    error_type: str
    fingerprint: str
    message: str
    event_id: str
    attempts: int
    failed_at: str
    first_sent_at: str
    run: str
    injected: str = ""

    def attributes(self) -> dict[str, str]:
        """The message attributes; SQS accepts at most ten, none of them empty."""
        attributes = {
            "category": self.category,
            "error_type": self.error_type,
            "fingerprint": self.fingerprint,
            "reason": _UNFIT.sub("?", self.message)[:MAX_REASON_CHARS],
            "event_id": self.event_id,
            "attempts": str(self.attempts),
            "failed_at": self.failed_at,
            "first_sent_at": self.first_sent_at,
            "run": self.run,
            "injected": self.injected,
        }
        return {name: value for name, value in attributes.items() if value}

    @classmethod
    def of(cls, attributes: Mapping[str, str]) -> Reason | None:
        """The reason on a message; None if it has none: then SQS itself moved it, and the ledger knows more."""
        if "category" not in attributes or "fingerprint" not in attributes:
            return None
        attempts = attributes.get("attempts", "")
        return cls(
            category=attributes["category"],
            error_type=attributes.get("error_type", ""),
            fingerprint=attributes["fingerprint"],
            message=attributes.get("reason", ""),
            event_id=attributes.get("event_id", ""),
            attempts=int(attempts) if attempts.isascii() and attempts.isdigit() else 0,
            failed_at=attributes.get("failed_at", ""),
            first_sent_at=attributes.get("first_sent_at", ""),
            run=attributes.get("run", ""),
            injected=attributes.get("injected", ""),
        )


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One received message. `work` is None when the body is not a work message; `receipt` is valid until the
    message is visible again; its retention counts from `sent_at` (which SQS keeps when it moves a message itself).
    `attributes` are of type String, `typed` of other types; the kit's own messages have no typed ones."""

    message_id: str
    receipt: str
    body: str
    group: str
    sent_at: str
    receive_count: int
    attributes: Mapping[str, str]
    work: Work | None
    reason: Reason | None
    typed: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, message: Mapping[str, Any]) -> DeadLetter:
        """A message as ReceiveMessage returns it when all attributes are requested."""
        system = message.get("Attributes", {})
        given = message.get("MessageAttributes", {})
        attributes = {name: value["StringValue"] for name, value in given.items() if value["DataType"] == "String"}
        try:
            work = parse_work(message["Body"])
        except BadWork:
            work = None
        return cls(
            message_id=message["MessageId"],
            receipt=message["ReceiptHandle"],
            body=message["Body"],
            group=system.get("MessageGroupId", ""),
            sent_at=times.from_milliseconds(int(system.get("SentTimestamp", "0"))),
            receive_count=int(system.get("ApproximateReceiveCount", "1")),
            attributes=attributes,
            work=work,
            reason=Reason.of(attributes),
            typed={name: _in_json(value) for name, value in given.items() if name not in attributes},
        )

    @property
    def died_at(self) -> str:
        """When its last attempt failed, as far as the message shows; otherwise when it was sent."""
        return self.reason.failed_at if self.reason and self.reason.failed_at else self.sent_at

    def attempts(self, max_receive_count: int) -> int:
        """All attempts of the event; for a message that SQS moved, the queue's limit plus the attempts before."""
        if self.reason and self.reason.attempts:
            return self.reason.attempts
        return (self.work.attempts_before if self.work else 0) + max_receive_count


def _in_json(attribute: Mapping[str, Any]) -> dict[str, str]:
    """A typed attribute for JSON: bytes as base64, which they already are when a client does not decode them."""
    return {
        name: value if isinstance(value, str) else b64encode(value).decode()
        for name, value in attribute.items()
        if name in {"DataType", "StringValue", "BinaryValue"}
    }
