"""Messages that the kit never wrote, as anyone may send them to its queues."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.support.makers import make_work

_WORK: Final = make_work({"orderId": "foreign", "amount": 1})
_REASON: Final = {"category": "x", "fingerprint": "y"}


@dataclass(frozen=True, slots=True)
class ForeignMessage:
    """A body and attributes, which are texts unless they say of what type they are."""

    body: str = "y"
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def sent_attributes(self) -> dict[str, Any]:
        """As SendMessage takes them."""
        return {
            name: value if isinstance(value, dict) else {"DataType": "String", "StringValue": value}
            for name, value in self.attributes.items()
        }

    def send(self, aws: Any, url: str) -> str:
        """Sends it; the id of the message."""
        attributes = self.sent_attributes()
        more = {"MessageAttributes": attributes} if attributes else {}
        return str(aws.sqs.send_message(QueueUrl=url, MessageBody=self.body, **more)["MessageId"])


def _work(**members: Any) -> str:
    return json.dumps({**_WORK.columns(), **members})


BODIES: Final[Mapping[str, str]] = {
    "no JSON": "y",
    "null": "null",
    "deep": "[" * 200_000,
    "deep enough to be parsed": "[" * 60_000,
    "long number": '{"attempts_before":' + "1" * 5_000 + "}",
    "many quotes": json.dumps({"“" * 20_000: 1, "x": "\ud800"}),
    "lone surrogate": '{"event_id":"\\ud800"}',
    "attempts that the kit never made": _work(attempts_before=9_007_199_254_740_991),
    "redrives that nobody computes": _work(redrives=9_007_199_254_740_991, redrive_run="rdr-1"),
    "a fraction for a place": _work(s3_offset=1.5),
    "a place of ninety digits": _work(s3_offset=10**90 + 1),
    "other digits for a hash": _work(event_id="٣" * 64),
    "a time on no calendar": _work(event_time="2026-02-30T00:00:00.000000Z"),
    "an object for a name": _work(source={"a": 1}),
}
"""Bodies that are no work message."""

ATTRIBUTES: Final[Mapping[str, Mapping[str, Any]]] = {
    "attempts of 5,000 digits": {**_REASON, "attempts": "1" * 5_000},
    "attempts in other digits": {**_REASON, "attempts": "٣"},
    "more attempts than a table holds": {**_REASON, "attempts": "9" * 40},
    "attempts below zero": {**_REASON, "attempts": "-1"},
    "a time in words": {**_REASON, "failed_at": "yesterday"},
    "a time without a zone": {**_REASON, "failed_at": "2026-11-20T10:15:30"},
    "a long reason": {**_REASON, "reason": "r" * 200_000, "error_type": "e" * 9_000, "run": "u" * 9_000},
    "a long cause": {"category": "c" * 9_000, "fingerprint": "f" * 9_000},
    "typed attributes": {
        "category": {"DataType": "Number", "StringValue": "5"},
        "fingerprint": {"DataType": "Binary", "BinaryValue": b"\xff\x00"},
        "attempts": {"DataType": "String.json", "StringValue": "{}"},
    },
}
"""Attributes that the kit's readers of dead letters must survive."""

FOREIGN: Final[Mapping[str, ForeignMessage]] = {
    **{f"body: {name}": ForeignMessage(body) for name, body in BODIES.items()},
    **{f"attributes: {name}": ForeignMessage("y", given) for name, given in ATTRIBUTES.items()},
}
