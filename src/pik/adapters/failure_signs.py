"""Whether a failed AWS call will pass by itself: the one question that botocore's exceptions are asked."""

from __future__ import annotations

from typing import Final

from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError

AWS_FAILURES: Final = (ClientError, BotoCoreError)

_THROTTLED: Final = frozenset(
    {
        "InternalError",
        "InternalServerError",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)


def is_passing(error: BaseException) -> bool:
    """True for throttling, AWS's own faults and broken connections; False for all that only a person can mend."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return error.response["Error"]["Code"] in _THROTTLED or status >= 500
    return isinstance(error, ConnectionError | HTTPClientError)
