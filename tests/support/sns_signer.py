"""Amazon SNS as a signer of messages: a key of its own, a certificate for it, and messages as SNS sends them."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

TOPIC: Final = "arn:aws:sns:us-east-1:123456789012:orders"
CERTIFICATE_URL: Final = (
    "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-9c6465fa7f48f5cacd23014631ec1136.pem"
)
SUBSCRIBE_URL: Final = (
    f"https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37"
)

_ALGORITHMS: Final[dict[str, hashes.HashAlgorithm]] = {"1": hashes.SHA1(), "2": hashes.SHA256()}  # noqa: S303
_SIGNED: Final = ("Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


def certificate_of(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, since: datetime) -> bytes:
    """A certificate (PEM) for a key, valid for a year, signed by the key itself."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(since)
        .not_valid_after(since + timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


class SnsSigner:
    """Signs with one key, whose certificate is valid for a year from `since`."""

    def __init__(self, since: datetime) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.certificate = certificate_of(self._key, since)

    def sign(self, message: dict[str, Any]) -> dict[str, Any]:
        """The message with its signature; the string to sign is written as AWS documents it."""
        text = "".join(f"{name}\n{message[name]}\n" for name in _SIGNED if name in message)
        algorithm = _ALGORITHMS.get(message["SignatureVersion"], hashes.SHA256())
        signature = self._key.sign(text.encode(), padding.PKCS1v15(), algorithm)
        return {**message, "Signature": base64.b64encode(signature).decode()}

    def notification(self, text: str, **changes: Any) -> dict[str, Any]:
        """A signed notification."""
        message = {
            "Type": "Notification",
            "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
            "TopicArn": TOPIC,
            "Message": text,
            "Timestamp": "2026-11-20T12:00:00.000Z",
            "SignatureVersion": "2",
            "SigningCertURL": CERTIFICATE_URL,
            "UnsubscribeURL": "https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe&SubscriptionArn=a",
        }
        return self.sign({**message, **changes})

    def subscription(self, kind: str = "SubscriptionConfirmation", **changes: Any) -> dict[str, Any]:
        """A signed confirmation of a subscription, or of its end."""
        message = {
            "Type": kind,
            "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
            "Token": "2336412f37",
            "TopicArn": TOPIC,
            "Message": f"You have chosen to subscribe to the topic {TOPIC}.",
            "SubscribeURL": SUBSCRIBE_URL,
            "Timestamp": "2026-11-20T12:00:00.000Z",
            "SignatureVersion": "1",
            "SigningCertURL": CERTIFICATE_URL,
        }
        return self.sign({**message, **changes})
