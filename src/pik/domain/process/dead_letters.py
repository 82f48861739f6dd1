"""A message in WorkDeadLetterQueue: what it carries, why it is there, and when it expires."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pik.domain.event.work import BadWork, Work, parse_work
from pik.domain.shared.foreign import ForeignReader
from pik.domain.shared.limits import (
    MAX_ATTEMPTS,
    MAX_CATEGORY_CHARS,
    MAX_FINGERPRINT_CHARS,
    MAX_NAME_CHARS,
    MAX_REASON_CHARS,
)

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
            "reason": self.message[:MAX_REASON_CHARS],
            "event_id": self.event_id,
            "attempts": str(self.attempts),
            "failed_at": self.failed_at,
            "first_sent_at": self.first_sent_at,
            "run": self.run,
            "injected": self.injected,
        }
        return {name: _UNFIT.sub("?", value) for name, value in attributes.items() if value}

    @classmethod
    def of(cls, attributes: Mapping[str, Any], reader: ForeignReader | None = None) -> Reason | None:
        """The reason on a message; None if it has none: then SQS itself moved it, and the ledger knows more.

        Anyone may have written the attributes, so each is bounded; `reader` notes those that could not be read.
        """
        if "category" not in attributes or "fingerprint" not in attributes:
            return None
        reader = reader or ForeignReader()
        return cls(
            category=reader.text(attributes, "category", MAX_CATEGORY_CHARS),
            error_type=reader.text(attributes, "error_type", MAX_NAME_CHARS),
            fingerprint=reader.text(attributes, "fingerprint", MAX_FINGERPRINT_CHARS),
            message=reader.text(attributes, "reason", MAX_REASON_CHARS),
            event_id=reader.text(attributes, "event_id", MAX_NAME_CHARS),
            attempts=reader.whole(attributes, "attempts", 0, MAX_ATTEMPTS, 0),
            failed_at=reader.moment(attributes, "failed_at"),
            first_sent_at=reader.moment(attributes, "first_sent_at"),
            run=reader.text(attributes, "run", MAX_NAME_CHARS),
            injected=reader.text(attributes, "injected", MAX_NAME_CHARS),
        )


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One received message. `work` is None when the body is not a work message; `receipt` is valid until the
    message is visible again; its retention counts from `sent_at` (which SQS keeps when it moves a message itself).
    `attributes` are of type String, `typed` of other types; the kit's own messages have no typed ones. `unreadable`
    says what of the message could not be read, and is empty for the kit's own."""

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
    unreadable: tuple[str, ...] = ()

    @classmethod
    def of(cls, message: Mapping[str, Any]) -> DeadLetter:
        """A message as ReceiveMessage returns it when all attributes are requested. Anyone may have sent it, so this
        does not raise, whatever it holds: the other messages of the answer would be lost with it."""
        reader = ForeignReader()
        system = reader.members(message, "Attributes")
        attributes, typed = _split(reader.members(message, "MessageAttributes"), reader)
        body = body_of(message.get("Body"))
        work = None
        try:
            work = parse_work(body)
        except BadWork as error:
            reader.note(str(error))
        return cls(
            message_id=str(message.get("MessageId", "")),
            receipt=str(message.get("ReceiptHandle", "")),
            body=body,
            group=reader.text(system, "MessageGroupId", MAX_NAME_CHARS),
            sent_at=reader.milliseconds(system, "SentTimestamp"),
            receive_count=reader.whole(system, "ApproximateReceiveCount", 1, MAX_ATTEMPTS, 1),
            attributes=attributes,
            work=work,
            reason=Reason.of(attributes, reader),
            typed=typed,
            unreadable=tuple(reader.notes),
        )

    @property
    def size(self) -> int:
        """Characters that it holds in memory, about."""
        return len(self.body) + sum(len(it) for it in self.attributes.values())

    @property
    def died_at(self) -> str:
        """When its last attempt failed, as far as the message shows; otherwise when it was sent."""
        return self.reason.failed_at if self.reason and self.reason.failed_at else self.sent_at

    def attempts(self, max_receive_count: int) -> int:
        """All attempts of the event; for a message that SQS moved, the queue's limit plus the attempts before."""
        if self.reason and self.reason.attempts:
            return self.reason.attempts
        return (self.work.attempts_before if self.work else 0) + max_receive_count


def body_of(value: Any) -> str:
    """The body of a message or a record; empty when it has none, which is no work message."""
    return value if isinstance(value, str) else ""


def _split(given: Mapping[str, Any], reader: ForeignReader) -> tuple[dict[str, str], dict[str, Mapping[str, str]]]:
    """The attributes of type String, and those of other types in JSON."""
    texts: dict[str, str] = {}
    typed: dict[str, Mapping[str, str]] = {}
    for name in given:
        value = reader.members(given, name)
        text = value.get("StringValue")
        if value.get("DataType") == "String" and isinstance(text, str):
            texts[name] = text
        elif value:
            typed[name] = _in_json(value)
    return texts, typed


def _in_json(attribute: Mapping[str, Any]) -> dict[str, str]:
    """A typed attribute for JSON: bytes as base64, which they already are when a client does not decode them."""
    return {
        name: b64encode(value).decode() if isinstance(value, bytes) else str(value)
        for name, value in attribute.items()
        if name in {"DataType", "StringValue", "BinaryValue"}
    }
