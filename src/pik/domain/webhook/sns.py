"""Messages of Amazon SNS: what they hold, what of them is signed, and where their certificate may come from.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pik.domain.shared import times
from pik.domain.shared.problems import InvalidEvent, Problem
from pik.domain.webhook.signatures import refused
from pik.domain.webhook.source import WebhookSource

NOTIFICATION: Final = "Notification"
CONFIRMATION: Final = "SubscriptionConfirmation"
GOODBYE: Final = "UnsubscribeConfirmation"

_HOST: Final = r"https://sns\.[a-z0-9-]{3,40}\.amazonaws\.com(?:\.cn)?"
# The whole URL, and not the host alone: SNS's API on the same host could be made to answer with text of the caller.
_CERTIFICATE_URL: Final = re.compile(rf"{_HOST}/SimpleNotificationService-[0-9a-f]{{8,64}}\.pem", re.ASCII)
_SUBSCRIBE_URL: Final = re.compile(rf"{_HOST}/\?Action=ConfirmSubscription&[\x21-\x7e]{{1,2000}}", re.ASCII)

_SIGNED_OF_A_SUBSCRIPTION: Final = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_SIGNED: Final[Mapping[str, tuple[str, ...]]] = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    CONFIRMATION: _SIGNED_OF_A_SUBSCRIPTION,
    GOODBYE: _SIGNED_OF_A_SUBSCRIPTION,
}
"""Members by type of message in the order in which they are signed. A notification may have no Subject."""


@dataclass(frozen=True, slots=True)
class SnsMessage:
    """A message with all that its check needs. Nothing in it is to be believed before its signature was verified."""

    kind: str
    topic: str
    subscribe_url: str
    certificate_url: str
    version: str
    signature: bytes
    signed: bytes


def read_message(source: WebhookSource, members: Mapping[str, Any], now: int) -> SnsMessage:
    """The message in a parsed body, from a topic that is listed for the source, signed within its window.

    Raises InvalidEvent: 401, or 403 for a topic that is not listed.
    """
    kind = members.get("Type")
    if not isinstance(kind, str) or kind not in _SIGNED:
        # Raw message delivery leaves out the message around the text, and its signature with it.
        raise refused("no_sns_message", "/Type")
    texts = {name: _text(members, name) for name in _SIGNED[kind] if name != "Subject" or members.get(name) is not None}
    if texts["TopicArn"] not in source.topics:
        raise InvalidEvent([Problem("/TopicArn", "unlisted_topic", {"given": texts["TopicArn"]})], 403)
    source.signature.check_time(_sent_at(texts["Timestamp"]), now, "/Timestamp")
    return SnsMessage(
        kind=kind,
        topic=texts["TopicArn"],
        subscribe_url=_url(texts, "SubscribeURL", _SUBSCRIBE_URL) if kind != NOTIFICATION else "",
        certificate_url=_url(members, "SigningCertURL", _CERTIFICATE_URL),
        version=_text(members, "SignatureVersion"),
        signature=_signature(_text(members, "Signature")),
        signed="".join(f"{name}\n{text}\n" for name, text in texts.items()).encode("utf-8", "surrogatepass"),
    )


def is_signed_by(message: SnsMessage, certificate: bytes, now: datetime) -> bool:
    """Whether the key of a certificate (PEM) that is valid now made the signature of a message."""
    # Heavy, and only in the package of the function that needs it.
    from cryptography import x509  # noqa: PLC0415
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import padding, rsa  # noqa: PLC0415

    # SHA-1 is the version that topics have unless their owner sets SignatureVersion to 2.
    algorithms: dict[str, hashes.HashAlgorithm] = {"1": hashes.SHA1(), "2": hashes.SHA256()}  # noqa: S303
    algorithm = algorithms.get(message.version)
    try:
        signer = x509.load_pem_x509_certificate(certificate)
        key = signer.public_key()
    except ValueError:
        return False
    in_time = signer.not_valid_before_utc <= now <= signer.not_valid_after_utc
    if algorithm is None or not in_time or not isinstance(key, rsa.RSAPublicKey):
        return False
    try:
        key.verify(message.signature, message.signed, padding.PKCS1v15(), algorithm)
    except InvalidSignature:
        return False
    return True


def _text(members: Mapping[str, Any], name: str) -> str:
    value = members.get(name)
    if not isinstance(value, str):
        raise refused("malformed_signature", f"/{name}", member=name)
    return value


def _url(members: Mapping[str, Any], name: str, form: re.Pattern[str]) -> str:
    url = _text(members, name)
    if not form.fullmatch(url):
        raise refused("foreign_url", f"/{name}", given=url)
    return url


def _signature(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise refused("malformed_signature", "/Signature", member="Signature") from error


def _sent_at(text: str) -> float:
    try:
        return times.to_datetime(times.normalise(text)).timestamp()
    except times.BadTime as error:
        raise refused("malformed_signature", "/Timestamp", member="Timestamp") from error
