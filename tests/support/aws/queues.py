"""SQS's storage: messages, when they can be seen, and what a receipt handle still means."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.support.aws.client import Request
from tests.support.aws.errors import CallRefused

_MAX_DELAY_SECONDS: Final = 900
_MAX_VISIBILITY_SECONDS: Final = 43_200
_MAX_MESSAGE_BYTES: Final = 1024 * 1024
_GROUP_ID: Final = re.compile(r"[!-~]{1,128}")
_NOT_ALLOWED: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_HANDLE: Final = re.compile(r"([^/]+)/([^/]+)/(\d+)")
_TYPE_CODES: Final = {"String": b"\x01", "Number": b"\x01", "Binary": b"\x02"}

DEFAULTS: Final = {
    "VisibilityTimeout": "30",
    "MaximumMessageSize": str(_MAX_MESSAGE_BYTES),
    "MessageRetentionPeriod": "345600",
    "DelaySeconds": "0",
    "ReceiveMessageWaitTimeSeconds": "0",
    "SqsManagedSseEnabled": "true",
}


def bad_parameter(message: str) -> CallRefused:
    """SQS's answer to a value that it does not take."""
    return CallRefused("InvalidParameterValue", message)


@dataclass(slots=True)
class StoredMessage:
    """One message; times are epoch seconds."""

    message_id: str
    body: str
    attributes: Mapping[str, Any]
    group_id: str | None
    sent: float
    visible_at: float
    received: int = 0
    first_received: float | None = None
    last_received: float = 0
    receipt: str | None = None
    source_arn: str | None = None
    """The queue that it was moved from, for a message in a dead-letter queue."""

    def delayed(self, now: float) -> bool:
        return not self.received and now < self.visible_at

    def in_flight(self, now: float) -> bool:
        return self.received > 0 and now < self.visible_at


@dataclass(slots=True)
class FakeQueue:
    """A standard queue; `messages` are in the order of their arrival."""

    name: str
    url: str
    arn: str
    created: float
    attributes: dict[str, str]
    messages: dict[str, StoredMessage] = field(default_factory=dict)
    oldest: float = math.inf
    """No message was sent before this."""

    def redrive(self) -> tuple[str, int] | None:
        """The name of the dead-letter queue and the receives after which a message goes there."""
        if "RedrivePolicy" not in self.attributes:
            return None
        policy = json.loads(self.attributes["RedrivePolicy"])
        return policy["deadLetterTargetArn"].rpartition(":")[2], int(policy["maxReceiveCount"])

    def number(self, attribute: str) -> int:
        return int(self.attributes[attribute])

    def add(self, message: StoredMessage) -> None:
        self.messages[message.message_id] = message
        self.oldest = min(self.oldest, message.sent)

    def expire(self, now: float) -> None:
        """Forget messages older than the retention period, counted from when they were first sent to any queue."""
        keep = self.number("MessageRetentionPeriod")
        if now - self.oldest < keep:
            return
        self.messages = {name: one for name, one in self.messages.items() if now - one.sent < keep}
        self.oldest = min((one.sent for one in self.messages.values()), default=math.inf)

    def new_message(self, message_id: str, entry: Request, now: float) -> StoredMessage:
        """A message from a SendMessage request or an entry of a batch. Raises CallRefused for what SQS refuses."""
        body, attributes = entry["MessageBody"], entry.get("MessageAttributes", {})
        if not body:
            raise bad_parameter("One or more parameters are invalid. Reason: Message body cannot be empty.")
        if _NOT_ALLOWED.search(body):
            message = "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF"
            raise CallRefused("InvalidMessageContents", f"{message} | #xE000 to #xFFFD | #x10000 to #x10FFFF")
        most = self.number("MaximumMessageSize")
        if entry_size(entry) > most:
            message = f"Message must be shorter than {most} bytes."
            raise bad_parameter(f"One or more parameters are invalid. Reason: {message}")
        delay = entry.get("DelaySeconds", self.number("DelaySeconds"))
        if not 0 <= delay <= _MAX_DELAY_SECONDS:
            message = (
                f"Value {delay} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900."
            )
            raise bad_parameter(message)
        group_id = entry.get("MessageGroupId")
        if group_id is not None and not _GROUP_ID.fullmatch(group_id):
            message = "MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length."
            raise bad_parameter(f"Value {group_id} for parameter MessageGroupId is invalid. Reason: {message}")
        return StoredMessage(message_id, body, dict(attributes), group_id, now, now + delay)

    def due(self, most: int, now: float, most_receives: float) -> tuple[list[StoredMessage], list[StoredMessage]]:
        """Up to `most` messages that can be received now, and those on the way to them that were too often."""
        taken: list[StoredMessage] = []
        dead: list[StoredMessage] = []
        for message in self.messages.values():
            if len(taken) == most:
                break
            if message.visible_at <= now:
                (dead if message.received >= most_receives else taken).append(message)
        return taken, dead

    def take(self, message: StoredMessage, seconds: int, now: float) -> None:
        """Receive a message: it has a new receipt handle and is hidden for `seconds`."""
        message.received += 1
        message.first_received = now if message.first_received is None else message.first_received
        message.last_received = now
        message.visible_at = now + seconds
        message.receipt = receipt_handle(self.name, message)

    def holder(self, handle: str) -> StoredMessage | None:
        """The message of this receipt handle, which must be its latest. Raises ReceiptHandleIsInvalid."""
        name, message_id, _ = parse_handle(handle)
        message = self.messages.get(message_id) if name == self.name else None
        return message if message is not None and message.receipt == handle else None

    def delete(self, handle: str) -> None:
        """Delete by the latest handle, also after its time; an older one, or one deleted before, does nothing."""
        message = self.holder(handle)
        if message is not None:
            del self.messages[message.message_id]

    def hide(self, handle: str, seconds: int, now: float) -> None:
        """Change how long a message in flight stays hidden, from now on. Raises CallRefused unless it is in flight."""
        check_visibility(seconds)
        message = self.holder(handle)
        if message is None:
            reason = "Message does not exist or is not available for visibility timeout change."
            raise bad_parameter(f"Value {handle} for parameter ReceiptHandle is invalid. Reason: {reason}")
        if not message.in_flight(now):
            text = "The specified message isn't in flight."
            raise CallRefused("AWS.SimpleQueueService.MessageNotInflight", text)
        if now + seconds - message.last_received > _MAX_VISIBILITY_SECONDS:
            reason = f"Total VisibilityTimeout for the message is beyond the limit [{_MAX_VISIBILITY_SECONDS} seconds]"
            raise bad_parameter(f"Value {seconds} for parameter VisibilityTimeout is invalid. Reason: {reason}")
        message.visible_at = now + seconds


