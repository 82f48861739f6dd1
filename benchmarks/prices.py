"""What work costs at list price: units of use, and the price of each.

Prices are AWS's public on-demand list prices of us-east-1, without free tiers. Storage, data transfer, logs and alarms
are left out: they depend on retention and traffic, not on how the code works.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import ceil
from typing import Final

MILLION: Final = 1_000_000

API_REQUEST: Final = 1.00 / MILLION
"""HTTP API, first 300 million a month; metered in steps of 512 KiB. aws.amazon.com/api-gateway/pricing"""

LAMBDA_REQUEST: Final = 0.20 / MILLION
LAMBDA_GB_SECOND: Final = 0.0000133334
"""arm64, first 7.5 billion GB-s a month; durations are rounded up to milliseconds. aws.amazon.com/lambda/pricing"""

WRITE_UNIT: Final = 0.625 / MILLION
READ_UNIT: Final = 0.125 / MILLION
"""On-demand, standard table class. aws.amazon.com/dynamodb/pricing/on-demand"""

S3_PUT: Final = 5.00 / MILLION
S3_GET: Final = 0.40 / MILLION
"""S3 Standard. aws.amazon.com/s3/pricing"""

SQS_REQUEST: Final = 0.40 / MILLION
"""Standard queue; each started 64 KiB of a request counts. aws.amazon.com/sqs/pricing"""

BUS_EVENT: Final = 1.00 / MILLION
"""Custom events; each started 64 KiB of an event counts. aws.amazon.com/eventbridge/pricing"""

STATE_TRANSITION: Final = 25.00 / MILLION
"""Standard workflows. aws.amazon.com/step-functions/pricing"""

KIB: Final = 1024
CHUNK_BYTES: Final = 64 * KIB
API_CHUNK_BYTES: Final = 512 * KIB


@dataclass
class Usage:
    """What was used; `calls` by `service.operation` are those of the function, and are not priced themselves."""

    calls: Counter[str] = field(default_factory=Counter)
    api_requests: int = 0
    lambda_requests: int = 0
    lambda_gb_seconds: float = 0.0
    write_units: int = 0
    read_units: float = 0.0
    s3_puts: int = 0
    s3_gets: int = 0
    sqs_requests: int = 0
    bus_events: int = 0
    state_transitions: int = 0

    def invoked(self, seconds: float, memory_mb: int) -> None:
        """A function ran."""
        self.lambda_requests += 1
        self.lambda_gb_seconds += ceil(seconds * 1000) / 1000 * memory_mb / 1024

    @property
    def total_calls(self) -> int:
        return sum(self.calls.values())

    def dollars(self) -> dict[str, float]:
        """The price of each part; their sum is the price of all."""
        return {
            "api": self.api_requests * API_REQUEST,
            "lambda": self.lambda_requests * LAMBDA_REQUEST + self.lambda_gb_seconds * LAMBDA_GB_SECOND,
            "dynamodb": self.write_units * WRITE_UNIT + self.read_units * READ_UNIT,
            "s3": self.s3_puts * S3_PUT + self.s3_gets * S3_GET,
            "sqs": self.sqs_requests * SQS_REQUEST,
            "bus": self.bus_events * BUS_EVENT,
            "states": self.state_transitions * STATE_TRANSITION,
        }

    def total(self) -> float:
        """Dollars."""
        return sum(self.dollars().values())


def chunks(size: int, chunk: int = CHUNK_BYTES) -> int:
    """How often a request of `size` bytes is charged: each started chunk, and once when it is empty."""
    return max(1, ceil(size / chunk))


def write_units(size: int) -> int:
    """Of one write of an item of `size` bytes, in the table or in an index: each started KB."""
    return max(1, ceil(size / KIB))


def read_units(size: int, *, consistent: bool) -> float:
    """Of one read of `size` bytes: each started 4 KB, half when it need not be consistent."""
    return max(1, ceil(size / (4 * KIB))) * (1.0 if consistent else 0.5)
