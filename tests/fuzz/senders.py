"""Senders of webhooks: the proof that a request comes from one, made after the request was changed.

Without it every changed webhook would be refused for its signature, and nothing behind that would ever be reached.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from hmac import digest
from typing import Any, Final

from tests.fuzz.corpus import Call, body_of
from tests.support.sns_signer import CERTIFICATE_URL, SnsSigner
from tests.support.webhook_api import SECRET, SOURCES

WEBHOOK_ROUTE: Final = "POST /webhooks/{source}"
SECRETS: Final[Mapping[str, str]] = {source: SECRET if source == "standard" else "hush" for source in sorted(SOURCES)}
"""The secret of every source; that of a source which SNS signs is never read."""

_SNS_TEXTS: Final = ("Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


def sign(call: Call, now: datetime) -> None:
    """Gives a webhook the proof of its source, where its body and headers are such that it can be signed at all."""
    source = (call.get("pathParameters") or {}).get("source")
    headers = call.get("headers")
    make = _PROOFS.get(str(source))
    if make is not None and isinstance(headers, dict):
        make(call, headers, body_of(call), int(now.timestamp()))


def serve(url: str) -> bytes | None:
    """What SNS serves; it confirms whatever it is asked to confirm."""
    return _signer().certificate if url == CERTIFICATE_URL else b"<ConfirmSubscriptionResponse/>"


@cache
def _signer() -> SnsSigner:
    return SnsSigner(datetime(2026, 1, 1, tzinfo=UTC))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _standard(_: Call, headers: dict[str, Any], body: bytes, second: int) -> None:
    message_id = str(headers.get("webhook-id", "msg_1"))
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    signed = f"{message_id}.{second}.".encode("utf-8", "surrogatepass") + body
    headers |= {
        "webhook-id": message_id,
        "webhook-timestamp": str(second),
        "webhook-signature": f"v1,{_base64(digest(key, signed, sha256))}",
    }


def _stripe(_: Call, headers: dict[str, Any], body: bytes, second: int) -> None:
    signature = digest(b"hush", f"{second}.".encode() + body, sha256).hex()
    headers["stripe-signature"] = f"t={second},v1={signature}"


def _slack(_: Call, headers: dict[str, Any], body: bytes, second: int) -> None:
    signature = digest(b"hush", f"v0:{second}:".encode() + body, sha256).hex()
    headers |= {"x-slack-request-timestamp": str(second), "x-slack-signature": f"v0={signature}"}


def _github(_: Call, headers: dict[str, Any], body: bytes, second: int) -> None:
    headers["x-hub-signature-256"] = f"sha256={digest(b'hush', body, sha256).hex()}"


def _shopify(_: Call, headers: dict[str, Any], body: bytes, second: int) -> None:
    headers["x-shopify-hmac-sha256"] = _base64(digest(b"hush", body, sha256))


def _api_key(_: Call, headers: dict[str, Any], body: bytes, second: int) -> None:
    headers["x-api-key"] = "hush"


def _token(call: Call, headers: dict[str, Any], body: bytes, second: int) -> None:
    call["queryStringParameters"] = {**(call.get("queryStringParameters") or {}), "token": "hush"}


def _sns(call: Call, headers: dict[str, Any], body: bytes, second: int) -> None:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return
    if not isinstance(message, dict) or not all(isinstance(message.get(it, ""), str) for it in _SNS_TEXTS):
        return
    time = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    known = {"SignatureVersion": "2", "SigningCertURL": CERTIFICATE_URL, "Timestamp": time}
    try:
        call["body"], call["isBase64Encoded"] = json.dumps(_signer().sign({**message, **known})), False
    except (UnicodeEncodeError, RecursionError):
        return


_PROOFS: Final[Mapping[str, Callable[[Call, dict[str, Any], bytes, int], None]]] = {
    "standard": _standard,
    "stripe": _stripe,
    "slack": _slack,
    "github": _github,
    "shopify": _shopify,
    "eventbridge": _api_key,
    "eventarc": _api_key,
    "pubsub": _token,
    "sns": _sns,
    "s3": _sns,
}