def check_visibility(seconds: int) -> None:
    if not 0 <= seconds <= _MAX_VISIBILITY_SECONDS:
        reason = f"Must be between 0 and {_MAX_VISIBILITY_SECONDS}, if provided."
        raise bad_parameter(f"Value {seconds} for parameter VisibilityTimeout is invalid. Reason: {reason}")


def receipt_handle(queue: str, message: StoredMessage) -> str:
    return base64.b64encode(f"{queue}/{message.message_id}/{message.received}".encode()).decode()


def parse_handle(handle: str) -> tuple[str, str, int]:
    """The queue's name, the message's id and the receive of a handle. Raises ReceiptHandleIsInvalid."""
    try:
        found = _HANDLE.fullmatch(base64.b64decode(handle, validate=True).decode())
    except (binascii.Error, UnicodeDecodeError, ValueError):
        found = None
    if found is None:
        message = f'The input receipt handle "{handle}" is not a valid receipt handle.'
        raise CallRefused("ReceiptHandleIsInvalid", message)
    return found[1], found[2], int(found[3])


def entry_size(entry: Request) -> int:
    """Bytes that a message counts for: body, and name, type and value of its attributes."""
    return len(entry["MessageBody"].encode()) + sum(
        len(name.encode()) + len(value["DataType"].encode()) + len(attribute_bytes(value))
        for name, value in entry.get("MessageAttributes", {}).items()
    )


def attribute_bytes(value: Mapping[str, Any]) -> bytes:
    if value["DataType"].startswith("Binary"):
        return bytes(value["BinaryValue"])
    return str(value["StringValue"]).encode()


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def attributes_md5(attributes: Mapping[str, Any]) -> str:
    """The digest of message attributes, as the manual says ("Calculating the MD5 message digest ...")."""
    parts = []
    for name in sorted(attributes):
        value = attributes[name]
        kind = _TYPE_CODES[value["DataType"].split(".")[0]]
        parts += [_measured(name.encode()), _measured(value["DataType"].encode())]
        parts += [kind, _measured(attribute_bytes(value))]
    return md5(b"".join(parts))


def _measured(data: bytes) -> bytes:
    return struct.pack("!I", len(data)) + data
