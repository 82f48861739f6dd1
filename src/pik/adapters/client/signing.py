"""Signature Version 4 as botocore makes it, at half of its CPU, which is a third of a call's.

botocore derives the signing key for each request, though it is the same for a day and may be kept
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html), and it twice takes the
headers, which are its own and sound, through the header parser of e-mails.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from hmac import digest
from typing import Any, Final

from botocore.auth import AUTH_TYPE_MAPS, SIGNED_HEADERS_BLACKLIST, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

SIGNATURE_VERSION: Final = "pik-v4"
"""What botocore calls this signer, for a client's Config."""


class Headers(dict[str, list[str]]):
    """Headers by their names in lower case, as far as a signer looks at an e-mail's."""

    def get_all(self, name: str) -> list[str]:
        return self[name]


class Signer(SigV4Auth):
    """Signs one request; botocore makes one of these for each."""

    def __init__(self, credentials: Credentials, service_name: str, region_name: str) -> None:
        super().__init__(credentials, service_name, region_name)
        self._where = (region_name, service_name)
        self._headers: Headers | None = None

    def headers_to_sign(self, request: AWSRequest) -> Any:
        """Called twice per request: for the signature, and for the list of what it covers."""
        if self._headers is None:
            headers = Headers()
            for given, value in request.headers.raw_items():
                name = given.lower()
                if name not in SIGNED_HEADERS_BLACKLIST:
                    headers.setdefault(name, []).append(value)
            headers.setdefault("host", [_host(request.url)])
            self._headers = headers
        return self._headers

    def payload(self, request: AWSRequest) -> str:
        """The hash of the body; reading a request's `body` would prepare the whole request, headers included, again."""
        if isinstance(request.data, bytes) and request.context.get("payload_signing_enabled", True):
            return sha256(request.data).hexdigest()
        return str(super().payload(request))

    def signature(self, string_to_sign: str, request: AWSRequest) -> str:
        key = _signing_key(self.credentials.secret_key, request.context["timestamp"][:8], *self._where)
        return digest(key, string_to_sign.encode(), sha256).hex()


@lru_cache(maxsize=16)
def _host(url: str) -> str:
    """The Host header of a request to a URL."""
    return str(SigV4Auth(Credentials("", ""), "", "").headers_to_sign(AWSRequest("POST", url))["host"])


@lru_cache(maxsize=16)
def _signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    """Bytes. A function signs for a few services at a time, with credentials that change by the hour."""
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = digest(key, part.encode(), sha256)
    return key


AUTH_TYPE_MAPS[SIGNATURE_VERSION] = Signer
