"""What webhooks fetch from Amazon SNS over HTTPS: the certificates of its signatures, and confirmations.

Addresses come from requests, so callers check them first, and nothing here follows a redirect or reads without a bound.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Protocol

import urllib3
from urllib3.exceptions import HTTPError

from pik.domain.shared.failures import TransientFailure
from pik.domain.shared.limits import (
    CERTIFICATE_CACHE_SECONDS,
    HTTPS_TIMEOUT_SECONDS,
    MAX_CERTIFICATES,
    MAX_HTTPS_ANSWER_BYTES,
)

_OK: Final = 200
_NOTHING: Final = range(400, 500)


class NotFetched(TransientFailure):
    """SNS did not answer as it should; it will send its message again."""


class FetchUrl(Protocol):
    """Gets an https URL."""

    def __call__(self, url: str) -> bytes | None:
        """The body of the answer; None when SNS says that there is nothing to get. Raises NotFetched."""


class HttpsClient:
    """Gets from SNS: TLS with the system's authorities, bounds on time and bytes, one attempt, no redirects."""

    def __init__(self) -> None:
        self._pool = urllib3.PoolManager(
            num_pools=MAX_CERTIFICATES,
            cert_reqs="CERT_REQUIRED",
            timeout=urllib3.Timeout(total=HTTPS_TIMEOUT_SECONDS),
            retries=False,  # nor redirects
        )

    def __call__(self, url: str) -> bytes | None:
        """The body of the answer; None for a status from 400 to 499. Raises NotFetched."""
        try:
            answer = self._pool.request("GET", url, preload_content=False)
            try:
                body = answer.read(MAX_HTTPS_ANSWER_BYTES + 1)
            finally:
                answer.close()
        except (HTTPError, OSError) as error:
            raise NotFetched(f"SNS did not answer: {type(error).__name__}") from error
        if answer.status in _NOTHING:
            return None
        if answer.status != _OK or len(body) > MAX_HTTPS_ANSWER_BYTES:
            raise NotFetched(f"SNS answered with status {answer.status} and {len(body)} bytes or more")
        return body


class SnsCertificates:
    """Certificates by their URL, the last MAX_CERTIFICATES of them, each for CERTIFICATE_CACHE_SECONDS at most.
    `clock` counts seconds."""

    def __init__(self, fetch: FetchUrl, clock: Callable[[], float]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._kept: OrderedDict[str, tuple[bytes | None, float]] = OrderedDict()

    def get(self, url: str) -> bytes | None:
        """A certificate as PEM; None when there is no such certificate, which is not remembered: anyone can think of a
        URL. Raises NotFetched."""
        certificate, fetched_at = self._kept.pop(url, (None, float("-inf")))
        if self._clock() - fetched_at >= CERTIFICATE_CACHE_SECONDS:
            certificate, fetched_at = self._fetch(url), self._clock()
        if certificate is None:
            return None
        self._kept[url] = (certificate, fetched_at)
        if len(self._kept) > MAX_CERTIFICATES:
            self._kept.popitem(last=False)
        return certificate
