"""How a webhook request proves where it comes from: a keyed hash of its body, or a token that it carries.

Every comparison takes the same time whatever it compares, on bytes: on texts it fails where they are not ASCII. Nothing
of the body is parsed before its signature is known to be right.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hmac import compare_digest, digest
from typing import Final

from pik.domain.shared.failures import TransientFailure
from pik.domain.shared.limits import MAX_SIGNATURES
from pik.domain.shared.problems import InvalidEvent, Problem

_EPOCH: Final = re.compile(r"[0-9]{1,12}", re.ASCII)
_SHA256: Final = "sha256"


class UnusableSecret(TransientFailure):
    """A source has no secret, or one that is not in its scheme's form: senders may try again while it is corrected."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A shared secret; its text is shown nowhere."""

    text: str = field(repr=False)

    @property
    def key(self) -> bytes:
        return self.text.encode("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What signatures are made of. `headers` have lower-case names; `arrived` counts seconds since 1970."""

    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    arrived: int

    def header(self, *names: str) -> str:
        """The first of these headers that is there, without white space around it. Raises InvalidEvent (401)."""
        for name in names:
            if value := self.headers.get(name, "").strip():
                return value
        raise refused("missing_signature", f"header:{names[0]}", member=names[0])


@dataclass(frozen=True, slots=True)
class Signature:
    """What a source's file says of its signature. `header` or `query` name what carries a token, `prefix` the text
    before it there; `tolerance_seconds` is how far a signed time may be from now."""

    scheme: str
    tolerance_seconds: int
    header: str = ""
    query: str = ""
    prefix: str = ""

    @property
    def needs_secret(self) -> bool:
        """Whether the scheme is one of shared secrets."""
        return self.scheme in CHECKS

    def check(self, request: SignedRequest, secrets: Sequence[Secret]) -> bool:
        """Whether one of the secrets made the signature. Raises InvalidEvent (401) where no secret could have made it:
        there is none, it cannot be read, its time is outside the window; UnusableSecret."""
        return CHECKS[self.scheme](self, request, secrets)

    def check_time(self, seconds: float, now: int, place: str) -> None:
        """Raises InvalidEvent (401) for a signed time outside the window."""
        if abs(now - seconds) > self.tolerance_seconds:
            raise refused("stale_signature", place, maximum=self.tolerance_seconds)

    def signed_time(self, text: str, now: int, place: str) -> str:
        """A time in seconds since 1970 within the window. Raises InvalidEvent (401)."""
        if not _EPOCH.fullmatch(text):
            raise refused("malformed_signature", place, member=place.partition(":")[2])
        self.check_time(int(text), now, place)
        return text


def refused(code: str, place: str, /, **params: str | int) -> InvalidEvent:
    """What a request without a right signature is refused with: 401."""
    return InvalidEvent([Problem(place, code, params)], 401)


def _standard_webhooks(signature: Signature, request: SignedRequest, secrets: Sequence[Secret]) -> bool:
    # Svix, where the standard comes from, still sends its own names.
    message_id = request.header("webhook-id", "svix-id")
    given = request.header("webhook-timestamp", "svix-timestamp")
    signed_at = signature.signed_time(given, request.arrived, "header:webhook-timestamp")
    candidates = _versions(request.header("webhook-signature", "svix-signature").split(" "), "v1,")
    message = b".".join([_bytes(message_id), signed_at.encode(), request.body])
    return _matches(candidates, (_base64(digest(_standard_key(it), message, _SHA256)) for it in secrets))


def _standard_key(secret: Secret) -> bytes:
    text = secret.text.removeprefix("whsec_")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:  # anyone can sign with an empty key
        raise UnusableSecret("the secret is not `whsec_` and base64, as Standard Webhooks require")
    return key


def _stripe(signature: Signature, request: SignedRequest, secrets: Sequence[Secret]) -> bool:
    name = "stripe-signature"
    parts = [part.strip() for part in request.header(name).split(",")]
    times = _versions(parts, "t=")
    if len(times) != 1:  # of two times, either could be the one that was signed
        raise refused("malformed_signature", f"header:{name}", member=name)
    signed_at = signature.signed_time(times[0], request.arrived, f"header:{name}")
    message = signed_at.encode() + b"." + request.body
    return _matches(_versions(parts, "v1="), (digest(it.key, message, _SHA256).hex() for it in secrets))


def _slack(signature: Signature, request: SignedRequest, secrets: Sequence[Secret]) -> bool:
    name = "x-slack-request-timestamp"
    signed_at = signature.signed_time(request.header(name), request.arrived, f"header:{name}")
    message = b":".join([b"v0", signed_at.encode(), request.body])
    given = request.header("x-slack-signature")
    return _matches([given], (f"v0={digest(it.key, message, _SHA256).hex()}" for it in secrets))


def _github(signature: Signature, request: SignedRequest, secrets: Sequence[Secret]) -> bool:
    given = request.header("x-hub-signature-256")
    return _matches([given], (f"sha256={digest(it.key, request.body, _SHA256).hex()}" for it in secrets))


def _shopify(signature: Signature, request: SignedRequest, secrets: Sequence[Secret]) -> bool:
    given = request.header("x-shopify-hmac-sha256")
    return _matches([given], (_base64(digest(it.key, request.body, _SHA256)) for it in secrets))


def _token(signature: Signature, request: SignedRequest, secrets: Sequence[Secret]) -> bool:
    if signature.header:
        return _matches([request.header(signature.header)], (signature.prefix + it.text for it in secrets))
    given = request.query.get(signature.query, "")
    if not given:
        raise refused("missing_signature", f"query:{signature.query}", member=signature.query)
    return _matches([given], (it.text for it in secrets))


Check = Callable[[Signature, SignedRequest, Sequence[Secret]], bool]

CHECKS: Final[Mapping[str, Check]] = {
    "github": _github,
    "shopify": _shopify,
    "slack": _slack,
    "standard-webhooks": _standard_webhooks,
    "stripe": _stripe,
    "token": _token,
}
"""The schemes of shared secrets. A new one is a function here."""


def _versions(parts: Iterable[str], prefix: str) -> list[str]:
    """The values with a prefix, which names their version or kind; others are signatures of other versions."""
    return [part.removeprefix(prefix) for part in parts if part.startswith(prefix)][:MAX_SIGNATURES]


def _matches(candidates: Sequence[str], right: Iterator[str]) -> bool:
    """Whether any candidate is one of the right values. All are compared, so that time says nothing."""
    given = [_bytes(candidate) for candidate in candidates]
    compared = [compare_digest(one, value) for value in map(_bytes, right) for one in given]
    return any(compared)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
